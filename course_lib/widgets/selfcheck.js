// Self-check questions. They are judged here, so feedback comes at once, also while the kernel is busy; the answer
// is kept in the browser until the kernel has taken it and written it to the progress file.

const LETTERS = "abcdefgh";

// The state of an answer and why: the same rules as course_lib/grading/score.py.
export function judge(question, answer) {
  const q = question;
  if (q.kind === "prediction") {
    return answer ? { state: "noted", why: "Noted. Run the experiment and see." } : blank();
  }
  if (q.kind === "numeric") {
    if (answer === null || answer === undefined || String(answer).trim() === "") return blank();
    const value = Number(answer);
    if (!Number.isFinite(value)) return { state: "invalid", why: "Write a number, such as 0.5." };
    const near = (item) =>
      Math.abs(value - item.answer) <= item.tolerance + 1e-12 * Math.abs(item.answer);
    if (near(q)) return { state: "right", why: q.explanation };
    const part = (q.partial || []).find(near);
    return part ? { state: "partial", why: part.why } : { state: "wrong", why: q.explanation };
  }
  const chosen = [].concat(answer || []).filter((letter) => LETTERS.includes(letter));
  if (!chosen.length) return blank();
  const picked = q.choices.map((_, i) => chosen.includes(LETTERS[i]));
  const good = q.choices.filter((c, i) => c.correct && picked[i]).length;
  const bad = q.choices.filter((c, i) => !c.correct && picked[i]).length;
  const all = q.choices.filter((c) => c.correct).length;
  const why = q.choices.filter((_, i) => picked[i]).map((c) => c.why).join(" ");
  if (good === all && bad === 0) return { state: "right", why };
  if (q.kind === "choice") return { state: "wrong", why };
  const missing = all - good ? ` ${all - good} true statement(s) not chosen.` : "";
  return { state: good > bad ? "partial" : "wrong", why: why + missing };
}

function blank() {
  return { state: "not attempted", why: "" };
}

const WORDS = { right: "✓ Right.", wrong: "✗ Not right.", partial: "◐ Partly right.", noted: "•",
  invalid: "✗ Not readable.", "not attempted": "Not attempted." };
const STYLE = `
.selfcheck { font: inherit; color: inherit; }
.selfcheck fieldset { border: 1px solid currentColor; border-radius: 4px; margin: .5em 0; padding: .5em 1em; }
.selfcheck legend { font-weight: 600; padding: 0 .3em; }
.selfcheck label { display: block; padding: .15em 0; }
.selfcheck button { margin-top: .4em; padding: .2em .9em; font: inherit; }
.selfcheck :focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
.selfcheck .verdict { min-height: 1.4em; margin: .4em 0 0; }
.selfcheck code { font-family: monospace; }`;

function text(node, words) {
  words.split("`").forEach((piece, i) => {
    if (i % 2) node.appendChild(document.createElement("code")).textContent = piece;
    else node.appendChild(document.createTextNode(piece));
  });
  return node;
}

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const key = (id) => `course-selfcheck-${id}`;

function remembered(id) {
  try {
    return JSON.parse(localStorage.getItem(key(id)) || "null");
  } catch {
    return null;
  }
}

function render({ model, el }) {
  const root = make("div", { className: "selfcheck" }, make("style", { textContent: STYLE }));
  const name = `q${Math.random().toString(36).slice(2)}`;
  const shows = {};

  function keep(id, answer) {
    const entry = { answer, at: Date.now() };
    try {
      localStorage.setItem(key(id), JSON.stringify(entry));
    } catch {
      // private mode: the kernel's file is enough
    }
    model.set("answers", { ...model.get("answers"), [id]: entry });
    model.save_changes();
  }

  for (const q of model.get("questions")) {
    const multiple = q.kind === "multiple";
    const verdict = make("p", { className: "verdict" });
    verdict.setAttribute("role", "status");
    const box = make("fieldset", {}, text(make("legend"), q.prompt));
    const inputs = [];
    if (q.kind === "numeric") {
      const input = make("input", { type: "text", inputMode: "decimal" });
      input.setAttribute("aria-label", "Your number" + (q.unit ? ` in ${q.unit}` : ""));
      inputs.push(input);
      box.append(input, q.unit ? ` ${q.unit}` : "");
    }
    q.choices.forEach((choice, i) => {
      const input = make("input", { type: multiple ? "checkbox" : "radio", name: name + q.id,
        value: q.kind === "prediction" ? q.labels[i] : LETTERS[i] });
      inputs.push(input);
      box.append(text(make("label", {}, input, " "), choice.text));
    });
    const read = () => {
      if (q.kind === "numeric") return inputs[0].value.trim();
      const values = inputs.filter((input) => input.checked).map((input) => input.value);
      return multiple ? values : values[0] || "";
    };
    const show = (answer) => {
      const { state, why } = judge(q, answer);
      verdict.dataset.state = state;
      verdict.replaceChildren();
      text(verdict, `${WORDS[state]} ${why}`);
    };
    shows[q.id] = (answer) => {
      if (q.kind === "numeric") inputs[0].value = answer ?? "";
      else inputs.forEach((input) => { input.checked = [].concat(answer || []).includes(input.value); });
      show(answer);
    };
    const button = make("button", { type: "button",
      textContent: q.kind === "prediction" ? "Note my prediction" : "Check" });
    const submit = () => {
      const answer = read();
      show(answer);
      if (judge(q, answer).state !== "not attempted") keep(q.id, answer);
    };
    button.addEventListener("click", submit);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.tagName === "INPUT") {
        event.preventDefault();
        submit();
      }
      event.stopPropagation(); // Jupyter's own shortcuts must not act on keys typed here
    });
    box.append(button, verdict);
    root.append(box);
  }
  const problem = make("p");
  problem.setAttribute("role", "alert");
  root.append(problem);

  function refresh() {
    const stored = { ...model.get("answers") };
    let newer = false;
    for (const id of Object.keys(shows)) {
      const local = remembered(id);
      if (local && local.at > (stored[id]?.at ?? 0)) {
        stored[id] = local; // the kernel was restarted before it had taken this answer
        newer = true;
      }
      if (stored[id]) shows[id](stored[id].answer);
    }
    if (newer) {
      model.set("answers", stored);
      model.save_changes();
    }
  }
  const tell = () => { problem.textContent = model.get("error"); };
  refresh();
  tell();
  model.on("change:error", tell);
  el.append(root);
  return () => model.off("change:error", tell);
}

export default { render };
