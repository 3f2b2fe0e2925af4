"""Lesson 01's claims: what trials measure, what is computed from them, and each claim, tiny."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

from course_lib.claims import claim
from course_lib.claims.trials import checkpoints, halves, stages
from course_lib.claims.trials.filters import set_against_random, structured_share
from course_lib.errors import CourseError
from course_lib.lab import cache, running
from course_lib.lab.claim import frame, result_of
from course_lib.measure.figures import style
from course_lib.train import strategies as S
from course_lib.train.evaluation import evaluate
from tests.fakes import small_backbone

SEEDS = (0, 1, 2)
WOBBLE = {0: -0.005, 1: 0.0, 2: 0.005}


def verdict(tag: str, rows: pd.DataFrame) -> str:
    return result_of(claim(tag), rows).verdict


# ---------------------------------------------------------------- C01


def filter_rows(selectivity, smoothness):
    random = {"selectivity": [0.1] * 99 + [0.3], "smoothness": [0.1] * 99 + [0.2]}
    nets = [("pretrained", 0), *(("untrained", seed) for seed in SEEDS)]
    return frame(
        [{"net": net, "seed": seed} for net, seed in nets],
        [{"selectivity": selectivity, "smoothness": smoothness}, random, random, random],
    )


def test_filters_count_that_are_oriented_or_smooth_beyond_random_ones():
    rows = filter_rows([0.9] * 20 + [0.1] * 12, [0.0] * 20 + [0.9] * 12)
    assert structured_share(rows) == 1 and verdict("C01", rows) == "holds"
    found = set_against_random(rows)
    assert found.groupby("net")["oriented"].mean().to_dict() == {
        "pretrained": 20 / 32,
        "untrained": 0.01,  # one in a hundred lies above the limit
    }
    rows = filter_rows([0.9] * 8 + [0.1] * 24, [0.0] * 32)
    assert structured_share(rows) == 0.25 and verdict("C01", rows) == "does not hold here"


def test_the_share_of_filters_has_the_exact_interval():
    rows = filter_rows([0.9] * 32, [0.9] * 32)
    (judged,) = result_of(claim("C01"), rows).judged
    # All of 32: the share p at which 32 of 32 still happen with probability 2.5 %.
    assert judged.estimate.low == pytest.approx(0.025 ** (1 / 32))
    assert judged.estimate.high == 1 and judged.estimate.n == 32


# ---------------------------------------------------------------- C02


def probe_rows(last_hue=0.0, last_class=0.9, untrained_class=0.1):
    factors = [factor.name for factor in stages.FACTORS]
    at_stem = {**dict.fromkeys(factors, 0.3), "class": 0.1, "hue": 0.5}
    early = {**dict.fromkeys(factors, 0.3), "class": 0.1, "hue": 0.4}
    trials, numbers = [], []
    for net in stages.NETS:
        for seed in SEEDS:
            late = {**dict.fromkeys(factors, 0.1), "hue": last_hue}
            late["class"] = last_class if net == "pretrained" else untrained_class
            late = {factor: skill + WOBBLE[seed] for factor, skill in late.items()}
            skill = {"pixels": dict.fromkeys(factors, 0.05), "stem": at_stem}
            skill |= dict.fromkeys(("layer1", "layer2", "layer3"), early)
            trials.append({"net": net, "seed": seed})
            numbers.append({"skill": {**skill, "layer4": late}})
    return frame(trials, numbers)


def test_low_level_factors_are_wanted_early_and_the_class_last():
    assert verdict("C02", probe_rows()) == "holds"
    assert verdict("C02", probe_rows(last_hue=0.9)) == "does not hold here"
    learnt = result_of(claim("C02"), probe_rows(untrained_class=0.95)).judged[-1]
    assert learnt.verdict == "does not hold here"
    assert learnt.estimate.value == pytest.approx(-0.05)
    assert stages.best_stage(probe_rows(), "class") == "layer4"
    assert stages.best_stage(probe_rows(), "hue") == "stem"


def test_low_level_factors_are_set_against_the_first_two_stages_only():
    rows = probe_rows()
    rows["skill.layer2.hue"] = rows["skill.layer3.class"] = 0.8
    rival = stages.skills(rows).query("rival").groupby("factor")["stage"].first()
    assert rival["hue"] == "stem" and rival["class"] == "layer3"


def test_pixels_are_one_net_without_stages():
    found = stages.skills(probe_rows())
    pixels = found[found["net"] == "pixels"]
    assert len(pixels) == len(SEEDS) * len(stages.FACTORS) and pixels["stage"].isna().all()
    assert (pixels["skill"] == 0.05).all()


# ---------------------------------------------------------------- C37


def stage_rows(**last):
    trials, numbers = [], []
    for task in last:
        for net in stages.NETS:
            for seed in SEEDS:
                found = dict.fromkeys(("pixels", *stages.STAGES), 0.7)
                found["layer4"] = last[task] if net == "pretrained" else 0.5
                found["layer4"] += WOBBLE[seed]
                trials.append(
                    {"task": task.replace("_", "-"), "net": net, "seed": seed, "train": 60}
                )
                numbers.append({"test": found, "validation": found})
    return frame(trials, numbers)


def test_late_stages_are_wanted_for_similar_and_earlier_ones_for_different_pictures():
    found = result_of(claim("C37"), stage_rows(new_shapes=0.9, digits=0.4))
    assert found.verdict == "holds"
    told = {one.part.name: one.estimate.value for one in found.details}
    assert told["digits, the last stage minus the best stage of an untrained net"] == (
        pytest.approx(0.4 - 0.7)
    )
    assert verdict("C37", stage_rows(new_shapes=0.5, digits=0.9)) == "does not hold here"
    assert stages.best_stage_for(stage_rows(digits=0.9), "digits") == "layer4"


def test_validation_and_not_the_test_score_chooses_the_earlier_stage():
    rows = stage_rows(digits=0.4)
    rows["validation.layer2"], rows["test.layer3"] = 0.9, 0.99
    picked = stages.stage_scores(rows).query("picked").groupby("net")["stage"].first()
    assert picked["pretrained"] == "layer2"
    assert picked["untrained"] == "layer3"  # the control is as strong as it can be


# ---------------------------------------------------------------- C04


def checkpoint_rows(scores, shares=(0.1, 0.3, 0.6, 1.0)):
    trials = [{"share": share, "task": "digits", "seed": s} for share in shares for s in SEEDS]
    numbers = [
        {"accuracy": share, "test": score + WOBBLE[s]}
        for share, score in zip(shares, scores, strict=True)
        for s in SEEDS
    ]
    return frame(trials, numbers)


@pytest.mark.parametrize(
    ("scores", "order", "said"),
    [
        ((0.1, 0.2, 0.3, 0.4), 1.0, "holds"),
        ((0.1, 0.3, 0.2, 0.4), 0.8, "holds"),  # 1 - 6 * 2 / (4 * 15)
        ((0.4, 0.3, 0.2, 0.1), -1.0, "does not hold here"),
    ],
)
def test_checkpoints_are_ranked_draw_by_draw(scores, order, said):
    rows = checkpoint_rows(scores)
    np.testing.assert_allclose(checkpoints.ranked(rows)["order"], order)
    assert verdict("C04", rows) == said


def test_a_missing_checkpoint_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    with pytest.raises(CourseError, match="course pretrain --keep"):
        checkpoints._from_file(0.02)


def test_a_kept_checkpoint_is_the_net_that_was_saved(tmp_path, monkeypatch):
    saved = small_backbone(seed=5)
    torch.save(
        {k: v.half() for k, v in saved.net.state_dict().items()}, tmp_path / "weights-0.2.pt"
    )
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    monkeypatch.setattr(checkpoints, "backbone", lambda: small_backbone(seed=6))
    kept = checkpoints._from_file(0.2).net.fc.weight
    assert torch.allclose(kept, saved.net.fc.weight, atol=1e-3)


# ---------------------------------------------------------------- C05


def cka_rows(last, random=0.2):
    tuned = np.full((5, 5), 0.3)
    np.fill_diagonal(tuned, [1.0, 0.98, 0.95, 0.9, last])
    tuned[0, 4] = 0.25  # the pretrained stem beside the last stage of the other net
    return frame(
        [{"seed": s, "task": "digits", "train": 30} for s in SEEDS],
        [
            {
                "fine-tuned": (tuned + np.diag([0, 0, 0, 0, WOBBLE[s]])).tolist(),
                "untrained": np.full((5, 5), random).tolist(),
            }
            for s in SEEDS
        ],
    )


def test_the_last_stage_should_change_most_and_all_stay_closer_than_random():
    found = result_of(claim("C05"), cka_rows(last=0.5))
    # By hand: the stem keeps all that an untrained net lacks, the last stage (.5 - .2) / (1 - .2).
    assert found.verdict == "holds"
    assert found.judged[0].estimate.value == pytest.approx(1 - 0.375)
    alike = result_of(claim("C05"), cka_rows(last=0.99))
    assert [one.verdict for one in alike.judged] == ["does not hold here"] + ["holds"] * 5
    near = result_of(claim("C05"), cka_rows(last=0.99, random=0.96))
    assert [one.verdict for one in near.judged[1:]] == [
        "holds", "holds", "does not hold here", "does not hold here", "holds"
    ]  # fmt: skip


def test_the_matrix_of_cka_has_the_pretrained_net_in_its_lines():
    found = stages.stage_by_stage(cka_rows(last=0.5))
    asked = {"net": "fine-tuned", stages.OF_PRETRAINED: "stem", stages.OF_OTHER: "layer4"}
    there = found[(found[list(asked)] == pd.Series(asked)).all(axis=1)]
    assert list(there["cka"]) == [0.25] * 3


# ---------------------------------------------------------------- C03 and C38


def transplant_rows(**accuracy):
    trials = [{"kind": "base", "stages": 0, "seed": s} for s in SEEDS]
    numbers = [{"test": 0.9 + WOBBLE[s]} for s in SEEDS]
    for kind, values in accuracy.items():
        for n, mean in zip((1, 3, 5), values, strict=True):
            for s in SEEDS:
                trials.append({"kind": kind.replace("_plus", "+"), "stages": n, "seed": s})
                numbers.append({"test": mean + WOBBLE[s] * (2 if kind == "AnB" else 1)})
    return frame(trials, numbers)


def test_transplants_from_a_are_compared_with_transplants_from_b():
    frozen = {"AnB": (0.9, 0.85, 0.6), "BnB": (0.9, 0.9, 0.9)}
    first, last = result_of(claim("C03"), transplant_rows(**frozen)).judged
    assert first.estimate.value == pytest.approx(0) and last.estimate.value == pytest.approx(0.3)
    assert (first.verdict, last.verdict) == ("holds", "holds")
    flat = transplant_rows(AnB=(0.9, 0.9, 0.895), BnB=(0.9, 0.9, 0.9))
    assert verdict("C03", flat) == "does not hold here"
    plus = {"AnB_plus": (0.91, 0.97, 0.97), "BnB_plus": (0.90, 0.91, 0.92)}
    found = result_of(claim("C03"), transplant_rows(**frozen, **plus))
    control = found.judged[-1].estimate.value
    assert control == pytest.approx(0.04)  # mean .95 against .91: the base net plays no part
    assert [one.estimate.value for one in found.details] == pytest.approx([0.05, 0.01])


def test_a_run_without_some_of_the_transplants_leaves_their_part_out():
    rows = transplant_rows(AnB=(0.9, 0.8, 0.7), BnB=(0.9, 0.9, 0.9))
    assert [one.part for one in result_of(claim("C03"), rows).judged] == list(
        claim("C03").primary[:2]
    )


def test_in_the_study_every_kind_has_the_rate_chosen_for_its_depth(monkeypatch):
    chosen = {name: {"rate": 1e-3 * n} for n, name in enumerate(halves.RATE_CHOICE.rivals, 1)}
    monkeypatch.setattr(halves.Tuning, "chosen", lambda tuning: chosen)
    trials = halves.transplant_trials({**claim("C03").full, "seeds": (0,)})
    taken = {f"{one['kind']}, {one['stages']} stages": one["rate"] for one in trials}
    assert taken == {name: setting["rate"] for name, setting in chosen.items()}
    small = halves.transplant_trials(claim("C03").quick)
    assert not any("rate" in one or "fresh" in one for one in small)


@pytest.mark.parametrize(("kind", "stages"), [("base", 0), ("AnB", 1)])
def test_a_transplant_learns_at_its_rate_and_may_be_tested_on_fresh_pictures(
    kind, stages, monkeypatch
):
    monkeypatch.setattr(halves, "half_task", partial(halves.half_task, test=60))
    trial = {"kind": kind, "stages": stages, "seed": 0, "pictures": 36, "epochs": 2, "side": 32}
    usual = halves._run_of(trial)
    same = halves._run_of({**trial, "rate": S.SCRATCH.lr})
    other = halves._run_of({**trial, "rate": 3 * S.SCRATCH.lr})
    first, again, faster = (run.history[-1].loss for run in (usual, same, other))
    assert first == again != faster
    fresh = halves.half_split("B", 30, halves.TRAIN_SEED + halves.FRESH, 32)
    found = halves.transplanted({**trial, "fresh": 30})["test"]
    assert found == evaluate(usual.model, fresh)
    taught = halves.half_task("B", 36, 0, 32).train.pictures
    assert not (fresh.pictures[:, None] == taught[None]).flatten(2).all(2).any()
    monkeypatch.setattr(halves, "CHOOSING", 20)
    validation = halves.half_split("B", 20, halves.VALIDATION_SEED, 32)
    assert halves.tried(trial) == {"validation": evaluate(usual.model, validation)}


def test_the_base_net_has_no_number_of_stages():
    found = halves.over_depths(transplant_rows(AnB=(0.9, 0.8, 0.7)))
    assert found.loc[found["kind"] == "base", "stages"].isna().all()
    assert set(found.loc[found["kind"] == "AnB", "stages"]) == {1, 3, 5}


def pair_rows(same, other):
    pairs = (("same source", same, 0.5), ("other source", other, 0.5), ("untrained", same, 0.1))
    return frame(
        [{"pair": pair, "seed": s} for pair, *_ in pairs for s in SEEDS],
        [
            {"cka": [v + WOBBLE[s] * k for k, v in enumerate(values)],
             "selectivity": chosen + WOBBLE[s] * (pair == "other source")}
            for pair, values, chosen in pairs
            for s in SEEDS
        ],
    )  # fmt: skip


def test_the_stems_should_be_alike_and_the_last_stages_apart():
    same = [0.95, 0.9, 0.85, 0.8, 0.8]
    found = result_of(claim("C38"), pair_rows(same, [0.94, 0.8, 0.6, 0.5, 0.4]))
    assert found.verdict == "holds"
    assert [one.estimate.value for one in found.judged] == pytest.approx([0.01, 0.4, 0.4])
    assert verdict("C38", pair_rows(same, [0.5, 0.5, 0.5, 0.5, 0.4])) == "does not hold here"
    assert verdict("C38", pair_rows(same, [0.94, 0.8, 0.6, 0.5, 0.79])) == "does not hold here"


def test_the_halves_share_no_shape_and_every_picture_shows_its_own_half():
    a, b = (set(halves.half_shapes(half)) for half in "AB")
    assert len(a) == len(b) == 9 and not a & b
    task = halves.half_task("B", 30, 0, 32, test=20)
    assert task.classes == halves.half_shapes("B")
    assert task.train.pictures.shape == (30, 3, 32, 32) and task.test.pictures.shape[0] == 20


@pytest.mark.parametrize(("kind", "donor", "learn"), [("AnB", "A", 3), ("BnB+", "B", "all")])
def test_a_transplant_has_its_first_stages_from_the_donor(monkeypatch, kind, donor, learn):
    given, nets = [], {half: halves.small_net(32).fresh(n) for n, half in enumerate("AB")}

    def fake_fit(*asked, **_):
        given.append(asked)
        return SimpleNamespace(test=1.0, seconds=1.0)

    monkeypatch.setattr(
        halves, "half_net", lambda half, *_, **__: SimpleNamespace(model=nets[half])
    )
    monkeypatch.setattr(halves, "half_task", partial(halves.half_task, test=20))
    monkeypatch.setattr(halves, "fit", fake_fit)
    halves.transplanted(
        {"kind": kind, "stages": 2, "seed": 0, "pictures": 36, "epochs": 1, "side": 32}
    )
    net, task, strategy, _ = given[0]
    mine, theirs = net.net.state_dict(), nets[donor].net.state_dict()
    same = {name.split(".")[0] for name in mine if torch.equal(mine[name], theirs[name])}
    changed = {name.split(".")[0] for name in mine if not torch.equal(mine[name], theirs[name])}
    assert "layer1" in same and "layer1" not in changed
    assert {"layer2", "layer3", "layer4", "fc"} <= changed
    assert strategy.trainable == learn and task.name == "half B"


def test_the_control_of_transplants_has_frozen_random_stages_that_know_only_the_statistics(
    monkeypatch,
):
    given = []
    monkeypatch.setattr(halves, "half_task", partial(halves.half_task, test=20))
    monkeypatch.setattr(
        halves, "fit", lambda *asked, **_: given.append(asked) or SimpleNamespace(test=1, seconds=1)
    )
    halves.transplanted(
        {"kind": "RnB", "stages": 2, "seed": 0, "pictures": 36, "epochs": 1, "side": 32}
    )
    net, _, strategy, _ = given[0]
    random = halves.small_net(32).fresh(200).net.state_dict()
    mine = net.net.state_dict()
    assert torch.equal(mine["conv1.weight"], random["conv1.weight"])
    assert not torch.equal(mine["layer4.0.conv1.weight"], random["layer4.0.conv1.weight"])
    assert mine["bn1.running_mean"].abs().max() > 0 and strategy.trainable == 3


def test_frozen_stages_of_another_net_are_set_beside_random_ones_by_their_number():
    rows = pd.DataFrame(
        [("AnB", 1, 0.8), ("AnB", 1, 0.6), ("RnB", 1, 0.5), ("AnB", 5, 0.4), ("base", 0, 0.9)],
        columns=["kind", "stages", "test"],
    )
    found = halves.frozen_random(rows)
    assert found.to_dict("index") == {1: {"AnB": pytest.approx(0.7), "RnB": 0.5}}
    assert halves.frozen_random(rows[rows["kind"] != "RnB"]).empty


# ---------------------------------------------------------------- all of them, tiny


def test_the_untrained_control_is_made_once_for_each_pretrained_net(monkeypatch):
    made = []
    monkeypatch.setattr(stages, "backbone", lambda: made.append(1) or small_backbone())
    monkeypatch.setattr(cache, "weights", lambda backbone: "w")
    stages.untrained.cache_clear()
    try:
        assert stages.untrained(3) is stages.untrained(3) and len(made) == 1
        monkeypatch.setattr(cache, "weights", lambda backbone: "other weights")
        stages.untrained(3)
        assert len(made) == 2
    finally:
        stages.untrained.cache_clear()


TINY = {
    "C01": {"seeds": (0, 1)},
    "C02": {"seeds": (0, 1), "train": 30, "validation": 15, "test": 20},
    "C03": {"seeds": (0, 1), "pictures": 36, "epochs": 1, "stages": (1, 5)},
    "C04": {"seeds": (0, 1), "pictures": 40, "epochs": 2, "train": 20},
    "C05": {"seeds": (0, 1), "train": 20, "epochs": 1, "pictures": 30},
    "C37": {"seeds": (0, 1), "train": 20, "test": 40},
    "C38": {"seeds": (0,), "pictures": 36, "epochs": 1},
}


@pytest.mark.parametrize("tag", TINY)
def test_every_claim_of_lesson_01_is_measured_judged_and_drawn(tag, monkeypatch):
    monkeypatch.setattr(halves, "half_task", partial(halves.half_task, test=60))
    found = running.run(claim(tag), "quick", progress=False, **TINY[tag])
    assert len(found.judged) > 0 and found.claim.tag in found._repr_markdown_()
    assert len(found.table()) > 1 and len(found.alt) > 40
    with style():
        figure = found.figure()
    assert figure.axes and all(np.isfinite(ax.get_xlim()).all() for ax in figure.axes)
    plt.close(figure)


# ---------------------------------------------------------------- what A's stages lose against B's


def test_what_is_lost_to_the_other_half_is_a_difference_of_means_by_depth():
    accuracy = {
        ("AnB", 1): (0.7, 0.9), ("BnB", 1): (0.8, 0.8), ("AnB", 5): (0.4, 0.5),
        ("BnB", 5): (0.7, 0.8), ("AnB+", 5): (0.9, 0.9), ("base", 0): (0.5, 0.5),
    }  # fmt: skip
    rows = pd.DataFrame(
        {"kind": kind, "stages": depth, "seed": seed, "test": test}
        for (kind, depth), tests in accuracy.items()
        for seed, test in enumerate(tests)
    )
    assert halves.lost_to_other(rows).to_dict() == {1: pytest.approx(0), 5: pytest.approx(0.3)}
    assert halves.lost_to_other(rows, tuned=True).empty  # its control was not measured
