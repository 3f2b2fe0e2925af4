// The race: controls, a strip for each lane, growing curves, the finish table.

const RACE_STYLE = `
.live-race table { width: 100%; }
.live-race td, .live-race th { padding: 4px 5px; }
.live-race td { white-space: nowrap; }
.live-race select { max-width: min(290px, 100%); }
.live-race .lane-name { display: inline-flex; min-height: 24px; align-items: center; gap: 6px; text-align: left; white-space: nowrap; }
.live-race .strip { display: inline-flex; gap: 2px; vertical-align: middle; }
.live-race .stage { width: 45px; height: 30px; border: 1.5px solid var(--lane); border-radius: 3px; font-size: 10.5px;
  line-height: 1.2; text-align: center; padding-top: 1px; overflow: hidden; }
.live-race .stage.learning { background: color-mix(in srgb, var(--lane) 38%, transparent); }
.live-race .stage.locked { border-color: var(--live-line); color: var(--live-soft); border-style: dashed; }
.live-race .stage.waiting { border-style: dotted; }
.live-race .stage.random { background: repeating-linear-gradient(45deg,
  color-mix(in srgb, var(--lane) 38%, transparent) 0 4px, transparent 4px 8px); }
.live-race .off td, .live-race .off .stage { color: var(--live-soft); }
.live-race .off { --lane: var(--live-line) !important; }
.live-race .off .stage { background: none; border-style: dotted; }
.live-race .off svg { opacity: 0.5; }
.live-race td.strip-cell, .live-race th.strip-cell { text-align: left; }`;

function render(context) {
  return mount(context, "race", ({ model, root, live }) => {
    root.append(make("style", { textContent: RACE_STYLE }));
    const names = () => Object.keys(model.get("info").strategies);
    const looks = () => model.get("info").looks;
    const lanes = {}; // name -> the last state that the kernel told
    const rows = {}; // name -> elements of its row
    let byTime = true, points = {}, ghosts = {};

    // ---- controls
    const info = model.get("info");
    const frozen = slider(model, "frozen", { label: "Frozen stages in fine-tuning", min: 0, max: info.stages.length,
      format: (n) => `${n} of ${model.get("info").stages.length}`, changed: refresh });
    model.on("change:info", () => {
      frozen.querySelector("input").max = model.get("info").stages.length;
      refresh();
    });
    const axis = make("select", { "aria-label": "Horizontal axis" },
      make("option", { value: "seconds", textContent: "seconds of training" }),
      make("option", { value: "epochs", textContent: "epochs" }));
    axis.addEventListener("change", () => {
      byTime = axis.value === "seconds";
      redraw();
    });
    root.append(
      make("div", { class: "live-row" },
        choice(model, "task", { label: "Task", options: Object.entries(info.tasks).map(([name, t]) => [name, t.title]) }),
        choice(model, "backbone", { label: "Backbone", options: info.backbones }),
        slider(model, "seed", { label: "Seed", min: 0, max: 9 }),
        toggle(model, "cache", { label: "keep features of frozen stages" })),
      make("div", { class: "live-row" },
        slider(model, "train", { label: "Labelled pictures", values: info.labels, format: (n) => n.toLocaleString("en"), changed: refresh }),
        frozen,
        slider(model, "epochs", { label: "Epochs", min: 2, max: 30 })),
      trainButtons(live, { train: "Train all", again: "Go on" }, result));
    const status = make("p", { class: "live-status", role: "status" });

    // ---- curves
    const chart = lineChart({ x: "seconds of training, each lane's own", y: `validation ${metric()}`,
      label: "Validation score of each lane." });
    function metric() {
      return model.get("info").tasks[model.get("task")].metric;
    }
    function plot(name, [seconds, epoch, score]) {
      chart.append(name, byTime ? seconds : epoch, score);
    }
    function redraw() {
      chart.axis(byTime ? "seconds of training, each lane's own" : "epochs");
      chart.clear();
      for (const name of Object.keys(points)) {
        for (const old of ghosts[name] || []) {
          old.forEach((point) => plot(name, point));
          chart.fade(name);
        }
        points[name].forEach((point) => plot(name, point));
      }
    }

    function result() {
      const shown = Object.values(lanes), over = live.state.finished;
      const scores = shown.map(({ lane, test, validation }) => [lane, over ? test : validation]).filter(([, score]) => score !== null);
      const listed = scores.sort((a, b) => b[1] - a[1]).map(([lane, score]) => `${lane} ${score.toFixed(3)}`);
      return listed.length ? `${over ? "On the test pictures" : "On the validation pictures so far"}, ${metric()}: ${listed.join(", ")}.` : "";
    }

    // ---- one row for each lane
    const body = make("tbody");
    const head = make("tr", {}, ...["lane", "what learns", "trainable parameters", "epoch", "its own seconds", "validation", "test"]
      .map((text, i) => make("th", { textContent: text, scope: "col", class: i === 1 ? "strip-cell" : "" })));
    for (const name of names()) {
      const look = looks()[name];
      const use = make("input", { type: "checkbox", "aria-label": `${name} takes part` });
      use.addEventListener("change", () => {
        put(model, "lanes", names().filter((one) => rows[one].use.checked));
        refresh();
      });
      const row = { use, strip: make("span", { class: "strip" }), count: pill(), epoch: make("td"), seconds: make("td"),
        validation: make("td"), test: make("td") };
      row.row = make("tr", {}, make("td", {}, make("label", { class: "lane-name" }, use, swatch(look), name)),
        make("td", { class: "strip-cell" }, row.strip), make("td", {}, row.count), row.epoch, row.seconds, row.validation, row.test);
      row.row.style.setProperty("--lane", look.color);
      rows[name] = row;
      body.append(row.row);
    }
    root.append(chart.element, status, make("div", { class: "live-scroll", tabIndex: 0, role: "region", "aria-label": "Table of the lanes" }, make("table", { class: "lanes" },
      make("thead", {}, head), body)), make("div", { class: "live-row live-status" },
      make("label", { textContent: "Horizontal axis " }, axis),
      make("span", {}, icon("learning"), " learns"), make("span", {}, icon("locked"), " locked"),
      make("span", {}, icon("waiting"), " unlocks later"), "hatched: starts from random weights"));

    // The strip and the count follow the sliders at once; nothing has to be trained or asked for that.
    function refresh() {
      const { stages, features, tasks, strategies } = model.get("info");
      const classes = tasks[model.get("task")].classes;
      for (const name of names()) {
        const { learn, head: wait, every } = strategies[name];
        const epoch = lanes[name] ? lanes[name].epoch : 0;
        const first = name === "fine-tuning" ? model.get("frozen") : learn === "all" ? 0 : stages.length - learn;
        const parts = [...stages, { name: "head", parameters: features * classes + classes }].map((stage, i) => {
          const isHead = i === stages.length;
          const opens = Math.min(wait, Math.floor(model.get("epochs") / 2) || wait) + (stages.length - 1 - i) * every;
          const state = isHead || (i >= first && epoch >= opens) ? "learning" : i >= first ? "waiting" : "locked";
          return { ...stage, state, learns: isHead || i >= first };
        });
        rows[name].strip.replaceChildren(...parts.map(({ name: stage, parameters, state }) => {
          const box = make("span", { class: `stage ${state}${name === "scratch" ? " random" : ""}`,
            title: `${stage}: ${parameters.toLocaleString("en")} parameters, ${state}` });
          box.append(stage.replace("layer", "layer "), make("br"), icon(state));
          return box;
        }));
        rows[name].strip.setAttribute("role", "img");
        rows[name].strip.setAttribute("aria-label", parts.map((p) => `${p.name} ${p.state}`).join(", "));
        const total = parts.filter((p) => p.learns).reduce((sum, p) => sum + p.parameters, 0);
        rows[name].count.textContent = total.toLocaleString("en");
        const on = model.get("lanes").includes(name);
        rows[name].use.checked = on;
        rows[name].row.classList.toggle("off", !on);
      }
    }
    const number = (value, digits) => (value === null || value === undefined ? "" : value.toFixed(digits));
    function tell(state) {
      const name = state.lane, row = rows[name];
      const moved = !lanes[name] || lanes[name].epoch !== state.epoch;
      lanes[name] = state;
      row.epoch.textContent = `${state.epoch} of ${model.get("epochs")}`;
      row.seconds.textContent = number(state.seconds, 1);
      row.validation.textContent = number(state.validation, 3);
      row.test.textContent = number(state.test, 3);
      if (moved) refresh();
    }
    function add(name) {
      if (!points[name]) chart.line(name, looks()[name]);
      points[name] = points[name] || [];
    }
    function level(values) {
      for (const name of Object.keys(looks()).filter((one) => !names().includes(one))) {
        if (name in values) chart.level(name, looks()[name], values[name]);
      }
    }
    live.on("snapshot", (all) => {
      level(all.baselines);
      for (const { points: past, ...state } of all.lanes) {
        add(state.lane);
        points[state.lane] = past;
        tell(state);
      }
      redraw();
    });
    live.on("message", (news) => {
      if (news.status !== undefined) status.textContent = news.status;
      if (news.baselines) level(news.baselines);
      if (news.gone) {
        delete points[news.gone];
        chart.remove(news.gone);
        delete lanes[news.gone];
        for (const cell of ["epoch", "seconds", "validation", "test"]) rows[news.gone][cell].textContent = "";
      }
      if (!news.lane) return;
      status.textContent = "";
      add(news.lane);
      if (news.new) {
        if (points[news.lane].length > 1) ghosts[news.lane] = [...(ghosts[news.lane] || []), points[news.lane]].slice(-3);
        points[news.lane] = [];
        chart.fade(news.lane);
      }
      if (news.point) {
        points[news.lane].push(news.point);
        plot(news.lane, news.point);
      }
      tell(news);
    });
    live.on("clear", () => {
      for (const name of Object.keys(points)) {
        chart.remove(name);
        delete lanes[name];
        for (const cell of ["epoch", "seconds", "validation", "test"]) rows[name][cell].textContent = "";
      }
      points = {};
      ghosts = {};
      status.textContent = "";
      refresh();
    });
    for (const trait of ["task", "lanes", "frozen", "epochs"]) model.on(`change:${trait}`, refresh);
    refresh();
  });
}

export default { render };
