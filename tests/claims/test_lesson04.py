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


def tuning_rows(found) -> pd.DataFrame:
    """(rival, rate, setting) -> (validation, selection)"""
    return pd.DataFrame(
        [
            {"rival": name, "rate": rate, "setting": setting, "seed": seed,
             "validation": validation + jitter(seed), "selection": kept}
            for (name, rate, setting), (validation, kept) in found.items()
            for seed in SEEDS
        ]
    )  # fmt: skip


AT_RATES = {lesson.PLAIN: {"rate": (1e-3, 3e-3, 1e-2)}}


def test_c19_lets_plain_fine_tuning_go_slower_as_long_as_it_is_as_good():
    rates = {1e-3: (0.85, 0.95), 3e-3: (0.893, 0.80), 1e-2: (0.90, 0.30)}
    rows = tuning_rows({(lesson.PLAIN, rate, None): v for rate, v in rates.items()})
    assert lesson.keeps_most(rows, AT_RATES) == {lesson.PLAIN: {"rate": 3e-3}}


def test_c19_chooses_a_method_by_what_it_keeps_among_settings_as_good_as_plain_at_its_best():
    plain = {(lesson.PLAIN, 1e-2, None): (0.90, 0.3), (lesson.PLAIN, 1e-3, None): (0.80, 0.9)}
    grids = {**AT_RATES, "L2-SP": {"rate": (1e-3, 1e-2), "setting": (1.0, 10.0)}}
    tried = {("L2-SP", 1e-2, 1.0): (0.95, 0.5), ("L2-SP", 1e-2, 10.0): (0.895, 0.8),
             ("L2-SP", 1e-3, 1.0): (0.85, 0.99)}  # fmt: skip
    chosen = lesson.keeps_most(tuning_rows({**plain, **tried}), grids)
    assert chosen["L2-SP"] == {"rate": 1e-2, "setting": 10.0}
    weak = {**tried, ("L2-SP", 1e-2, 1.0): (0.88, 0.5), ("L2-SP", 1e-2, 10.0): (0.87, 0.8)}
    chosen = lesson.keeps_most(tuning_rows({**plain, **weak}), grids)
    assert chosen["L2-SP"] == {"rate": 1e-2, "setting": 1.0}  # none is as good: best on validation


def c19_rows(found):
    """method -> (source, share of ten test pictures that are right)"""
    rows = [
        {
            "seed": seed, "method": method, "source": source + jitter(seed) * place,
            "test": right, "right": packed_right(right),
        }
        for place, (method, (source, right)) in enumerate(found.items())
        for seed in SEEDS
    ]  # fmt: skip
    return rows + [
        {"seed": seed, "method": name, "test": 0.5} for name in BASELINES for seed in SEEDS
    ]


def packed_right(share: float) -> str:
    labels = torch.arange(10)
    scores = torch.nn.functional.one_hot(labels, 10).float()
    scores[round(10 * share) :] = -scores[round(10 * share) :]
    return transfer.packed(scores, labels)


PLANTED = {
    lesson.PLAIN: (0.30, 0.8),
    lesson.HEAD_ONLY: (0.90, 0.6),
    **dict.fromkeys(lesson.KEEPERS, (0.50, 0.8)),
}


def test_c19_asks_of_the_mean_of_five_methods_that_it_keeps_more_and_costs_nothing():
    assert verdicts(C19, c19_rows(PLANTED)) == ["holds", "holds"]
    one_alone = {**PLANTED, **dict.fromkeys(lesson.KEEPERS[1:], (0.30, 0.8))}
    saved = result_of(C19, pd.DataFrame(c19_rows(one_alone))).judged[0]
    assert saved.estimate.value == pytest.approx(0.04) and saved.verdict != "holds"
    costly = {**PLANTED, **dict.fromkeys(lesson.KEEPERS, (0.50, 0.1))}
    assert verdicts(C19, c19_rows(costly)) == ["holds", "does not hold here"]


def test_a_remedy_is_free_when_it_keeps_five_points_more_and_loses_none_on_the_new_task():
    mixed = {**PLANTED, "EWC": (0.31, 0.8), "LwF": (0.60, 0.7)}
    found = lesson.saved_for_nothing(pd.DataFrame(c19_rows(mixed)))
    assert found == ["L2-SP", "replay", lesson.WISE]


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
    monkeypatch.setattr(lesson, "source_pictures", lambda net, n, **how: some_pictures(n))
    for name in ("_ends", "fisher"):
        monkeypatch.setattr(lesson, name, getattr(lesson, name).__wrapped__)
    monkeypatch.setattr(lesson, "OLD_FOR_TRAINING", 10)
    cache.forget()
    yield
    cache.forget()


TINY = {"train": 20, "batch": 10, "source_pictures": 10}
SOME = {lesson.PLAIN: {"rate": 1e-2}, lesson.HEAD_ONLY: {"rate": 1e-2},
        "small backbone rate": {"rate": 1e-2, "setting": 30.0},
        "L2-SP": {"rate": 1e-2, "setting": 1.0}, "EWC": {"rate": 1e-2, "setting": 10.0},
        "LwF": {"rate": 1e-2, "setting": 1.0}, "replay": {"rate": 1e-2, "setting": 0.3},
        lesson.WISE: {"rate": 1e-2, "setting": 0.5}}  # fmt: skip


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        (C18, {"epochs": (1, 2), "usual_epochs": 1}),
        (C19, {"epochs": 2, "methods": tuple(SOME), "settings": SOME}),
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
