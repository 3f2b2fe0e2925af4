// Buttons for the choices of a graded question. A click writes `answer = "b"` into the cell that this stands
// under, through the page's own editor; where there is none, the line to write is shown.

const LETTERS = "abcdefgh";
const STYLE = `
.quiz-clicking fieldset { border: 1px solid currentColor; border-radius: 6px; margin: 4px 0; padding: 6px 14px 10px; min-width: 0; }
.quiz-clicking label { display: flex; gap: 9px; align-items: flex-start; padding: 4px 0; cursor: pointer; min-height: 24px; }
.quiz-clicking input { width: 18px; height: 18px; margin: 2px 0 0; flex: none; }
.quiz-clicking [role=status] { margin-top: 6px; min-height: 1.5em; }
.quiz-clicking code { font-family: var(--jp-code-font-family, monospace); }`;

// What the cell must say for these letters.
export function lineFor(chosen, multiple) {
  if (multiple) return `answer = [${chosen.map((x) => `"${x}"`).join(", ")}]`;
  return `answer = "${chosen[0] || ""}"`;
}

// The cell's text with its answer replaced; comments and other lines stay.
export function withAnswer(text, line) {
  const at = /^answer[ \t]*=[^#\n]*?(?=[ \t]*(#.*)?$)/m;
  return at.test(text) ? text.replace(at, () => line) : `${text.trimEnd()}\n${line}`.trimStart();
}

// The editor of the cell that holds this element: {read, write}, or null.
function editorOf(element) {
  const cell = element.closest(".jp-Cell, .cell");
  const content = cell?.querySelector(".cm-content");
  const view = content?.cmTile?.view ?? content?.cmView?.view ?? content?.cmView?.rootView?.view;
  if (view?.dispatch) {
    return {
      read: () => view.state.doc.toString(),
      write: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    };
  }
  const old = cell?.querySelector(".CodeMirror")?.CodeMirror;
  return old ? { read: () => old.getValue(), write: (text) => old.setValue(text) } : null;
}

// The texts of the choices, as the cell above the answer shows them.
function textsAbove(element, count) {
  let cell = element.closest(".jp-Cell, .cell")?.previousElementSibling;
  for (let steps = 0; cell && steps < 2; steps += 1, cell = cell.previousElementSibling) {
    const items = [...cell.querySelectorAll("li")].filter((item) => /^[a-h]\)/.test(item.textContent.trim()));
    if (items.length >= count) return items.slice(-count).map((item) => item.textContent.trim().slice(2).trim());
  }
  return [];
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "quiz-clicking";
  // Arrow keys choose here; JupyterLab would go to another cell. Ctrl+S still saves.
  root.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  });
  root.append(Object.assign(document.createElement("style"), { textContent: STYLE }));
  const box = document.createElement("fieldset");
  const multiple = model.get("multiple");
  box.append(Object.assign(document.createElement("legend"), { textContent: multiple ? "Choose all that are true" : "Choose one" }));
  const said = document.createElement("div");
  said.setAttribute("role", "status");
  said.textContent = model.get("words");
  const name = `choice-${Math.random().toString(36).slice(2)}`;
  const inputs = [...LETTERS.slice(0, model.get("count"))].map((letter) => {
    const input = Object.assign(document.createElement("input"), {
      type: multiple ? "checkbox" : "radio", name, value: letter, checked: model.get("chosen").includes(letter),
    });
    const label = document.createElement("label");
    label.append(input, Object.assign(document.createElement("span"), { textContent: `${letter})` }));
    box.append(label);
    return input;
  });

  function write() {
    const chosen = inputs.filter((input) => input.checked).map((input) => input.value);
    const line = lineFor(chosen, multiple);
    const editor = editorOf(root);
    if (editor) editor.write(withAnswer(editor.read(), line));
    model.set("chosen", chosen);
    model.save_changes();
    const code = Object.assign(document.createElement("code"), { textContent: line });
    said.replaceChildren(editor ? "Written into the cell: " : "Write this into the cell: ", code);
  }

  inputs.forEach((input) => input.addEventListener("change", write));
  root.append(box, said);
  el.append(root);
  // The texts stand in the page once this does.
  requestAnimationFrame(() => {
    textsAbove(root, inputs.length).forEach((text, i) => {
      inputs[i].nextElementSibling.textContent = `${LETTERS[i]}) ${text}`;
    });
  });
}

export default { render };
