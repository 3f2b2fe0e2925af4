"""Lesson 02's claims: what their trials measure, and each of them once on a tiny task."""

import json
from dataclasses import replace

import pandas as pd
import pytest
import torch

from course_lib import load_backbone, load_task
from course_lib import strategies as S
from course_lib.claims import lesson02, stored_result
from course_lib.claims.trials import advice, racing, surgery, transfer, tuned
from course_lib.claims.trials.transfer import FINE, FULL, HEAD_ONLY, LANES, SCRATCH
from course_lib.lab.quantities import best_on_average, value
from course_lib.train.fit import prepare_run
from tests.claims.tiny import run_tiny
from tests.fakes import small_backbone, small_task

TINY = {
    "train": 12,
    "target": 12,
    "epochs": 2,
    "pictures": 24,
    "trains": (12, 18, 24),
    "seeds": (0, 1),
}


@pytest.mark.parametrize("claim", lesson02.CLAIMS, ids=lambda claim: claim.tag)
def test_every_claim_measures_judges_and_draws_on_a_tiny_task(claim, tiny_world):
    run_tiny(claim, cells=((12, 2), (24, 1)), **TINY)


def test_a_trial_can_be_measured_after_it_has_been_json(tiny_world):
    """As in a stored study, where tuples come back as lists."""
    trial = {"task": "new-shapes", "train": 12, "seed": 0, "strategy": HEAD_ONLY,
             "epochs": (1, 2), "batch": 6, "rates": (0.5, 1.0)}  # fmt: skip
    found = transfer.transfer(json.loads(json.dumps(trial)))
    assert found["chosen_epochs"] in (1, 2) and 0 <= found["test"] <= 1


def test_the_number_of_passes_keeps_the_pictures_seen_about_equal():
    assert transfer.passes({"pictures": 1200}, 24) == 40
    assert transfer.passes({"pictures": 1200}, 100) == 12
    assert transfer.passes({"pictures": 1200}, 10_000) == 5
    assert transfer.passes({"pictures": 3000, "most_passes": 125}, 24) == 125
    assert transfer.passes({"epochs": (15, 40)}, 100) == (15, 40)


# ---- C07, C10 -----------------------------------------------------------------------------------


def lane(name, seed, scores, clock, test):
    return {"train": 100, "seed": seed, "strategy": name, "epochs": 4, "validation": scores,
            "clock": clock, "test": test}  # fmt: skip


def test_the_race_is_judged_after_one_pass_in_the_second_half_and_at_the_end():
    rows = pd.DataFrame(
        [
            lane(name, seed, [one + seed / 1000 for one in scores], [1.0, 2.0, 3.0, 4.0 + seed], t)
            for seed in (0, 2)
            for name, scores, t in (
                (SCRATCH, [0.2, 0.3, 0.4, 0.5], 0.5),
                (HEAD_ONLY, [0.8, 0.9, 0.91, 0.93], 0.91),
                (FINE, [0.7, 0.9, 0.94, 0.95], 0.95),
                (FULL, [0.7, 0.9, 0.94, 0.96], 0.90),
            )
        ]
    )
    rows.loc[len(rows)] = lane("random frozen backbone", 0, 0.3, None, 0.3)
    long = lesson02.C07.tidy(rows)
    assert len(long) == 8 * 4 + 1
    start, gained, climbed, last = (part.quantity(long) for part in lesson02.C07.primary)
    assert start.tolist() == pytest.approx([0.6, 0.6])
    assert gained.tolist() == pytest.approx([0.02, 0.02])  # 0.93 against the third of four passes
    assert climbed.tolist() == pytest.approx([-0.01, -0.01])  # full: 0.90 against 0.91
    assert last.tolist() == pytest.approx([0.41, 0.41])
    assert long.query("epoch == 4")["clock"].unique().tolist() == [5.0]  # the mean of 4 and 6
    assert long["clock"].isna().sum() == 1


def test_the_memory_of_a_step_is_counted_by_hand_for_the_head():
    """Frozen backbone: weights, head three times more, and what autograd keeps for the head."""
    task = load_task("new-shapes", train=12, seed=0)
    run = prepare_run(load_backbone(pretrained=False), task, S.FEATURE_EXTRACTION)
    weights = sum(p.nbytes for p in run.model.parameters())
    head = sum(p.nbytes for p in run.model.head.parameters())
    features = 4 * 8 * 256
    assert racing.step_bytes(run, 8) == weights + 3 * head + features


def test_full_fine_tuning_holds_more_memory_than_the_head():
    task = load_task("new-shapes", train=12, seed=0)
    model = load_backbone(pretrained=False)
    small, large = (
        racing.step_bytes(prepare_run(model, task, s), 8)
        for s in (S.FEATURE_EXTRACTION, S.FULL_FINE_TUNING)
    )
    assert large > 2 * small


# ---- C09: the rule of thumb ---------------------------------------------------------------------


def planted(task, train, scratch, head, fine, full, seeds=(0, 1, 2)):
    """Rows around a planted mean per strategy, a little apart from draw to draw."""
    means = {SCRATCH: scratch, HEAD_ONLY: head, FINE: fine, FULL: full}
    return pd.DataFrame(
        [
            {"task": task, "train": train, "seed": seed, "strategy": name, "validation": mean,
             "test": mean + (0.005 * seed if name != FINE else 0.0)}
            for name, mean in means.items()
            for seed in seeds
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("head", "fine", "verdict"),
    [(0.9, 0.8, "holds"), (0.8, 0.9, "does not hold here"), (0.9, 0.905, "undecided")],
)
def test_a_cell_compares_the_advised_strategy_with_the_best_rival(head, fine, verdict):
    (cell,) = advice.cells(planted("new-shapes", 100, 0.3, head, fine, 0.7))
    assert cell.size == "small" and cell.advice == (HEAD_ONLY,)
    assert cell.verdict == verdict


def test_where_two_strategies_are_named_the_better_one_counts():
    (cell,) = advice.cells(planted("radiographs", 10_000, 0.9, 0.6, 0.7, 0.8))
    assert set(cell.advice) == {FULL, SCRATCH} and cell.size == "large"
    # By hand: scratch 0.905 on average (0.9, 0.905, 0.91), fine-tuning 0.7 in every draw.
    assert cell.verdict == "holds" and cell.lead == pytest.approx(0.205) and cell.best == SCRATCH


def test_one_draw_decides_nothing():
    (cell,) = advice.cells(planted("new-shapes", 100, 0.1, 0.9, 0.2, 0.2, seeds=(0,)))
    assert cell.verdict == "undecided" and cell.spreads[SCRATCH] is None


def test_cells_of_a_stopped_study_that_lack_draws_are_left_out():
    whole_cell = planted("new-shapes", 100, 0.3, 0.9, 0.8, 0.7)
    half = planted("radiographs", 100, 0.5, 0.8, 0.8, 0.8).query("strategy != @FULL")
    found = advice.cells(pd.concat([half, whole_cell]))
    assert [(cell.task, cell.train) for cell in found] == [("new-shapes", 100)]


def test_every_cell_has_an_advice_among_the_lanes():
    assert all(set(named) <= set(LANES) for named in advice.ADVICE.values())
    words = [advice.size_word(n) for n in (999, 1_000, 2_999, 3_000)]
    assert words == ["small", "medium", "medium", "large"]


def test_the_figure_of_the_rule_of_thumb_shows_every_cell_and_marks_what_is_named():
    from matplotlib import pyplot as plt

    figure = stored_result("C09").figure()
    marked = [text for ax in figure.axes for text in ax.texts if "◄" in text.get_text()]
    assert len(figure.axes) == 6
    assert len(marked) == sum(map(len, advice.ADVICE.values()))
    plt.close(figure)


def test_the_best_on_average_is_one_for_all_draws_and_skips_what_was_not_measured():
    rows = pd.DataFrame(
        {"seed": [0, 1, 0, 1], "name": ["a", "a", "b", "b"], "test": [0.9, 0.9, 0.6, 0.6],
         "validation": [0.9, 0.1, 0.6, 0.6]}
    )  # fmt: skip
    best = best_on_average(
        *(value("test", name=name) for name in "abc"),
        by=[value("validation", name=name) for name in "abc"],
    )
    assert best(rows).tolist() == [0.6, 0.6]  # though a has the higher test score


# ---- C13: one block at a time -------------------------------------------------------------------


def test_tuning_one_block_changes_that_block_alone():
    net, task = small_backbone(classes=3), small_task(16)
    for block in ("stem", "layer4", "head"):
        tuned = surgery.tune_block(net, *task.train, block, lr=1e-2, epochs=1)
        before, after = net.state_dict(), tuned.state_dict()
        moved = {name for name in before if not before[name].equal(after[name])}
        part = {**tuned.stages, "head": tuned.head}[block]
        own = {id(p) for p in part.parameters()}
        assert moved
        assert moved <= {name for name, p in tuned.named_parameters() if id(p) in own}


def test_the_shifts_keep_type_and_shape_and_do_what_they_say():
    pictures, labels = small_task(12).train
    for shift in surgery.SHIFTS:
        changed, renamed = surgery.shifted(pictures, labels, shift, classes=3)
        assert changed.dtype == torch.uint8 and changed.shape == pictures.shape
        assert renamed.dtype == torch.int64
        if shift == "relabelled":
            assert changed.equal(pictures) and renamed.equal((labels + 1) % 3)
        else:
            assert not changed.equal(pictures) and renamed.equal(labels)
    blurred, _ = surgery.shifted(pictures, labels, "blur", 3)
    assert blurred.float().std() < pictures.float().std()
    colour, _ = surgery.shifted(pictures, labels, "colour", 3)
    # By hand: 255 - 0.6 * (blue, red, green), cut to whole numbers.
    assert colour[0, 0, 0, 0] == int(255 - 0.6 * float(pictures[0, 2, 0, 0]))


def test_early_and_late_blocks_change_sides_when_the_classes_are_renamed():
    scores = {"stem": 0.5, "layer1": 0.6, "layer4": 0.9, "head": 0.2}
    rows = pd.DataFrame(
        [{"seed": 0, "shift": shift, "block": block, "test": score, "validation": score}
         for shift in surgery.SHIFTS for block, score in scores.items()]
    )  # fmt: skip
    found = [part.quantity(rows)[0] for part in lesson02.C13.primary]
    assert found == pytest.approx([-0.3, -0.3, 0.3])


# ---- C11, C36: settings from other draws, pictures of each draw's own ---------------------------


def test_each_draw_is_tested_on_pictures_of_its_own():
    first, second = (transfer.fresh("new-shapes", 12, seed) for seed in (0, 1))
    assert torch.equal(transfer.fresh("new-shapes", 12, 0).pictures, first.pictures)
    learnt = load_task("new-shapes", train=12, seed=0)
    for others in (second, learnt.train, learnt.test):
        same = (first.pictures[:, None] == others.pictures[None]).flatten(2).all(2)
        assert not same.any()
    assert torch.bincount(first.labels, minlength=6).tolist() == [2] * 6


def test_a_trial_sets_the_fields_of_its_strategy():
    trial = {"strategy": FULL, "rate": 1e-3, "ratio": 100.0}
    assert tuned.strategy_of(trial) == replace(S.FULL_FINE_TUNING, lr=1e-3, head_lr_ratio=100.0)
    assert tuned.strategy_of({"strategy": FULL, "rate": 1e-3, "frozen": 5}).trainable == 0
    assert tuned.strategy_of({"strategy": FULL, "rate": 1e-3, "frozen": 1}).trainable == 4


def test_head_first_has_as_many_passes_over_everything_as_its_rival():
    given = {name: {"rate": 1e-2} for name in tuned.FIRST.grids}
    trials = tuned.head_first_trials({**lesson02.C11.full, "settings": given, "seeds": (0,)})
    of = {trial["strategy"]: trial for trial in trials}
    after_head = of[tuned.LP_FT]["epochs"] - of[tuned.LP_FT]["head_epochs"]
    assert after_head == of[FULL]["epochs"] and of[tuned.LP_FT]["head_epochs"] > 0
