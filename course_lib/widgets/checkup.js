// The machine check of lesson 00. The last two lines depend on the page itself and on the kernel's answer to it.

const CHECKUP_STYLE = `
.live-checkup ul { list-style: none; margin: 0; padding: 0; }
.live-checkup li { display: grid; grid-template-columns: 1.6em 6.5em 1fr; padding: 1px 0; }
.live-checkup .mend { grid-column: 3; font-weight: 600; }
.live-checkup .problem > :first-child, .live-checkup .mend { color: var(--live-error); }
.live-checkup .mark { font-weight: 700; }`;

const MARKS = { ok: "✓", warning: "!", problem: "✗", waiting: "…" };
const MEND_3D = "Switch hardware acceleration on in the browser's settings, or try another browser; "
  + "without it a still picture stands in for each 3D view.";
const MEND_WIDGETS = "No answer from the kernel. Choose Kernel > Restart Kernel and run this cell again; if that does "
  + "not help, close JupyterLab and start it with `make lab`.";

function canDrawIn3D() {
  try {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  } catch {
    return false;
  }
}

function line({ name, status, found, mend }) {
  const item = make("li", { class: status, "data-check": name },
    make("span", { class: "mark", role: "img", "aria-label": status, textContent: MARKS[status] }),
    make("span", { textContent: name }), make("span", { textContent: found }));
  if (mend) item.append(make("span", { class: "mend", textContent: mend }));
  return item;
}

function render(context) {
  return mount(context, "checkup", ({ root, live }) => {
    const list = make("ul", { "aria-label": "Checks of this machine" });
    root.append(make("style", { textContent: CHECKUP_STYLE }), list);
    const webgl = canDrawIn3D();
    let answer = line({ name: "answers", status: "waiting", found: "waiting for the kernel to hear this page" });
    const settle = (check) => {
      const next = line(check);
      answer.replaceWith(next);
      answer = next;
    };
    live.on("snapshot", ({ checks }) => {
      list.replaceChildren(...checks.map(line),
        line(webgl ? { name: "3D here", status: "ok", found: "this browser draws in 3D" }
          : { name: "3D here", status: "warning", found: "this browser has no WebGL", mend: MEND_3D }),
        answer);
      live.act("arrived", { webgl });
    });
    live.on("message", ({ heard }) => {
      if (heard) settle({ name: "answers", status: "ok", found: "page and kernel hear each other" });
    });
    live.on("state", ({ waiting }) => {
      if (waiting && !answer.isConnected) list.append(answer);
      if (waiting) settle({ name: "answers", status: "problem", found: "page and kernel do not hear each other", mend: MEND_WIDGETS });
    });
  });
}

export default { render };
