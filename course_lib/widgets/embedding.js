// The cloud of features: drag or arrow keys turn it, a slider goes through training. Built on live.js.

const DIGITS = ["#E69F00", "#56B4E9", "#009E73", "#B8A800", "#0072B2", "#D55E00", "#CC79A7", "#8C6BB1", "#8B6914", "#5F9E4A"];
const DOMAINS = [["source", "#D55E00"], ["target", "#0072B2"]];

function render(context) {
  return mount(context, "embedding", ({ model, root, live }) => {
    const state = { paths: {}, path: "", frame: 0, shown: 0, colour: "domain", yaw: 0.6, pitch: 0.35 };
    root.append(make("style", { textContent: `
      .live-embedding .parts { display: flex; flex-wrap: wrap; gap: 18px; align-items: flex-start; }
      .live-embedding .cloud { flex: 1 1 400px; min-width: min(300px, 100%); }
      .live-embedding .side { flex: 1 1 340px; min-width: min(280px, 100%); }
      .live-embedding canvas { width: 100%; height: 380px; display: block; touch-action: none; cursor: grab;
        border: 1px solid var(--live-line); border-radius: 4px; }
      .live-embedding .wide input[type=range] { width: min(320px, 60vw); }` }));

    // It takes arrow keys, so it is more than an image.
    const canvas = make("canvas", { tabIndex: 0, role: "application", "aria-roledescription": "3D view" });
    const chart = lineChart({ x: "training step", y: "accuracy", range: [0.3, 1], height: 300,
      label: "Accuracy over training." });
    chart.line("apart", { color: "#E69F00", dash: "7 4", marker: "o" }, "domain classifier (0.5: can't tell)");
    chart.line("target", { color: "#0072B2", dash: "", marker: "s" }, "digits of the target");

    // ---- controls
    const pathId = freshId("path"), frameId = freshId("frame"), colourId = freshId("colour");
    const path = make("select", { id: pathId });
    path.addEventListener("change", () => open(path.value));
    const slider_ = make("input", { type: "range", id: frameId, min: 0, max: 0, step: 1 });
    const read = make("output", { for: frameId });
    slider_.addEventListener("input", () => { state.frame = Number(slider_.value); show(); });
    const play = button(lessMotion() ? "Next step" : "▶ Play", () => (lessMotion() ? step() : toggle_play()));
    const colour = make("select", { id: colourId });
    for (const [value, text] of [["domain", "domain"], ["digit", "digit (the net never saw the target's)"]]) {
      colour.append(make("option", { value, textContent: text }));
    }
    colour.addEventListener("change", () => { state.colour = colour.value; paint(); legend_(); });
    const legend = make("div", { class: "live-legend" });
    const words = make("p", { class: "live-status" });

    root.append(
      make("div", { class: "live-row" },
        make("span", { class: "live-field" }, make("label", { for: pathId, textContent: "Path" }), path),
        make("span", { class: "live-field" }, make("label", { for: colourId, textContent: "Colour by" }), colour)),
      make("div", { class: "live-row" },
        make("span", { class: "live-field wide" }, make("label", { for: frameId, textContent: "Training step" }), slider_, read), play),
      make("div", { class: "parts" },
        make("div", { class: "cloud" }, canvas, legend, words),
        make("div", { class: "side" }, chart.element)),
      make("div", { class: "live-row" },
        slider(model, "weight", { label: "λ, weight of the domain loss (live run)", values: [0, 0.1, 0.3, 1, 3] })),
      trainButtons(live, { train: "Train live" }, () => words.textContent));

    // ---- what is shown
    const frames = () => (state.paths[state.path] || { frames: [] }).frames;

    function list() {
      path.replaceChildren(...Object.keys(state.paths).map((name) => make("option", { value: name, textContent: name })));
      path.value = state.path;
    }
    function open(name, frame = null) {
      state.path = name;
      path.value = name;
      chart.clear();
      for (const f of frames()) plot(f);
      state.frame = frame === null ? Math.max(0, frames().length - 1) : frame;
      show();
      legend_();
    }
    function plot(f) {
      chart.append("apart", f.step, f.told_apart);
      chart.append("target", f.step, f.target);
    }
    function show() {
      const all = frames();
      slider_.max = Math.max(0, all.length - 1);
      slider_.value = state.frame;
      slider_.disabled = all.length < 2;
      enable(play, all.length > 1);
      const f = all[state.frame];
      read.textContent = f ? f.step : "–";
      slider_.setAttribute("aria-valuetext", f ? `step ${f.step}` : "no step yet");
      words.textContent = f
        ? `Step ${f.step}: a fresh domain classifier is right on ${(100 * f.told_apart).toFixed(0)} %, ` +
          `the net on ${(100 * f.target).toFixed(0)} % of the target's digits.`
        : "Nothing here yet: press Train live.";
      canvas.setAttribute("aria-label", "Features of source and target pictures as points in three dimensions; " +
        `arrow keys turn them. ${words.textContent}`);
      paint();
    }
    function legend_() {
      const entries = state.colour === "domain" ? DOMAINS : DIGITS.map((c, i) => [String(i), c]);
      const mark = { domain: (i) => (i ? "x" : "o"), digit: () => "o" }[state.colour];
      legend.replaceChildren(
        ...entries.map(([text, color], i) => make("span", {}, dot(color, mark(i)), text)),
        ...(state.colour === "digit" ? [make("span", {}, "● source  ✕ target")] : []));
    }
    function dot(color, marker) {
      return draw("svg", { width: 12, height: 12, viewBox: "-6 -6 12 12", "aria-hidden": "true" },
        draw("path", { d: MARKERS[marker], fill: color, stroke: color, "stroke-width": 1.6 }));
    }

    // ---- three dimensions on a flat page
    function paint() {
      const box = canvas.getBoundingClientRect(), scale = window.devicePixelRatio || 1;
      if (!box.width) return;
      canvas.width = box.width * scale;
      canvas.height = box.height * scale;
      const pen = canvas.getContext("2d");
      pen.scale(scale, scale);
      pen.clearRect(0, 0, box.width, box.height);
      const f = frames()[state.frame];
      if (!f) return;
      const labels = state.paths[state.path].labels;
      const [cy, sy, cp, sp] = [Math.cos(state.yaw), Math.sin(state.yaw), Math.cos(state.pitch), Math.sin(state.pitch)];
      const unit = Math.min(box.width, box.height) / 8 / 100;
      const points = [];
      for (let i = 0; i * 3 < f.points.length; i++) {
        const [x, y, z] = f.points.slice(3 * i, 3 * i + 3);
        const u = cy * x + sy * z, w = cy * z - sy * x;
        const v = cp * y - sp * w, depth = sp * y + cp * w;
        points.push([box.width / 2 + unit * u, box.height / 2 - unit * v, depth, i]);
      }
      points.sort((a, b) => a[2] - b[2]);
      for (const [x, y, depth, i] of points) {
        const source = i < state.shown;
        const near = Math.max(0.35, Math.min(1, 0.7 + depth / 700));
        pen.globalAlpha = near;
        pen.strokeStyle = pen.fillStyle = state.colour === "domain" ? DOMAINS[source ? 0 : 1][1] : DIGITS[labels[i] % 10];
        const r = 3.4 * near;
        pen.beginPath();
        if (source) {
          pen.arc(x, y, r, 0, 7);
          pen.fill();
        } else {
          pen.lineWidth = 1.7;
          pen.moveTo(x - r, y - r); pen.lineTo(x + r, y + r);
          pen.moveTo(x - r, y + r); pen.lineTo(x + r, y - r);
          pen.stroke();
        }
      }
      pen.globalAlpha = 1;
    }
    function turn(yaw, pitch) {
      state.yaw += yaw;
      state.pitch = Math.max(-1.5, Math.min(1.5, state.pitch + pitch));
      canvas.dataset.yaw = state.yaw.toFixed(2);
      paint();
    }
    let held = null;
    canvas.addEventListener("pointerdown", (e) => { held = [e.clientX, e.clientY]; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointermove", (e) => {
      if (!held) return;
      turn((e.clientX - held[0]) / 120, (e.clientY - held[1]) / 120);
      held = [e.clientX, e.clientY];
    });
    canvas.addEventListener("pointerup", () => { held = null; });
    canvas.addEventListener("keydown", (e) => {
      const way = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, -0.12], ArrowDown: [0, 0.12] }[e.key];
      if (!way) return;
      e.preventDefault();
      turn(...way);
    });
    new ResizeObserver(paint).observe(canvas);

    // ---- playing; who wants less motion goes step by step
    let timer = 0;
    function step() {
      state.frame = (state.frame + 1) % frames().length;
      show();
    }
    function toggle_play() {
      if (timer) {
        clearInterval(timer);
        timer = 0;
      } else {
        state.frame = 0;
        show();
        timer = setInterval(() => {
          if (!root.isConnected || state.frame >= frames().length - 1) return toggle_play();
          step();
        }, 700);
      }
      play.textContent = timer ? "⏸ Pause" : "▶ Play";
    }

    live.on("snapshot", (all) => {
      Object.assign(state, { paths: all.paths, shown: all.shown });
      list();
      // Before anything has learnt here: a net that knows the source only, at the end of its run.
      const names = Object.keys(all.paths), trained = names.at(-1);
      open(all.paths[trained].frames.length ? trained : names[0]);
    });
    live.on("message", (m) => {
      const one = state.paths[m.path];
      if (m.frame.step <= (one.frames.at(-1)?.step ?? 0)) one.frames = [];
      one.labels = m.labels;
      one.frames.push(m.frame);
      if (state.path !== m.path || one.frames.length === 1) open(m.path);
      else {
        plot(m.frame);
        state.frame = one.frames.length - 1;
        show();
      }
    });
    live.on("clear", () => {
      const names = Object.keys(state.paths), trained = names.at(-1);
      if (trained) state.paths[trained].frames = [];
      if (state.path === trained) open(names[0]);
    });
  });
}
export default { render };
