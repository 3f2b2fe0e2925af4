"""A saved model comes back as it was, or is refused with a reason."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torchvision.models import get_model

from course_lib import CourseError, evaluate, fit, load_backbone
from course_lib import strategies as S
from course_lib.backbones.inference import predict
from course_lib.backbones.preprocessing import describe, restore
from course_lib.data.split import Split
from course_lib.serving import load_model, save_model
from course_lib.serving.saving import _digest
from tests.fakes import small_task


def rewritten(path, target, change):
    """The file with facts and tensors changed, and a digest that fits them again."""
    with safe_open(path, "pt") as file:
        header = file.metadata()
    facts, tensors = json.loads(header["facts"]), load_file(path)
    change(facts, tensors)
    text = json.dumps(facts, sort_keys=True)
    header |= {"facts": text, "sha256": _digest(text, tensors)}
    save_file(tensors, target, header)
    return target


def test_a_loaded_model_gives_the_same_logits_to_the_last_bit(trained):
    loaded = load_model(trained.path)
    wanted = predict(trained.run.model, trained.pictures)
    assert torch.equal(predict(loaded.model, trained.pictures), wanted)
    assert torch.equal(predict(trained.saved.model, trained.pictures), wanted)
    assert not loaded.model.training


def test_another_process_gives_the_same_logits_to_the_last_bit(trained, tmp_path):
    torch.save(trained.pictures, tmp_path / "pictures.pt")
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from course_lib.serving import load_model\n"
        "from course_lib import predict\n"
        "model = load_model(sys.argv[1]).model\n"
        "torch.save(predict(model, torch.load(sys.argv[2])), sys.argv[3])\n"
    )
    files = [trained.path, tmp_path / "pictures.pt", tmp_path / "logits.pt"]
    subprocess.run([sys.executable, "-c", code, *map(str, files)], check=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        here = predict(trained.run.model, trained.pictures)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.load(tmp_path / "logits.pt"), here)


def test_classes_preprocessing_strategy_and_scores_come_back(trained):
    loaded = load_model(trained.path)
    assert loaded.classes == trained.task.classes and loaded.picture_size == 32
    assert loaded.model.transform == trained.run.model.transform
    assert S.Strategy(**loaded.facts["strategy"]) == trained.run.strategy
    assert loaded.facts["scores"]["test"] == trained.run.test
    assert evaluate(loaded.model, trained.task) == trained.run.test
    assert loaded.threshold is None


def test_a_saved_model_is_told_in_one_line(trained):
    text = repr(trained.saved)
    assert "\n" not in text and text.startswith("<SavedModel: ")
    assert trained.run.strategy.name in text and trained.saved.classes[0] in text


def test_loading_does_not_touch_the_stream_of_random_numbers(trained):
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    load_model(trained.path)
    assert torch.equal(torch.rand(2), wanted)


def test_a_path_of_this_machine_is_not_saved(trained, tmp_path):
    run = trained.run
    task, run.task = run.task, replace(run.task, name=f"folder:{tmp_path}")
    try:
        save_model(run, tmp_path / "m.safetensors")
    finally:
        run.task = task
    assert str(tmp_path).encode() not in (tmp_path / "m.safetensors").read_bytes()


@pytest.mark.parametrize("place", [0.001, 0.1, 0.5, 0.999])
def test_one_changed_byte_anywhere_is_noticed(trained, tmp_path, place):
    data = bytearray(trained.path.read_bytes())
    data[int(place * len(data))] ^= 1
    (tmp_path / "m.safetensors").write_bytes(data)
    with pytest.raises(CourseError):
        load_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize("length", [0, 5, 100, -1])
def test_a_file_cut_short_is_refused(trained, tmp_path, length):
    (tmp_path / "m.safetensors").write_bytes(trained.path.read_bytes()[:length])
    with pytest.raises(CourseError, match="not a whole safetensors file"):
        load_model(tmp_path / "m.safetensors")


def test_a_pickle_is_refused_without_being_opened(trained, tmp_path):
    torch.save(trained.run.model.net.state_dict(), tmp_path / "m.pt")
    with pytest.raises(CourseError, match="pickled files .* can run code"):
        load_model(tmp_path / "m.pt")


def test_bare_weights_are_refused_for_lack_of_classes(trained, tmp_path):
    weights = trained.run.model.net.state_dict()
    bare = {name: value.contiguous() for name, value in weights.items()}
    save_file(bare, tmp_path / "bare.safetensors")
    with pytest.raises(CourseError, match="no classes and no preprocessing"):
        load_model(tmp_path / "bare.safetensors")


@pytest.mark.parametrize("classes", [2, 4, ("level 0", "level 1"), ("a", "b", "c")])
def test_other_classes_than_asked_for_are_refused(trained, classes):
    with pytest.raises(CourseError, match="tells 3 classes apart"):
        load_model(trained.path, classes=classes)


def test_the_right_classes_are_accepted_in_any_order(trained):
    names = tuple(reversed(trained.task.classes))
    assert load_model(trained.path, classes=names).classes == trained.task.classes
    load_model(trained.path, classes=3, backbone="worldnet")


def test_another_backbone_than_asked_for_is_refused(trained):
    with pytest.raises(CourseError, match="holds a worldnet, not a resnet18"):
        load_model(trained.path, backbone="resnet18")


def test_weights_of_another_backbone_under_a_wrong_name_are_refused(trained, tmp_path):
    path = rewritten(
        trained.path, tmp_path / "m.safetensors", lambda f, t: f.update(backbone="resnet18")
    )
    with pytest.raises(CourseError, match="not those of a resnet18"):
        load_model(path)


def test_a_backbone_of_the_future_is_refused(trained, tmp_path):
    path = rewritten(
        trained.path, tmp_path / "m.safetensors", lambda f, t: f.update(backbone="resnet9000")
    )
    with pytest.raises(CourseError, match="does not know"):
        load_model(path)


def test_a_head_with_more_outputs_than_classes_is_refused(trained, tmp_path):
    path = rewritten(trained.path, tmp_path / "m.safetensors", lambda f, t: f["classes"].pop())
    with pytest.raises(CourseError, match="names 2 classes .* its head has 3 outputs"):
        load_model(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CourseError, match="Cannot read the model"):
        load_model(tmp_path / "none.safetensors")


def test_a_net_changed_by_hand_is_not_saved_and_the_old_file_stays(trained, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_text("what was there before")
    model = load_backbone(pretrained=False)
    run = fit(model, trained.task, S.FEATURE_EXTRACTION, epochs=1, progress=False)
    run.model.net.relu = torch.nn.Tanh()
    with pytest.raises(CourseError, match="was changed after load_backbone"):
        save_model(run, path)
    assert path.read_text() == "what was there before"


@pytest.mark.parametrize(
    ("name", "match"), [("m.pt", "NAME.safetensors"), ("no/m.safetensors", "does not exist")]
)
def test_a_useless_path_is_refused_before_anything_is_written(trained, tmp_path, name, match):
    with pytest.raises(CourseError, match=match):
        save_model(trained.run, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("threshold", [0.5, -1])
def test_a_threshold_needs_two_classes(trained, tmp_path, threshold):
    with pytest.raises(CourseError, match="second of two classes"):
        save_model(trained.run, tmp_path / "m.safetensors", threshold=threshold)


def test_every_weights_own_preprocessing_survives_as_plain_data():
    from torchvision.models import get_model_weights

    some = Split(torch.randint(0, 256, (2, 3, 70, 90), dtype=torch.uint8), torch.zeros(2))
    for name in ("resnet50", "efficientnet_b0", "vit_b_16"):
        for weights in get_model_weights(name):
            transform = weights.transforms()
            back = restore(json.loads(json.dumps(describe(transform))))
            assert torch.equal(back(some.pictures), transform(some.pictures))


def test_preprocessing_of_an_unknown_kind_is_refused():
    with pytest.raises(CourseError, match="cannot be saved"):
        describe(lambda pictures: pictures)
    with pytest.raises(CourseError, match="Unknown preprocessing"):
        restore({"kind": "magic"})
    with pytest.raises(CourseError, match="incomplete"):
        restore({"kind": "normalise", "size": 64})


def test_a_net_with_weights_from_a_file_is_saved_with_its_own_picture_size(tmp_path):
    net = get_model("mobilenet_v2", weights=None, num_classes=3)
    torch.save(net.state_dict(), tmp_path / "net.pth")
    halves = (0.5, 0.5, 0.5)
    model = load_backbone(
        "mobilenet_v2", weights=tmp_path / "net.pth", size=32, mean=halves, std=halves
    )
    run = fit(model, small_task(), S.FEATURE_EXTRACTION, epochs=1)
    save_model(run, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors").model
    assert again.architecture.size == 32
    pictures = run.task.test.pictures
    assert torch.equal(again.prepare(pictures), run.model.prepare(pictures))
