// Fill in the word: a sentence with gaps, and the model's guesses as bars with words and numbers. Built on live.js.

const LOOK = `
.live-fill_in form { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.live-fill_in .sentence { flex: 1 1 420px; min-width: min(280px, 100%); }
.live-fill_in .sentence input { width: 100%; }
.live-fill_in .gaps { display: flex; flex-wrap: wrap; gap: 18px; }
.live-fill_in .gaps table { min-width: 260px; }
.live-fill_in caption { text-align: left; color: var(--live-soft); }
.live-fill_in .bar { display: inline-block; height: 10px; border-radius: 2px; background: var(--live-accent); }
.live-fill_in td.share { width: 130px; text-align: left; }`;

function render(context) {
  return mount(context, "fill_in", ({ model, root, live }) => {
    root.append(make("style", { textContent: LOOK }));
    const id = freshId("text"), examplesId = freshId("examples");
    const input = make("input", { type: "text", id, maxLength: 400, spellcheck: false, autocomplete: "off" });
    const ask = () => live.act("guess", { text: input.value });
    const form = make("form", {},
      make("label", { for: id, textContent: "Sentence; ___ is a gap" }),
      make("span", { class: "sentence" }, input),
      make("button", { type: "submit", textContent: "Guess", class: "live-main" }));
    form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
    const examples = make("select", { id: examplesId });
    for (const text of model.get("examples")) examples.append(make("option", { value: text, textContent: text }));
    examples.addEventListener("change", () => { input.value = examples.value; ask(); });

    const gaps = make("div", { class: "gaps" });
    const told = make("p", { class: "live-result", role: "status" });
    function show({ text, guesses }) {
      if (document.activeElement !== input) input.value = text;
      gaps.replaceChildren(...guesses.map((gap, i) => make("table", {},
        make("caption", { textContent: guesses.length > 1 ? `Gap ${i + 1}` : "Guesses" }),
        make("thead", {}, make("tr", {}, ...["word", "probability", ""].map((name) =>
          make(name ? "th" : "td", name ? { scope: "col", textContent: name } : {})))),
        make("tbody", {}, ...gap.map(([word, share]) => make("tr", {},
          make("th", { scope: "row", textContent: word }),
          make("td", { textContent: `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %` }),
          make("td", { class: "share", "aria-hidden": "true" },
            make("span", { class: "bar", style: `width:${Math.max(2, 120 * share)}px` }))))))));
      told.textContent = guesses.map((gap, i) =>
        `${guesses.length > 1 ? `Gap ${i + 1}: ` : "Most likely: "}${gap[0][0]}, ${(100 * gap[0][1]).toFixed(0)} %.`).join(" ");
    }
    live.on("snapshot", show);
    live.on("message", show);
    live.on("state", ({ waiting }) => {
      if (waiting) told.textContent = "Waiting for the kernel: it runs a cell, or was restarted (then run this cell again).";
    });
    root.append(form,
      make("div", { class: "live-row" },
        make("span", { class: "live-field" }, make("label", { for: examplesId, textContent: "Or one of these" }), examples)),
      gaps, told);
  });
}
export default { render };
