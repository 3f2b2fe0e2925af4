// The plane of size and similarity: sliders, presets or a click place the problem; the text below follows at once.

const ADVISOR_STYLE = `
.live-advisor .plane { width: 100%; min-width: 620px; max-width: 760px; display: block; cursor: crosshair; touch-action: none; }
.live-advisor .plane text { fill: var(--live-ink); font-size: 13px; font-family: inherit; }
.live-advisor .plane .here { fill: var(--live-accent); stroke: var(--live-ink); stroke-width: 1.5; }
.live-advisor .plane .zone { fill: transparent; stroke: var(--live-line); }
.live-advisor .plane .zone.on { fill: color-mix(in srgb, var(--live-accent) 14%, transparent); }
.live-advisor .advice { font-size: 1.15em; font-weight: 600; margin: 6px 0 2px; }
.live-advisor .caution { font-weight: 600; }
.live-advisor p { margin: 4px 0; max-width: 760px; }`;

const SHORT = {
  "small similar": "head only", "small different": "few layers, small rate", "medium similar": "last stages",
  "medium different": "all, small early rates", "large similar": "all stages", "large different": "all, boldly, or scratch",
};

function render(context) {
  return mount(context, "advisor", ({ model, root }) => {
    root.append(make("style", { textContent: ADVISOR_STYLE }));
    const { small, large, range, presets, rules, cells, looks } = model.get("info");
    const box = { left: 76, top: 8, w: 670, h: 236 };
    const share = (n) => Math.log(n / range[0]) / Math.log(range[1] / range[0]);
    const px = (n) => box.left + box.w * share(n);
    const py = (s) => box.top + box.h * (1 - s);
    const plane = draw("svg", { class: "plane", viewBox: "0 0 760 290", role: "img" });
    const say = (text, at) => {
      const node = draw("text", at);
      node.textContent = text;
      plane.append(node);
      return node;
    };
    const edges = { small: [range[0], small], medium: [small, large], large: [large, range[1]] };
    const zones = {};
    for (const [size, [from, to]] of Object.entries(edges)) {
      for (const alike of ["similar", "different"]) {
        const top = alike === "similar" ? 1 : 0.5, key = `${size} ${alike}`;
        zones[key] = draw("rect", { class: "zone", x: px(from), y: py(top), width: px(to) - px(from), height: box.h / 2 });
        plane.append(zones[key]);
        say(SHORT[key], { x: (px(from) + px(to)) / 2, y: py(top) + 20, "text-anchor": "middle" });
      }
      say(size === "small" ? `under ${small.toLocaleString("en")}` : size === "large" ? `over ${large.toLocaleString("en")}` : "labelled pictures",
        { x: (px(from) + px(to)) / 2, y: box.top + box.h + 20, "text-anchor": "middle" });
    }
    say("similar", { x: 6, y: py(0.75) });
    say("different", { x: 6, y: py(0.25) });
    for (const preset of presets) {
      plane.append(draw("circle", { cx: px(preset.labels), cy: py(preset.similarity), r: 4, fill: "none", stroke: "var(--live-soft)", "stroke-width": 2 }));
      say(preset.name, { x: px(preset.labels) + 12, y: py(preset.similarity) + 4, style: "font-size: 12px" });
    }
    const here = draw("path", { class: "here", d: "M0,-10L3,-3L10,0L3,3L0,10L-3,3L-10,0L-3,-3Z" });
    plane.append(here);

    const place = (labels, similarity) => {
      model.set("labels", Math.round(labels));
      model.set("similarity", Math.round(similarity * 100) / 100);
      model.save_changes();
    };
    plane.addEventListener("click", (event) => {
      const area = plane.getBoundingClientRect();
      const x = ((event.clientX - area.left) * 760) / area.width, y = ((event.clientY - area.top) * 290) / area.height;
      const clip = (v) => Math.min(1, Math.max(0, v));
      place(range[0] * (range[1] / range[0]) ** clip((x - box.left) / box.w), clip(1 - (y - box.top) / box.h));
      tell("");
    });
    const values = [20, 50, 100, 200, 300, 500, 800, 1000, 2000, 3000, 5000, 10000, 20000, 35000, 50000, 100000, 200000, 500000, 1000000];
    const buttons = presets.map((preset) => button(preset.name, () => {
      place(preset.labels, preset.similarity);
      tell(`${preset.name}: ${preset.why}.`);
    }));
    const advice = make("p", { class: "advice" }), why = make("p"), reason = make("p"), dispute = make("p"), measured = make("div");
    const output = make("div", { role: "status" }, advice, why, reason, dispute, measured);
    root.append(make("div", { class: "live-row" }, ...buttons),
      make("div", { class: "live-row" },
        slider(model, "labels", { label: "Labelled pictures", values, format: (n) => n.toLocaleString("en"), changed: () => tell("") }),
        slider(model, "similarity", { label: "Similarity to the source", min: 0, max: 1, step: 0.05, format: (s) => s.toFixed(2), changed: () => tell("") })),
      make("div", { class: "live-scroll", tabIndex: 0, role: "region", "aria-label": "Plane of size and similarity" }, plane), output);

    function tell(preset) {
      const labels = model.get("labels"), similarity = model.get("similarity");
      const size = labels < small ? "small" : labels < large ? "medium" : "large";
      const alike = similarity >= 0.5 ? "similar" : "different";
      const key = `${size} ${alike}`, [what, because, books] = rules[key];
      for (const [name, zone] of Object.entries(zones)) zone.classList.toggle("on", name === key);
      here.setAttribute("transform", `translate(${px(Math.max(labels, range[0]))},${py(similarity)})`);
      plane.setAttribute("aria-label", `${labels} labelled pictures, similarity ${similarity}: ${key}`);
      advice.textContent = what;
      why.textContent = preset;
      reason.textContent = `Why: ${because}`;
      dispute.textContent = `Where books disagree: ${books}`;
      const near = cells.filter((cell) => cell.similarity === alike)
        .sort((a, b) => Math.abs(Math.log(a.train / labels)) - Math.abs(Math.log(b.train / labels)))[0];
      measured.replaceChildren(near ? table(near, key) : make("p", { class: "live-status",
        textContent: "No measured cell is stored here yet: course claims run C09 measures the table." }));
    }
    function table(cell, key) {
      const names = Object.keys(cell.means).sort((a, b) => cell.means[b] - cell.means[a]);
      const rows = names.map((name) => make("tr", {}, make("td", {}, swatch(looks[name]), ` ${name}${name === cell.best ? " (best here)" : ""}`),
        make("td", { textContent: cell.means[name].toFixed(3) + (cell.spreads[name] === null ? "" : ` ± ${cell.spreads[name].toFixed(3)}`) })));
      const caution = make("p", { class: "caution", textContent: cell.cautions[key], hidden: !cell.cautions[key] });
      return make("div", {}, caution, make("p", { textContent: `Measured nearby: ${cell.train.toLocaleString("en")} labels, ${cell.similarity} (${cell.task}), ` +
        `${cell.metric}. The rule of thumb there: ${cell.verdict}.` }), make("table", {}, ...rows));
    }
    for (const trait of ["labels", "similarity"]) model.on(`change:${trait}`, () => tell(why.textContent));
    tell("");
  });
}

export default { render };
