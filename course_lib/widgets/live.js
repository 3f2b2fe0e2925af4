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

// Colours follow JupyterLab's theme, then VS Code's, then Colab's, then the browser's. All text keeps a contrast of
// 4.5 in each; nothing that is read is faded by opacity, and what can be pressed or moved is 24 pixels or more.
const STYLE = `
.live { color-scheme: light dark;
  --live-ink: var(--jp-ui-font-color1, var(--vscode-editor-foreground, var(--colab-primary-text-color, CanvasText)));
  --live-soft: color-mix(in srgb, var(--live-ink) 80%, transparent);
  --live-line: color-mix(in srgb, var(--live-ink) 22%, transparent);
  --live-fill: color-mix(in srgb, var(--live-ink) 6%, transparent);
  --live-accent: var(--jp-brand-color1, var(--vscode-focusBorder, #1976d2));
  --live-strong: #1565c0; /* behind white words, in either theme */
  --live-error: light-dark(#c62828, #ff8a80);
  color: var(--live-ink); font-family: var(--jp-ui-font-family, system-ui, sans-serif); font-size: 13px;
  line-height: 1.45; padding: 4px 2px; max-width: 1100px; box-sizing: border-box; }
/* Controls that the browser draws follow the page's theme, which may not be the system's. */
[data-jp-theme-light=true] .live, .vscode-light .live, html[theme=light] .live { color-scheme: light; }
[data-jp-theme-light=false] .live, .vscode-dark .live, html[theme=dark] .live { color-scheme: dark; }
.live *, .live *::before { box-sizing: border-box; }
.live-row { display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; margin: 6px 0; }
.live button, .live select, .live input { font: inherit; color: inherit; }
.live button { background: var(--live-fill); border: 1px solid var(--live-line); border-radius: 4px;
  padding: 4px 12px; min-height: 28px; cursor: pointer; }
.live button:hover:enabled { border-color: var(--live-ink); }
.live button.live-main { background: var(--live-strong); border-color: var(--live-strong); color: #fff; font-weight: 600; }
.live button:disabled, .live button[aria-disabled=true] { background: none; border: 1px dashed var(--live-line); color: var(--live-soft);
  font-weight: 400; cursor: default; }
.live select, .live input[type=number], .live input[type=text] { background: var(--jp-layout-color1, Canvas); border: 1px solid var(--live-line);
  border-radius: 4px; padding: 3px 6px; min-height: 28px; max-width: 100%; text-overflow: ellipsis; }
.live :focus-visible { outline: 2px solid var(--live-accent); outline-offset: 2px; }
.live-field { display: inline-flex; align-items: center; gap: 8px; max-width: 100%; }
.live input { accent-color: var(--live-accent); margin: 0; }
.live input[type=range] { width: 150px; min-width: 60px; flex: 0 1 auto; height: 24px; }
.live input[type=checkbox], .live input[type=radio] { width: 20px; height: 20px; flex: none; }
.live label:has(> input) { min-height: 24px; }
.live-scroll { overflow-x: auto; }
.live-field select { min-width: 0; flex: 0 1 auto; }
.live-field output { min-width: 3.2em; white-space: nowrap; font-variant-numeric: tabular-nums; font-weight: 600; }
.live-pill { display: inline-block; border: 1px solid var(--live-line); border-radius: 999px; padding: 0 9px;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.live-error { color: var(--live-error); font-weight: 600; margin: 6px 0; }
.live-error:empty { display: none; }
.live-result { margin: 6px 0; }
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

// The element of a widget, with its style, and a line for what went wrong. Gives { root, leave }.
function frame({ model, el }, name, build) {
  const root = make("div", { class: `live live-${name}` }, make("style", { textContent: STYLE }));
  root.dataset.lmSuppressShortcuts = "true"; // Jupyter's own shortcuts must not act on keys typed here
  root.addEventListener("keydown", (event) => event.stopPropagation());
  build(root);
  const problem = make("p", { class: "live-error", role: "alert" });
  const tell = () => { problem.textContent = model.get("error") ? `⚠ ${model.get("error")}` : ""; };
  model.on("change:error", tell);
  tell();
  root.append(problem);
  el.append(root);
  return () => model.off("change:error", tell);
}

// Build a live widget: build({ model, root, live }) fills `root`. Gives what anywidget calls when the view goes.
function mount(context, name, build) {
  const live = connect(context.model);
  const leave = frame(context, name, (root) => build({ model: context.model, root, live }));
  live.hello();
  return () => {
    leave();
    live.leave();
  };
}

const lessMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

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
    if (answer.kind === "clear") {
      change({ running: false, finished: false }); // what is over must not count as begun again
      tell("clear");
    }
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

// A button. Switched off by `enable(node, false)` it does nothing but keeps the focus, which `disabled` would drop.
function button(text, press, properties = {}) {
  const node = make("button", { type: "button", textContent: text, ...properties });
  node.addEventListener("click", () => {
    if (node.getAttribute("aria-disabled") !== "true") press();
  });
  return node;
}

function enable(node, on) {
  node.setAttribute("aria-disabled", String(!on));
}

// The row Train / Stop / Reset with a line that says what is going on. result() -> what came out so far, in words with
// numbers; it is shown, and told to those who listen, when a run ends or is stopped.
function trainButtons(live, words = {}, result = () => "") {
  const text = { train: "Train", again: "Go on", stop: "Stop", reset: "Reset", ...words };
  const train = button(text.train, () => live.start(), { class: "live-main" });
  const stop = button(text.stop, () => live.stop());
  const reset = button(text.reset, () => live.reset());
  const status = make("span", { class: "live-status", role: "status" });
  const told = make("p", { class: "live-result", role: "status" });
  let begun = false;
  function show() {
    const { running, finished, waiting } = live.state;
    begun = begun || running || finished;
    enable(train, !running && !finished);
    enable(stop, running);
    train.textContent = begun && !finished ? text.again : text.train;
    status.textContent = waiting
      ? "Waiting for the kernel: it runs a cell, or was restarted (then run this cell again)."
      : running ? "training …" : finished ? "finished" : begun ? "stopped" : "";
    told.textContent = begun && !running ? result() : "";
  }
  live.on("clear", () => { begun = false; show(); });
  live.on("state", show);
  show();
  return make("div", {}, make("div", { class: "live-row" }, train, stop, reset, status), told);
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
  const input = make("input", { type: "checkbox" });
  bind(model, trait, (value) => { input.checked = value; });
  input.addEventListener("change", () => put(model, trait, input.checked));
  return make("label", { class: "live-field" }, input, label);
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
