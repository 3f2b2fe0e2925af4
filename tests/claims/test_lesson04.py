"""Lesson 04's claims: on rows planted by hand, and run whole on a tiny net and task."""

import pandas as pd
import pytest
import torch

from course_lib import CourseError, load_task
from course_lib.claims.lesson04 import C18, C19, C20, C21
from course_lib.claims.trials import forgetting as lesson
from course_lib.claims.trials import surface, transfer
from course_lib.lab import cache
from course_lib.lab.claim import result_of
from course_lib.lab.looks import BASELINES
from tests.claims.whole import run_whole
from tests.fakes import pictures, small_backbone, small_task

SEEDS = (0, 1, 2)


def jitter(seed: int) -> float:
    """What draws 0, 1 and 2 of planted rows differ by."""
    return 0.002 * (seed - 1)


def verdicts(claim, rows: list[dict]) -> list[str]:
    return [one.verdict for one in result_of(claim, pd.DataFrame(rows)).judged]


def test_a_narrowed_task_keeps_the_number_of_labels_and_renumbers_nothing():
    trial = {"task": "digits", "train": 40, "seed": 0, "classes": 2}
    task = lesson.load(trial)
    assert task.classes == ("0", "1") and len(task.train.labels) == 40
    assert set(task.test.labels.tolist()) == {0, 1}
    whole = load_task("digits", train=200, seed=0)
    keep = whole.train.labels < 2
    assert torch.equal(task.train.pictures, whole.train.pictures[keep])
    assert lesson.load({**trial, "classes": 10}) is load_task("digits", train=40, seed=0)


def test_a_sweep_changes_one_setting_and_leaves_the_others_as_usual():
    size = {**C18.quick, "seeds": (0,), "usual_rate": 5e-4, "usual_epochs": 4}
    size |= {"rate": (1e-3,), "epochs": (8,), "classes": (2,)}
    found = [(t["strategy"]["lr"], t["epochs"], t["classes"]) for t in lesson.sweeps(size)]
    assert found == [(1e-3, 4, 10), (5e-4, 8, 10), (5e-4, 4, 2)]


def c18_rows(lost):
    """sweep -> {value: share lost}"""
    return [
        {
            "sweep": sweep, "value": value, "seed": seed, "before": 0.9,
            "source": 0.9 - points + jitter(seed) * (value == max(values)), "test": 0.8,
        }
        for sweep, values in lost.items()
        for value, points in values.items()
        for seed in SEEDS
    ]  # fmt: skip


def test_c18_reads_narrowness_backwards_fewer_classes_are_harsher():
    lost = {"rate": {1e-4: 0.0, 1e-3: 0.5}, "epochs": {2: 0.1, 8: 0.4},
            "classes": {2: 0.6, 10: 0.2}}  # fmt: skip
    assert verdicts(C18, c18_rows(lost)) == ["holds"] * 3
    lost["classes"] = {2: 0.2, 10: 0.6}
    assert verdicts(C18, c18_rows(lost)) == ["holds", "holds", "does not hold here"]


def test_what_was_known_before_is_a_level_and_no_point_of_a_sweep():
    long = lesson.by_task(pd.DataFrame(c18_rows({"epochs": {2: 0.1, 8: 0.4}})))
    before = long[long["of"] == lesson.BEFORE]
    assert before["value"].isna().all() and (before["accuracy"] == 0.9).all()
    after = long[(long["of"] == lesson.OLD) & (long["value"] == 8)]
    assert after["lost"].mean() == pytest.approx(0.4, abs=1e-3) and len(long) == 3 * 2 * 3


def c19_rows(found):
    """(method, setting) -> (validation, test, source, selection)"""
    rows = [
        {
            "seed": seed, "method": method, "setting": setting,
            "validation": values[0] + jitter(seed), "test": values[1] + jitter(seed),
            "source": values[2], "selection": values[3],
        }
        for (method, setting), values in found.items()
        for seed in SEEDS
    ]  # fmt: skip
    return rows + [
        {"seed": seed, "method": name, "test": 0.5} for name in BASELINES for seed in SEEDS
    ]


PLANTED = {
    (lesson.PLAIN, 0.01): (0.80, 0.80, 0.30, 0.3),
    ("L2-SP", 0.1): (0.82, 0.82, 0.50, 0.5),
    ("L2-SP", 1.0): (0.81, 0.81, 0.80, 0.8),
    ("L2-SP", 10.0): (0.60, 0.60, 0.90, 0.9),
    (lesson.WISE, 0.5): (0.81, 0.82, 0.70, 0.7),
}


def test_c19_chooses_what_keeps_most_among_settings_as_good_as_plain_on_validation():
    chosen = lesson.chosen_settings(pd.DataFrame(c19_rows(PLANTED)))
    assert chosen == {lesson.PLAIN: 0.01, "L2-SP": 1.0, lesson.WISE: 0.5}
    weak = {**PLANTED, ("L2-SP", 0.1): (0.7, 0.9, 0.5, 0.5), ("L2-SP", 1.0): (0.6, 0.9, 0.8, 0.8)}
    chosen = lesson.chosen_settings(pd.DataFrame(c19_rows(weak)))
    assert chosen["L2-SP"] == 0.1  # none is as good: best on validation


def test_c19_ranks_remedies_that_cost_nothing_and_asks_of_the_second():
    rows = pd.DataFrame(c19_rows(PLANTED))
    places = lesson.compared(rows).groupby("method")["place"].first().dropna().to_dict()
    assert places == {"L2-SP": 1, lesson.WISE: 2}
    (judged,) = result_of(C19, rows).judged
    assert judged.estimate.value == pytest.approx(0.4) and judged.verdict == "holds"
    assert set(lesson.saved_for_nothing(rows)) == {"L2-SP", lesson.WISE}


def test_c19_puts_plain_fine_tuning_in_the_place_of_a_missing_second():
    costly = {**PLANTED, (lesson.WISE, 0.5): (0.81, 0.70, 0.70, 0.7)}
    rows = pd.DataFrame(c19_rows(costly))
    (judged,) = result_of(C19, rows).judged
    assert judged.estimate.value == 0 and judged.verdict == "does not hold here"
    assert lesson.saved_for_nothing(rows) == ["L2-SP"]
    costly[("L2-SP", 1.0)] = (0.81, 0.70, 0.80, 0.8)
    rows = pd.DataFrame(c19_rows(costly))
    assert verdicts(C19, c19_rows(costly)) == ["does not hold here"]
    assert lesson.saved_for_nothing(rows) == []


def c20_rows(lost):
    """batch -> share lost in train mode"""
    return [
        {
            "task": "digits", "seed": seed, "batch": batch, "mode": mode, "before": 0.9,
            "source": 0.9 - (points + jitter(seed) if mode == lesson.TRAIN_MODE else 0),
            "test": 0.6,
        }
        for mode in lesson.MODES
        for batch, points in lost.items()
        for seed in SEEDS
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ({2: 0.6, 32: 0.2}, ["holds", "holds", "holds"]),
        ({2: 0.6, 32: 0.0}, ["holds", "does not hold here", "holds"]),
        ({2: 0.2, 32: 0.6}, ["holds", "holds", "does not hold here"]),
    ],
)
def test_c20_wants_damage_at_every_batch_size_and_most_at_the_smallest(lost, expected):
    rows = c20_rows(lost)
    for row in rows:  # the difference of the two batch sizes varies too
        row["source"] += jitter(row["seed"]) * (row["batch"] == 32)
    assert verdicts(C20, rows) == expected


def c21_rows(tests, sources, shares=(0.0, 0.5, 1.0)):
    return [
        {
            "seed": seed, "share": share, "statistics": "kept",
            "test": test + jitter(seed), "source": source + jitter(seed) * share,
        }
        for share, test, source in zip(shares, tests, sources, strict=True)
        for seed in SEEDS
    ]  # fmt: skip


def test_c21_asks_half_way_and_looks_for_a_valley():
    assert verdicts(C21, c21_rows((0.7, 0.85, 0.8), (0.9, 0.8, 0.3))) == ["holds"] * 3
    refuted = "does not hold here"
    assert verdicts(C21, c21_rows((0.7, 0.3, 0.8), (0.9, 0.8, 0.3))) == ["holds", refuted, refuted]


def test_the_deepest_point_lies_between_the_ends_and_is_one_share_for_all_draws():
    rows = c21_rows((0.2, 0.7, 0.6, 0.8), (0.9, 0.9, 0.8, 0.3), (0.0, 0.3, 0.7, 1.0))
    rows += [{**row, "statistics": "recomputed", "test": 0.0} for row in rows]
    found = lesson.with_valley(pd.DataFrame(rows))
    deepest = found[found["deepest"]]
    assert set(deepest["share"]) == {0.7} and set(deepest["statistics"]) == {"kept"}
    assert deepest["over"].tolist() == pytest.approx([0.4] * 3)


def test_without_both_ends_no_point_is_deepest():
    found = lesson.with_valley(pd.DataFrame(c21_rows((0.7, 0.6), (0.9, 0.8), (0.5, 1.0))))
    assert not found["deepest"].any()


@pytest.fixture
def small(monkeypatch):
    """A tiny net and task in place of the real ones, and nothing remembered of them."""
    net = small_backbone()

    def task(name, train=None, seed=0):
        return small_task(train, classes=10)

    def some_pictures(n):
        return pictures(n, classes=5)

    for module in (lesson, transfer):
        monkeypatch.setattr(module, "backbone", lambda: net)
        monkeypatch.setattr(module, "load_task", task)
    for name in ("source", "old_pictures", "selection"):
        monkeypatch.setattr(lesson, name, some_pictures)
    for name in ("_ends", "fisher"):
        monkeypatch.setattr(lesson, name, getattr(lesson, name).__wrapped__)
    monkeypatch.setattr(lesson, "OLD_FOR_TRAINING", 10)
    cache.forget()
    yield
    cache.forget()


TINY = {"train": 20, "batch": 10, "source_pictures": 10}
SOME = {lesson.PLAIN: (1e-2,), "EWC": (10.0,), "replay": (0.3,), "layer-wise decay": (0.5,),
        "gradual unfreezing": (1,), "LwF": (1.0,), lesson.HEAD_ONLY: (1e-2,),
        lesson.WISE: (0.5,)}  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        (C18, {"epochs": (1, 2), "usual_epochs": 1}),
        (C19, {"epochs": 2, "methods": SOME}),
        (C20, {"epochs": 1}),
        (C21, {"epochs": 1, "statistics": ("kept", "recomputed")}),
    ],
    ids=lambda one: getattr(one, "tag", ""),
)
def test_every_claim_runs_judges_and_draws_on_a_tiny_task(claim, changes, small):
    run_whole(claim, {**claim.quick, **TINY, **changes})


def test_the_surface_of_two_runs_is_drawn_around_the_pretrained_point(monkeypatch):
    net = small_backbone()
    monkeypatch.setattr(surface, "load_backbone", lambda name: net)
    monkeypatch.setattr(surface, "load_task", lambda name, train, seed: small_task(train))
    monkeypatch.setattr(surface, "source_pictures", lambda net, n: pictures(n, classes=5))
    view = surface.surface(points=3, pictures=8, epochs=1, train=30, every=1)
    assert view.losses.shape == (3, 3)
    assert [path.name for path in view.paths] == list(surface.PATHS)
    assert all(len(path.losses) == 3 for path in view.paths)  # the start and 2 steps
    with pytest.raises(CourseError, match="directions must be"):
        surface.surface(directions="up")


def test_the_stored_surface_can_be_read():
    assert surface.stored_surface().losses.ndim == 2
