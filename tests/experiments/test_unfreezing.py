"""Frozen depth (C36), head first (C11) and one block at a time (C13)."""

import pytest
import torch
from course_lib.experiments.trials import FULL, HEAD_ONLY

from course_lib.experiments import unfreezing
from tests.fakes import small_backbone, small_task

SEEDS = (0, 1, 2)


def test_tuning_one_block_changes_that_block_alone():
    net, task = small_backbone(classes=3), small_task(16)
    for block in ("stem", "layer4", "head"):
        tuned = unfreezing.tune_block(net, *task.train, block, lr=1e-2, epochs=1)
        before, after = net.state_dict(), tuned.state_dict()
        moved = {name for name in before if not before[name].equal(after[name])}
        part = {**tuned.stages, "head": tuned.head}[block]
        own = {id(p) for p in part.parameters()}
        assert moved
        assert moved <= {name for name, p in tuned.named_parameters() if id(p) in own}


def test_the_shifts_keep_type_and_shape_and_do_what_they_say():
    pictures, labels = small_task(12).train
    for shift in unfreezing.SHIFTS:
        changed, renamed = unfreezing.shifted(pictures, labels, shift, classes=3)
        assert changed.dtype == torch.uint8 and changed.shape == pictures.shape
        assert renamed.dtype == torch.int64
        if shift == "relabelled":
            assert changed.equal(pictures) and renamed.equal((labels + 1) % 3)
        else:
            assert not changed.equal(pictures) and renamed.equal(labels)
    blurred, _ = unfreezing.shifted(pictures, labels, "blur", 3)
    assert blurred.float().std() < pictures.float().std()
    colour, _ = unfreezing.shifted(pictures, labels, "colour", 3)
    # By hand: 255 - 0.6 * (blue, red, green), cut to whole numbers.
    assert colour[0, 0, 0, 0] == int(255 - 0.6 * float(pictures[0, 2, 0, 0]))


def c13_rows(early, late):
    """Planted scores of early and late blocks for the input shifts; the other way for labels."""
    rows = []
    for shift, kind in unfreezing.SHIFTS.items():
        a, b = (early, late) if kind == "input" else (late, early)
        for block in (
            "stem",
            "layer1",
            "layer2",
            "layer3",
            "layer4",
            "head",
            "everything",
            "nothing",
        ):
            value = a if block in unfreezing.EARLY else b if block in unfreezing.LATE else 0.1
            rows += [
                {"shift": shift, "block": block, "seed": seed, "test": value + 0.01 * seed}
                for seed in SEEDS
            ]
    return rows


@pytest.mark.parametrize(
    ("early", "late", "verdict"), [(0.9, 0.5, "holds"), (0.5, 0.9, "does not hold here")]
)
def test_c13_compares_early_with_late_blocks_in_each_shift(early, late, verdict):
    assert unfreezing.c13_judge(c13_rows(early, late)).verdict == verdict


@pytest.mark.parametrize(("night", "verdict"), [(0.6, "holds"), (0.4, "holds in part")])
def test_c11_judges_both_by_day_and_under_shift(night, verdict):
    scores = {HEAD_ONLY: (0.7, 0.5), FULL: (0.8, 0.5), unfreezing.LP_FT: (0.9, night)}
    rows = [
        {"strategy": name, "seed": seed, "test": day + 0.001 * seed, "shifted": dark + 0.001 * seed}
        for name, (day, dark) in scores.items()
        for seed in SEEDS
    ]
    assert unfreezing.c11_judge(rows).verdict == verdict


def test_c36_holds_when_freezing_is_cheap_and_meets_a_ceiling():
    def rows(ceiling):
        return [
            {"frozen": d, "strategy": FULL, "seed": seed, "test": 0.9 if d < 5 else ceiling,
             "epoch": 1.0 / (1 + 4 * d), "trainable_parameters": 1000 - 100 * d}
            for d in range(6)
            for seed in SEEDS
        ]  # fmt: skip

    holds = unfreezing.c36_judge(rows(0.7))
    assert holds.verdict == "holds" and "Best with 0 frozen, 20.0 points above" in holds.sentence
    assert unfreezing.c36_judge(rows(0.95)).verdict == "holds in part"
