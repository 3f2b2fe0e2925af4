// The forgetting meter: three dials and growing curves, sliders that act while it trains. It opens on a stored run.

const FORGETTING_STYLE = `
.live-forgetting .dials { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 8px 22px; margin: 8px 0; }
.live-forgetting .dial b { font-size: 22px; font-variant-numeric: tabular-nums; }
.live-forgetting meter { width: 100%; height: 16px; display: block; }
.live-forgetting .note { color: var(--live-soft); }`;

function render(context) {
  return mount(context, "forgetting", ({ model, root, live }) => {
    const { task, batches, before, stored } = model.get("info");
    root.append(make("style", { textContent: FORGETTING_STYLE }));
    const scientific = (value) => value.toExponential(0).replace("e", " e");
    const orOff = (value) => (value ? String(value) : "off");
    root.append(
      make("div", { class: "live-row" },
        slider(model, "rate", { label: "Backbone rate", values: [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2], format: scientific }),
        slider(model, "replay", { label: "Replay", values: [0, 0.1, 0.3, 1], format: orOff }),
        slider(model, "penalty", { label: "Penalty (L2-SP)", values: [0, 0.01, 0.1, 1, 10], format: orOff }),
        slider(model, "epochs", { label: "Epochs", min: 4, max: 30 })),
      trainButtons(live, {}, result));

    function result() {
      return chart.points() ? `Accuracy, ${chart.summary()}.` : "";
    }
    function dial(title, note) {
      const value = make("b", { textContent: "–" }), bar = make("meter", { min: 0, max: 1, value: 0, "aria-label": title });
      const element = make("div", { class: "dial" }, make("div", {}, `${title} `, value), bar, make("div", { class: "note", textContent: note }));
      return { element, set: (v) => { value.textContent = v === null ? "–" : `${(100 * v).toFixed(0)} %`; bar.value = v ?? 0; } };
    }
    const source = dial("Source task, old head", `${(100 * before).toFixed(0)} % before fine-tuning`);
    const fresh = dial("The same, statistics anew", "what is missing here are features");
    const target = dial("New task, validation", task);
    const chart = lineChart({ x: "training step", y: "accuracy", height: 280, label: `Accuracies while it trains. ${task}.` });
    chart.line("source", { color: "#D55E00", marker: "o" }, "source task, old head");
    chart.line("anew", { color: "#009E73", dash: "2 3", marker: "^" }, "the same, statistics measured anew");
    chart.line("validation", { color: "#0072B2", dash: "7 4", marker: "s" }, "new task, validation");
    chart.level("before", { color: "var(--live-soft)", dash: "2 3" }, before, "source task before");
    const extent = () => chart.end(batches * model.get("epochs"));
    model.on("change:epochs", extent);

    function add(point) {
      if (point.source !== null) {
        chart.append("source", point.step, point.source);
        source.set(point.source);
      }
      if (point.anew !== null) {
        chart.append("anew", point.step, point.anew);
        fresh.set(point.anew);
      }
      if (point.validation !== null) {
        chart.append("validation", point.step, point.validation);
        target.set(point.validation);
      }
    }
    const shown = make("p", { class: "note" });
    function begin() {
      ["source", "anew", "validation"].forEach((name) => chart.fade(name));
      shown.textContent = "";
      source.set(before);
      fresh.set(null);
      target.set(null);
    }
    function opening() {
      begin();
      stored.forEach(add);
      if (stored.length) shown.textContent = "You see a stored run at a rate of 0.001 without a remedy. Train makes one of your own.";
    }
    live.on("snapshot", (all) => {
      if (!all.points.length) return;
      begin();
      all.points.forEach(add);
    });
    live.on("message", (news) => (news.new ? begin() : add(news)));
    live.on("clear", () => {
      chart.clear();
      opening();
    });
    root.append(make("div", { class: "dials" }, source.element, fresh.element, target.element), shown, chart.element);
    opening();
    extent();
  });
}

export default { render };
