// Shared by the live widgets. course_lib/widgets/live.py puts this text before a widget's own, so that
// both are one ES module; its docstring says how a widget is made.

// ---- elements ---------------------------------------------------------------------------------

// An HTML element: properties are set (class, for and names with a dash as attributes), children appended.
function make(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

// The same for SVG, where everything is an attribute.
function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class" || name === "for" || name === "role" || name.includes("-")) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

let counter = 0;
const freshId = (what) => `live-${what}-${++counter}-${Math.random().toString(36).slice(2, 7)}`;

// ---- the frame of a widget ----------------------------------------------------------------------

// Colours follow JupyterLab's theme, then VS Code's, then Colab's, then the browser's.
const STYLE = `
.live { color-scheme: light dark;
  --live-ink: var(--jp-ui-font-color1, var(--vscode-editor-foreground, var(--colab-primary-text-color, CanvasText)));
  --live-soft: var(--jp-ui-font-color2, var(--vscode-descriptionForeground, color-mix(in srgb, var(--live-ink) 70%, transparent)));
  --live-line: color-mix(in srgb, var(--live-ink) 22%, transparent);
  --live-fill: color-mix(in srgb, var(--live-ink) 6%, transparent);
  --live-accent: var(--jp-brand-color1, var(--vscode-focusBorder, #1976d2));
  --live-error: var(--jp-error-color1, var(--vscode-errorForeground, #c62828));
  color: var(--live-ink); font-family: var(--jp-ui-font-family, system-ui, sans-serif); font-size: 13px;
  line-height: 1.45; padding: 4px 2px; max-width: 1100px; box-sizing: border-box; }
.live *, .live *::before { box-sizing: border-box; }
.live-row { display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; margin: 6px 0; }
.live button, .live select, .live input { font: inherit; color: inherit; }
.live button { background: var(--live-fill); border: 1px solid var(--live-line); border-radius: 4px;
  padding: 4px 12px; cursor: pointer; }
.live button:hover:enabled { border-color: var(--live-ink); }
.live button:disabled { opacity: 0.45; cursor: default; }
.live button.live-main { background: var(--live-accent); border-color: var(--live-accent); color: #fff; font-weight: 600; }
.live select { background: var(--jp-layout-color1, Canvas); border: 1px solid var(--live-line); border-radius: 4px; padding: 3px 6px; }
.live :focus-visible { outline: 2px solid var(--live-accent); outline-offset: 2px; }
.live-field { display: inline-flex; align-items: center; gap: 8px; }
.live-field input[type=range] { width: 150px; accent-color: var(--live-accent); margin: 0; }
.live-field input[type=checkbox] { accent-color: var(--live-accent); margin: 0; }
.live-field output { min-width: 3.2em; font-variant-numeric: tabular-nums; font-weight: 600; }
.live-pill { display: inline-block; border: 1px solid var(--live-line); border-radius: 999px; padding: 0 9px;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.live-error { color: var(--live-error); font-weight: 600; margin: 6px 0; }
.live-error:empty, .live-status:empty { display: none; }
.live-status { color: var(--live-soft); }
.live-chart { width: 100%; display: block; overflow: visible; }
.live-chart text { fill: var(--live-ink); font-size: 12px; font-family: inherit; }
.live-chart .soft { fill: var(--live-soft); }
.live-legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 2px 0 6px; }
.live-legend span { display: inline-flex; align-items: center; gap: 5px; }
.live-tabs [role=tablist] { display: flex; flex-wrap: wrap; gap: 2px; border-bottom: 1px solid var(--live-line); }
.live-tabs [role=tab] { border-radius: 4px 4px 0 0; border-bottom: none; background: none; }
.live-tabs [role=tab][aria-selected=true] { background: var(--live-fill); font-weight: 600;
  box-shadow: inset 0 3px 0 var(--live-accent); }
.live-tabs [role=tabpanel] { padding: 10px 2px; }
.live table { border-collapse: collapse; margin: 6px 0; font-size: inherit; }
.live th, .live td { text-align: right; padding: 2px 10px; border-bottom: 1px solid var(--live-line);
  font-variant-numeric: tabular-nums; }
.live th:first-child, .live td:first-child { text-align: left; }
@media (prefers-reduced-motion: reduce) { .live * { transition: none !important; animation: none !important; } }`;

// Build a widget: build({ model, root, live }) fills `root`. Gives what anywidget calls when the view goes.
function mount({ model, el }, name, build) {
  const root = make("div", { class: `live live-${name}` }, make("style", { textContent: STYLE }));
  root.dataset.lmSuppressShortcuts = "true"; // Jupyter's own shortcuts must not act on keys typed here
  root.addEventListener("keydown", (event) => event.stopPropagation());
  const live = connect(model);
  build({ model, root, live });
  const problem = make("p", { class: "live-error", role: "alert" });
  const tell = () => { problem.textContent = model.get("error") ? `⚠ ${model.get("error")}` : ""; };
  model.on("change:error", tell);
  tell();
  root.append(problem);
  el.append(root);
  live.hello();
  return () => {
    model.off("change:error", tell);
    live.leave();
  };
}

// ---- the kernel's side of the work ----------------------------------------------------------------

// What happens, in the order it comes: live.on(kind, callback) with the kinds
// "snapshot" (all that has happened, for a new view), "message" (one that `work` yielded), "clear" (Reset), and
// "state" ({ running, finished, waiting }) whenever one of these changes.
function connect(model) {
  const view = freshId("view");
  const listeners = { snapshot: [], message: [], clear: [], state: [] };
  const tell = (kind, value) => listeners[kind].forEach((callback) => callback(value));
  const state = { running: false, finished: false, waiting: false };
  let pacing = false; // this view sends the ticks
  let starting = false; // it asked for the start, and what arrives until that is answered is older
  let alarm = 0;

  function change(news) {
    if (Object.keys(news).every((key) => state[key] === news[key])) return;
    Object.assign(state, news);
    tell("state", { ...state });
  }
  function send(message) {
    clearTimeout(alarm);
    // No answer: the kernel runs a cell, or was restarted.
    alarm = setTimeout(() => change({ waiting: true }), 2500);
    model.send({ ...message, view });
  }
  function receive(answer) {
    if (answer.view === view) clearTimeout(alarm);
    if (answer.view === view && answer.kind === "start") starting = false;
    if (answer.kind === "clear") tell("clear");
    if (answer.kind === "snapshot" && answer.view === view) tell("snapshot", answer.all);
    for (const message of answer.messages || []) tell("message", message);
    if (starting) return;
    change({ running: answer.running, finished: answer.finished, waiting: false });
    if (!answer.running) pacing = false;
    else if (pacing && answer.view === view) send({ do: "tick" });
  }
  const listen = (content) => {
    if (content && content.kind) receive(content);
  };
  model.on("msg:custom", listen);

  return {
    state,
    on: (kind, callback) => listeners[kind].push(callback),
    hello: () => send({ do: "hello" }),
    start() {
      pacing = starting = true;
      send({ do: "start" });
    },
    stop() {
      pacing = starting = false;
      change({ running: false });
      send({ do: "stop" });
    },
    reset() {
      pacing = starting = false;
      send({ do: "reset" });
    },
    act: (name, values = {}) => send({ do: "act", name, values }),
    leave() {
      if (pacing) model.send({ do: "stop", view });
      clearTimeout(alarm);
      model.off("msg:custom", listen);
    },
  };
}

// ---- controls -----------------------------------------------------------------------------------

function button(text, press, properties = {}) {
  const node = make("button", { type: "button", textContent: text, ...properties });
  node.addEventListener("click", press);
  return node;
}

// The row Train / Stop / Reset with a line that says what is going on.
function trainButtons(live, words = {}) {
  const text = { train: "Train", again: "Go on", stop: "Stop", reset: "Reset", ...words };
  const train = button(text.train, () => live.start(), { class: "live-main" });
  const stop = button(text.stop, () => live.stop());
  const reset = button(text.reset, () => live.reset());
  const status = make("span", { class: "live-status", role: "status" });
  let begun = false;
  function show() {
    const { running, finished, waiting } = live.state;
    begun = begun || running || finished;
    train.disabled = running || finished;
    stop.disabled = !running;
    train.textContent = begun && !finished ? text.again : text.train;
    status.textContent = waiting
      ? "Waiting for the kernel: it runs a cell, or was restarted (then run this cell again)."
      : running ? "training …" : finished ? "finished" : begun ? "stopped" : "";
  }
  live.on("clear", () => { begun = false; show(); });
  live.on("state", show);
  show();
  return make("div", { class: "live-row" }, train, stop, reset, status);
}

// Two-way between a control and a trait; `show` puts the trait's value into the control.
function bind(model, trait, show) {
  model.on(`change:${trait}`, () => show(model.get(trait)));
  show(model.get(trait));
}

function put(model, trait, value) {
  model.set(trait, value);
  model.save_changes();
}

// A labelled slider over a trait. Either { min, max, step } or { values: [...] } (any numbers, evenly spaced).
// format(value) -> text; changed(value) is called at once, before the kernel knows.
function slider(model, trait, { label, min, max, step = 1, values, format = String, changed = () => {} }) {
  const id = freshId(trait);
  const range = values ? { min: 0, max: values.length - 1, step: 1 } : { min, max, step };
  const input = make("input", { type: "range", id, ...range });
  const output = make("output", { for: id });
  const read = () => (values ? values[Number(input.value)] : Number(input.value));
  const tell = (value) => {
    output.textContent = format(value);
    input.setAttribute("aria-valuetext", format(value));
  };
  bind(model, trait, (value) => {
    input.value = values ? nearest(values, value) : value;
    tell(value);
  });
  input.addEventListener("input", () => {
    tell(read());
    put(model, trait, read());
    changed(read());
  });
  return make("span", { class: "live-field" }, make("label", { for: id, textContent: label }), input, output);
}

function nearest(values, value) {
  let best = 0;
  values.forEach((one, i) => { if (Math.abs(one - value) < Math.abs(values[best] - value)) best = i; });
  return best;
}

// A labelled drop-down over a trait; options: [[value, text], ...] or [text, ...].
function choice(model, trait, { label, options }) {
  const id = freshId(trait);
  const select = make("select", { id });
  for (const option of options) {
    const [value, text] = Array.isArray(option) ? option : [option, option];
    select.append(make("option", { value, textContent: text }));
  }
  bind(model, trait, (value) => { select.value = value; });
  select.addEventListener("change", () => put(model, trait, select.value));
  return make("span", { class: "live-field" }, make("label", { for: id, textContent: label }), select);
}

// A labelled check box over a trait.
function toggle(model, trait, { label }) {
  const id = freshId(trait);
  const input = make("input", { type: "checkbox", id });
  bind(model, trait, (value) => { input.checked = value; });
  input.addEventListener("change", () => put(model, trait, input.checked));
  return make("span", { class: "live-field" }, input, make("label", { for: id, textContent: label }));
}

// What a stage does, as a mark beside its colour: "learning" (a pencil), "locked" (a lock), "waiting" (a clock).
const ICONS = {
  learning: "M2,10.5L2.6,7.9L8.6,1.9L10.6,3.9L4.6,9.9Z",
  locked: "M2.5,5.5h7v5.5h-7zM4,5.5V4a2,2 0 0,1 4,0v1.5",
  waiting: "M6,1.5a4.7,4.7 0 1,0 0.01,0zM6,3.6V6.3L8,7.6",
};
function icon(state, title = state) {
  const words = draw("title");
  words.textContent = title;
  return draw("svg", { width: 13, height: 12, viewBox: "0 0 12 12", role: "img", "aria-label": title }, words,
    draw("path", { d: ICONS[state], fill: state === "locked" ? "currentColor" : "none", stroke: "currentColor", "stroke-width": 1.2,
      "fill-opacity": 0.35 }));
}

function pill(text = "") {
  return make("span", { class: "live-pill", textContent: text });
}

// Tabs by the usual keyboard rules: arrows, Home and End move between them. panels: [[title, element], ...].
function tabs(label, panels, opened = () => {}) {
  const list = make("div", { role: "tablist", "aria-label": label });
  const root = make("div", { class: "live-tabs" }, list);
  const heads = panels.map(([title, panel], i) => {
    const id = freshId("tab");
    const head = button(title, () => open(i), { role: "tab", id, "aria-controls": `${id}-panel` });
    list.append(head);
    root.append(make("div", { role: "tabpanel", id: `${id}-panel`, "aria-labelledby": id, tabIndex: 0 }, panel));
    return head;
  });
  function open(i, focus = false) {
    heads.forEach((head, k) => {
      head.setAttribute("aria-selected", k === i);
      head.tabIndex = k === i ? 0 : -1;
      root.children[k + 1].hidden = k !== i;
    });
    if (focus) heads[i].focus();
    opened(i);
  }
  list.addEventListener("keydown", (event) => {
    const at = heads.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: heads.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    open((to + heads.length) % heads.length, true);
  });
  open(0);
  return { element: root, open };
}

// ---- a line chart that grows ------------------------------------------------------------------------

// matplotlib's marker letters as SVG paths around 0, 0.
const MARKERS = {
  o: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z", s: "M-3.5,-3.5h7v7h-7z", "^": "M0,-4.5L4.2,3.2H-4.2z",
  v: "M0,4.5L4.2,-3.2H-4.2z", D: "M0,-4.6L4.6,0L0,4.6L-4.6,0z", P: "M-1.4,-4.2h2.8v2.8h2.8v2.8h-2.8v2.8h-2.8v-2.8h-2.8v-2.8h2.8z",
  X: "M-4,-2.4L-2.4,-4L0,-1.6L2.4,-4L4,-2.4L1.6,0L4,2.4L2.4,4L0,1.6L-2.4,4L-4,2.4L-1.6,0z",
  ".": "M-2,0a2,2 0 1,0 4,0a2,2 0 1,0 -4,0z", x: "M-3.4,-3.4L3.4,3.4M3.4,-3.4L-3.4,3.4",
};

// How a line is drawn, as a small picture for legends and tables.
function swatch({ color, dash = "", marker = "o" }, width = 34) {
  return draw("svg", { width, height: 12, viewBox: `0 0 ${width} 12`, "aria-hidden": "true" },
    draw("line", { x1: 0, x2: width, y1: 6, y2: 6, stroke: color, "stroke-width": 2, "stroke-dasharray": dash }),
    draw("path", { d: MARKERS[marker], transform: `translate(${width / 2},6)`, fill: color, stroke: color }));
}

// { x, y: axis titles; range: [low, high] of y; label: what it shows, for those who cannot see it; height in pixels;
// log: x on a logarithmic axis }.
// line(name, look, text): declare a line, drawn as `look` says ({color, dash, marker}). level(name, look, y): a thin
// line across (a baseline). append(name, x, y). fade(name): keep the line so far as a faint one and begin anew.
// clear(): forget points, keep lines and levels. end(x): how far the x axis reaches at least. summary(): the last values in words.
function lineChart({ x, y, range = [0, 1], label, height = 300, log = false }) {
  const margin = { left: 52, right: 14, top: 10, bottom: 40 };
  const svg = draw("svg", { class: "live-chart", role: "img", height });
  const title = draw("title");
  title.textContent = label;
  const frame = draw("g"), plot = draw("g");
  svg.append(title, frame, plot);
  const legend = make("div", { class: "live-legend" });
  const element = make("div", {}, legend, svg);
  const lines = new Map();
  let width = 700, least = 1, axis = x, due = 0;

  const step = (span) => {
    const power = 10 ** Math.floor(Math.log10(span || 1));
    return [0.1, 0.2, 0.5, 1, 2].map((k) => k * power).find((size) => span / size <= 6);
  };
  const ticks = (low, high) => {
    const size = step(high - low), all = [];
    for (let k = Math.ceil(low / size - 1e-9); k * size <= high + 1e-9 * size; k++) all.push(k * size);
    return all;
  };
  const short = (value) => String(Number(value.toPrecision(3)));

  function paint() {
    due = 0;
    const xs = [...lines.values()].flatMap((line) => [...line.ghosts, line.points].flat().map((p) => p[0]));
    const right = xs.reduce((a, b) => Math.max(a, b), least);
    const left = log ? xs.filter((v) => v > 0).reduce((a, b) => Math.min(a, b), right / 10) : 0;
    const inner = { w: Math.max(50, width - margin.left - margin.right), h: height - margin.top - margin.bottom };
    const share = (v) => (log ? Math.log(v / left) / Math.log(right / left) : (v - left) / (right - left));
    const px = (v) => margin.left + inner.w * share(v);
    const py = (v) => margin.top + inner.h * (1 - (v - range[0]) / (range[1] - range[0]));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    frame.replaceChildren();
    const words = (text, at) => {
      const node = draw("text", at);
      node.textContent = text;
      frame.append(node);
    };
    for (const v of ticks(...range)) {
      frame.append(draw("line", { x1: margin.left, x2: width - margin.right, y1: py(v), y2: py(v), stroke: "var(--live-line)" }));
      words(short(v), { x: margin.left - 8, y: py(v) + 4, "text-anchor": "end", class: "soft" });
    }
    const marks = log ? [...new Set([...xs, right])] : ticks(left, right);
    for (const v of marks) words(short(v), { x: px(v), y: height - margin.bottom + 17, "text-anchor": "middle", class: "soft" });
    words(axis, { x: margin.left + inner.w / 2, y: height - 5, "text-anchor": "middle" });
    words(y, { transform: `translate(13,${margin.top + inner.h / 2}) rotate(-90)`, "text-anchor": "middle" });
    plot.replaceChildren();
    const path = (points) => points.map(([a, b], i) => `${i ? "L" : "M"}${px(a).toFixed(1)},${py(b).toFixed(1)}`).join("");
    for (const { look, points, ghosts, across } of lines.values()) {
      const stroke = { fill: "none", stroke: look.color, "stroke-dasharray": look.dash || "", "stroke-width": across === null ? 2.2 : 1.4 };
      if (across !== null) plot.append(draw("path", { ...stroke, d: path([[left, across], [right, across]]) }));
      for (const ghost of ghosts) plot.append(draw("path", { ...stroke, d: path(ghost), opacity: 0.25 }));
      if (!points.length) continue;
      plot.append(draw("path", { ...stroke, d: path(points) }));
      const every = Math.ceil(points.length / 40); // few enough to tell apart
      points.forEach(([a, b], i) => {
        if (i % every && i < points.length - 1) return;
        plot.append(draw("path", { d: MARKERS[look.marker || "o"], transform: `translate(${px(a)},${py(b)})`, fill: look.color, stroke: look.color }));
      });
    }
    title.textContent = `${label} ${summary()}`;
  }
  const repaint = () => { due = due || requestAnimationFrame(paint); };

  function summary() {
    const ends = [...lines.values()].filter((line) => line.points.length || line.across !== null);
    return ends.map((line) => `${line.text}: ${short(line.across ?? line.points.at(-1)[1])}`).join(", ");
  }
  function declare(name, look, text, across) {
    const old = lines.get(name);
    lines.set(name, { look, text, across, points: [], ghosts: [], ...(old && { points: old.points, ghosts: old.ghosts }) });
    legend.replaceChildren(...[...lines.values()].map((line) =>
      make("span", {}, swatch(line.across === null ? line.look : { ...line.look, marker: "." }), line.text)));
    repaint();
  }
  // The size is known once the page shows it, and again when it is scrolled back into view or resized.
  new ResizeObserver(([entry]) => {
    if (!entry.contentRect.width) return;
    width = entry.contentRect.width;
    repaint();
  }).observe(element);
  repaint();

  return {
    element,
    summary,
    line: (name, look, text = name) => declare(name, look, text, null),
    level: (name, look, value, text = name) => declare(name, look, text, value),
    remove(name) {
      lines.delete(name);
      legend.replaceChildren();
      for (const [key, line] of [...lines]) declare(key, line.look, line.text, line.across);
      repaint();
    },
    append(name, a, b) {
      lines.get(name).points.push([a, b]);
      repaint();
    },
    fade(name) {
      const line = lines.get(name);
      if (line.points.length > 1) line.ghosts = [...line.ghosts, line.points].slice(-3);
      line.points = [];
      repaint();
    },
    clear() {
      for (const line of lines.values()) Object.assign(line, { points: [], ghosts: [] });
      repaint();
    },
    end(value) {
      least = value;
      repaint();
    },
    axis(text) {
      axis = text;
      repaint();
    },
  };
}

// ---- the rest of the module is the widget's own -------------------------------------------------
