"""Lesson 02's claims: judged on planted rows, and run once on a tiny task."""

import json

import pytest
from course_lib.experiments.registry import claim

from course_lib import load_backbone, load_task
from course_lib import strategies as S
from course_lib.data import recipes, tasks
from course_lib.experiments import three_strategies as lesson
from course_lib.experiments import trials, unfreezing
from course_lib.train.fit import prepare_run
from tests.experiments.runs import run_judge_and_draw
from tests.fakes import small_backbone

NAMES = (lesson.SCRATCH, lesson.HEAD_ONLY, lesson.FULL, *lesson.BASELINES)


def planted(tests, train=100, fitted=None):
    """Rows for three seeds around a planted mean per strategy."""
    return [
        {
            "task": "new-shapes",
            "train": train,
            "seed": seed,
            "strategy": name,
            "test": value + 0.01 * (seed - 1),
            "train_accuracy": (fitted or {}).get(name, value),
        }
        for name, value in tests.items()
        for seed in (0, 1, 2)
    ]


@pytest.mark.parametrize(
    ("head", "verdict"), [(0.9, "holds"), (0.45, "does not hold here"), (0.6, "undecided")]
)
def test_c06_asks_for_twenty_points_beyond_the_spread(head, verdict):
    rows = planted(dict(zip(NAMES, (0.4, head, 0.8, 0.3, 0.3), strict=True)))
    if verdict == "undecided":
        rows[0]["test"] = 0.2
    finding = lesson.c06_judge(rows)
    assert finding.verdict == verdict and "labels" in finding.sentence


def test_c35_holds_only_if_scratch_fits_and_the_others_generalise():
    tests = dict(zip(NAMES, (0.4, 0.9, 0.9, 0.2, 0.2), strict=True))
    fitted = {lesson.SCRATCH: 1.0, lesson.HEAD_ONLY: 0.95, lesson.FULL: 0.98}
    assert lesson.c35_judge(planted(tests, fitted=fitted)).verdict == "holds"
    fitted[lesson.SCRATCH] = 0.45
    assert lesson.c35_judge(planted(tests, fitted=fitted)).verdict != "holds"


def test_c08_compares_the_losses_and_names_the_catch_up_point():
    few = planted(dict(zip(NAMES[:3], (0.2, 0.7, 0.7), strict=True)), train=24)
    many = planted(dict(zip(NAMES, (0.9, 0.8, 0.9, 0.4, 0.3), strict=True)), train=1000)
    finding = lesson.c08_judge(few + many)
    assert finding.verdict == "holds"
    assert "Scratch caught up with the frozen net at 1000 labels." in finding.sentence


def test_c07_judges_each_part_of_the_story():
    def lane(name, seed, scores, test):
        return {
            "task": "new-shapes", "train": 100, "seed": seed, "strategy": name, "epochs": 4,
            "validation": scores, "clock": [1.0, 2.0, 3.0, 4.0], "seconds": 4.0, "test": test,
        }  # fmt: skip

    rows = []
    for seed in (0, 1, 2):
        rows.append(lane(lesson.SCRATCH, seed, [0.2, 0.3, 0.4, 0.5], 0.5))
        rows.append(lane(lesson.HEAD_ONLY, seed, [0.8, 0.9, 0.91, 0.91], 0.91))
        rows.append(lane(lesson.FINE, seed, [0.7, 0.9, 0.94, 0.95], 0.95))
        rows.append(lane(lesson.FULL, seed, [0.7, 0.9, 0.94, 0.96], 0.96))
    assert lesson.c07_judge(rows).verdict == "holds"
    for row in rows:
        if row["strategy"] in (lesson.FINE, lesson.FULL):
            row["test"] = 0.7
    assert lesson.c07_judge(rows).verdict == "holds in part"


def test_the_memory_of_a_step_is_counted_by_hand_for_the_head():
    """Frozen backbone: weights, head three times more, and what autograd keeps for the head."""
    task = load_task("new-shapes", train=12, seed=0)
    run = prepare_run(load_backbone(pretrained=False), task, S.FEATURE_EXTRACTION)
    weights = sum(p.nbytes for p in run.model.parameters())
    head = sum(p.nbytes for p in run.model.head.parameters())
    features = 4 * 8 * 256
    assert lesson.step_bytes(run, 8) == weights + 3 * head + features


def test_full_fine_tuning_holds_more_memory_than_the_head():
    task = load_task("new-shapes", train=12, seed=0)
    model = load_backbone(pretrained=False)
    small, large = (
        lesson.step_bytes(prepare_run(model, task, s), 8)
        for s in (S.FEATURE_EXTRACTION, S.FULL_FINE_TUNING)
    )
    assert large > 2 * small


def test_the_number_of_passes_keeps_the_pictures_seen_about_equal():
    assert trials.passes({"pictures": 1200}, 24) == 40
    assert trials.passes({"pictures": 1200}, 100) == 12
    assert trials.passes({"pictures": 1200}, 10_000) == 5
    assert trials.passes({"epochs": (15, 40)}, 100) == (15, 40)


TINY = {"train": 12, "target": 12, "epochs": 2, "pictures": 24, "trains": (12, 24), "seeds": (0, 1)}


@pytest.fixture
def tiny_world(monkeypatch):
    """A small net and few pictures; nothing measured with them is kept."""
    kept = (trials._transfer, lesson._race, unfreezing._expert, tasks._built_in)
    monkeypatch.setattr(trials, "backbone", small_backbone)
    monkeypatch.setattr(recipes, "VALIDATION_SIZE", 16)
    monkeypatch.setattr(recipes, "TEST_SIZE", 24)
    for one in kept:
        one.cache_clear()
    yield
    for one in kept:
        one.cache_clear()


@pytest.mark.parametrize("tag", [one.tag for one in lesson.CLAIMS])
def test_every_claim_runs_judges_and_draws_on_a_tiny_task(tag, tiny_world):
    one = claim(tag)
    tiny = {**one.quick, **{key: value for key, value in TINY.items() if key in one.quick}}
    if "cells" in tiny:
        tiny["cells"] = ((12, 2, (1.0,), (0, 1)), (24, 1, (1.0,), (0, 1)))
    run_judge_and_draw(one, tiny)


def test_a_trial_can_be_measured_after_it_has_been_json(monkeypatch):
    """As in a stored study, where tuples come back as lists."""
    monkeypatch.setattr(trials, "_backbone", lambda name: small_backbone())
    trial = {"task": "new-shapes", "train": 12, "seed": 0, "strategy": lesson.HEAD_ONLY,
             "epochs": (1, 2), "batch": 6, "rates": (0.5, 1.0)}  # fmt: skip
    found = trials.transfer(json.loads(json.dumps(trial)))
    trials._transfer.cache_clear()
    assert found["chosen_epochs"] in (1, 2) and 0 <= found["test"] <= 1
