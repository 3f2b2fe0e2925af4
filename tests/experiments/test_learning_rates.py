"""Lesson 03's claims: judged on planted rows, and run once on a tiny task."""

import pytest
from course_lib.experiments.registry import claim
from course_lib.experiments.trials import BASELINES

from course_lib.experiments import learning_rates as lesson
from tests.experiments.runs import jitter, run_judge_and_draw

STAGES = ("stem", "layer4")
SEEDS = (0, 1, 2)


def baselines():
    return [
        {"task": "digits", "train": 60, "seed": seed, "name": name, "test": 0.5}
        for name in BASELINES
        for seed in SEEDS
    ]


def watched(name, left, test):
    """Rows of C14: source accuracy at steps 0, 1, 8, 20."""
    return [
        {
            "task": "digits", "train": 60, "seed": seed, "name": name, "at": [0, 1, 8, 20],
            "source": [0.9, *(value + jitter(seed) for value in left)],
            "drift": [dict.fromkeys(STAGES, 0.1 * i) for i in range(4)],
            "cka": [dict.fromkeys(STAGES, 1 - 0.1 * i) for i in range(4)],
            "test": test + jitter(seed),
        }
        for seed in SEEDS
    ]  # fmt: skip


def c14_rows(large=(0.4, 0.1, 0.1), differential=(0.9, 0.9, 0.9), tests=(0.2, 0.5, 0.8)):
    return [
        *watched(lesson.LARGE, large, tests[0]),
        *watched(lesson.SMALL, (0.9, 0.9, 0.9), tests[1]),
        *watched(lesson.DIFFERENTIAL, differential, tests[2]),
        *baselines(),
    ]


def test_c14_asks_for_loss_retention_and_a_better_target():
    finding = lesson.c14_judge(c14_rows())
    assert finding.verdict == "holds"
    assert "below half of that after 1 step." in finding.sentence
    late = lesson.c14_judge(c14_rows(large=(0.9, 0.85, 0.1)))  # lost, but after the first batches
    assert late.verdict == "holds in part" and "after 20 steps" in late.sentence
    assert lesson.c14_judge(c14_rows(tests=(0.8, 0.5, 0.2))).verdict == "holds in part"
    kept = lesson.c14_judge(c14_rows(large=(0.9, 0.9, 0.9)))
    assert "never fell below half" in kept.sentence


def swept(field, table):
    """Rows of C15 or C16: {value: {head rate: (validation, test, source)}}."""
    return [
        {
            "task": "digits", "train": 60, "seed": seed, "name": f"{value:g}",
            "strategy": {field: value}, "rates": [rate],
            "validation": validation + jitter(seed), "test": test + jitter(seed),
            "source": source, "lr": rate,
        }
        for value, rates in table.items()
        for rate, (validation, test, source) in rates.items()
        for seed in SEEDS
    ] + baselines()  # fmt: skip


def test_c15_lets_every_ratio_choose_its_rate_on_validation_and_not_on_test():
    table = {
        1.0: {1e-3: (0.70, 0.60, 0.2), 1e-2: (0.10, 0.99, 0.0)},
        10.0: {1e-3: (0.60, 0.60, 0.9), 1e-2: (0.65, 0.62, 0.4)},
        100.0: {1e-3: (0.40, 0.40, 0.9), 1e-2: (0.90, 0.85, 0.9)},
    }
    rows = swept("head_lr_ratio", table)
    assert lesson._chosen(rows, "head_lr_ratio", 1.0).mean() == pytest.approx(0.60)
    assert lesson.best_value(rows, "head_lr_ratio") == 100
    # at the largest head rate ratio 1 has the (planted) better test score, so not all parts hold
    assert lesson.c15_judge(rows).verdict == "holds in part"
    table[1.0][1e-2] = (0.10, 0.10, 0.0)
    assert lesson.c15_judge(swept("head_lr_ratio", table)).verdict == "holds"
    table[10.0][1e-2] = (0.95, 0.95, 0.4)
    assert lesson.c15_judge(swept("head_lr_ratio", table)).verdict == "holds in part"


def test_c16_wants_nine_tenths_to_help_and_to_have_no_better_rival():
    table = {0.5: {1e-2: (0.8, 0.80, 0.9)}, 0.9: {1e-2: (0.8, 0.85, 0.8)},
             1.0: {1e-2: (0.8, 0.80, 0.7)}}  # fmt: skip
    assert lesson.c16_judge(swept("layer_decay", table)).verdict == "holds"
    table[0.5][1e-2] = (0.8, 0.95, 0.9)
    assert lesson.c16_judge(swept("layer_decay", table)).verdict == "holds in part"
    table[1.0][1e-2] = (0.8, 0.95, 0.9)
    assert lesson.c16_judge(swept("layer_decay", table)).verdict == "does not hold here"


@pytest.mark.parametrize(
    ("gradual", "verdict"), [(0.9, "holds"), (0.7, "does not hold here"), (0.8, "undecided")]
)
def test_c17_compares_paired_draws(gradual, verdict):
    rows = [
        {
            "task": "digits", "train": 60, "seed": seed, "name": name,
            "test": test + (jitter(seed) if name == lesson.AT_ONCE else 0), "source": 0.7,
        }
        for name, test in ((lesson.AT_ONCE, 0.8), (lesson.GRADUAL, gradual))
        for seed in SEEDS
    ] + baselines()  # fmt: skip
    assert lesson.c17_judge(rows).verdict == verdict


@pytest.mark.parametrize("tag", ["C14", "C15", "C16", "C17"])
def test_every_claim_runs_judges_and_draws_on_a_tiny_task(tag, monkeypatch, short_tasks):
    one = claim(tag)
    tiny = {**one.quick, "train": 20, "epochs": 2, "batch": 10, "seeds": (0, 1)}
    if "steps" in tiny:
        tiny |= {"steps": (1, 4), "source_pictures": 10}
    monkeypatch.setattr(lesson, "SOURCE_PICTURES", 10)
    lesson._tuned.cache_clear()
    run_judge_and_draw(one, tiny)
