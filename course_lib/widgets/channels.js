// The channel browser: a sheet of all maps of a stage to click on, and what the chosen channel looks for.

const LOOK = `
.live-channels img { image-rendering: pixelated; display: block; background: var(--live-fill); border-radius: 2px; }
.live-channels figure { margin: 0; }
.live-channels figcaption { color: var(--live-soft); margin-bottom: 3px; }
.live-channels .examples { display: flex; flex-wrap: wrap; gap: 6px; border: 0; padding: 0; margin: 0; }
.live-channels .examples legend { float: left; padding: 0; margin-right: 10px; align-self: center; }
.live-channels .examples label { cursor: pointer; border: 2px solid transparent; border-radius: 4px; padding: 1px; }
.live-channels .examples label:has(:checked) { border-color: var(--live-accent); }
.live-channels .examples label { position: relative; }
.live-channels .examples input { position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0; cursor: pointer; }
.live-channels .examples label:has(:focus-visible) { outline: 2px solid var(--live-accent); }
.live-channels .panes { display: flex; flex-wrap: wrap; gap: 18px; align-items: flex-start; }
.live-channels .sheet { position: relative; cursor: crosshair; width: 300px; }
.live-channels .sheet img { width: 100%; }
.live-channels .mark { position: absolute; border: 2px solid #00e5ff; box-shadow: 0 0 0 1px #000; pointer-events: none; }
.live-channels .nine { display: grid; grid-template-columns: repeat(3, 56px); gap: 3px; }
.live-channels .nine img { width: 56px; }
.live-channels .large img { width: 174px; height: 174px; }`;

function picture(alt, width) {
  const node = make("img", { alt });
  if (width) node.width = width;
  return node;
}

function titled(text, node, name) {
  const caption = make("figcaption", { textContent: text });
  return { caption, element: make("figure", { class: name }, caption, node) };
}

function render(context) {
  return mount(context, "channels", ({ model, root, live }) => {
    root.append(make("style", { textContent: LOOK }));
    const stages = model.get("stages");
    const chosen = { stage: model.get("stage"), channel: model.get("channel"), example: model.get("example") };
    let columns = 1;

    const stage = make("select", { id: freshId("stage") });
    for (const [name, size] of stages) stage.append(make("option", { value: name, textContent: `${name}, ${size} channels` }));
    const channel = make("input", { type: "number", min: 0, id: freshId("channel"), style: "width: 6em" });
    const size = () => stages.find(([name]) => name === chosen.stage)[1];
    const ask = (change) => {
      Object.assign(chosen, change);
      chosen.channel = Math.min(Math.max(0, Math.round(chosen.channel) || 0), size() - 1);
      show();
      live.act("choose", { ...chosen });
    };
    stage.addEventListener("change", () => ask({ stage: stage.value, channel: 0 }));
    channel.addEventListener("change", () => ask({ channel: Number(channel.value) }));

    const examples = make("fieldset", { class: "examples" }, make("legend", { textContent: "Picture" }));
    const group = freshId("example");
    const radios = model.get("examples").map((url, i) => {
      const input = make("input", { type: "radio", name: group, "aria-label": `picture ${i + 1}` });
      input.addEventListener("change", () => ask({ example: i }));
      const image = picture("", 44);
      image.src = url;
      examples.append(make("label", {}, input, image));
      return input;
    });

    const sheetImage = picture("", 0), mark = make("div", { class: "mark" });
    const sheetBox = make("div", { class: "sheet" }, sheetImage, mark);
    const sheet = titled("all maps of the stage: click one", sheetBox);
    sheetBox.addEventListener("click", (event) => {
      const box = sheetImage.getBoundingClientRect();
      const cell = box.width / columns;
      const at = Math.floor((event.clientX - box.left) / cell) + columns * Math.floor((event.clientY - box.top) / cell);
      if (at < size()) ask({ channel: at });
    });
    const map = titled("its map", picture("", 0), "large");
    const filter = titled("its filter", picture("", 0), "large");
    const nine = make("div", { class: "nine" });
    const strongest = titled("strongest of the real pictures", nine);
    const optimised = titled("optimised", picture("", 0), "large");
    const note = make("p", { class: "live-status", role: "status" });
    const images = (box) => box.element.querySelector("img");

    function show() {
      stage.value = chosen.stage;
      channel.value = chosen.channel;
      channel.max = size() - 1;
      radios.forEach((radio, i) => { radio.checked = i === chosen.example; });
      const share = 100 / columns;
      const height = sheetImage.naturalHeight / sheetImage.naturalWidth || 1;
      mark.style.cssText = `width:${share}%;left:${(chosen.channel % columns) * share}%;` +
        `height:${share / height}%;top:${(Math.floor(chosen.channel / columns) * share) / height}%`;
    }
    sheetImage.addEventListener("load", show);
    function grow(now) {
      const image = images(optimised);
      image.style.visibility = now ? "visible" : "hidden"; // an empty one would look broken
      if (!now) return;
      image.src = now.picture;
      const words = `picture optimised for channel ${chosen.channel} of ${chosen.stage}`;
      image.alt = words;
      optimised.caption.textContent = now.done ? "optimised" : `optimised, step ${now.step} of ${now.steps}`;
      note.textContent = now.done ? `Done: a ${words}, answer ${now.answer}.` : "";
    }
    function fillIn(all) {
      Object.assign(chosen, { stage: all.stage, channel: all.channel, example: all.example });
      columns = all.columns;
      sheetImage.src = all.sheet;
      sheetImage.alt = `maps of ${all.stage}, ${size()} channels`;
      images(map).src = all.map;
      images(map).alt = `map of channel ${all.channel} for the chosen picture`;
      map.caption.textContent = `its map, ${all.size[0]}×${all.size[1]}`;
      filter.element.hidden = !all.filter;
      if (all.filter) images(filter).src = all.filter;
      images(filter).alt = `filter of channel ${all.channel}`;
      nine.replaceChildren(...all.strongest.map((url, i) => {
        const image = picture(`strongest picture ${i + 1}`);
        image.src = url;
        return image;
      }));
      optimised.element.hidden = !all.optimises;
      optimised.caption.textContent = "optimised";
      note.textContent = "";
      grow(all.optimised);
      show();
      if (all.optimises && !(all.optimised && all.optimised.done)) live.start();
    }
    live.on("snapshot", fillIn);
    live.on("message", (message) => {
      if (message.shown) fillIn(message.shown);
      else if (message.stage === chosen.stage && message.channel === chosen.channel) grow(message.optimised);
    });
    live.on("state", ({ waiting }) => {
      if (waiting) note.textContent = "Waiting for the kernel: it runs a cell, or was restarted (then run this cell again).";
    });

    root.append(
      make("div", { class: "live-row" },
        make("span", { class: "live-field" }, make("label", { for: stage.id, textContent: "Stage" }), stage),
        make("span", { class: "live-field" }, make("label", { for: channel.id, textContent: "Channel" }), channel),
        examples),
      make("div", { class: "panes" }, sheet.element, map.element, filter.element, strongest.element, optimised.element),
      note);
  });
}
export default { render };
