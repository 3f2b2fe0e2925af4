"""The tuning engine, on made-up runs for its search and on small real ones for its honesty."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from course_lib import CourseError, tune
from course_lib import strategies as S
from course_lib.train import tuning
from course_lib.train.forgetting import L2SP
from course_lib.train.stepping import Diverged
from tests.fakes import small_backbone, small_task


@dataclass
class FakeRun:
    strategy: S.Strategy
    settings: SimpleNamespace
    task: object
    validation: float
    seconds: float = 1.0


@pytest.fixture
def scored(monkeypatch):
    """tune with a made-up validation score: a function of (lr, epochs, mitigation)."""

    def with_score(score, **how):
        def fit(model, task, strategy, epochs, *, lr, mitigation=None, **settings):
            value = score(lr, epochs, mitigation)
            if value is None:
                raise Diverged("no number")
            strategy = replace(strategy, lr=lr)
            return FakeRun(strategy, SimpleNamespace(epochs=epochs), task, value)

        monkeypatch.setattr(tuning, "fit", fit)
        return tune(small_backbone(), small_task(), S.FULL_FINE_TUNING, **how)

    return with_score


def peak_at(best):
    """A score that falls with the number of factors of 10 from `best`."""
    import math

    return lambda lr, epochs, mitigation: 1 - 0.1 * abs(math.log10(lr / best))


def test_a_grid_whose_best_value_lies_inside_stays_as_it_is(scored):
    found = scored(peak_at(1e-2), rates=(1e-3, 1e-2, 1e-1))
    assert found.strategy.lr == 1e-2 and len(found.tried) == 3 and found.on_edge == ()


@pytest.mark.parametrize("best", [1e-5, 10.0])
def test_a_grid_whose_best_value_lies_on_its_edge_grows_by_its_own_step(scored, best):
    found = scored(peak_at(best), rates=(1e-3, 1e-2, 1e-1))
    assert found.strategy.lr == pytest.approx(best)
    assert len(found.tried) == 3 + 3 and found.on_edge == ()  # two steps there, one beyond


def test_an_optimum_out_of_reach_is_said_to_lie_on_the_edge(scored):
    found = scored(peak_at(1e-9), rates=(1e-3, 1e-2), widen=2)
    assert found.strategy.lr == pytest.approx(1e-5) and found.on_edge == ("lr",)
    assert "lr on the edge of what was tried" in str(found)
    fixed = scored(peak_at(1e-9), rates=(1e-3, 1e-2), widen=0)
    assert len(fixed.tried) == 2 and fixed.on_edge == ("lr",)


def test_a_plateau_at_the_edge_is_no_reason_to_grow(scored):
    found = scored(lambda *_: 0.8, rates=(1e-3, 1e-2, 1e-1))
    assert len(found.tried) == 3 and found.strategy.lr == 1e-3 and found.on_edge == ()


def test_an_axis_of_one_value_is_a_choice_and_never_grows(scored):
    found = scored(lambda lr, epochs, _: epochs / 100, rates=(1e-2,), epochs=10)
    assert len(found.tried) == 1 and found.on_edge == ()


def test_epochs_grow_in_whole_numbers(scored):
    found = scored(lambda lr, epochs, _: -abs(epochs - 30), rates=(1e-2,), epochs=(5, 10))
    assert [one.epochs for one in found.tried] == [5, 10, 20, 40]
    assert found.epochs == 20


def test_a_methods_own_strength_is_searched_like_a_rate(scored):
    def score(lr, epochs, mitigation):
        return 1 - abs(mitigation.strength - 4.0) / 10

    found = scored(
        score, rates=(1e-2,), strengths=(0.5, 1.0), method=lambda s: {"mitigation": L2SP(s)}
    )
    assert found.strength == 4.0 and [one.strength for one in found.tried] == [0.5, 1, 2, 4, 8]


def test_a_method_may_stand_for_another_strategy(scored):
    ratios = []
    found = scored(
        peak_at(1e-2),
        rates=(1e-2,),
        strengths=(1.0, 100.0),
        method=lambda s: ratios.append(s) or {"strategy": replace(S.FINE_TUNING, head_lr_ratio=s)},
    )
    assert ratios == [1, 100] and found.strategy.head_lr_ratio == 1  # the first of equals


def test_a_setting_that_diverges_is_told_and_not_chosen(scored):
    found = scored(lambda lr, *_: None if lr > 1 else 0.1, rates=(10.0, 1e-3))
    assert found.strategy.lr == 1e-3
    assert found.tried[0].validation is None
    with pytest.raises(CourseError, match="no rate"):
        scored(lambda *_: None, rates=(10.0,))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"rates": ()}, "rates is empty"),
        ({"rates": 0.1}, "rates must"),
        ({"rates": (1e30,)}, "rates must"),
        ({"epochs": ()}, "epochs must"),
        ({"epochs": 0}, "epochs must"),
        ({"widen": -1}, "widen must"),
        ({"strengths": (1.0,)}, "go together"),
        ({"method": lambda s: {}}, "go together"),
    ],
)
def test_nothing_to_try_is_refused_with_what_to_give(scored, how, says):
    with pytest.raises(CourseError, match=says):
        scored(peak_at(1e-2), **how)


def test_the_default_rates_lie_around_the_strategys_own_on_this_net(scored):
    found = scored(peak_at(1e-2))
    assert sorted(one.lr for one in found.tried) == pytest.approx([1e-3, 3e-3, 1e-2, 3e-2])


def test_what_was_spent_is_told(scored):
    found = scored(peak_at(1e-2), rates=(1e-3, 1e-2, 1e-1))
    assert found.seconds == 3.0
    assert found.labels == 14 + 12  # validation labels are labels
    assert "chosen of 3 settings in 3 s of training, with 14 + 12 labels" in str(found)


def test_a_real_search_looks_at_no_test_picture(monkeypatch):
    from course_lib.train import loop as training

    looked, original = [], training.evaluate

    def watch(model, data, split="test", metric=None):
        looked.append(split)
        return original(model, data, split, metric)

    monkeypatch.setattr(training, "evaluate", watch)
    found = tune(
        small_backbone(), small_task(train=30), S.SCRATCH, rates=(1e-6, 1e-2), epochs=[2, 15],
        widen=0,
    )  # fmt: skip
    assert "test" not in looked and "test" not in found.run._scores
    assert [(t.lr, t.epochs) for t in found.tried] == [(1e-6, 2), (1e-6, 15), (1e-2, 2), (1e-2, 15)]
    assert found.run.validation == max(one.validation for one in found.tried)
    assert found.strategy.lr == 1e-2 and found.run.strategy == found.strategy
