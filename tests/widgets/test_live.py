"""The base of live widgets: work in ticks, messages to the page, errors, a picture beside."""

import json
from pathlib import Path

import pytest
import traitlets

from course_lib.errors import CourseError
from course_lib.widgets import live
from course_lib.widgets.live import LiveWidget


class Counter(LiveWidget):
    """Counts to `last`, a message for every second number."""

    _esm = "export default { render() {} };"
    last = traitlets.Int(6).tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        self.count, self.sent, self.acted = 0, [], []

    def work(self):
        while self.count < self.last:
            self.count += 1
            yield {"count": self.count} if self.count % 2 == 0 else None
            if self.count == 13:
                raise CourseError("Thirteen is not allowed.")

    def snapshot(self):
        return {"count": self.count}

    def clear(self):
        self.count = 0

    def act(self, name, **values):
        self.acted.append((name, values))

    def figure(self):
        from matplotlib import pyplot as plt

        return plt.figure(figsize=(1, 1)), f"A count of {self.count}."

    def send(self, content, buffers=None):
        self.sent.append(json.loads(json.dumps(content)))


@pytest.fixture
def widget():
    return Counter()


def page(widget, do, **more):
    """The page sends a message; gives what the kernel answers."""
    widget._receive(widget, {"do": do, "view": "v", **more})
    return widget.sent[-1]


def test_a_tick_without_start_does_nothing(widget):
    assert page(widget, "tick")["messages"] == [] and widget.count == 0


def test_a_tick_works_for_its_budget_and_goes_on_at_the_next(widget):
    widget.start()
    assert widget.tick(budget=0) == []  # the first number has no message
    assert widget.count == 1
    answer = page(widget, "tick")  # the rest fits into one
    assert [m["count"] for m in answer["messages"]] == [2, 4, 6]
    assert answer == {**answer, "kind": "tick", "view": "v", "running": False, "finished": True}


def test_stop_keeps_the_place_and_reset_forgets_it(widget, monkeypatch):
    widget.last = 100
    clock = iter(range(1000))
    monkeypatch.setattr(live.time, "perf_counter", lambda: next(clock) * live.BUDGET * 0.4)
    page(widget, "start")
    page(widget, "tick")
    reached = widget.count
    assert 0 < reached < 100
    assert page(widget, "stop")["running"] is False
    page(widget, "tick")
    assert widget.count == reached
    page(widget, "start")
    page(widget, "tick")
    assert widget.count > reached
    assert page(widget, "reset")["kind"] == "clear"
    assert widget.count == 0 and not widget.running


def test_an_error_in_the_work_ends_it_and_is_told_to_the_page(widget):
    widget.last = 20
    page(widget, "start")
    answer = page(widget, "tick")
    assert widget.error == "Thirteen is not allowed."
    assert answer["running"] is False and answer["messages"][-1] == {"count": 12}
    widget.last = 5
    page(widget, "reset")
    page(widget, "start")
    assert widget.error == ""
    page(widget, "tick")
    assert widget.finished


def test_an_unexpected_error_names_its_type(widget):
    def fails(name, **values):
        raise ValueError("no")

    widget.act = fails
    page(widget, "act", name="press", values={})
    assert widget.error == "ValueError: no"


def test_a_new_view_gets_all_that_has_happened(widget):
    widget.start()
    widget.tick()
    assert page(widget, "hello") == {
        "kind": "snapshot",
        "view": "v",
        "running": False,
        "finished": True,
        "all": {"count": 6},
    }


def test_an_act_gets_its_values(widget):
    page(widget, "act", name="choose", values={"channel": 3})
    assert widget.acted == [("choose", {"channel": 3})]


def test_run_works_without_a_page_and_shows_the_picture(widget, capsys):
    widget.run(5)
    assert widget.finished and "A count of 6." in capsys.readouterr().out
    widget.reset()
    widget.last = 14
    with pytest.raises(RuntimeError, match="Thirteen"):
        widget.run(5)


def test_the_bundle_carries_the_widget_and_its_picture(widget):
    data, metadata = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["image/png"] and 'alt="A count of 0."' in data["text/html"]
    assert metadata["image/png"]["alt"] == "A count of 0."


def test_while_there_is_nothing_to_see_a_hint_stands_in_place_of_an_empty_picture(
    widget, monkeypatch, capsys
):
    monkeypatch.setattr(Counter, "hint", lambda self: "" if self.count else "Press <Train>.")
    data, metadata = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"] == "<p><em>Press &lt;Train&gt;.</em></p>"
    assert "image/png" not in data and "image/png" not in metadata
    widget.run(0)
    assert capsys.readouterr().out == "Press <Train>.\n"
    widget.run(5)
    assert "image/png" in widget._repr_mimebundle_()[0]


def test_a_notebook_gets_the_whole_bundle(widget):
    """ipywidgets 7 has a method of its own that would come first and leave the picture out."""
    from IPython.core.formatters import DisplayFormatter

    data, metadata = DisplayFormatter().format(widget)
    assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(data)
    assert metadata["image/png"]["alt"]


def test_every_live_widget_is_one_module_that_parses():
    folder = Path(live.__file__).parent
    built_on_it = [
        path.stem
        for path in folder.glob("*.js")
        if path.stem not in ("live", "chart") and "mount(" in path.read_text(encoding="utf-8")
    ]
    assert {"race", "weights_flow", "advisor"} <= set(built_on_it)
    for name in built_on_it:
        text = live.module(name)
        assert text.count("export default") == 1, name
        assert "http" not in text.replace("http://www.w3.org/2000/svg", ""), name
