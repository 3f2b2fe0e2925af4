"""Lesson 06's claims: judged on planted rows, and run once on tiny tasks."""

import json

import pytest
import torch
from course_lib.experiments.registry import claim
from torch import nn

from course_lib import CourseError, load_backbone, load_task
from course_lib.experiments import trials
from course_lib.experiments.production import choosing, grey, mistakes, x_rays
from course_lib.experiments.study import checksum
from course_lib.see.places import importance_of_places
from course_lib.train.baselines import features
from tests.experiments.runs import run_judge_and_draw

TAGS = ("C27", "C27b", "C28", "C29", "C29b", "C29c", "C30")


@pytest.fixture(scope="module")
def model():
    return load_backbone(pretrained=False)


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (4, 3, 64, 64), generator=generator, dtype=torch.uint8)


# --- mistakes: each does what it says -------------------------------------------------------------


def test_what_is_undone_is_the_picture_itself(model, pictures):
    found = mistakes.not_normalised(pictures, model.transform)
    torch.testing.assert_close(found, pictures.float() / 255, atol=1e-6, rtol=0)


def test_values_of_the_normalisation_mistakes_are_those_computed_by_hand(model):
    """Mean 0.45, deviation 0.28; a pixel of value 51 is 0.2."""
    flat = torch.full((1, 3, 64, 64), 51, dtype=torch.uint8)
    right = model.transform
    assert tuple(right.mean) == (0.45,) * 3 and tuple(right.std) == (0.28,) * 3
    wanted = {
        mistakes.not_divided: (51 - 0.45) / 0.28,
        mistakes.others_mean: (0.2 - 0.485) / 0.229,
        mistakes.twice: ((0.2 - 0.45) / 0.28 - 0.45) / 0.28,
    }
    for wrong, value in wanted.items():
        assert wrong(flat, right)[0, 0, 0, 0].item() == pytest.approx(value, rel=1e-4)


def test_blue_comes_first_and_geometry_keeps_the_size(model, pictures):
    right = model.transform(pictures)
    assert torch.equal(mistakes.blue_first(pictures, model.transform), right.flip(1))
    for wrong in (mistakes.squeezed, mistakes.centre_only, mistakes.thumbnail):
        found = wrong(pictures, model.transform)
        assert found.shape == right.shape and not torch.equal(found, right)


def test_a_mistake_is_made_on_a_copy(model, pictures):
    wrong = mistakes.with_mistake(model, "BGR for RGB")
    assert not torch.equal(wrong.prepare(pictures), model.prepare(pictures))
    assert torch.equal(
        mistakes.with_mistake(model, mistakes.NONE).prepare(pictures), model.prepare(pictures)
    )


def planted_mistakes(lost: dict):
    """Rows of three seeds with a planted loss per group."""
    rows = []
    for seed in (0, 1, 2):
        for when in (mistakes.SERVING, mistakes.BOTH):
            for name in (mistakes.NONE, *mistakes.MISTAKES):
                group = mistakes.MISTAKES[name][0] if name != mistakes.NONE else None
                rows.append(
                    {
                        "task": "new-shapes",
                        "strategy": mistakes.HEAD_ONLY,
                        "when": when,
                        "mistake": name,
                        "seed": seed,
                        "accuracy": 0.9 - lost.get(group, 0.0) + 0.001 * seed,
                    }
                )
    return [r for r in rows if r["when"] == mistakes.SERVING or r["mistake"] != mistakes.NONE]


@pytest.mark.parametrize(
    ("lost", "verdict"),
    [
        ((0.2, 0.2, 0.2), "holds"),
        ((0.2, 0.0, 0.2), "holds in part"),
        ((0.0, 0.0, 0.0), "does not hold here"),
    ],
)
def test_c27_asks_every_group_for_two_points(lost, verdict):
    groups = (mistakes.NORMALISATION, mistakes.ORDER, mistakes.RESIZE)
    rows = planted_mistakes(dict(zip(groups, lost, strict=True)))
    assert mistakes.c27_judge(rows).verdict == verdict


def test_a_task_of_light_has_colour_as_its_class():
    task = mistakes.light(8, 0, 8)
    red, _, blue = task.test.pictures.float().mean((2, 3)).T
    warmth = red - blue
    assert warmth[task.test.labels == 0].mean() > warmth[task.test.labels == 1].mean() + 40
    other = mistakes.light(8, 1, 8)
    assert torch.equal(task.test.pictures, other.test.pictures)
    assert not torch.equal(task.train.pictures, other.train.pictures)


# --- grey -----------------------------------------------------------------------------------------


def test_summed_filters_give_what_repeated_channels_give(model):
    pictures = load_task("radiographs", train=12).train.pictures
    summed = grey.grey_model(model, grey.SUM)
    assert summed.net.conv1.weight.shape[1] == 1
    torch.testing.assert_close(features(summed, pictures), features(model, pictures))
    mean = grey.grey_model(model, grey.MEAN)
    assert not torch.allclose(features(mean, pictures), features(model, pictures), rtol=1e-2)


def test_grey_weights_are_those_computed_by_hand():
    weight = torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1, 1)
    assert grey.grey_weights(weight, grey.SUM).item() == 9
    assert grey.grey_weights(weight, grey.MEAN).item() == 3
    assert grey.grey_weights(weight, grey.ONE).item() == 1


def test_a_new_stem_depends_on_its_seed_alone(model):
    state = torch.random.get_rng_state()
    first, again, other = (grey.grey_model(model, grey.NEW, seed) for seed in (1, 1, 2))
    assert torch.equal(first.net.conv1.weight, again.net.conv1.weight)
    assert not torch.equal(first.net.conv1.weight, other.net.conv1.weight)
    assert torch.equal(torch.random.get_rng_state(), state)


# --- the X-ray case -------------------------------------------------------------------------------


def planted_aucs(scores: dict):
    return [
        {"train": train, "strategy": name, "seed": seed, "auc": value + 0.002 * seed,
         "validation": value, "low": value - 0.05, "high": value + 0.05}
        for train in (100, 5000)
        for name, value in scores.items()
        for seed in (0, 1, 2)
    ]  # fmt: skip


def test_c29_holds_only_if_fine_tuning_wins_at_both_ends():
    scores = {x_rays.SCRATCH: 0.7, x_rays.HEAD_ONLY: 0.8, x_rays.FINE: 0.9, x_rays.PIXELS: 0.6,
              x_rays.RANDOM: 0.6}  # fmt: skip
    rows = planted_aucs(scores)
    assert x_rays.c29_judge(rows).verdict == "holds"
    for row in rows:
        if row["train"] == 5000 and row["strategy"] == x_rays.SCRATCH:
            row["auc"] = 0.99
    assert x_rays.c29_judge(rows).verdict == "holds in part"


def test_a_split_by_patient_shares_no_patient_and_a_split_by_picture_does():
    one = {**claim("C29b").quick, "epochs": 1, "seed": 0}
    shared = {
        split: x_rays.c29b_measure({**one, "split": split})["shared"]
        for split in (x_rays.BY_PICTURE, x_rays.BY_PATIENT)
    }
    assert shared[x_rays.BY_PATIENT] == 0 and shared[x_rays.BY_PICTURE] > 0.5


def test_the_mark_tells_the_label_as_often_as_asked_for():
    case = x_rays.clinic(24, 0, test=240, marker=x_rays.TOLD)
    agrees = case.marks == (case.task.test.labels.numpy() == 1)
    assert 0.9 <= agrees.mean() <= 0.99
    assert len(case.patients) == 240


class Corner(nn.Module):
    """Looks at the upper left corner and nowhere else."""

    def __init__(self, like):
        super().__init__()
        self.transform, self.architecture = like.transform, like.architecture
        self.device, self.classes, self.source_classes = like.device, 2, ()

    def prepare(self, pictures):
        return pictures.float()

    def forward(self, x):
        bright = x[:, 0, :4, :4].mean((1, 2)) / 255
        return torch.stack([1 - bright, bright], 1)


def test_only_the_place_that_the_model_looks_at_is_worth_anything(model, pictures):
    many = pictures.repeat(10, 1, 1, 1)
    labels = torch.arange(40) % 2
    many[:, :, :4, :4] = (200 * labels).view(-1, 1, 1, 1).to(torch.uint8)
    lost = importance_of_places(Corner(model), many, labels)
    assert lost.shape == (4, 4) and lost[0, 0] > 0.2
    assert lost.flatten()[1:].abs().max() == 0
    with pytest.raises(CourseError, match="does not fit"):
        importance_of_places(Corner(model), many, labels, box=65)


def test_real_rows_are_missed_with_the_command_that_makes_them(tmp_path):
    with pytest.raises(CourseError, match="benchmarks/x_rays.py"):
        x_rays.real_rows(tmp_path / "none.json")
    row = {"trial": {"a": 1}, "measured": {"b": 2}}
    made_with = {"torch": "9", "processor": "one", "cores": 2}
    rows = [{**row, "sha256": checksum(row)}]
    stored = {"made_with": made_with, "weights": "w1", "rows": rows}
    (tmp_path / "rows.json").write_text(json.dumps(stored))
    assert x_rays.real_rows(tmp_path / "rows.json") == ([{"a": 1, "b": 2}], made_with)


# --- choosing -------------------------------------------------------------------------------------


def test_accuracies_that_were_not_measured_leave_the_claim_open():
    def row(name, parameters, milliseconds, accuracy):
        return {"backbone": name, "parameters": parameters, "milliseconds": milliseconds,
                "megabytes_of_weights": parameters, "megabytes_per_picture": parameters,
                "accuracy": accuracy}  # fmt: skip

    def nets(accuracy):
        return [row("mobilenet_v3_small", 1, 1, accuracy), row("efficientnet_b0", 2, 2, accuracy),
                row("resnet50", 5, 5, accuracy), row("vit_b_16", 9, 9, accuracy)]  # fmt: skip

    assert choosing.judge(nets(0.9)).verdict == "holds"
    finding = choosing.judge(nets(None))
    assert finding.verdict == "holds in part" and "photographs track" in finding.sentence


def test_published_accuracies_come_from_the_weights_own_card():
    assert choosing.published_accuracy("worldnet") is None
    assert choosing.published_accuracy("resnet50") == pytest.approx(0.80858)


# --- every claim, once ----------------------------------------------------------------------------

TINY = {
    "C27": {"train": 12, "test": 24, "epochs": {mistakes.HEAD_ONLY: 1, "first stages": 1}},
    "C27b": {"train": 12, "test": 24, "epochs": 1},
    "C28": {"trains": (12,), "test": 24, "epochs": 1},
    "C29": {"trains": (12, 20), "pictures": 24, "test": 36},
    "C29b": {"pool": 48, "epochs": 1, "fresh": 36},
    "C29c": {"train": 24, "epochs": 1, "test": 48, "shuffled": 24},
    "C30": {"backbones": ("worldnet",), "train": 12, "epochs": 1},
}


@pytest.mark.parametrize("tag", TAGS)
def test_every_claim_runs_judges_and_draws_on_a_tiny_task(tag, monkeypatch):
    for module in (mistakes, grey, x_rays, trials):
        monkeypatch.setattr(module, "backbone", lambda: load_backbone(pretrained=False))
    mistakes._trained.cache_clear()
    mistakes._features.cache_clear()
    one = claim(tag)
    size = {**one.quick, **TINY[tag]}
    run_judge_and_draw(one, size)
    mistakes._trained.cache_clear()
    mistakes._features.cache_clear()


def test_home_and_away_are_set_side_by_side_with_their_orders():
    def row(target, validation, test):
        scores = {
            name: {"mean": away, "sd": 0.0, "validation": home}
            for name, home, away in zip(x_rays.BASIC, validation, test, strict=True)
        }
        return {"target": target, "labels": 500, "metric": "auc", "draws": 5, "scores": scores}

    card = {
        "transfer": [
            row("phantom radiographs", (0.9, 0.7, 0.8, 0.95), (0.9, 0.7, 0.8, 0.95)),
            row("real chest X-rays", (0.98, 0.9, 0.95, 0.99), (0.9, 0.88, 0.93, 0.94)),
            {"target": "digits", "labels": 500, "metric": "accuracy", "draws": 5, "scores": {}},
        ]
    }
    text = x_rays.home_and_away(card)
    assert text.count("\n|") == 4 and "digits" not in text  # rule and three rows below the heading
    assert "8.0 points (scratch), 2.0 points (feature extraction)" in text
    assert "The order at home is the one that the phantoms gave." in text
    card["transfer"][0] = row("phantom radiographs", (0.9,) * 4, (0.7, 0.9, 0.8, 0.95))
    assert "is not the one" in x_rays.home_and_away(card)
