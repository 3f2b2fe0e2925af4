// Source, translated, back, and the truth: rows of pictures with a slider over live training. Built on live.js.

function render(context) {
  return mount(context, "translation", ({ model, root, live }) => {
    const state = { all: null, frame: 0 };
    root.append(make("style", { textContent: `
      .live-translation figure { margin: 6px 0; max-width: 720px; }
      .live-translation figcaption { font-weight: 600; }
      .live-translation img { width: 100%; image-rendering: pixelated; border: 1px solid var(--live-line); border-radius: 3px; display: block; }
      .live-translation .wide input[type=range] { width: min(320px, 60vw); }` }));

    const sourceId = freshId("by"), frameId = freshId("frame");
    const by = make("select", { id: sourceId });
    by.append(make("option", { value: "stored", textContent: "the stored translator" }),
      make("option", { value: "live", textContent: "one that learns here" }));
    by.addEventListener("change", show);
    const input = make("input", { type: "range", id: frameId, min: 0, max: 0, step: 1 });
    const read = make("output", { for: frameId });
    input.addEventListener("input", () => { state.frame = Number(input.value); show(); });
    const words = make("p", { class: "live-status" });
    const rows = ["day", "there", "back", "night"].map((key) => {
      const caption = make("figcaption"), image = make("img", { alt: "" });
      return { key, caption, image, node: make("figure", {}, caption, image) };
    });
    root.append(
      make("div", { class: "live-row" },
        make("span", { class: "live-field" }, make("label", { for: sourceId, textContent: "Translated by" }), by),
        make("span", { class: "live-field wide" }, make("label", { for: frameId, textContent: "Training step" }), input, read)),
      ...rows.map((row) => row.node), words,
      make("div", { class: "live-row" },
        slider(model, "steps", { label: "Steps of live training", values: [60, 120, 240, 480] })),
      trainButtons(live, { train: "Train live" }, () => words.textContent));

    function look() {
      if (!state.all) return null;
      return by.value === "stored" ? state.all.stored : state.all.looks[state.frame];
    }
    function show() {
      if (!state.all) return;
      const looks = state.all.looks, now = look();
      input.max = Math.max(0, looks.length - 1);
      input.value = state.frame;
      input.disabled = by.value === "stored" || looks.length < 2;
      read.textContent = now ? now.step : "–";
      input.setAttribute("aria-valuetext", now ? `step ${now.step}` : "no step yet");
      rows.forEach(({ key, caption, image, node }, i) => {
        const data = { day: state.all.day, night: state.all.night, there: now?.there, back: now?.back }[key];
        caption.textContent = state.all.rows[i];
        node.hidden = !data;
        if (data) image.src = `data:image/png;base64,${data}`;
        image.alt = `Pictures, ${state.all.rows[i]}${now ? `, after ${now.step} steps` : ""}`;
      });
      words.textContent = now
        ? `After ${now.step} steps: distance to the true night ${now.to_night.toFixed(3)} ` +
          `(untranslated ${state.all.untouched.toFixed(3)}), there and back ${now.round_trip.toFixed(3)}.`
        : "Nothing learnt here yet: press Train live.";
    }
    live.on("snapshot", (all) => {
      state.all = all;
      state.frame = Math.max(0, all.looks.length - 1);
      if (all.looks.length) by.value = "live";
      show();
    });
    live.on("message", ({ look: one }) => {
      if (one.step <= (state.all.looks.at(-1)?.step ?? 0)) state.all.looks = [];
      state.all.looks.push(one);
      state.frame = state.all.looks.length - 1;
      by.value = "live";
      show();
    });
    live.on("clear", () => {
      state.all.looks = [];
      state.frame = 0;
      show();
    });
  });
}
export default { render };
