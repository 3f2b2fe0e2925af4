"""Grad-CAM by hand, guided backpropagation by hand, and the check that tells them apart."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from course_lib import load_backbone, see, world
from course_lib.backbones.architectures import ARCHITECTURES
from course_lib.backbones.backbone import Backbone
from course_lib.errors import CourseError
from tests.fakes import small_backbone


class Two(nn.Module):
    """Two stages on 4 x 4 pictures: a 1x1 convolution, a ReLU; then the mean and a head."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 2, 1, bias=False)
        self.second = nn.ReLU()
        self.fc = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0]])[:, :, None, None])
            self.fc.weight.copy_(torch.tensor([[2.0, -1], [0, 3]]))


def tiny() -> Backbone:
    like = replace(
        ARCHITECTURES["worldnet"],
        stages=lambda net: {"first": net.first, "second": net.second},
        size=4,
    )
    return Backbone(Two(), like, lambda x: x.float())


def test_grad_cam_by_hand():
    """The logit of class 0 is 2 mean(red) - mean(green): gradients 2/16 and -1/16 everywhere, so
    the map is relu(2 red - green) / 16."""
    red, green = torch.rand(4, 4), torch.rand(4, 4)
    picture = torch.stack([red, green, torch.zeros(4, 4)])[None]
    for stage in ("first", "second"):
        cam = see.grad_cam(tiny(), picture, torch.tensor([0]), stage)
        assert torch.allclose(cam[0], (2 * red - green).clamp(min=0) / 16, atol=1e-6)
    cam = see.grad_cam(tiny(), picture, torch.tensor([1]), "first")
    assert torch.allclose(cam[0], 3 * green / 16, atol=1e-6)


def test_guided_backpropagation_drops_negative_gradients():
    """Class 0: the gradient through green is -1/16 and is dropped at the ReLU; red's 2/16 stays."""
    picture = torch.rand(1, 3, 4, 4) + 0.1
    found = see.guided_backprop(tiny(), picture.clamp(max=1), torch.tensor([0]))
    assert torch.allclose(found, torch.full((1, 4, 4), 2 / 16))
    found = see.guided_backprop(tiny(), picture.clamp(max=1), torch.tensor([1]))
    assert torch.allclose(found, torch.full((1, 4, 4), 3 / 16))


def test_the_net_is_not_changed_by_being_explained():
    model = small_backbone()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pictures = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    see.guided_backprop(model, pictures)
    see.randomisation_check(model, pictures)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any("GuidedReLU" in type(m).__name__ for m in model.modules())


def test_grad_cam_lies_on_the_object():
    """A warm place should be on the object more often than the object's share of the picture."""
    model = load_backbone()
    scenes = world.sample(24, seed=8)
    small = scenes.size < 0.5
    pictures = world.render(scenes[small])
    cam = see.grad_cam(model, pictures, stage="layer3")
    place = cam.flatten(1).argmax(1)
    x, y = (place % 4 + 0.5) / 2 - 1, 1 - (place // 4 + 0.5) / 2
    distance = torch.hypot(x - scenes.x[small], y - scenes.y[small])
    assert (distance < 0.75).float().mean() > 0.7


def test_guided_backpropagation_survives_the_destruction_that_grad_cam_notices():
    model = load_backbone()
    pictures = world.render(world.sample(6, seed=5))
    cam = see.randomisation_check(model, pictures, stage="layer3")
    guided = see.randomisation_check(model, pictures, see.guided_backprop)
    assert list(cam) == ["head", *reversed(model.stage_names)]
    assert guided["layer4"] > cam["layer4"]


def test_wrong_classes_and_stages_are_explained():
    model = small_backbone()
    pictures = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    with pytest.raises(CourseError, match="one class for each of the 2"):
        see.grad_cam(model, pictures, torch.tensor([0]))
    with pytest.raises(CourseError, match="no stage 'conv9'"):
        see.grad_cam(model, pictures, stage="conv9")


def test_a_transplant_takes_the_first_stages_and_leaves_both_nets_alone():
    donor, host = small_backbone(0), small_backbone(1)
    before = host.net.layer1[0].conv1.weight.clone()
    twin = see.transplant(donor, host, 2)
    assert torch.equal(twin.net.conv1.weight, donor.net.conv1.weight)
    assert torch.equal(twin.net.bn1.running_mean, donor.net.bn1.running_mean)
    assert torch.equal(twin.net.layer1[0].conv1.weight, donor.net.layer1[0].conv1.weight)
    assert torch.equal(twin.net.layer2[0].conv1.weight, host.net.layer2[0].conv1.weight)
    assert torch.equal(host.net.layer1[0].conv1.weight, before)
    with pytest.raises(CourseError, match="Cannot put 6 stages"):
        see.transplant(donor, host, 6)
