"""Files whose checksum is right and whose facts are not: saved models, cards, stored rows."""

import copy
import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file

from course_lib import CourseError, fit, load_backbone, load_task, predict, prepare_run
from course_lib import strategies as S
from course_lib.adaptation.translation import WEIGHTS as TRANSLATOR
from course_lib.adaptation.translation import load_translator
from course_lib.backbones import Backbone
from course_lib.backbones.loading import WORLDNET_WEIGHTS
from course_lib.data import photos
from course_lib.facts import facts_of
from course_lib.serving import load_model, save_model
from course_lib.serving.saving import _digest, _from_bytes
from tests import planted
from tests.fakes import SmallNet, pictures, small_task
from tests.fileserver import serving

# --- saved models ---------------------------------------------------------------------------------


class File(NamedTuple):
    header: dict
    facts: dict
    tensors: dict

    def __repr__(self) -> str:  # Hypothesis writes it
        return "<saved>"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small net of one's own in a file: header, facts, tensors."""
    small = Backbone.wrap(SmallNet(5), size=32, mean=(0.5,) * 3, std=(0.25,) * 3)
    run = fit(small, small_task(), S.FINE_TUNING, 1, progress=False)
    path = tmp_path_factory.mktemp("saved") / "small.safetensors"
    save_model(run, path)
    with safe_open(path, "pt") as file:
        header = file.metadata()
    return File(header, json.loads(header["facts"]), load_file(path))


def loaded(saved, facts, tensors=None, tmp="changed.safetensors"):
    """What a file with these facts and a digest that fits them loads as."""
    header, _, own = saved
    tensors = own if tensors is None else tensors
    text = facts if isinstance(facts, str) else json.dumps(facts)
    header = header | {"facts": text, "sha256": _digest(text, tensors)}
    return _from_bytes(save(tensors, header), Path(tmp), SmallNet(2))


def test_the_file_loads_while_nothing_is_changed(saved):
    assert loaded(saved, saved[1]).classes == small_task().classes


def test_a_file_of_the_first_edition_opens(saved):
    facts = copy.deepcopy(saved[1])
    for later in ("head", "stages_end_with", "finished"):
        del facts[later]
    facts["strategy"] = {"name": "fine-tuning", "learn": 1, "lr": 0.01, "ratio": 10.0}
    assert loaded(saved, facts).facts["strategy"]["ratio"] == 10.0


def paths(value, at=()):
    """The place of every value inside, such as ("scores", "test")."""
    yield at
    if isinstance(value, (dict, list)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(one, (*at, key))


PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from([0, -1, 1, 64, 64.0, 1e999, 10**30, "64", "level 0", "normalise", 0.5])
)  # fmt: skip
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["kind", "size", "mean", "std", "name", "x"]), inner)
    ),
    max_leaves=6,
)


def mutated(facts, at, change):
    """A copy of the facts with one value replaced, or left out."""
    facts = copy.deepcopy(facts)
    if not at:
        return change[1] if change else None
    inside = facts
    for key in at[:-1]:
        inside = inside[key]
    if change:
        inside[at[-1]] = change[1]
    else:
        del inside[at[-1]]
    return facts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_change_of_the_facts_loads_a_model_that_answers_or_is_a_clear_error(saved, data):
    at = data.draw(st.sampled_from(sorted(paths(saved[1]), key=repr)))
    change = data.draw(st.none() | st.tuples(st.just("set"), VALUES))
    try:
        model = loaded(saved, mutated(saved[1], at, change))
    except CourseError as error:
        assert "changed.safetensors" in str(error)
        return
    repr(model), model.picture_size, model.threshold
    answers = predict(model.model, pictures(2)[0])
    assert answers.shape == (2, len(model.classes)) and torch.isfinite(answers).all()


def without(name):
    return lambda facts: facts.pop(name)


def put(value, *at):
    def change(facts):
        for key in at[:-1]:
            facts = facts[key]
        facts[at[-1]] = value

    return change


WRONG = {
    "no classes": (without("classes"), "lacks classes"),
    "no scores": (without("scores"), "lacks scores"),
    "no strategy": (without("strategy"), "lacks strategy"),
    "a size in words": (put("32", "picture_size"), "picture_size must be integer"),
    "a size beyond reason": (put(10**9, "picture_size"), "picture_size must be smaller"),
    "one class": (put(["a"], "classes"), "classes must contain at least 2"),
    "classes doubled": (put(["a", "a", "b"], "classes"), "classes must contain unique"),
    "a class without a name": (put(["a", "", "b"], "classes"), r"classes\[1\] must be longer"),
    "classes in words": (put("abc", "classes"), "classes must be array"),
    "a score in words": (put("good", "scores", "test"), "scores.test must be number"),
    "a score above 1": (put(1.5, "scores", "test"), "scores.test must be smaller"),
    "a threshold of three classes": (put(0.5, "threshold"), "goes with two classes"),
    "a metric that nobody knows": (put("f1", "metric"), "metric must be one of"),
    "a deviation of 0": (put([0, 1, 1], "preprocessing", "std"), "std must be three numbers"),
    "two means": (put([0.5, 0.5], "preprocessing", "mean"), "mean must be three numbers"),
    "no kind": (put({}, "preprocessing"), "Unknown preprocessing"),
    "a stage that is not there": (put(["layer9"], "channels_last"), "channels_last names"),
}


@pytest.mark.parametrize("what", WRONG)
def test_facts_that_cannot_be_are_named_with_file_and_field(saved, what):
    change, match = WRONG[what]
    facts = copy.deepcopy(saved[1])
    change(facts)
    with pytest.raises(CourseError, match=f"(?s)changed.safetensors.*{match}.*Save the model"):
        loaded(saved, facts)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"a": NaN}', "[" * 100_000, "{'a': 1}"])
def test_facts_that_are_no_json_object_are_refused(saved, text):
    with pytest.raises(CourseError, match="its facts cannot be used"):
        loaded(saved, text)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["model.fc.weight", "reference.mean"])
def test_tensors_that_are_not_numbers_are_refused(saved, name, value):
    tensors = {key: tensor.clone() for key, tensor in saved[2].items()}
    tensors[name].view(-1)[0] = value
    with pytest.raises(CourseError, match=f"{name} holds NaN or infinite"):
        loaded(saved, saved[1], tensors)


@pytest.mark.parametrize("name", ["reference.mean", "reference.directions", "reference.places"])
@pytest.mark.parametrize("change", ["gone", "shorter", "double"])
def test_a_reference_that_does_not_fit_is_refused(saved, name, change):
    tensors = {key: tensor.clone() for key, tensor in saved[2].items()}
    tensor = tensors.pop(name)
    if change != "gone":
        tensors[name] = tensor[..., :-1].contiguous() if change == "shorter" else tensor.double()
    with pytest.raises(CourseError, match="what the model's validation pictures look like"):
        loaded(saved, saved[1], tensors)


def test_weights_that_are_missing_are_named(saved):
    tensors = {key: tensor for key, tensor in saved[2].items() if key != "model.conv1.weight"}
    with pytest.raises(CourseError, match="not those of"):
        loaded(saved, saved[1], tensors)


@pytest.mark.parametrize("header", [b"[]", b"{}", b'{"__metadata__": 5}', b"[" * 90_000])
def test_a_header_of_another_kind_is_refused(tmp_path, header):
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(CourseError, match="m.safetensors"):
        load_model(path)


def test_a_transformer_of_pictures_that_its_patches_do_not_divide_is_refused(saved):
    facts = copy.deepcopy(saved[1])
    facts["backbone"] = "vit_b_16"
    facts["preprocessing"]["size"] = 33
    header, _, tensors = saved
    text = json.dumps(facts)
    header = header | {"facts": text, "sha256": _digest(text, tensors)}
    with pytest.raises(CourseError, match="33 pixels, which cannot be built"):
        _from_bytes(save(tensors, header), Path("m.safetensors"))


def test_an_unfinished_run_says_so_when_it_is_saved_and_afterwards(tmp_path):
    small = Backbone.wrap(SmallNet(5), size=32, mean=(0.5,) * 3, std=(0.25,) * 3)
    run = prepare_run(small, small_task(), S.FEATURE_EXTRACTION, 3)
    for _ in run.ticks():
        if len(run.history) == 1:
            break
    path = tmp_path / "m.safetensors"
    with pytest.warns(UserWarning, match=r"not finished \(1 of 3 epochs\)"):
        save_model(run, path)
    again = load_model(path, net=SmallNet(2))
    assert again.facts["finished"] is False and "unfinished" in repr(again)


@pytest.mark.parametrize("run", [None, "run", small_task()])
def test_only_a_run_is_saved(tmp_path, run):
    with pytest.raises(CourseError, match="takes what fit gives"):
        save_model(run, tmp_path / "m.safetensors")


# --- cards ----------------------------------------------------------------------------------------


@pytest.fixture
def carded(tmp_path):
    """A copy of a weights file and its card, with a function that changes the card."""

    def copied(weights, change):
        path = tmp_path / weights.name
        path.write_bytes(weights.read_bytes())
        card = json.loads(weights.with_suffix(".json").read_text())
        change(card)
        path.with_suffix(".json").write_text(json.dumps(card))
        return path

    return copied


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (without("mean"), "lacks mean"),
        (put([0.5, 0.5], "mean"), "mean must contain at least 3"),
        (put([0.5, 0.5, "0.5"], "mean"), r"mean\[2\] must be number"),
        (put([0.3, 0, 0.3], "std"), r"std\[1\] must be bigger than 0"),
        (put(["a", "a"], "classes"), "classes must contain unique"),
        (put(7, "sha256"), "sha256 must be string"),
        (put(math.nan, "accuracy"), "not valid JSON"),
    ],
)
def test_a_card_that_cannot_be_is_named_with_its_field(carded, change, match):
    path = carded(WORLDNET_WEIGHTS, change)
    with pytest.raises(CourseError, match=f"worldnet.json: .*{match}.*course pretrain"):
        load_backbone(weights=path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "\xff"])
def test_a_card_that_is_no_json_object_is_refused(carded, text):
    path = carded(WORLDNET_WEIGHTS, lambda card: None)
    path.with_suffix(".json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CourseError, match="worldnet.json: it"):
        load_backbone(weights=path)


def test_worldnets_weights_that_are_not_numbers_are_refused(carded):
    path = carded(WORLDNET_WEIGHTS, lambda card: None)
    tensors = load_file(path)
    tensors["fc.weight"][0, 0] = math.nan
    save_file(tensors, path)
    card = json.loads(path.with_suffix(".json").read_text())
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(CourseError, match="NaN or infinite numbers, in fc.weight"):
        load_backbone(weights=path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (without("width"), "lacks width"),
        (put("16", "width"), "width must be integer"),
        (put(0, "width"), "width must be bigger"),
        (put(8, "width"), "does not fit the width"),
        (without("steps"), "lacks steps"),
    ],
)
def test_a_translators_card_that_cannot_be_is_refused(carded, change, match):
    with pytest.raises(CourseError, match=match):
        load_translator(carded(TRANSLATOR, change))


def test_facts_may_hold_nan_only_where_that_is_asked_for():
    assert math.isnan(facts_of("[NaN]", "it", {"type": "array"}, "", nan=True)[0])
    with pytest.raises(CourseError, match="NaN is no number"):
        facts_of("[NaN]", "it", {"type": "array"}, "")


# --- public sets on the disk ----------------------------------------------------------------------


@pytest.fixture
def host(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    content = {name: data for make in (planted.mnist, planted.eurosat)
               for name, data in make().items()}  # fmt: skip
    with serving() as server:
        server.files = {f"/{name}": data for name, data in content.items()}
        known = dict.fromkeys(planted.facts(planted.everything()), (1, "md5:0"))
        planted.put(server.url, known | planted.facts(content), monkeypatch.setattr)
        yield server
        planted.forget()


def test_a_set_that_is_not_whole_is_refused_and_kept(host, tmp_path, monkeypatch):
    sets = {**photos.SETS, "eurosat": replace(photos.SETS["eurosat"], least=27_000)}
    monkeypatch.setattr(photos, "SETS", sets)
    with pytest.raises(CourseError, match="eurosat has only 90 of 27,000 pictures .*Delete what"):
        load_task("eurosat", train=20)
    assert (tmp_path / "data" / "eurosat" / "EuroSAT.zip").is_file()
    assert len(list((tmp_path / "data" / "eurosat" / "2750").rglob("*.jpg"))) == 90


def test_the_sets_of_the_course_know_how_many_pictures_a_whole_copy_has():
    for name in ("imagenette", "pets", "eurosat", "mnist", "mnist-blended"):
        one = photos.SETS[name]
        assert one.least >= one.most + one.sizes[0]


@pytest.mark.parametrize("split", ["train", "t10k"])
@pytest.mark.parametrize("part", ["images-idx3", "labels-idx1"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:2],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"\x01" + data[1:],
    ],
    ids=["empty", "two bytes", "a byte short", "a byte long", "another beginning"],
)
def test_damaged_unpacked_files_of_mnist_are_named_and_kept(host, tmp_path, split, part, damage):
    assert len(load_task("mnist", train=20).train.labels) == 20
    path = tmp_path / "data" / "MNIST" / "raw" / f"{split}-{part}-ubyte"
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    planted.forget()
    with pytest.raises(CourseError, match=f"{path.name} is damaged: .*unpacked anew"):
        load_task("mnist", train=20)
    assert path.read_bytes() == damage(whole)
    path.unlink()
    assert len(load_task("mnist", train=20).train.labels) == 20


def test_labels_that_no_class_has_are_refused(host, tmp_path):
    load_task("mnist", train=20)
    path = tmp_path / "data" / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x20")
    planted.forget()
    with pytest.raises(CourseError, match="labels in .* that no class has"):
        load_task("mnist", train=20)
