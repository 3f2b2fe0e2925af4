import hashlib
import json
import urllib.error
import urllib.request

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from course_lib import CourseError, available_backbones, load_backbone
from course_lib.backbones.worldnet import WorldNet
from tests.fakes import small_backbone

SMALL_PICTURES = {"vit_b_16": 224}  # the others take any size


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """An empty place for downloads, and a network that is not there."""

    def refuse(*_, **__):
        raise urllib.error.URLError("Network is unreachable")

    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return tmp_path


@pytest.fixture
def worldnet_file(tmp_path):
    """WorldNet weights with their card, as `course pretrain` writes them, for four classes."""
    torch.manual_seed(0)
    net = WorldNet(4)
    path = tmp_path / "tiny.safetensors"
    half = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    save_file(half, path)
    card = {
        "classes": ["a", "b", "c", "d"],
        "mean": [0.4, 0.5, 0.6],
        "std": [0.2, 0.25, 0.5],
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


@pytest.fixture(scope="module", params=available_backbones())
def random_backbone(request):
    return load_backbone(request.param, pretrained=False)


def test_stages_and_head_in_order_are_the_nets_own_forward_pass(random_backbone):
    model = random_backbone
    size = SMALL_PICTURES.get(model.name, 64)
    x = torch.randn(1, 3, size, size)
    middle = len(model.stages) // 2
    with torch.inference_mode():
        features = model.run_stages(model.run_stages(x, 0, middle), middle)
        assert features.shape == (1, model.feature_dim)
        torch.testing.assert_close(model.head(features), model.net(x))


def test_every_parameter_is_in_exactly_one_stage_or_the_head(random_backbone):
    model = random_backbone
    parts = [*model.stages.values(), model.head]
    held = [id(p) for part in parts for p in part.parameters()]
    assert sorted(held) == sorted(id(p) for p in model.parameters())


def test_nothing_left_to_run_gives_back_what_came_in():
    model = small_backbone()
    features = torch.randn(2, 8)
    assert torch.equal(model.run_stages(features, 5), features)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_the_net_inside_has_torchvisions_names(name):
    from torchvision.models import get_model

    theirs = get_model(name, weights=None).state_dict()
    ours = load_backbone(name, pretrained=False).net.state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_torchvision_preprocessing_is_that_of_the_weights():
    model = load_backbone("resnet18", pretrained=False)
    flat = torch.full((1, 3, 300, 400), 255, dtype=torch.uint8)
    x = model.prepare(flat)
    assert x.shape == (1, 3, 224, 224)
    # White, by the ImageNet mean and standard deviation of each channel.
    expected = torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    torch.testing.assert_close(x.amax(dim=(0, 2, 3)), expected)


def test_worldnet_weights_come_from_half_precision_with_their_card(worldnet_file):
    model = load_backbone("worldnet", weights=worldnet_file)
    torch.manual_seed(0)
    expected = WorldNet(4).state_dict()
    for key, value in model.net.state_dict().items():
        assert value.dtype == expected[key].dtype
        torch.testing.assert_close(value, expected[key], rtol=1e-3, atol=1e-4)
    assert model.source_classes == ("a", "b", "c", "d")
    assert not model.training
    grey = torch.full((1, 3, 64, 64), 0.9)
    expected = torch.tensor([0.5 / 0.2, 0.4 / 0.25, 0.3 / 0.5])
    torch.testing.assert_close(model.prepare(grey).mean(dim=(0, 2, 3)), expected)


def test_uint8_and_float_pictures_are_prepared_alike():
    model = small_backbone()
    pictures = torch.randint(0, 256, (2, 3, 50, 40), dtype=torch.uint8)
    torch.testing.assert_close(model.prepare(pictures), model.prepare(pictures / 255))


def test_preparing_float_pictures_can_be_differentiated():
    pictures = torch.rand(1, 3, 40, 40, requires_grad=True)
    small_backbone().prepare(pictures).sum().backward()
    assert pictures.grad.abs().sum() > 0


def test_changed_worldnet_weights_are_refused(worldnet_file):
    data = bytearray(worldnet_file.read_bytes())
    data[-1] ^= 1
    worldnet_file.write_bytes(data)
    with pytest.raises(CourseError, match="changed or cut short.*course pretrain"):
        load_backbone("worldnet", weights=worldnet_file)


def test_missing_worldnet_weights_say_what_makes_them(tmp_path):
    with pytest.raises(CourseError, match="missing.*course pretrain"):
        load_backbone("worldnet", weights=tmp_path / "none.safetensors")


@pytest.mark.parametrize("text", ["{", "[]", '{"classes": []}', "null"])
def test_a_broken_card_is_named(worldnet_file, text):
    worldnet_file.with_suffix(".json").write_text(text)
    with pytest.raises(CourseError, match="card"):
        load_backbone("worldnet", weights=worldnet_file)


def test_an_unknown_backbone_gets_a_suggestion():
    with pytest.raises(CourseError, match="Did you mean 'resnet50'"):
        load_backbone("resnet-50")


def test_unknown_torchvision_weights_are_refused_with_the_choice():
    with pytest.raises(CourseError, match="IMAGENET1K_V1"):
        load_backbone("resnet50", weights="IMAGENET2K")


def test_random_weights_come_from_the_seed_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    first, same, other = (load_backbone(pretrained=False, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.net.conv1.weight, same.net.conv1.weight)
    assert not torch.equal(first.net.conv1.weight, other.net.conv1.weight)


def test_without_a_network_the_message_tells_what_where_and_how_large(no_network):
    with pytest.raises(CourseError) as error:
        load_backbone("resnet18")
    message = str(error.value)
    for part in ("resnet18-f37072fd.pth", "47 MB", str(no_network / "data" / "weights"), "copy"):
        assert part in message


@pytest.mark.parametrize(
    ("pictures", "hint"),
    [
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), "expand"),
        (torch.zeros(2, 4, 8, 8, dtype=torch.uint8), "transparency"),
        (torch.zeros(2, 8, 8, 3, dtype=torch.uint8), "permute"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "pictures\\[None\\]"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.int64), "int64"),
        (torch.full((2, 3, 8, 8), float("nan")), "NaN"),
        (torch.full((2, 3, 8, 8), float("inf")), "infinite"),
        (torch.full((2, 3, 8, 8), 200.0), "Divide by 255"),
        ([[0]], "torch tensor"),
    ],
)
def test_unusable_pictures_get_a_hint(pictures, hint):
    with pytest.raises(CourseError, match=hint):
        small_backbone().prepare(pictures)


def test_unprepared_pictures_are_refused_by_the_net_itself():
    with pytest.raises(CourseError, match="prepare"):
        small_backbone()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


def test_a_new_head_is_really_the_head_that_is_used():
    model = small_backbone(classes=5)
    twin = model.with_head(3)
    x = torch.randn(2, 3, 32, 32)
    assert twin(x).shape == (2, 3)
    assert model(x).shape == (2, 5)
    assert set(twin.net.state_dict()) == set(model.net.state_dict())
    torch.testing.assert_close(twin(x), twin.net(x))


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "efficientnet_b0"])
def test_a_new_head_replaces_the_last_layer_of_a_nested_classifier(name):
    twin = load_backbone(name, pretrained=False).with_head(4)
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert twin.net(x).shape == (2, 4)
        torch.testing.assert_close(twin(x), twin.net(x))


def test_a_copy_shares_nothing_and_loses_hooks():
    model = small_backbone()
    handle = model.net.layer1.register_forward_hook(lambda *_: None)
    twin = model.copy()
    assert not twin.net.layer1._forward_hooks and model.net.layer1._forward_hooks
    handle.remove()
    with torch.no_grad():
        twin.net.conv1.weight.zero_()
    assert model.net.conv1.weight.abs().sum() > 0


def test_fresh_weights_differ_from_the_pretrained_ones_everywhere():
    model = small_backbone(seed=0)
    fresh = model.fresh(seed=1)
    for (name, old), new in zip(model.named_parameters(), fresh.parameters(), strict=True):
        if old.ndim > 1:  # batch-norm weights and biases start at 1 and 0 in any net
            assert not torch.isclose(old, new).any(), name
    assert fresh.net.bn1.running_mean.abs().sum() == 0
    assert fresh.source_classes == ()


HALVES = {"size": 32, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


def saved_mobilenet(path, without_head=False, classes=3):
    """Weights of torchvision's own MobileNetV2 in a file. Gives the net."""
    torch.manual_seed(3)
    net = get_model("mobilenet_v2", weights=None, num_classes=classes).eval()
    tensors = net.state_dict()
    if without_head:
        tensors = {k: v for k, v in tensors.items() if not k.startswith("classifier")}
    save_file(tensors, path) if path.suffix == ".safetensors" else torch.save(tensors, path)
    return net


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.safetensors"])
def test_a_torchvision_net_takes_weights_from_a_file(tmp_path, name):
    net = saved_mobilenet(tmp_path / name)
    model = load_backbone("mobilenet_v2", weights=tmp_path / name, **HALVES)
    x = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(model(x), net(x))
    assert model.classes == len(model.source_classes) == 3
    white = torch.full((1, 3, 40, 50), 255, dtype=torch.uint8)
    torch.testing.assert_close(model.prepare(white), torch.ones(1, 3, 32, 32))  # (1 - .5) / .5


def test_a_file_without_a_head_gets_a_random_one_and_names_no_classes(tmp_path):
    net = saved_mobilenet(tmp_path / "net.safetensors", without_head=True)
    model = load_backbone("mobilenet_v2", weights=str(tmp_path / "net.safetensors"), **HALVES)
    x = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        expected = net.features(x).mean(dim=(2, 3))
        torch.testing.assert_close(model.features(x), expected)
    assert model.source_classes == ()


def test_a_file_of_weights_without_given_preprocessing_takes_torchvisions(tmp_path):
    saved_mobilenet(tmp_path / "net.pth")
    model = load_backbone("mobilenet_v2", weights=tmp_path / "net.pth")
    assert model.prepare(torch.zeros(1, 3, 50, 60, dtype=torch.uint8)).shape == (1, 3, 224, 224)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda t: t.pop("features.0.0.weight"), "features.0.0.weight"),
        (lambda t: t.update(extra=torch.ones(1)), "unknown \\(extra"),
        (lambda t: t.update({"features.0.0.weight": torch.ones(2)}), "do not fit"),
        (lambda t: t["features.0.0.weight"].fill_(float("nan")), "NaN"),
        (lambda t: t.update(extra="text"), "something else"),
    ],
)
def test_weights_that_do_not_fit_say_what_is_wrong(tmp_path, change, hint):
    tensors = get_model("mobilenet_v2", weights=None).state_dict()
    change(tensors)
    torch.save(tensors, tmp_path / "net.pth")
    with pytest.raises(CourseError, match=hint):
        load_backbone("mobilenet_v2", weights=tmp_path / "net.pth")


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_a_damaged_or_missing_file_of_weights_is_named(tmp_path, name):
    with pytest.raises(CourseError, match="There is no file"):
        load_backbone("mobilenet_v2", weights=tmp_path / name)
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(CourseError, match="damaged"):
        load_backbone("mobilenet_v2", weights=tmp_path / name)


def test_a_file_of_weights_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"features.0.0.weight": Evil()}, tmp_path / "net.pth")
    with pytest.raises(CourseError, match="cannot be read"):
        load_backbone("mobilenet_v2", weights=tmp_path / "net.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"size": 0}, "size must be"),
        ({"size": 32.0}, "size must be"),
        ({"mean": None}, "mean must be three"),
        ({"mean": (0.5, 0.5)}, "mean must be three"),
        ({"std": (0.5, 0, 0.5)}, "above 0"),
        ({"std": ("a", "b", "c")}, "above 0"),
        ({"mean": (0.5, float("nan"), 0.5)}, "mean must be three"),
    ],
)
def test_unusable_preprocessing_is_refused(tmp_path, given, hint):
    saved_mobilenet(tmp_path / "net.pth")
    with pytest.raises(CourseError, match=hint):
        load_backbone("mobilenet_v2", weights=tmp_path / "net.pth", **{**HALVES, **given})


def test_preprocessing_of_ones_own_needs_weights_of_ones_own():
    with pytest.raises(CourseError, match="weights=PATH"):
        load_backbone("resnet18", pretrained=False, **HALVES)
