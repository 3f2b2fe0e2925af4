"""Lesson 01's claims: judged on planted rows, and run once in the smallest size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from course_lib.experiments.registry import claim

from course_lib import load_backbone
from course_lib.errors import CourseError
from course_lib.experiments import feature_hierarchies as lesson
from course_lib.experiments import halves
from tests.experiments.runs import run_judge_and_draw

SEEDS = (0, 1, 2)
WOBBLE = {0: -0.005, 1: 0.0, 2: 0.005}


# ---------------------------------------------------------------- C01


def filter_rows(selectivity, smoothness):
    random = {"selectivity": [0.1] * 99 + [0.3], "smoothness": [0.1] * 99 + [0.2]}
    return [
        {"net": "pretrained", "seed": 0, "selectivity": selectivity, "smoothness": smoothness},
        *({"net": "untrained", "seed": seed, **random} for seed in SEEDS),
    ]


def test_c01_counts_filters_that_are_oriented_or_smooth():
    rows = filter_rows([0.9] * 20 + [0.1] * 12, [0.0] * 20 + [0.9] * 12)
    assert lesson.c01_judge(rows).verdict == "holds"
    assert lesson.structured_share(rows) == 1
    rows = filter_rows([0.9] * 8 + [0.1] * 24, [0.0] * 32)
    assert lesson.c01_judge(rows).verdict == "does not hold here"
    assert lesson.structured_share(rows) == 0.25


# ---------------------------------------------------------------- C02


def probe_rows(last_hue=0.0, last_class=0.9, untrained_class=0.1):
    def skill(net, seed):
        learnt = net == "pretrained"
        early = {"hue": 0.5, "light": 0.4, "ground": 0.3, "class": 0.1}
        late = {"hue": last_hue, "light": 0.1, "ground": 0.05,
                "class": last_class if learnt else untrained_class}  # fmt: skip
        rows = {stage: early for stage in ("pixels", *lesson.STAGES[:-1])} | {"layer4": late}
        return {s: {f: v + WOBBLE[seed] * (s == "layer4") for f, v in r.items()}
                for s, r in rows.items()}  # fmt: skip

    return [{"net": n, "seed": s, "skill": skill(n, s)} for n in lesson.NETS for s in SEEDS]


def test_c02_asks_for_low_level_factors_early_and_the_class_last():
    assert lesson.c02_judge(probe_rows()).verdict == "holds"
    assert lesson.c02_judge(probe_rows(last_hue=0.9)).verdict == "holds in part"
    parts = lesson.c02_judge(probe_rows(untrained_class=0.95)).sentence
    assert "and pretraining put it there: does not hold here" in parts
    assert lesson.best_stage(probe_rows(), "class") == "layer4"
    assert lesson.best_stage(probe_rows(), "hue") == "stem"


# ---------------------------------------------------------------- C37


def stage_rows(**last):
    def scores(task, net, seed):
        found = dict.fromkeys(("pixels", *lesson.STAGES), 0.7)
        found["layer4"] = last[task] if net == "pretrained" else 0.5
        found["layer4"] += WOBBLE[seed]
        return {"test": found, "validation": found}

    return [
        {"task": t.replace("_", "-"), "net": n, "seed": s, "train": 60, **scores(t, n, s)}
        for t in last
        for n in lesson.NETS
        for s in SEEDS
    ]


def test_c37_wants_late_stages_for_similar_and_early_ones_for_different_pictures():
    finding = lesson.c37_judge(stage_rows(new_shapes=0.9, digits=0.4))
    assert finding.verdict == "holds"
    assert "better than the frozen last stage" in finding.sentence
    assert lesson.c37_judge(stage_rows(new_shapes=0.5, digits=0.9)).verdict == "does not hold here"
    assert lesson.best_stage_for(stage_rows(digits=0.9), "digits") == "layer4"


# ---------------------------------------------------------------- C04


def checkpoint_rows(scores, shares=(0.1, 0.3, 0.6, 1.0)):
    return [
        {"share": share, "task": "digits", "seed": seed, "train": 60, "accuracy": share,
         "test": score + WOBBLE[seed] / 10}
        for share, score in zip(shares, scores, strict=True)
        for seed in SEEDS
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [((0.1, 0.2, 0.3, 0.4), "holds"), ((0.4, 0.3, 0.2, 0.1), "does not hold here")],
)
def test_c04_ranks_checkpoints(scores, verdict):
    assert lesson.c04_judge(checkpoint_rows(scores)).verdict == verdict


def test_a_missing_checkpoint_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setattr(lesson, "FOLDER", tmp_path)
    with pytest.raises(CourseError, match="course pretrain --keep"):
        lesson._kept(0.02)


def test_a_kept_checkpoint_is_the_net_that_was_saved(tmp_path, monkeypatch):
    model = load_backbone(pretrained=False, seed=5)
    torch.save(
        {k: v.half() for k, v in model.net.state_dict().items()}, tmp_path / "weights-0.2.pt"
    )
    monkeypatch.setattr(lesson, "FOLDER", Path(tmp_path))
    monkeypatch.setattr(lesson, "backbone", lambda: load_backbone(pretrained=False))
    kept = lesson._kept(0.2).net.fc.weight
    assert torch.allclose(kept, model.net.fc.weight, atol=1e-3)


# ---------------------------------------------------------------- C05


def cka_rows(last, random=0.2):
    tuned = np.full((5, 5), 0.3)
    np.fill_diagonal(tuned, [1.0, 0.98, 0.95, 0.9, last])
    return [
        {"seed": s, "task": "digits", "train": 30, "fine-tuned": (tuned + WOBBLE[s]).tolist(),
         "untrained": np.full((5, 5), random).tolist()}
        for s in SEEDS
    ]  # fmt: skip


def test_c05_wants_the_last_stage_to_change_most_and_all_to_stay_closer_than_random():
    rows = cka_rows(last=0.5)
    rows[0]["fine-tuned"][4][4] -= 0.01
    assert lesson.c05_judge(rows).verdict == "holds"
    assert lesson.c05_judge(cka_rows(last=0.99, random=0.999)).verdict != "holds"


# ---------------------------------------------------------------- C03 and C38


def transplant_rows(**accuracy):
    rows = [{"kind": "base", "stages": 0, "seed": s, "test": 0.9 + WOBBLE[s]} for s in SEEDS]
    for kind, values in accuracy.items():
        kind = kind.replace("_plus", "+")
        rows += [
            {"kind": kind, "stages": n, "seed": s, "test": v + WOBBLE[s] + 1e-3 * (s == 1)}
            for n, v in zip((1, 3, 5), values, strict=True)
            for s in SEEDS
        ]
    return rows


def test_c03_compares_transplants_from_a_with_transplants_from_b():
    good = transplant_rows(AnB=(0.9, 0.85, 0.6), BnB=(0.9, 0.9, 0.9))
    good[3]["test"] -= 0.002
    good[9]["test"] -= 0.002
    assert halves.c03_judge(good).verdict == "holds"
    flat = transplant_rows(AnB=(0.9, 0.9, 0.895), BnB=(0.9, 0.9, 0.9))
    assert halves.c03_judge(flat).verdict == "holds in part"
    tuned = halves.c03_judge(good + transplant_rows(AnB_plus=(0.95, 0.95, 0.95))[3:])
    assert "gained 5.0 points" in tuned.sentence and tuned.verdict == "holds"


def pair_rows(same, other):
    return [
        {"pair": pair, "seed": s, "cka": [v + WOBBLE[s] * k for k, v in enumerate(values)],
         "selectivity": chosen + WOBBLE[s]}
        for pair, values, chosen in (
            ("same source", same, 0.5), ("other source", other, 0.5), ("untrained", same, 0.1)
        )
        for s in SEEDS
    ]  # fmt: skip


def test_c38_wants_the_stem_alike_and_the_last_stage_apart():
    same = [0.95, 0.9, 0.85, 0.8, 0.8]
    rows = pair_rows(same, [0.94, 0.8, 0.6, 0.5, 0.4])
    for row in rows:  # no spread at all would make an interval of no width: fine too
        row["selectivity"] += 0.001 * row["seed"] * (row["pair"] == "other source")
    assert halves.c38_judge(rows).verdict == "holds"
    assert halves.c38_judge(pair_rows(same, [0.5, 0.5, 0.5, 0.5, 0.8])).verdict == "holds in part"


def test_the_halves_share_no_shape_and_every_picture_shows_its_own_half():
    a, b = (set(halves.half_shapes(half)) for half in "AB")
    assert len(a) == len(b) == 9 and not a & b
    task = halves.half_task("B", 30, 0, 32, test=20)
    assert task.classes == halves.half_shapes("B")
    assert task.train.pictures.shape == (30, 3, 32, 32) and task.test.pictures.shape[0] == 20


def test_a_transplant_keeps_frozen_stages_and_learns_the_others():
    trial = {"kind": "AnB", "stages": 2, "seed": 0, "pictures": 36, "epochs": 1, "side": 32}
    assert 0 <= halves.transplanted(trial)["test"] <= 1


# ---------------------------------------------------------------- all of them, tiny


@pytest.mark.parametrize("tag", ["C01", "C02", "C03", "C04", "C05", "C37", "C38"])
def test_every_claim_of_lesson_01_runs_judges_and_draws(tag):
    one = claim(tag)
    tiny = {**one.quick, "seeds": (0, 1)}
    small = {"train": 40, "validation": 20, "test": 40, "pictures": 40, "epochs": 1}
    if tag == "C04":  # its shares are ends of epochs
        del small["epochs"]
    tiny |= {key: value for key, value in small.items() if key in tiny}
    run_judge_and_draw(one, tiny)
