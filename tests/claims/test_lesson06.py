"""Lesson 06's claims: what a trial measures, on small nets; what is computed from its rows."""

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from course_lib import CourseError, load_backbone, load_task
from course_lib.claims import claim
from course_lib.claims.lesson06 import C28, C29, C30, counted
from course_lib.claims.real_x_rays import REAL, X_RAYS, home_and_away, stored_real
from course_lib.claims.trials import choosing, clinic, grey, mistakes, transfer
from course_lib.lab import cache, store, tracks
from course_lib.lab.cache import checksum, key, plain
from course_lib.lab.claim import frame, result_of
from course_lib.lab.looks import PIXELS, RANDOM
from course_lib.lab.plots import Bars, Lines
from course_lib.lab.store import Study
from course_lib.lab.verdicts import judge_part
from course_lib.measure.figures import style
from course_lib.see.places import importance_of_places
from course_lib.train.baselines import features
from tests.fakes import small_backbone


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


def test_a_loss_is_set_against_the_same_model_without_the_mistake():
    """Draw 0: 0.9 right, 0.7 wrong; draw 1: 0.8 right, 0.75 wrong, 0.78 when trained so, too."""
    shared = {"task": "shapes", "strategy": "head"}
    rows = pd.DataFrame(
        [
            {**shared, "when": when, "mistake": mistake, "seed": seed, "accuracy": accuracy}
            for when, mistake, seed, accuracy in (
                (mistakes.SERVING, mistakes.NONE, 0, 0.9),
                (mistakes.SERVING, "twice", 0, 0.7),
                (mistakes.SERVING, mistakes.NONE, 1, 0.8),
                (mistakes.SERVING, "twice", 1, 0.75),
                (mistakes.BOTH, "twice", 1, 0.78),
            )
        ]
    )
    found = mistakes.with_losses(rows)
    assert found["lost"].tolist() == pytest.approx([0.2, 0.05, 0.02])
    assert found["points"].tolist() == pytest.approx([20, 5, 2])
    assert found["model"].nunique() == 2


def test_the_eight_mistakes_are_three_groups():
    assert [len(names) for names in mistakes.GROUPS.values()] == [4, 1, 3]
    assert sum(mistakes.GROUPS.values(), []) == list(mistakes.MISTAKES)


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


def test_ways_that_must_be_the_same_must_be_so_in_every_draw():
    part = C28.primary[0]
    rows = pd.DataFrame(
        {"way": grey.SUM, "learns": grey.HEAD, "train": 100, "seed": range(3), "difference": 1e-7}
    )
    assert judge_part(part, rows).verdict == "holds"
    rows.loc[1, "difference"] = 0.01
    assert judge_part(part, rows).verdict == "undecided"
    assert judge_part(part, rows.assign(difference=0.01)).verdict == "does not hold here"


# --- the X-ray case -------------------------------------------------------------------------------


def test_the_fine_tuning_of_c29_is_the_one_that_validation_prefers():
    """Validation prefers full fine-tuning in draw 0 (test 0.8) and fine-tuning in draw 1 (0.7),
    though each time the other one scores higher on test. Scratch has 0.6 and 0.65."""
    rows = pd.DataFrame(
        [
            {"train": 100, "seed": seed, "strategy": name, "auc": auc, "validation": validation,
             "low": auc - 0.02, "high": auc + 0.01}
            for seed, name, auc, validation in (
                (0, transfer.FINE, 0.90, 0.5),
                (0, transfer.FULL, 0.80, 0.6),
                (0, transfer.SCRATCH, 0.60, 0.9),
                (1, transfer.FINE, 0.70, 0.6),
                (1, transfer.FULL, 0.95, 0.5),
                (1, transfer.SCRATCH, 0.65, 0.9),
            )
        ]
    )  # fmt: skip
    tidy = C29.tidy(rows)
    assert C29.primary[0].quantity(tidy).tolist() == pytest.approx([0.2, 0.05])
    assert tidy["width"].tolist() == pytest.approx([3.0] * 6)


def test_a_split_by_patient_shares_no_patient_and_a_split_by_picture_does(small_nets):
    one = {**claim("C29b").quick, "epochs": 1, "seed": 0}
    shared = {
        split: clinic.promised_and_true({**one, "split": split})["shared"]
        for split in (clinic.BY_PICTURE, clinic.BY_PATIENT)
    }
    assert shared[clinic.BY_PATIENT] == 0 and shared[clinic.BY_PICTURE] > 0.5


def test_the_mark_tells_the_label_as_often_as_asked_for():
    case = clinic.clinic(24, 0, test=240, marker=clinic.TOLD)
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


def planted_real(folder, leave_out=0):
    """A file of C29-real in which fine-tuning beats scratch by 10 points and the rest by more."""
    size = {**REAL.full, "trains": (100, 3882)}
    study = Study(REAL.tag, {}, [])
    scores = {transfer.SCRATCH: 0.8, transfer.FINE: 0.9, transfer.FULL: 0.85}
    with tracks.using(X_RAYS):
        for trial in REAL.trials(size):
            auc = scores.get(trial["strategy"], 0.7) + 0.001 * trial["seed"]
            row = {
                **key(REAL.measure, plain(trial)),
                "measured": {"auc": auc, "validation": auc, "low": auc - 0.1, "high": auc + 0.05},
                "machine": study.machine({"torch": "9", "processor": "one"}),
                "took": 1.0,
                "date": "2026-11-26",
            }
            study.rows.append({**row, "sha256": checksum(row)})
    study.rows = study.rows[: len(study.rows) - leave_out]
    study.save(store.path_of(REAL.tag, folder))


def test_rows_of_real_x_rays_are_judged_by_the_parts_of_c29(tmp_path):
    planted_real(tmp_path)
    found = stored_real(tmp_path)
    assert (found.verdict, found.track, found.unfinished) == ("holds", "x-rays", "")
    assert [one.part for one in found.judged] == list(C29.primary)
    assert found.judged[0].estimate.value == pytest.approx(0.1)
    assert "benchmarks/x_rays.py" in found._repr_markdown_()


def test_a_stopped_run_on_real_x_rays_decides_nothing(tmp_path):
    planted_real(tmp_path, leave_out=1)
    assert stored_real(tmp_path).verdict == "undecided"
    planted_real(tmp_path, leave_out=32)  # of three draws with twelve trials each
    with pytest.raises(CourseError, match="benchmarks/x_rays.py"):
        stored_real(tmp_path)


def test_rows_of_real_x_rays_are_missed_with_the_command_that_makes_them(tmp_path):
    with pytest.raises(CourseError, match="benchmarks/x_rays.py"):
        stored_real(tmp_path)


def test_home_and_away_are_set_side_by_side_with_their_orders():
    def row(target, validation, test):
        scores = {
            name: {"mean": away, "sd": 0.0, "validation": home}
            for name, home, away in zip(transfer.LANES, validation, test, strict=True)
        }
        return {"target": target, "labels": 500, "metric": "auc", "draws": 5, "scores": scores}

    card = {
        "transfer": [
            row("phantom radiographs", (0.9, 0.7, 0.8, 0.95), (0.9, 0.7, 0.8, 0.95)),
            row("real chest X-rays", (0.98, 0.9, 0.95, 0.99), (0.9, 0.88, 0.93, 0.94)),
            {"target": "digits", "labels": 500, "metric": "accuracy", "draws": 5, "scores": {}},
        ]
    }
    text = home_and_away(card)
    assert text.count("\n|") == 4 and "digits" not in text  # rule and three rows below the heading
    assert "8.0 points (scratch), 2.0 points (feature extraction)" in text
    assert "The order at home is the one that the phantoms gave." in text
    card["transfer"][0] = row("phantom radiographs", (0.9,) * 4, (0.7, 0.9, 0.8, 0.95))
    assert "is not the one" in home_and_away(card)


# --- choosing -------------------------------------------------------------------------------------


def test_a_net_is_lighter_when_it_is_so_in_every_way():
    """A small net with half of resnet50's parameters and bytes and 0.9 of its time."""

    def verdicts(milliseconds):
        rows = pd.DataFrame(
            [
                ("mobilenet_v3_small", 5, milliseconds, 50, 5.0),
                ("efficientnet_b0", 5, 9, 50, 5.0),
                ("resnet50", 10, 10, 100, 10.0),
                ("vit_b_16", 20, 20, 200, 20.0),
            ],
            columns=["backbone", "parameters", "milliseconds", "megabytes_of_weights",
                     "megabytes_per_picture"],
        )  # fmt: skip
        tidy = C30.tidy(rows)
        assert C30.primary[1].quantity(tidy).item() == pytest.approx(0.9)
        return [judge_part(part, tidy).verdict for part in C30.primary]

    assert verdicts(9) == ["holds"] * 3
    assert verdicts(11) == ["does not hold here", "holds", "holds"]


def test_a_training_step_holds_four_copies_of_the_weights_and_what_each_picture_leaves():
    rows = pd.DataFrame({"megabytes_of_weights": [10.0], "megabytes_per_picture": [2.0]})
    assert choosing.training_megabytes(rows, batch=32).item() == 4 * 10 + 32 * 2


def test_what_was_measured_once_has_a_dash_for_its_interval():
    """Beside ResNet-50: a tenth of the parameters, half of the time, a third of the memory."""
    rows = pd.DataFrame(
        {"backbone": ["mobilenet_v3_small", "resnet50"], "seed": [0, 0], "parameters": [1e6, 1e7],
         "milliseconds": [5.0, 10.0], "training_megabytes": [100.0, 300.0]}
    )  # fmt: skip
    judged = judge_part(C30.primary[0], rows)
    assert judged.estimate.value == 0.5 and judged.interval == "–"
    assert judged.sentence.endswith(": 0.50 times (measured once)")


def test_no_draw_of_the_cheating_nets_hides_another():
    """Equal scores in every draw and under both marks: each has a place of its own, twice."""
    rows = pd.DataFrame(
        [{"mark": mark, "seed": seed, "home": 0.9, "away": 0.9, "map": [[0.1]]}
         for mark in (clinic.MARKED, clinic.CLEAN) for seed in range(3)]
    )  # fmt: skip
    fig = clinic.PlaceMaps().draw(rows)
    draws = [line for line in fig.axes[0].lines if line.get_alpha()]
    places = np.concatenate([line.get_xdata() for line in draws])
    assert len(places) == 12 and np.diff(np.sort(places)).min() > 0.03
    plt.close(fig)


def test_what_is_counted_has_no_doubt_but_its_range():
    found = counted(pd.Series([1.0, 3.0]))
    assert (found.value, found.low, found.high, found.n) == (2.0, 1.0, 3.0, 2)
    assert (found.p(2.0), found.p(4.0)) == (1.0, 0.0)


def test_published_accuracies_come_from_the_weights_own_card():
    assert choosing.published_accuracy("worldnet") is None
    assert choosing.published_accuracy("resnet50") == pytest.approx(0.80858)


# --- figures --------------------------------------------------------------------------------------


def test_a_panel_per_number_of_labels_stands_beside_the_other():
    rows = pd.DataFrame({"lane": list("aabb"), "labels": ["1", "2"] * 2, "test": 0.5, "seed": 0})
    figure = Bars("lane", {"test": "score"}, facet="labels").draw(rows)
    first, second = (ax.get_position() for ax in figure.axes)
    assert first.y0 == pytest.approx(second.y0) and first.x1 < second.x0
    plt.close(figure)


def test_a_baseline_with_more_labels_is_a_curve_and_one_measured_once_a_level():
    rows = pd.DataFrame(
        {"train": [10, 20, 10], "by": [PIXELS, PIXELS, RANDOM], "auc": [0.5, 0.7, 0.6]}
    )
    figure = Lines("train", {"auc": "AUC"}, by="by").draw(rows)
    curve, level = (line.get_ydata() for line in figure.axes[0].lines)
    assert list(curve) == [0.5, 0.7] and list(level) == [0.6, 0.6]
    plt.close(figure)


# --- every claim, once ----------------------------------------------------------------------------

TINY = {
    "C27": {"train": 12, "test": 24, "epochs": {transfer.HEAD_ONLY: 1, "first stages": 1}},
    "C27b": {"train": 12, "test": 24, "epochs": 1},
    "C28": {"trains": (12,), "test": 24, "epochs": 1},
    "C29": {"trains": (12, 20), "pictures": 24, "test": 36},
    "C29b": {"pool": 48, "epochs": 1, "fresh": 36},
    "C29c": {"train": 24, "epochs": 1, "test": 48, "shuffled": 24},
    "C30": {"backbones": ("worldnet",), "train": 12, "epochs": 1},
}


ONE_DRAW = {"seeds": (0,)}


@pytest.fixture
def small_nets(monkeypatch):
    """A small net in place of the pretrained one, and nothing kept of it."""
    kept = (mistakes._trained, mistakes._features)
    monkeypatch.setattr(transfer, "_backbone", lambda: small_backbone(size=64))
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


@pytest.mark.parametrize("tag", TINY)
def test_every_claim_is_measured_judged_and_drawn_on_a_tiny_task(tag, small_nets):
    one = claim(tag)
    trials = [plain(trial) for trial in one.trials({**one.quick, **TINY[tag], **ONE_DRAW})]
    rows = frame(trials, [plain(one.measure(trial)) for trial in trials])
    found = result_of(one, rows)
    expected = {"C27": 7, "C27b": 6, "C28": 4, "C29": 5, "C29b": 3, "C29c": 3, "C30": 0}
    assert len(found.judged) + len(found.details) == expected[tag]
    assert len(found.alt) > 40 and len(found.table()) and found.sentence
    with style():
        figure = found.figure()
    assert figure.axes and all(np.isfinite(ax.get_xlim()).all() for ax in figure.axes)
    plt.close(figure)


def test_what_is_kept_of_one_backbone_is_not_given_for_another(monkeypatch, small_nets):
    trial = plain(mistakes.mishap_trials({**claim("C27b").quick, **TINY["C27b"], "seeds": (0,)})[0])
    first = mistakes._trained("new-shapes", 12, 0, 24, transfer.HEAD_ONLY, 1, mistakes.NONE)
    monkeypatch.setattr(cache, "weights", lambda backbone: "others")
    monkeypatch.setattr(transfer, "_backbone", lambda: small_backbone(seed=1, size=64))
    assert mistakes.mishap(trial)["accuracy"] >= 0
    other = mistakes._trained("new-shapes", 12, 0, 24, transfer.HEAD_ONLY, 1, mistakes.NONE)
    assert not torch.equal(first.net.conv1.weight, other.net.conv1.weight)
