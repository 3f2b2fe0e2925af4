"""A run that nobody holds any more is gone at once; live widgets give back what they used."""

import gc
import weakref

import pytest

from course_lib import fit, prepare_run
from course_lib import strategies as S
from course_lib.adaptation import lenet, load_domains
from course_lib.adaptation.methods import DANN
from course_lib.adaptation.running import prepare_adaptation
from course_lib.lab import memory
from course_lib.widgets.live import LiveWidget
from tests.fakes import small_backbone, small_task


@pytest.fixture
def uncollected():
    """Without garbage collection: what is gone was held by nothing, not even by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("kind", ["cache", "train", "evaluate", None])
def test_a_run_that_was_stopped_and_dropped_is_gone_with_its_net(uncollected, kind):
    run = prepare_run(small_backbone(), small_task(), S.FINE_TUNING, 2)
    gone = [weakref.ref(run), weakref.ref(run.model.net.conv1.weight)]
    if kind:
        assert next(tick for tick in run.ticks() if tick.kind == kind)
    del run
    assert [ref() for ref in gone] == [None, None]


def test_a_finished_run_that_was_dropped_is_gone(uncollected):
    run = fit(small_backbone(), small_task(), S.FINE_TUNING, 1, progress=False)
    gone = weakref.ref(run)
    del run
    assert gone() is None


def test_a_run_lives_while_it_is_looped_over(uncollected):
    ticks = list(prepare_run(small_backbone(), small_task(), S.FINE_TUNING, 1).ticks())
    assert ticks[-1].kind == "evaluate"


def test_a_loop_that_was_left_is_taken_up_by_the_next():
    run = prepare_run(small_backbone(), small_task(), S.FINE_TUNING, 2, batch_size=5)
    whole = prepare_run(small_backbone(), small_task(), S.FINE_TUNING, 2, batch_size=5)
    ticks = [next(run.ticks()) for _ in range(4)] + list(run.ticks())
    assert ticks == list(whole.ticks()) and run.finished and list(run.ticks()) == []


def test_an_adaptation_that_was_stopped_and_dropped_is_gone(uncollected):
    run = prepare_adaptation(lenet(), load_domains("digits", 20), DANN, steps=2, batch=4)
    gone = weakref.ref(run)
    next(run.ticks())
    del run
    assert gone() is None


class Working(LiveWidget):
    _esm = ""

    def work(self):
        yield
        yield


def test_a_live_widget_gives_memory_back_at_its_end_and_at_reset(monkeypatch):
    given = []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(True))
    widget = Working()
    widget.start()
    while widget.running:
        widget.tick()
    assert len(given) == 1
    widget.reset()
    assert len(given) == 2
