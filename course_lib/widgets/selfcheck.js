// Self-check questions. They are judged here, so feedback comes at once, also while the kernel is busy; the answer
// is kept in the browser until the kernel has taken it and written it to the progress file.

const LETTERS = "abcdefgh";

// The state of an answer and why: the same rules as course_lib/questions/scoring.py.
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
  const taken = q.choices.filter((_, i) => picked[i]);
  if (q.kind === "choice") return { state: bad ? "wrong" : "right", why: taken.map((c) => c.why).join(" ") };
  const state = good === all && bad === 0 ? "right" : good > bad ? "partial" : "wrong";
  const missing = all - good;
  const why = missing === 1 ? "One true statement is missing." : missing ? `${missing} true statements are missing.` : "";
  return { state, why, each: taken };
}

function blank() {
  return { state: "not attempted", why: "" };
}

const WORDS = { right: "✓ Right.", wrong: "✗ Not right.", partial: "◐ Partly right.", noted: "•",
  invalid: "✗ Not readable.", "not attempted": "Not attempted." };
const CHECK_STYLE = `
.live-selfcheck { font-size: 14px; line-height: 1.5; max-width: 860px; }
.live-selfcheck fieldset { border: 1px solid var(--live-line); border-radius: 6px; margin: 8px 0; padding: 10px 16px 12px;
  background: color-mix(in srgb, var(--live-ink) 3%, transparent); min-width: 0; }
.live-selfcheck legend { float: left; width: 100%; font-weight: 600; padding: 0; margin-bottom: 6px; }
.live-selfcheck legend + * { clear: both; }
.live-selfcheck label { display: flex; gap: 9px; align-items: flex-start; padding: 2px 0; cursor: pointer; }
.live-selfcheck label span { padding-top: 1px; }
.live-selfcheck input[type=text] { width: 11em; }
.live-selfcheck button { display: block; margin-top: 8px; }
.live-selfcheck .verdict { margin-top: 10px; padding-left: 10px; border-left: 4px solid var(--live-line); min-height: 1.5em; }
.live-selfcheck .verdict:empty { border-color: transparent; }
.live-selfcheck .verdict[data-state=right] { border-color: #2e9e5b; }
.live-selfcheck .verdict[data-state=partial] { border-color: #e69f00; }
.live-selfcheck .verdict[data-state=wrong], .live-selfcheck .verdict[data-state=invalid] { border-color: #d1495b; }
.live-selfcheck .verdict strong { font-weight: 600; }
.live-selfcheck .verdict ul { margin: 4px 0 0; padding: 0; list-style: none; }
.live-selfcheck code { font-family: var(--jp-code-font-family, monospace); font-size: 0.93em; }`;

function text(node, words) {
  words.split("`").forEach((piece, i) => {
    if (i % 2) node.appendChild(document.createElement("code")).textContent = piece;
    else node.appendChild(document.createTextNode(piece));
  });
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

function render(context) {
  return frame(context, "selfcheck", (root) => questions(context.model, root));
}

function questions(model, root) {
  root.append(make("style", { textContent: CHECK_STYLE }));
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
    const verdict = make("div", { class: "verdict", role: "status" });
    const box = make("fieldset", {}, text(make("legend"), q.prompt));
    const inputs = [];
    if (q.kind === "numeric") {
      const input = make("input", { type: "text", inputMode: "decimal", "aria-label": "Your number" + (q.unit ? ` in ${q.unit}` : "") });
      inputs.push(input);
      box.append(input, q.unit ? ` ${q.unit}` : "");
    }
    q.choices.forEach((choice, i) => {
      const input = make("input", { type: multiple ? "checkbox" : "radio", name: name + q.id,
        value: q.kind === "prediction" ? q.labels[i] : LETTERS[i] });
      inputs.push(input);
      box.append(make("label", {}, input, text(make("span"), choice.text)));
    });
    const read = () => {
      if (q.kind === "numeric") return inputs[0].value.trim();
      const values = inputs.filter((input) => input.checked).map((input) => input.value);
      return multiple ? values : values[0] || "";
    };
    const show = (answer) => {
      const { state, why, each = [] } = judge(q, answer);
      verdict.dataset.state = state;
      verdict.replaceChildren(make("strong", { textContent: WORDS[state] }), " ");
      text(verdict, why);
      if (each.length) verdict.append(make("ul", {}, ...each.map(({ text: words, why: reason, correct }) =>
        text(make("li"), `${correct ? "✓" : "✗"} ${words}: ${reason}`))));
    };
    shows[q.id] = (answer) => {
      if (q.kind === "numeric") inputs[0].value = answer ?? "";
      else inputs.forEach((input) => { input.checked = [].concat(answer || []).includes(input.value); });
      show(answer);
    };
    const submit = () => {
      const answer = read();
      show(answer);
      if (judge(q, answer).state !== "not attempted") keep(q.id, answer);
    };
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
      event.preventDefault();
      submit();
    });
    box.append(button(q.kind === "prediction" ? "Note my prediction" : "Check", submit, { class: "live-main" }), verdict);
    root.append(box);
  }

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
  refresh();
}

export default { render };
