"""Preprocessing that does not fit the weights, and nets that drift although they are frozen."""

import copy

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models import ResNet18_Weights, ResNet50_Weights, ViT_B_16_Weights
from torchvision.transforms import InterpolationMode, v2

from course_lib import load_backbone, review
from course_lib.errors import CourseError
from course_lib.review import nets

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EXPECTED = ResNet18_Weights.DEFAULT.transforms()


def composed(*steps, size=224, mean=MEAN, std=STD, scale=True):
    return v2.Compose([
        v2.ToImage(), v2.Resize(256), v2.CenterCrop(size), *steps,
        v2.ToDtype(torch.float32, scale=scale), v2.Normalize(mean, std),
    ])  # fmt: skip


def swapped(image):
    return EXPECTED(Image.merge("RGB", image.split()[::-1]))


@pytest.mark.parametrize(
    "same",
    [
        EXPECTED,
        composed(),
        v2.Compose([v2.RandomHorizontalFlip(), EXPECTED]),
        {"size": 224, "mean": MEAN, "std": STD},
        lambda image: composed()(image).numpy(),
        lambda batch: composed()(batch) if isinstance(batch, torch.Tensor) else batch.nothing,
    ],
    ids=["preset", "composed", "mirrored", "numbers", "numpy", "tensors"],
)
def test_the_same_preprocessing_however_it_is_written_passes(same):
    assert review.preprocessing(same, EXPECTED) == ()


def test_worldnets_own_transform_is_what_its_facts_say():
    backbone = load_backbone("worldnet")
    facts = {name: getattr(backbone.transform, name) for name in ("size", "mean", "std")}
    assert review.preprocessing(backbone.transform, facts) == ()
    assert review.preprocessing(backbone.prepare, facts) == ()


@pytest.mark.parametrize(
    ("used", "said"),
    [
        (composed(size=160), "160 x 160, the weights were trained on 224 x 224"),
        (composed(mean=(0.5,) * 3, std=(0.5,) * 3), "Black to white becomes -1.00 to 1.00"),
        (composed(scale=False), "not divided by 255"),
        (composed(mean=(0,) * 3, std=(1,) * 3), "Normalize were missing"),
        (composed(v2.Grayscale()), "1 channels"),
        (composed(v2.Grayscale(3)), "do not hold red, green and blue apart"),
        (swapped, "Red, green and blue stand in channels (2, 1, 0), not (0, 1, 2)"),
        (lambda image: torch.zeros(3, 224, 224), "does not tell black from white"),
    ],
    ids=["size", "mean", "255", "no normalize", "one channel", "grey", "bgr", "constant"],
)
def test_a_preprocessing_of_another_kind_is_found(used, said):
    if said.startswith("1 channels"):
        used = v2.Compose([v2.ToImage(), v2.Grayscale(), v2.Resize((224, 224)),
                           v2.ToDtype(torch.float32, scale=True)])  # fmt: skip
    (finding,) = review.preprocessing(used, EXPECTED)
    assert said in str(finding) and finding.lesson == "06"


def test_two_faults_are_two_findings():
    found = review.preprocessing(composed(size=200, mean=(0.2,) * 3), EXPECTED)
    assert len(found) == 2


@pytest.mark.parametrize(("off", "said"), [(nets.OFF - 1e-3, False), (nets.OFF + 1e-3, True)])
def test_a_mean_may_be_off_by_two_hundredths_of_the_range(off, said):
    shifted = {"size": 224, "mean": tuple(value + off for value in MEAN), "std": STD}
    assert bool(review.preprocessing(shifted, EXPECTED)) == said


@pytest.mark.parametrize("weights", [ResNet50_Weights.IMAGENET1K_V2, ViT_B_16_Weights.DEFAULT])
def test_what_torchvision_says_of_its_weights_is_measured_back(weights):
    preset = weights.transforms()
    found = review.prepared(preset)
    assert found.size == (preset.crop_size[0],) * 2 and found.order == (0, 1, 2)
    assert found.mean == pytest.approx(preset.mean, abs=1e-3)
    assert found.std == pytest.approx(preset.std, abs=1e-3)


def test_timms_own_transform_is_measured_as_its_configuration_says():
    timm = pytest.importorskip("timm")
    net = timm.create_model("mobilenetv3_small_050", pretrained=False)
    config = timm.data.resolve_model_data_config(net)
    found = review.prepared(timm.data.create_transform(**config, is_training=False))
    assert found.size == config["input_size"][1:]
    assert found.mean == pytest.approx(config["mean"], abs=1e-3)


@pytest.mark.parametrize(
    "given",
    [
        3,
        {"size": 224},
        {"size": 224, "mean": (0, 0), "std": STD},
        lambda image: "no",
        nn.Linear(3, 2),
    ],
)
def test_what_is_no_preprocessing_is_refused(given):
    with pytest.raises(CourseError):
        review.preprocessing(given, EXPECTED)


def test_a_transform_that_stretches_is_given_the_pictures_size():
    fixed = v2.Compose([v2.ToImage(), v2.Resize((224, 224), InterpolationMode.BILINEAR)])
    assert review.prepared(fixed, size=(90, 40)).size == (224, 224)


# --- frozen --------------------------------------------------------------------------------------


def net_and_copy():
    torch.manual_seed(0)
    net = nn.Sequential()
    net.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    net.fc = nn.Linear(4 * 36, 2)
    return net, copy.deepcopy(net.state_dict())


def step(net, parameters):
    optimizer = torch.optim.AdamW(parameters, lr=1e-2)
    loss = nn.functional.cross_entropy(net(torch.randn(8, 3, 8, 8)), torch.tensor([0, 1] * 4))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def test_a_net_of_which_only_the_head_learnt_passes():
    net, before = net_and_copy()
    net.body.requires_grad_(False)
    net.eval()
    step(net, net.fc.parameters())
    assert not torch.equal(before["fc.weight"], net.state_dict()["fc.weight"])
    assert review.frozen(before, net, learns=("fc",)) == ()
    assert review.frozen(before, net.state_dict(), learns="fc.") == ()


def test_batch_norm_that_follows_is_told_apart_from_weights_that_learn():
    net, before = net_and_copy()
    net.body.requires_grad_(False)
    net.train()
    step(net, net.fc.parameters())
    (finding,) = review.frozen(before, net, learns=("fc",))
    assert (
        "statistics moved in 1 frozen layers (body.1." in finding.what and "eval()" in finding.why
    )

    net, before = net_and_copy()
    net.eval()
    step(net, net.parameters())
    (finding,) = review.frozen(before, net, learns=("fc",))
    assert "4 of 7 frozen tensors changed" in finding.what  # conv and scale, weight and bias each


def test_a_new_head_of_another_size_is_no_fault_when_it_is_named():
    net, before = net_and_copy()
    net.fc = nn.Linear(4 * 36, 5)
    assert review.frozen(before, net, learns=("fc",)) == ()
    with pytest.raises(CourseError, match="another shape"):
        review.frozen(before, net, learns=())


def test_a_beginning_of_a_name_stands_for_whole_modules_only():
    before = {"fc.weight": torch.zeros(2), "fc2.weight": torch.zeros(2)}
    after = {"fc.weight": torch.ones(2), "fc2.weight": torch.ones(2)}
    (finding,) = review.frozen(before, after, learns=("fc",))
    assert "1 of 1 frozen tensors changed (fc2.weight)" in finding.what


@pytest.mark.parametrize(
    ("before", "after", "learns", "said"),
    [
        ("net", {}, (), "state_dict"),
        ({"a": torch.zeros(1)}, {"b": torch.zeros(1)}, (), "in one only"),
        ({"a.w": torch.zeros(1)}, {"a.w": torch.zeros(1)}, ("a",), "Nothing is left"),
    ],
)
def test_nets_that_do_not_belong_together_are_refused(before, after, learns, said):
    with pytest.raises(CourseError, match=said):
        review.frozen(before, after, learns)
