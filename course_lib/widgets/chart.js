// Shared by the live widgets, after live.js: a line chart that grows.

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
// points(): how many points the lines have.
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
    return ends.map((line) => `${line.text}: ${short(line.across ?? line.points.at(-1)[1])}`).join("; ");
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
    points: () => [...lines.values()].reduce((sum, line) => sum + line.points.length, 0),
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
