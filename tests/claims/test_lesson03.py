"""Lesson 03's claims: what is made of their rows, and each of them once on a tiny task."""

import pandas as pd
import pytest
import torch

from course_lib.claims import lesson03
from course_lib.claims.trials import rates, transfer
from course_lib.lab.claim import result_of
from course_lib.lab.looks import BASELINES
from tests.claims.tiny import run_tiny

SEEDS = (0, 1, 2)


@pytest.mark.filterwarnings("ignore:full fine-tuning never unlocks")  # in three epochs
@pytest.mark.parametrize("claim", lesson03.CLAIMS, ids=lambda claim: claim.tag)
def test_every_claim_measures_judges_and_draws_on_a_tiny_task(claim, tiny_world):
    run_tiny(claim, train=20, epochs=3, batch=10, seeds=(0, 1), steps=(1, 4), source_pictures=10)


def jitter(seed):
    return 0.002 * (seed - 1)


def baselines(score=0.5):
    return [
        {
            "task": "digits",
            "train": 60,
            "seed": seed,
            "name": name,
            "test": score,
            "validation": 0.9,
        }
        for name in BASELINES
        for seed in SEEDS
    ]


# ---- C14 ----------------------------------------------------------------------------------------


def watched(name, left, test):
    """Rows of C14 as stored, source accuracy at steps 0, 1, 8 and 20."""
    return [
        {
            "task": "digits", "train": 60, "seed": seed, "name": name, "at": [0, 1, 8, 20],
            "source": [0.9, *(value + jitter(seed) for value in left)],
            "drift": [{"stem": 0.1 * i, "layer4": 0.2 * i} for i in range(4)],
            "cka": [{"stem": 1.0, "layer4": 1 - 0.1 * i} for i in range(4)],
            "test": test + jitter(seed),
        }
        for seed in SEEDS
    ]  # fmt: skip


def c14(large=(0.4, 0.1, 0.1), differential=(0.9, 0.9, 0.9), tests=(0.2, 0.8)):
    return pd.DataFrame(
        [
            *watched(rates.LARGE, large, tests[0]),
            *watched(rates.DIFFERENTIAL, differential, tests[1]),
            *watched(rates.LEARNING, large, tests[0] + 0.5),
            *watched(rates.HEAD_TRAINED, large, tests[0] + 0.02),
            *baselines(),
        ]
    )


def test_what_is_left_is_read_at_the_eighth_batch_as_a_share_of_the_start():
    long = rates.by_step(c14())
    lost, kept, ahead = (part.quantity(long) for part in lesson03.C14.primary)
    assert lost.to_list() == pytest.approx([(0.1 + jitter(seed)) / 0.9 for seed in SEEDS])
    assert kept.to_list() == pytest.approx([(0.9 + jitter(seed)) / 0.9 for seed in SEEDS])
    assert ahead.to_list() == pytest.approx([0.6] * 3)
    at_8 = long[(long["name"] == rates.LARGE) & (long["step"] == 8)]
    assert at_8["drift.layer4"].tolist() == pytest.approx([0.4] * 3)
    assert at_8["cka.layer4"].tolist() == pytest.approx([0.8] * 3)
    assert long.loc[long["step"] == 0, "drift.stem"].isna().all()
    assert len(long) == 4 * 3 * 4 + 6


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "holds"),
        ({"large": (0.9, 0.85, 0.1)}, "does not hold here"),  # lost, but after the first batches
        ({"differential": (0.9, 0.7, 0.9)}, "does not hold here"),
        ({"tests": (0.8, 0.2)}, "does not hold here"),
    ],
)
def test_c14_asks_for_loss_retention_and_a_better_target(changed, verdict):
    assert result_of(lesson03.C14, c14(**changed), all_of_them=True).verdict == verdict


def test_both_suspects_of_the_ruin_are_details_and_do_not_decide_the_claim():
    details = {
        part.name.split(" minus ")[0]: part.quantity(rates.by_step(c14()))
        for part in lesson03.C14.details
    }
    assert details[rates.LEARNING].to_list() == pytest.approx([0.5] * 3)
    assert details[rates.HEAD_TRAINED].to_list() == pytest.approx([0.02] * 3)
    assert rates.new_task(c14())[rates.LARGE] == pytest.approx(0.2)  # jitter has mean 0


def test_steps_are_counted_from_when_the_backbone_begins_to_learn(tiny_world):
    trial = {
        "task": "digits", "train": 20, "seed": 0, "epochs": 1, "batch": 10,
        "name": rates.HEAD_TRAINED, "steps": (1, 2), "source_pictures": 40,
    }  # fmt: skip
    found = rates.overwriting(trial)
    assert found["at"] == [0, 1, 2]
    assert found["drift"][0]["layer4"] == 0 < found["drift"][1]["layer4"]


def test_runs_of_c15_are_sorted_by_the_rate_that_the_backbone_itself_had():
    rows = pd.DataFrame(
        [
            {"strategy.head_lr_ratio": 1.0, "lr": 0.001, "test": 0.9, "source": 0.1},
            {"strategy.head_lr_ratio": 100.0, "lr": 0.01, "test": 0.8, "source": 0.9},
            {"strategy.head_lr_ratio": 100.0, "lr": 0.01, "test": 0.6, "source": 0.7},
            {"strategy.head_lr_ratio": None, "lr": None, "test": 0.5, "source": None},
        ]
    )
    own = rates.by_own_rate(rows)
    assert own["own"].tolist() == pytest.approx([1e-4, 1e-3])
    assert own["test"].tolist() == pytest.approx([0.7, 0.9])
    assert own["source"].tolist() == pytest.approx([0.8, 0.1])


@pytest.mark.parametrize(
    ("large", "lost"),
    [((0.4, 0.1, 0.1), 1), ((0.9, 0.85, 0.1), 20), ((0.9, 0.9, 0.9), None)],
)
def test_the_step_at_which_half_was_lost(large, lost):
    assert rates.half_lost(c14(large=large)) == (lost, [1, 8, 20])


# ---- C15, C16 -----------------------------------------------------------------------------------


def swept(field, table):
    """Rows of C16, or with CHOSEN marked of C15: {value: {head rate: (validation, test)}}."""
    rows = [
        {
            "task": "digits", "train": 60, "seed": seed, "name": f"{value:g}",
            f"strategy.{field}": value, "rates": [rate], "source": 0.5,
            "validation": validation + jitter(seed), "test": test + jitter(seed),
        }
        for value, scores in table.items()
        for rate, (validation, test) in scores.items()
        for seed in SEEDS
    ]  # fmt: skip
    return pd.DataFrame([*rows, *baselines()])


def test_without_a_mark_the_rate_is_chosen_on_validation_and_not_on_test():
    table = {
        1.0: {1e-3: (0.70, 0.60), 1e-2: (0.10, 0.99)},
        100.0: {1e-3: (0.40, 0.40), 1e-2: (0.90, 0.85)},
    }
    rows = swept(rates.RATIO, table)
    assert lesson03.chosen(1.0)(rates.swept(rates.RATIO)(rows)).mean() == pytest.approx(0.60)
    assert rates.best_value(rows, rates.RATIO) == 100
    assert rates.apart(rows, rates.RATIO) == pytest.approx(0.25)


def test_of_equal_rates_the_smallest_is_chosen():
    table = {1.0: {1e-3: (0.7, 0.6), 1e-2: (0.7, 0.8)}}
    tidy = rates.swept(rates.RATIO)(swept(rates.RATIO, table))
    assert lesson03.chosen(1.0)(tidy).mean() == pytest.approx(0.6)


def test_a_rate_chosen_on_other_draws_counts_whatever_validation_says():
    rows = swept(rates.RATIO, {1.0: {1e-3: (0.7, 0.6), 1e-2: (0.9, 0.8)}})
    rows["chosen"] = rows["rates"].map(lambda one: one == [1e-3])
    tidy = rates.swept(rates.RATIO)(rows)
    assert lesson03.chosen(1.0)(tidy).mean() == pytest.approx(0.6)


def packed(share: float) -> str:
    """Of a thousand test pictures the first ones are right, as many as the share says."""
    scores = torch.eye(2)[(torch.arange(1000) >= 1000 * share).long()]
    return transfer.packed(scores, torch.zeros(1000, dtype=torch.long))


def c15_rows(right) -> pd.DataFrame:
    """ratio -> share of a thousand test pictures that are right; each at its chosen rate, 0.01."""
    table = {float(ratio): {1e-2: (0.9, share)} for ratio, share in right.items()}
    rows = swept(rates.RATIO, table)
    packs = [packed(test) for test in rows["test"]]
    return rows.assign(right=packs, chosen=rows["rates"].map(lambda one: isinstance(one, list)))


def test_c15_asks_that_two_ratios_come_to_the_same():
    (judged,) = result_of(lesson03.C15, c15_rows({1: 0.90, 100: 0.90})).judged
    assert judged.verdict == "holds" and judged.estimate.value == pytest.approx(0)
    assert result_of(lesson03.C15, c15_rows({1: 0.90, 100: 0.50})).verdict == "does not hold here"
    assert result_of(lesson03.C15, c15_rows({1: 0.90, 100: 0.87})).verdict == "undecided"


def test_c16_wants_nine_tenths_to_help_and_to_have_no_better_rival():
    table = {0.5: {1e-2: (0.8, 0.80)}, 0.9: {1e-2: (0.8, 0.85)}, 1.0: {1e-2: (0.8, 0.80)}}
    assert result_of(lesson03.C16, swept(rates.DECAY, table)).verdict == "holds"
    table[0.5][1e-2] = (0.8, 0.95)
    assert result_of(lesson03.C16, swept(rates.DECAY, table)).verdict == "does not hold here"
    table[0.5][1e-2] = (0.8, 0.855)  # ahead by half a point, which the rule allows
    assert result_of(lesson03.C16, swept(rates.DECAY, table)).verdict == "holds"
    table[1.0][1e-2] = (0.8, 0.95)
    assert result_of(lesson03.C16, swept(rates.DECAY, table)).verdict == "does not hold here"


# ---- C17 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gradual", "verdict"), [(0.9, "holds"), (0.7, "does not hold here"), (0.8, "undecided")]
)
def test_c17_compares_paired_draws(gradual, verdict):
    rows = [
        {
            "task": task, "train": 60, "seed": seed, "name": name, "source": 0.7,
            "test": test, "right": packed(test + (jitter(seed) if name == rates.AT_ONCE else 0)),
        }
        for task in rates.HARDER
        for name, test in ((rates.AT_ONCE, 0.8), (rates.GRADUAL, gradual))
        for seed in SEEDS
    ]  # fmt: skip
    found = result_of(lesson03.C17, pd.DataFrame([*rows, *baselines()]))
    assert found.verdict == verdict and len(found.judged) == 2


def test_published_schedules_begin_anew_and_leave_the_head_alone_for_half_of_the_run_at_most():
    assert rates.schedule(rates.AT_ONCE, 12) == {
        "head_epochs": 0, "unfreeze_every": 0, "restart": False, "head_joins": False,
    }  # fmt: skip
    assert rates.schedule(rates.GRADUAL, 12) == {
        "head_epochs": 1, "unfreeze_every": 1, "restart": True, "head_joins": False,
    }  # fmt: skip
    assert rates.schedule(rates.HEAD_FIRST, 12)["head_epochs"] == 5
    assert rates.schedule(rates.HEAD_FIRST, 6)["head_epochs"] == 3


def test_a_size_without_rates_takes_those_that_were_chosen_for_schedule_and_task(monkeypatch):
    chosen = {name: {"rates": 1e-3 * n} for n, name in enumerate(rates.SCHEDULE_CHOICE.rivals, 1)}
    monkeypatch.setattr(rates.Tuning, "chosen", lambda tuning: chosen)
    trials = rates.schedule_trials({**lesson03.C17.full, "seeds": (0,)})
    taken = {f"{one['name']} on {one['task']}": one["rates"] for one in trials if "rates" in one}
    assert taken == {name: (setting["rates"],) for name, setting in chosen.items()}
    given = rates.schedule_trials({**lesson03.C17.full, "seeds": (0,), "rates": (0.5,)})
    assert {one["rates"] for one in given if "rates" in one} == {(0.5,)}
