"""Lesson 04's claims: judged on planted rows, and run once on a tiny task."""

import pytest
import torch
from course_lib.experiments.registry import claim
from course_lib.experiments.trials import BASELINES

from course_lib import CourseError, load_task
from course_lib.experiments import forgetting as lesson
from tests.experiments.runs import jitter, run_judge_and_draw

SEEDS = (0, 1, 2)


def test_a_narrowed_task_keeps_the_number_of_labels_and_renumbers_nothing():
    trial = {"task": "digits", "train": 40, "seed": 0, "classes": 2}
    task = lesson.load(trial)
    assert task.classes == ("0", "1") and len(task.train.labels) == 40
    assert set(task.test.labels.tolist()) == {0, 1}
    whole = load_task("digits", train=200, seed=0)
    keep = whole.train.labels < 2
    assert torch.equal(task.train.pictures, whole.train.pictures[keep])
    assert lesson.load({**trial, "classes": 10}) is load_task("digits", train=40, seed=0)


def c18_rows(lost):
    """Planted rows: sweep -> {value: points lost}."""
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
    assert lesson.c18_judge(c18_rows(lost)).verdict == "holds"
    lost["classes"] = {2: 0.2, 10: 0.6}
    rows = c18_rows(lost)
    assert lesson.sweep_verdicts(rows) == {
        "rate": "holds", "epochs": "holds", "classes": "does not hold here"
    }  # fmt: skip
    assert lesson.c18_judge(rows).verdict == "holds in part"


def c19_rows(found):
    """Planted rows: (method, setting) -> (validation, test, source, selection)."""
    rows = [
        {
            "seed": seed, "train": 60, "method": method, "setting": setting,
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
    chosen = lesson._choose(c19_rows(PLANTED))
    assert chosen == {lesson.PLAIN: 0.01, "L2-SP": 1.0, lesson.WISE: 0.5}
    weak = {**PLANTED, ("L2-SP", 0.1): (0.7, 0.9, 0.5, 0.5), ("L2-SP", 1.0): (0.6, 0.9, 0.8, 0.8)}
    assert lesson._choose(c19_rows(weak))["L2-SP"] == 0.1  # none is as good: best on validation


def test_c19_counts_remedies_that_cost_nothing():
    assert lesson.c19_judge(c19_rows(PLANTED)).verdict == "holds"
    costly = {**PLANTED, (lesson.WISE, 0.5): (0.81, 0.70, 0.70, 0.7)}
    assert lesson.c19_judge(c19_rows(costly)).verdict == "holds in part"
    costly[("L2-SP", 1.0)] = (0.81, 0.81, 0.31, 0.8)
    finding = lesson.c19_judge(c19_rows(costly))
    assert finding.verdict == "does not hold here" and "standard error: none." in finding.sentence


def test_the_pareto_front_holds_what_nothing_beats_in_both():
    candidates = {"a": (0.1, 0.9), "b": (0.5, 0.5), "c": (0.4, 0.4), "d": (0.9, 0.1),
                  "e": (0.9, 0.05)}  # fmt: skip
    assert lesson.pareto(candidates) == ["a", "b", "d"]
    assert lesson.pareto({"a": (1, 1), "twin": (1, 1)}) == ["a", "twin"]


def c20_rows(lost):
    """Planted rows: batch -> points lost in train mode."""
    return [
        {
            "task": "digits", "seed": seed, "batch": batch, "mode": mode, "before": 0.9,
            "source": 0.9 - (points + jitter(seed) if mode == lesson.TRAIN_MODE else 0),
            "test": 0.6, "parameters_changed": 0, "buffers_changed": 60,
        }
        for mode in lesson.MODES
        for batch, points in lost.items()
        for seed in SEEDS
    ]  # fmt: skip


def test_c20_wants_damage_at_every_batch_size_and_most_at_the_smallest():
    assert lesson.c20_judge(c20_rows({2: 0.6, 32: 0.2})).verdict == "holds"
    assert lesson.c20_judge(c20_rows({2: 0.6, 32: 0.0})).verdict == "holds in part"
    assert lesson.c20_judge(c20_rows({2: 0.2, 32: 0.6})).verdict == "holds in part"
    assert lesson.c20_judge(c20_rows({2: -0.1, 32: 0.0})).verdict == "does not hold here"


def c21_rows(tests, sources):
    return [
        {
            "seed": seed, "share": share, "statistics": "kept",
            "test": test + jitter(seed), "source": source,
        }
        for share, test, source in zip((0.0, 0.5, 1.0), tests, sources, strict=True)
        for seed in SEEDS
    ]  # fmt: skip


def test_c21_asks_half_way_and_looks_for_a_valley():
    assert lesson.c21_judge(c21_rows((0.7, 0.85, 0.8), (0.9, 0.8, 0.3))).verdict == "holds"
    valley = lesson.c21_judge(c21_rows((0.7, 0.3, 0.8), (0.9, 0.8, 0.3)))
    assert valley.verdict == "holds in part" and "fell below both ends by 40.0" in valley.sentence


@pytest.mark.parametrize("tag", ["C18", "C19", "C20", "C21"])
def test_every_claim_runs_judges_and_draws_on_a_tiny_task(tag, monkeypatch, short_tasks):
    one = claim(tag)
    tiny = {**one.quick, "train": 20, "batch": 10, "source_pictures": 10}
    tiny |= {"epochs": (1, 2), "usual_epochs": 1} if tag == "C18" else {"epochs": 2}
    if tag == "C19":
        tiny["methods"] = {lesson.PLAIN: (1e-2,), "EWC": (10.0,), "replay": (0.3,),
                           "layer-wise decay": (0.5,), "gradual unfreezing": (1,), "LwF": (1.0,),
                           lesson.HEAD_ONLY: (1e-2,), lesson.WISE: (0.5,)}  # fmt: skip
        monkeypatch.setattr(lesson, "OLD_FOR_TRAINING", 10)
    if tag == "C21":
        tiny["statistics"] = ("kept", "recomputed")
        monkeypatch.setattr(lesson, "OLD_FOR_TRAINING", 10)
    lesson._forgetting.cache_clear()
    run_judge_and_draw(one, tiny)


def test_the_surface_of_two_runs_is_drawn_around_the_pretrained_point(short_tasks):
    view = lesson.surface(points=3, pictures=8, epochs=1, train=30, every=1)
    assert view.losses.shape == (3, 3)
    assert [path.name for path in view.paths] == list(lesson.PATHS)
    assert all(len(path.losses) == 3 for path in view.paths)  # the start and 2 steps
    with pytest.raises(CourseError, match="directions must be"):
        lesson.surface(directions="up")
