"""What a person may pass by mistake to public functions: a clear error each time, or a note."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import (
    CourseError,
    Split,
    Task,
    checks,
    evaluate,
    fit,
    load_backbone,
    load_task,
    predict,
    prepare_run,
    world,
)
from course_lib import strategies as S
from course_lib.adaptation import load_domains
from course_lib.backbones import Backbone
from course_lib.claims import run_claim
from course_lib.devices import usable_device
from course_lib.errors import Diverged
from course_lib.lab.tracks import TRACKS
from course_lib.measure.metrics import score
from course_lib.serving import export_model, load_model, predict_folder, save_model
from course_lib.train.forgetting import L2SP, source_pictures
from course_lib.train.rate_finder import find_rate
from course_lib.world import fractals
from course_lib.world.phantoms import radiographs
from tests.fakes import pictures, small_backbone, small_task

LONG = "a" * 5_000


def quick(task=None, strategy=S.FEATURE_EXTRACTION, epochs=1, **settings):
    return fit(small_backbone(), task or small_task(), strategy, epochs, progress=False, **settings)


# --- the checks themselves ------------------------------------------------------------------------


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_numpy_are_taken_and_become_pythons(value):
    assert type(checks.whole_number(value, "n")) is int


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.float64(0.5), np.int64(1)])
def test_numbers_of_numpy_are_taken_and_become_pythons(value):
    assert type(checks.number(value, "x", above=0, most=1)) is float


@pytest.mark.parametrize(
    "value", [True, np.True_, "3", 3.0, None, [3], math.nan, -1, 11, 10**400, torch.tensor([3, 4])]
)
def test_what_is_no_whole_number_in_range_is_refused_by_name(value):
    with pytest.raises(CourseError, match=r"^n must be a whole number from 0 to 10; got "):
        checks.whole_number(value, "n", 0, 10)


@pytest.mark.parametrize(
    "value", [True, "1", None, [1.0], math.nan, math.inf, 10**400, np.float32("nan"), 0, 1.5, 1j]
)
def test_what_is_no_number_in_range_is_refused_by_name(value):
    with pytest.raises(CourseError, match=r"^x must be a number above 0, up to 1; got "):
        checks.number(value, "x", above=0, most=1)


@pytest.mark.parametrize("value", [["world"], {}, None, 3, "worlds", np.zeros(2), {"world"}])
def test_a_name_of_any_type_is_looked_up_without_a_raw_error(value):
    with pytest.raises(CourseError, match="^No track .* There are: world, photos.$"):
        checks.one_of(value, "track", ("world", "photos"))


def test_the_nearest_name_is_offered_whatever_its_case():
    with pytest.raises(CourseError, match="Did you mean 'C06'"):
        checks.one_of("c06", "claim", ("C05", "C06"))


@pytest.mark.parametrize("value", ["no", "False", 0, None, [], np.zeros(2)])
def test_only_true_and_false_are_true_or_false(value):
    with pytest.raises(CourseError, match="cache must be True or False"):
        checks.true_or_false(value, "cache")
    assert checks.true_or_false(np.True_, "cache") is True


def test_long_values_are_cut_short_in_messages():
    with pytest.raises(CourseError) as error:
        checks.whole_number(LONG, "n")
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("gpu", 'torch calls a GPU "cuda"'),
        ("cdua", "Did you mean 'cuda'"),
        ("meta", "There are: cpu, cuda, mps"),
        (["cuda"], "There are: cpu"),
        (0, "There are: cpu"),
    ],
)
def test_a_device_that_torch_does_not_know_is_refused(value, match):
    with pytest.raises(CourseError, match=match):
        usable_device(value)


@pytest.mark.parametrize("value", ["cuda", "cuda:0", torch.device("cuda")])
def test_a_gpu_that_is_not_there_is_refused_with_advice(value, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for use in (
        usable_device,
        lambda device: load_backbone(pretrained=False, device=device),
        lambda device: quick(device=device),
    ):
        with pytest.raises(CourseError, match='No device .*none that torch can use.*give "cpu"'):
            use(value)
    assert usable_device("cpu") == usable_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize(
    ("value", "match"),
    [("~nosuch/x", "account"), (LONG, "too long"), ("a\0b", "usable"), (3, "must be a path")],
)
def test_a_path_that_cannot_be_is_refused(value, match):
    with pytest.raises(CourseError, match=match):
        checks.path(value)


# --- public functions -----------------------------------------------------------------------------

HUGE = 2**64
CALLS = {
    "a task's name that is a list": (lambda: load_task(["digits"]), "No task"),
    "a task's name that is None": (lambda: load_task(None), "No task"),
    "a seed beyond 64 bits": (lambda: load_task("digits", seed=HUGE), "seed must be"),
    "a seed that is a text": (lambda: load_task("digits", seed="1"), "seed must be"),
    "a million million pictures": (lambda: load_task("new-shapes", 10**12), "train must be"),
    "half a picture": (lambda: load_task("digits", 20.5), "train must be"),
    "a folder's path too long": (lambda: load_task(f"folder:{LONG}"), "too long"),
    "a folder's odd size": (lambda: load_task("folder:.", size=True), "size must be"),
    "first of a text": (lambda: small_task().first("3"), "n must be"),
    "scenes of a seed that is a text": (lambda: world.sample(3, "1"), "seed must be"),
    "scenes of a number in words": (lambda: world.sample("3"), "n must be"),
    "shapes that are one name": (lambda: world.sample(3, shapes="disc"), "shapes must be texts"),
    "a domain that is a list": (lambda: world.sample(3, domain=["day"]), "No domain"),
    "scenes drawn on a gpu": (lambda: world.render(world.sample(1), "gpu"), '"cuda"'),
    "radiographs of a seed beyond 64 bits": (lambda: radiographs(3, HUGE), "seed must be"),
    "a marker in words": (lambda: radiographs(3, marker="often"), "marker, a probability"),
    "fractals of a negative seed": (lambda: fractals.pictures(3, -1), "seed must be"),
    "domains' name that is a list": (lambda: load_domains(["digits"]), "No domains"),
    "domains of a seed beyond 64 bits": (lambda: load_domains("digits", seed=HUGE), "seed"),
    "a role that is a list": (lambda: TRACKS["world"].load_task(["similar"]), "No task of"),
    "a backbone's name that is a list": (lambda: load_backbone(["worldnet"]), "No backbone"),
    "pretrained in words": (lambda: load_backbone(pretrained="no"), "True or False"),
    "a backbone's seed that is a text": (
        lambda: load_backbone(pretrained=False, seed="1"), "seed must be"),
    "a backbone's seed beyond 64 bits": (
        lambda: load_backbone(pretrained=False, seed=HUGE), "seed must be"),
    "a backbone's device gpu": (lambda: load_backbone(device="gpu"), '"cuda"'),
    "weights that are a list": (lambda: load_backbone(weights=["a.pth"]), "weights must be"),
    "weights' path too long": (
        lambda: load_backbone("resnet18", weights=f"{LONG}.pth"), "too long"),
    "worldnet's weights' path too long": (
        lambda: load_backbone(weights=f"{LONG}.safetensors"), "too long"),
    "a net without a name for its end": (
        lambda: Backbone.wrap(torch.nn.Linear(2, 2), size=8, stages="fc"), "stages must be"),
    "a net's stage named twice": (
        lambda: Backbone.wrap(torch.nn.Linear(2, 2), size=8, stages=["a", "a"]), "'a' twice"),
    "a head of a text": (lambda: small_backbone().with_head("3"), "classes of a head"),
    "fresh weights of a seed beyond 64 bits": (lambda: small_backbone().fresh(HUGE), "seed"),
    "a seed of fit beyond 64 bits": (lambda: quick(seed=HUGE), "seed must be"),
    "a seed of fit that is a text": (lambda: quick(seed="1"), "seed must be"),
    "epochs that are a text": (lambda: quick(epochs="3"), "epochs must be"),
    "a cache in words": (lambda: quick(cache="no"), "cache must be True or False"),
    "keep_best in words": (lambda: quick(keep_best="no"), "keep_best must be True or False"),
    "test in words": (lambda: quick(test="no"), "test must be True or False"),
    "augment in words": (lambda: quick(augment="yes"), "augment must be"),
    "a device gpu": (lambda: quick(device="gpu"), '"cuda"'),
    "a mitigation that is a name": (lambda: quick(mitigation="L2SP"), "forgetting.L2SP"),
    "a mitigation that is a class": (lambda: quick(mitigation=3), "forgetting.L2SP"),
    "a strength that is a text": (
        lambda: quick(mitigation=L2SP("0.1"), strategy=S.FINE_TUNING), "strength must be"),
    "a rate that is a text": (lambda: quick(lr="fast"), "lr must be"),
    "a rate of 1e30": (lambda: quick(lr=1e30), "lr must be a number above 0, up to 10000"),
    "a strategy's rate of 1e30": (lambda: S.Strategy("x", lr=1e30), "up to 10000"),
    "a strategy's stage named twice": (
        lambda: S.Strategy("x", ("layer4", "layer4")), "'layer4' twice"),
    "a best epoch that nobody measures": (
        lambda: quick(epochs=2, keep_best=True, validate_every=5), "keep_best needs"),
    "rates of 1e30 to find": (lambda: find_rate(None, highest=1e30), "highest must be"),
    "rates to find that are texts": (lambda: find_rate(None, lowest="a"), "lowest must be"),
    "evaluate of a name": (lambda: evaluate(small_backbone(), "digits"), "takes a Task or"),
    "evaluate without a backbone": (lambda: evaluate("worldnet", pictures(6)), "A Backbone is"),
    "predict with a run": (lambda: predict(quick(), pictures(6)[0]), "A Backbone is needed"),
    "evaluate of three things": (lambda: evaluate(small_backbone(), (1, 2, 3)), "takes a Task"),
    "a split that is a list": (
        lambda: evaluate(small_backbone(classes=3), small_task(), ["test"]), "No split"),
    "a metric that is a list": (
        lambda: evaluate(small_backbone(), pictures(6), metric=["auc"]), "No metric"),
    "predict of a list": (lambda: predict(small_backbone(), [1]), "torch tensor"),
    "source pictures of no split": (
        lambda: source_pictures(load_backbone(), 20, "tests"), "Did you mean 'test'"),
    "a claim without a seed": (lambda: run_claim("C06", seeds=()), "seeds takes one value or more"),
    "a claim with one seed": (lambda: run_claim("C06", seeds=1), "seeds takes one value or more"),
    "a claim whose seeds are texts": (lambda: run_claim("C06", seeds="01"), "one value or more"),
    "a claim whose seed is a text": (lambda: run_claim("C06", seeds=("0",)), "Each of seeds"),
    "a claim's labels that are a text": (lambda: run_claim("C06", train="60"), "train must be"),
    "a claim that is a list": (lambda: run_claim(["C06"]), "No claim"),
    "a claim's size that is a list": (lambda: run_claim("C06", ["live"]), "No size"),
    "a model's path too long": (lambda: load_model(f"{LONG}.safetensors"), "too long"),
    "a model's path that is a number": (lambda: load_model(3), "must be a path"),
    "a saved model's path too long": (
        lambda: save_model(None, f"{LONG}.safetensors"), "too long"),
    "an export's path too long": (lambda: export_model(None, f"{LONG}.pt2"), "too long"),
    "a folder to predict too long": (lambda: predict_folder(None, LONG), "too long"),
}  # fmt: skip


@pytest.mark.parametrize("slip", CALLS)
def test_a_slip_ends_in_a_clear_error(slip):
    call, match = CALLS[slip]
    with pytest.raises(CourseError, match=match):
        call()


def test_numbers_of_numpy_are_taken_everywhere():
    strategy = replace(S.FINE_TUNING, lr=np.float32(0.01), trainable=np.int64(1))
    run = quick(
        strategy=strategy, epochs=np.int64(2), seed=np.int32(3), batch_size=np.int16(5),
        lr=np.float64(0.02), augment=np.int64(1), validate_every=np.int8(1), cache=np.True_,
    )  # fmt: skip
    same = quick(strategy=S.FINE_TUNING, epochs=2, seed=3, batch_size=5, lr=0.02, augment=1)
    for name, value in run.model.state_dict().items():
        assert torch.equal(value, same.model.state_dict()[name])
    task = load_task("digits", train=np.int64(20), seed=np.int64(1))
    assert torch.equal(task.train.pictures, load_task("digits", 20, 1).train.pictures)
    assert small_backbone().with_head(np.int64(3)).classes == 3


@pytest.mark.parametrize("split", ["validation", "test"])
def test_an_empty_split_that_would_be_measured_is_named_with_the_way_out(split):
    task = small_task()
    empty = Split(*(part[:0] for part in task.test))
    task = replace(task, **{split: empty})
    off = {"validation": {"validate_every": 0}, "test": {"test": False}}[split]
    with pytest.raises(CourseError, match=f"no {split} pictures.*set {next(iter(off))}="):
        quick(task)
    assert quick(task, **off).finished


# --- pictures and labels --------------------------------------------------------------------------


def test_labels_in_a_column_are_the_same_labels():
    model, (images, labels) = small_backbone(classes=3), pictures(18)
    wanted = evaluate(model, (images, labels))
    assert evaluate(model, (images, labels[:, None])) == wanted
    assert evaluate(model, (images, labels.numpy().astype(np.uint8)[:, None])) == wanted
    assert evaluate(model, (images, labels.tolist())) == wanted


@pytest.mark.parametrize(
    "labels",
    [
        torch.zeros(6, 2).long(), torch.zeros(1, 6).long(), torch.zeros(6, 1, 1).long(),
        torch.zeros(6), torch.zeros(6).bool(), torch.tensor(0), torch.zeros(5).long(),
        ["a"] * 6, None,
    ],
)  # fmt: skip
def test_labels_of_another_shape_or_type_are_refused(labels):
    with pytest.raises(CourseError, match="labels|Labels"):
        evaluate(small_backbone(), (pictures(6)[0], labels))


def test_a_metric_does_not_broadcast():
    with pytest.raises(CourseError, match=r"labels \(n,\); got \(4, 2\) and \(4, 1\)"):
        score("accuracy", torch.zeros(4, 2), torch.zeros(4, 1).long())


@pytest.mark.parametrize("metric", ["accuracy", "auc"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_answers_that_are_not_numbers_have_no_score(metric, value):
    logits = torch.zeros(4, 2)
    logits[1, 0] = value
    with pytest.raises(Diverged, match="answers to 1 of 4 pictures are NaN or infinite"):
        score(metric, logits, torch.tensor([0, 1, 0, 1]))


def test_broken_weights_are_not_scored_by_evaluate_nor_by_fit():
    model = small_backbone(classes=3)
    with torch.no_grad():
        model.head.weight[0, 0] = math.nan
    with pytest.raises(Diverged):
        evaluate(model, pictures(18))
    with torch.no_grad():
        model.net.conv1.weight.fill_(math.nan)
    with pytest.raises(Diverged):
        fit(model, small_task(), S.FEATURE_EXTRACTION, 1, progress=False)


def test_training_that_ends_in_infinite_answers_is_not_scored():
    with pytest.raises(Diverged):
        quick(
            strategy=replace(S.FULL_FINE_TUNING, head_lr_ratio=1e-30),
            epochs=1,
            lr=1e3,
            batch_size=14,
        )


def test_a_strategy_that_never_unlocks_stages_says_so_and_does_not_count_them():
    strategy = replace(S.GRADUAL_UNFREEZING, unfreeze_every=50)
    model, task = small_backbone(), small_task()
    with pytest.warns(UserWarning, match="never unlocks stem, layer1, layer2, layer3: .*epoch 51"):
        run = prepare_run(model, task, strategy, 5)
    learns = sum(p.numel() for p in run.model.stages["layer4"].parameters())
    assert run.trainable_parameters == learns + sum(p.numel() for p in run.model.head.parameters())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        everything = prepare_run(model, task, S.GRADUAL_UNFREEZING, 6)
    assert everything.trainable_parameters == sum(p.numel() for p in run.model.parameters())


def hand_made(train, validation, test, classes=("a", "b", "c")) -> Task:
    return Task("mine", "Mine", train, validation, test, classes, "accuracy", "similar", "here")


def test_training_pictures_that_are_measured_on_are_warned_of_and_noted():
    train, validation, test = pictures(9, seed=1), pictures(9, seed=2), pictures(9, seed=3)
    leaky = Split(torch.cat([test[0], train[0][:2]]), torch.cat([test[1], train[1][:2]]))
    with pytest.warns(UserWarning, match="2 of 9 training pictures are test pictures too"):
        task = hand_made(train, validation, leaky)
    assert task.notes == ("2 of 9 training pictures are test pictures too",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hand_made(train, validation, test).notes == ()
        assert replace(task, name="again").notes == task.notes  # said once


def test_the_same_pixels_under_two_labels_are_warned_of_and_noted():
    train, test = pictures(9, seed=1), pictures(9, seed=3)
    double = Split(torch.cat([train[0], train[0][:1]]), torch.cat([train[1], train[1][:1] + 1]))
    with pytest.warns(UserWarning, match="1 training pictures are there under two labels"):
        task = hand_made(double, test, test)
    assert len(task.notes) == 1


def test_pictures_that_share_most_pixels_are_not_taken_for_copies():
    train, test = pictures(9, seed=1), pictures(9, seed=3)
    near = train[0].clone()
    near[:, :, 5, 7] ^= 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hand_made(train, test, Split(near, train[1]))


@pytest.mark.parametrize(
    ("classes", "match"),
    [
        (("caf\u00e9", "cafe\u0301", "tea"), "read alike"),
        (("a", "a", "b"), "'a' twice"),
        ("abc", "classes must be texts"),
        ((1, 2, 3), "classes must be texts"),
        ((), "classes must be texts"),
    ],
)
def test_classes_that_cannot_be_told_apart_by_name_are_refused(classes, match):
    split = pictures(9)
    with pytest.raises(CourseError, match=match):
        hand_made(split, split, split, classes)


def test_a_task_of_things_that_are_not_tensors_is_refused():
    with pytest.raises(CourseError, match="two tensors"):
        hand_made(([1], [0]), pictures(9), pictures(9))


# --- folders --------------------------------------------------------------------------------------


def drawn(folder, n=6, seed=0, size=12):
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for k in range(n):
        pixels = generator.integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")


def test_folders_whose_names_read_alike_are_refused(tmp_path):
    for seed, name in enumerate(("caf\u00e9", "cafe\u0301")):
        drawn(tmp_path / name, seed=seed)
    with pytest.raises(CourseError, match="read alike"):
        load_task(f"folder:{tmp_path}")


def test_a_float_picture_with_nan_is_left_out_and_named(tmp_path):
    drawn(tmp_path / "a", seed=1)
    drawn(tmp_path / "b", seed=2)
    pixels = np.linspace(0, 1, 144, dtype=np.float32).reshape(12, 12)
    pixels[3, 4] = np.nan
    Image.fromarray(pixels).save(tmp_path / "b" / "nan.tif")
    with pytest.warns(UserWarning, match="nan.tif: it holds NaN"):
        task = load_task(f"folder:{tmp_path}")
    assert [note for note in task.notes if "nan.tif" in note]


def test_the_same_pixels_in_another_format_under_another_class_are_named(tmp_path):
    drawn(tmp_path / "a", seed=1)
    drawn(tmp_path / "b", seed=2)
    Image.open(tmp_path / "a" / "0.png").save(tmp_path / "b" / "copy.bmp")
    with pytest.warns(UserWarning, match="copy.bmp: the same picture as a/0.png, under another"):
        load_task(f"folder:{tmp_path}")


def closed(monkeypatch, folder):
    """As for an account that may not open the folder; this one may be root, who may."""
    import os

    scandir = os.scandir

    def refuse(path):
        if str(path) == str(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_class_folder_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    for seed, name in enumerate("ab"):
        drawn(tmp_path / name, seed=seed)
    closed(monkeypatch, tmp_path / "b")
    with pytest.raises(CourseError, match="b has 0.*b: this folder cannot be opened .Permission"):
        load_task(f"folder:{tmp_path}")
