"""The base of live widgets: the page paces the work, the kernel does it in small pieces.

How to make one, in two files. `NAME.py` holds a class; its settings are traits, its work is a
generator that yields after every small piece (20 ms or so), a message for the page or None:

    class Meter(LiveWidget):
        _esm = module("meter")                      # with live.js: one ES module
        epochs = traitlets.Int(5).tag(sync=True)    # a slider of the page sets it

        def work(self):
            run = prepare_run(...)
            for tick in run.ticks():
                yield None if tick.kind != "evaluate" else {"x": run.epoch, "y": ...}

        def snapshot(self):     # everything a new view needs to draw what has happened so far
            return {"points": self._points}

        def clear(self):        # Reset was pressed
            self._points = []

        def hint(self):         # shown instead of an empty picture, while nothing has happened
            return "" if self._points else "Press Train."

        def figure(self):       # the picture for GitHub, HTML export and run()
            return fig, "alt text"

`NAME.js` builds the page with the helpers of live.js and chart.js, which stand before it in the
same module:

    function render(context) {
      return mount(context, "meter", ({ model, root, live }) => {
        const chart = lineChart({ x: "epoch", y: "accuracy", range: [0, 1], label: "..." });
        chart.line("new", { color: "#0072B2", marker: "s" });
        root.append(slider(model, "epochs", { label: "Epochs", min: 1, max: 20 }),
          trainButtons(live, {}, () => chart.summary()), chart.element);
        live.on("snapshot", (all) => all.points.forEach((p) => chart.append("new", p.x, p.y)));
        live.on("message", (p) => chart.append("new", p.x, p.y));
        live.on("clear", () => chart.clear());
      });
    }
    export default { render };

A widget that only shows something (no work) needs neither `work` nor `clear`. Wanted at once
(button presses and the like): `act(name, **values)` on this side, `live.act(name, values)` there.

What goes between page and kernel. The page sends {do: "tick"}; the kernel resumes `work` for at
most `BUDGET` seconds under a lock and answers with the messages that came out; only then the page
sends the next tick. So nothing runs in the background, Stop and sliders act at the next tick, and
it works where messages are handled on the thread of the cells (Colab, ipykernel 6, JupyterLab with
kernel subshells disabled) as well as on another one (JupyterLab's default). `run(seconds)` does
the same without a page. Exceptions end the work and go into `error`, which the page shows.
"""

import html
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import anywidget
import traitlets

BUDGET = 0.08  # seconds that the kernel works for one tick
FOLDER = Path(__file__).parent


def module(name: str) -> str:
    """live.js, chart.js and NAME.js as one ES module: anywidget takes one, without imports."""
    parts = ("live", "chart", name)
    return "\n".join((FOLDER / f"{part}.js").read_text(encoding="utf-8") for part in parts)


def looks(*names: str) -> dict[str, dict[str, str]]:
    """How the page draws strategies and baselines: {name: {"color", "dash", "marker"}}.

    dash: an SVG stroke-dasharray. marker: one of matplotlib's letters, which live.js draws too.
    Raises KeyError for a name that figures.LOOKS does not have.
    """
    from course_lib.measure.figures import LOOKS

    dashes = {"-": "", "--": "7 4", "-.": "8 3 2 3", ":": "2 3"}
    return {
        name: {
            # Black would vanish on a dark page.
            "color": "var(--live-ink)" if LOOKS[name].color == "#000000" else LOOKS[name].color,
            "dash": dashes[LOOKS[name].linestyle],
            "marker": LOOKS[name].marker,
        }
        for name in names
    }


class LiveWidget(anywidget.AnyWidget):
    """A widget whose work is done in ticks; see the module's docstring for how to make one.

    error: what went wrong, for the page to show; empty when nothing did.
    running: the work is under way (whether or not a page is there to ask for the next tick).
    finished: `work` came to its end.
    """

    error = traitlets.Unicode("").tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        self.running = self.finished = False
        self._work: Iterator[dict | None] | None = None
        self._slow = 0.0  # seconds that a slow piece has taken of late
        self._lock = threading.RLock()
        self.on_msg(self._receive)

    # ---- what a subclass gives

    def work(self) -> Iterator[dict | None]:
        """The work, as a generator of small pieces; a yielded dict (plain JSON) is a message."""
        yield from ()

    def snapshot(self) -> dict:
        """Plain JSON from which a new view draws all that has happened so far."""
        return {}

    def clear(self) -> None:
        """Forget what the work has made so far."""

    def act(self, name: str, **values) -> None:
        """Do at once, and quickly, what the page asks for by `live.act(name, values)`."""

    def figure(self):
        """(matplotlib figure, alt text) of the widget as it stands now."""
        raise NotImplementedError

    def hint(self) -> str:
        """What to do first, while there is nothing to see yet: it stands in place of `figure`."""
        return ""

    # ---- the work, driven by the page or by run()

    def start(self) -> None:
        """Begin the work, or go on where it was stopped."""
        with self._lock:
            if self._work is None:
                self._work, self.finished = self.work(), False
            self.running, self.error = not self.finished, ""

    def stop(self) -> None:
        """Do nothing at the next tick. `start` goes on from here."""
        self.running = False

    def reset(self) -> None:
        """Stop and forget."""
        with self._lock:
            self._end()
            self.finished = False
            self.clear()
        give_back()

    def tick(self, budget: float = BUDGET) -> list[dict]:
        """Work for about `budget` seconds, a piece at least; gives the messages that came out.

        No piece is begun that would end too late, were it as long as the slow ones of late.
        """
        messages, deadline = [], time.perf_counter() + budget
        with self._lock:
            while self.running:
                begin = time.perf_counter()
                try:
                    message = next(self._work)
                except StopIteration:
                    self.running, self.finished = False, True
                    give_back()
                except KeyboardInterrupt:  # the generator is dead now: start makes a new one
                    self._end()
                    raise
                except Exception as problem:  # shown on the page: nobody reads the kernel's log
                    self._end()
                    self.error = describe(problem)
                else:
                    messages += [] if message is None else [message]
                now = time.perf_counter()
                self._slow = max(now - begin, 0.9 * self._slow)
                if now + self._slow > deadline:
                    break
        return messages

    def run(self, seconds: float = 30.0) -> None:
        """Work without a page for at most so many seconds, then show the result as a picture.

        Pages that show the widget follow. Ctrl-C (the notebook's stop button) ends it early.
        Raises RuntimeError with the text of `error` when the work fails.
        """
        from course_lib.measure.figures import show, style

        deadline = time.monotonic() + seconds
        self.start()
        try:
            while self.running and time.monotonic() < deadline:
                self._reply("tick", messages=self.tick())
        except KeyboardInterrupt:
            pass
        self.stop()
        self._reply("tick", messages=[])
        if self.error:
            raise RuntimeError(self.error)
        if hint := self.hint():
            print(hint)
            return
        with style():
            show(*self.figure())

    def _end(self) -> None:
        self.running, self._work = False, None

    # ---- messages

    def _receive(self, _, content: dict, buffers=None) -> None:
        """A message of the page: {"do": "hello" | "start" | "tick" | "stop" | "reset" | "act"}."""
        do, view = content.get("do"), content.get("view")
        try:
            if do == "tick":
                self._reply("tick", view, messages=self.tick())
            elif do == "hello":
                with self._lock:
                    self._reply("snapshot", view, all=self.snapshot())
            elif do == "reset":
                self.reset()
                self._reply("clear", view)
            elif do == "act":
                with self._lock:
                    self.act(content["name"], **content.get("values", {}))
                self._reply("act", view)
            elif do in ("start", "stop"):
                getattr(self, do)()
                self._reply(do, view)
        except (Exception, KeyboardInterrupt) as problem:  # as in tick
            self.stop()
            self.error = (
                "Interrupted." if isinstance(problem, KeyboardInterrupt) else describe(problem)
            )
            self._reply(do, view)

    def _reply(self, kind: str, view: str | None = None, **data) -> None:
        state = {"running": self.running, "finished": self.finished}
        self.send({"kind": kind, "view": view, **state, **data})

    def say(self, message: dict) -> None:
        """Send a message to every page outside of the work, for instance from `act`."""
        self._reply("message", messages=[message])

    # ---- where no widgets run

    _ipython_display_ = None  # ipywidgets 7 would show itself, without the picture

    def _repr_mimebundle_(self, **options):
        """The widget, and beside it a picture, or a hint, for pages that run no widgets."""
        from course_lib.measure.figures import picture, style

        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        if data is None:
            return bundle
        if hint := self.hint():
            return {**data, "text/html": f"<p><em>{html.escape(hint)}</em></p>"}, metadata
        with style():
            still, about = picture(*self.figure())
        return {**data, **still}, {**metadata, **about}


def give_back() -> None:
    """Memory that the work has used goes back to the system: a kernel on Binder has 2 GB."""
    from course_lib.lab import memory

    memory.give_back()


def describe(problem: Exception) -> str:
    """An exception in words for the page: a CourseError says it all, others name their type."""
    from course_lib.errors import CourseError

    if isinstance(problem, CourseError):
        return str(problem)
    return f"{type(problem).__name__}: {problem}"
