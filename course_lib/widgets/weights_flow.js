// Six tabs: what becomes of each stage and of the head.

const FLOW_STYLE = `
.live-weights_flow [role=tabpanel] { container-type: inline-size; }
.live-weights_flow .flow { display: flex; align-items: stretch; gap: 4px; margin: 8px 0; }
.live-weights_flow .part { border: 2px solid var(--live-line); border-radius: 5px; padding: 6px 4px; min-width: 0; flex: 1 1 0; text-align: center; }
.live-weights_flow .part b { display: block; }
.live-weights_flow .part small { display: block; font-size: 12px; font-variant-numeric: tabular-nums; }
.live-weights_flow .pretrained { border-color: #56B4E9; background: color-mix(in srgb, #56B4E9 18%, transparent); }
.live-weights_flow .locked { border-style: dashed; background: var(--live-fill); }
.live-weights_flow .new { border-color: #E69F00; background: color-mix(in srgb, #E69F00 22%, transparent); }
.live-weights_flow .changed { border-color: #009E73; background: color-mix(in srgb, #009E73 24%, transparent); }
.live-weights_flow .gone { border-style: dotted; color: var(--live-soft); }
.live-weights_flow .gone b { text-decoration: line-through; }
.live-weights_flow .arrow { align-self: center; color: var(--live-soft); }
/* Beside a side panel or on a phone the stages stand below each other: the head must not wrap to a place of its own. */
@container (max-width: 780px) {
  .live-weights_flow .flow { flex-direction: column; }
  .live-weights_flow .part { flex: none; display: flex; flex-wrap: wrap; gap: 0 14px; align-items: baseline; text-align: left; padding: 3px 8px; }
  .live-weights_flow .part b { min-width: 4em; }
  .live-weights_flow .arrow { line-height: 1; }
  .live-weights_flow .arrow.between { transform: rotate(90deg); }
}`;

const WORDS = { pretrained: "pretrained", locked: "locked", new: "new, random", changed: "changed by the step", gone: "cut off" };

function render(context) {
  return mount(context, "weights_flow", ({ model, root }) => {
    root.append(make("style", { textContent: FLOW_STYLE }));
    const panels = model.get("steps").map((step, number) => {
      const flow = make("div", { class: "flow" }, make("span", { class: "arrow", textContent: "picture →" }));
      step.parts.forEach((part, i) => {
        const box = make("div", { class: `part ${part.state}` }, make("b", { textContent: part.name }),
          make("small", { textContent: `${part.parameters.toLocaleString("en")} parameters` }),
          make("small", { textContent: `gives ${part.shape.replaceAll(" ", "")}` }));
        const state = make("small");
        if (part.state === "locked") state.append(icon("locked"), " ");
        if (part.state === "changed") state.append(icon("learning"), " ");
        state.append(WORDS[part.state]);
        box.append(state);
        if (number >= 4) {
          box.append(make("small", { textContent: `${part.changed} of ${part.tensors} tensors moved` +
            (part.changed ? `, by up to ${part.moved.toPrecision(1)}` : "") }));
        }
        flow.append(box);
        if (i < step.parts.length - 1) flow.append(make("span", { class: "arrow between", textContent: "→", "aria-hidden": "true" }));
      });
      const learning = step.parts.filter((part) => number >= 3 && part.state !== "locked" && part.state !== "gone");
      const total = learning.reduce((sum, part) => sum + part.parameters, 0);
      const facts = make("p", {}, number >= 3 ? pill(`${total.toLocaleString("en")} of ${step.parts.reduce((sum, part) =>
        sum + part.parameters, 0).toLocaleString("en")} parameters learn`) : "");
      return [`${number + 1} ${step.title}`, make("div", {}, make("p", { textContent: step.text }), flow, facts)];
    });
    root.append(tabs("Steps of transfer learning", panels).element);
  });
}

export default { render };
