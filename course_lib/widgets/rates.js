// The rate explorer: sliders, a bar for each stage's rate (at once, without the kernel), curves while it trains.

const RATES_STYLE = `
.live-rates .bars { display: grid; grid-template-columns: max-content minmax(60px, 1fr) max-content max-content;
  gap: 4px 10px; align-items: center; margin: 8px 0; max-width: 760px; }
.live-rates .track { height: 14px; background: var(--live-fill); border-radius: 3px; overflow: hidden; }
.live-rates .bar { height: 100%; border-radius: 3px; background: var(--stage); }
.live-rates .bar.waiting { background: repeating-linear-gradient(45deg, var(--stage) 0 4px, transparent 4px 8px); }
.live-rates .rate { font-variant-numeric: tabular-nums; text-align: right; }
.live-rates .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); gap: 4px 22px; }
.live-rates h4 { margin: 8px 0 0; font-size: 13px; }`;

const FLOOR = 1e-7, TOP = 0.1; // rates at the two ends of a bar's track, on a logarithmic scale

function render(context) {
  return mount(context, "rates", ({ model, root, live }) => {
    const { stages, sizes, looks, task, batches } = model.get("info");
    root.append(make("style", { textContent: RATES_STYLE }));
    const scientific = (value) => value.toExponential(1).replace("e", " e");
    const wait = (n) => (n === 1 ? "1 epoch" : `${n} epochs`);
    root.append(
      make("div", { class: "live-row" },
        slider(model, "lr", { label: "Head rate", values: [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2], format: scientific, changed: bars }),
        slider(model, "head_lr_ratio", { label: "Head / backbone", values: [1, 2.6, 10, 30, 100, 300, 1000], changed: bars }),
        slider(model, "layer_decay", { label: "Decay per stage", values: [0.3, 0.5, 0.65, 0.8, 0.9, 1], changed: bars })),
      make("div", { class: "live-row" },
        slider(model, "head_epochs", { label: "Head alone for", min: 0, max: 3, format: wait, changed: bars }),
        slider(model, "unfreeze_every", { label: "One more stage every", min: 0, max: 2, changed: bars,
          format: (n) => (n ? wait(n) : "(all at once)") }),
        slider(model, "warmup", { label: "Warm-up", values: [0, 0.1, 0.3], format: (v) => `${Math.round(100 * v)} %` }),
        slider(model, "epochs", { label: "Epochs", min: 4, max: 12, changed: bars })));

    // ---- the bars
    const grid = make("div", { class: "bars", role: "table", "aria-label": "Peak rate of each stage" });
    const names = [...stages, "head"];
    const rows = names.map((name, i) => {
      const bar = make("div", { class: "bar" });
      const rate = make("span", { class: "rate", role: "cell" }), state = make("span", { class: "live-status", role: "cell" });
      bar.style.setProperty("--stage", i < looks.length ? looks[i].color : "var(--live-soft)");
      grid.append(make("div", { role: "row", style: "display: contents" },
        make("span", { role: "rowheader", textContent: i < sizes.length ? `${name} (${sizes[i].toLocaleString("en")})` : name }),
        make("div", { class: "track", role: "presentation" }, bar), rate, state));
      return { bar, rate, state };
    });
    function bars() {
      names.forEach((name, i) => {
        const below = stages.length - 1 - i;
        const isHead = i === stages.length;
        const rate = isHead ? model.get("lr") : (model.get("lr") / model.get("head_lr_ratio")) * model.get("layer_decay") ** below;
        const opens = isHead ? 0 : model.get("head_epochs") + below * model.get("unfreeze_every");
        const never = opens >= model.get("epochs");
        rows[i].bar.style.width = `${100 * Math.min(1, Math.max(0, Math.log(rate / FLOOR) / Math.log(TOP / FLOOR)))}%`;
        rows[i].bar.classList.toggle("waiting", opens > 0);
        rows[i].rate.textContent = scientific(rate);
        rows[i].state.replaceChildren(icon(never ? "locked" : opens ? "waiting" : "learning"),
          never ? " stays locked" : opens ? ` from epoch ${opens + 1}` : " learns");
      });
    }
    for (const trait of ["lr", "head_lr_ratio", "layer_decay", "head_epochs", "unfreeze_every", "epochs"]) model.on(`change:${trait}`, bars);

    // ---- the curves
    const scores = lineChart({ x: "training step", y: "accuracy", height: 260,
      label: `Accuracy while it trains. ${task}.` });
    scores.line("source", { color: "#D55E00", marker: "o" }, "source task, old head");
    scores.line("validation", { color: "#0072B2", dash: "7 4", marker: "s" }, "new task, validation");
    const drift = lineChart({ x: "training step", y: "log₁₀ of drift", range: [-5, 1], height: 260,
      label: "Drift of each stage from the pretrained weights, relative, in powers of ten." });
    stages.forEach((name, i) => drift.line(name, looks[i]));
    const extent = () => [scores, drift].forEach((chart) => chart.end(batches * model.get("epochs")));
    model.on("change:epochs", extent);

    function add(point) {
      if (point.source !== null) scores.append("source", point.step, point.source);
      if (point.validation !== null) scores.append("validation", point.step, point.validation);
      for (const name of stages) if (point.drift[name] > 1e-5) drift.append(name, point.step, Math.log10(point.drift[name]));
    }
    live.on("snapshot", (all) => all.points.forEach(add));
    live.on("message", (news) => {
      if (!news.new) return add(news);
      ["source", "validation"].forEach((name) => scores.fade(name));
      stages.forEach((name) => drift.fade(name));
    });
    live.on("clear", () => [scores, drift].forEach((chart) => chart.clear()));
    root.append(grid, trainButtons(live, {}, () => (scores.points() ? `Accuracy, ${scores.summary()}.` : "")),
      make("div", { class: "charts" },
        make("div", {}, make("h4", { textContent: `Accuracy: ${task}` }), scores.element),
        make("div", {}, make("h4", { textContent: "Drift of each stage" }), drift.element)));
    bars();
    extent();
  });
}

export default { render };
