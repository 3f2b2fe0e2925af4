// The caption search: a line to type a caption in, and the pictures nearest to it.

const CAPTIONS_STYLE = `
.live-captions form { align-items: end; }
.live-captions .line { flex: 1 1 220px; max-width: 460px; display: grid; gap: 3px; }
.live-captions .line input { width: 100%; }
.live-captions ol { list-style: none; margin: 8px 0; padding: 0; display: grid; gap: 10px;
  grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); max-width: 760px; }
.live-captions li { min-width: 0; }
.live-captions img { width: 100%; aspect-ratio: 1; image-rendering: pixelated; display: block; border-radius: 3px;
  background: var(--live-fill); }
.live-captions li span { display: block; overflow-wrap: anywhere; }
.live-captions .said { margin: 6px 0; max-width: 760px; }
.live-captions .word { display: inline-block; border: 1px solid var(--live-line); border-radius: 4px; padding: 0 6px; margin: 2px 5px 2px 0; }
.live-captions .word.unknown { border-style: dashed; color: var(--live-soft); }
.live-captions .word.unknown s { text-decoration-thickness: 2px; }`;

function render(context) {
  return mount(context, "captions", ({ model, root, live }) => {
    root.append(make("style", { textContent: CAPTIONS_STYLE }));
    const { examples, count, longest } = model.get("info");
    const id = freshId("caption");
    const input = make("input", { type: "text", id, value: model.get("caption"), maxLength: longest, autocomplete: "off", enterKeyHint: "search" });
    const form = make("form", { class: "live-row", role: "search", "aria-label": `Find some of ${count.toLocaleString("en")} pictures by a caption` },
      make("span", { class: "line" }, make("label", { for: id, textContent: "A caption" }), input),
      make("button", { type: "submit", class: "live-main", textContent: "Find pictures" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      ask(input.value);
    });
    const tries = make("div", { class: "live-row" }, make("span", { textContent: "Or try" }), ...examples.map((text) => button(text, () => {
      input.value = text;
      ask(text);
    })));
    const words = make("p", { class: "said" }), told = make("p", { class: "live-result", role: "status" });
    const list = make("ol", { "aria-label": "Nearest pictures, the nearest first" });
    root.append(form, tries, words, told, list);

    function ask(caption) {
      live.act("search", { caption });
    }

    // Every word of the caption, those that no caption had crossed out and named.
    function show(found) {
      if (document.activeElement !== input) input.value = found.caption;
      const unknown = new Set(found.unknown);
      const said = found.caption.toLowerCase().match(/[a-z]+(?:-[a-z]+)*/g) || [];
      words.replaceChildren(...said.map((word) => (unknown.has(word)
        ? make("span", { class: "word unknown" }, make("s", { textContent: word }), " not known")
        : make("span", { class: "word", textContent: word }))));
      told.textContent = found.told;
      list.replaceChildren(...found.pictures.map((one) => make("li", {},
        make("img", { src: one.url, alt: one.says }),
        make("span", { textContent: one.says, "aria-hidden": "true" }),
        make("span", { class: "live-status", textContent: `cosine ${one.cosine.toFixed(2)}` }))));
    }
    live.on("snapshot", show);
    live.on("message", show);
    live.on("state", ({ waiting }) => {
      if (waiting) told.textContent = "Waiting for the kernel: it runs a cell, or was restarted (then run this cell again).";
    });
  });
}

export default { render };
