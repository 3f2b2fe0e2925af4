"""Stages' outputs as maps, strongest pictures, and hooks that are gone afterwards."""

import pytest
import torch
from torch import nn

from course_lib import load_backbone, see
from course_lib.errors import CourseError
from course_lib.see.activations import as_maps, before_activation
from tests.fakes import small_backbone


def hooks(model) -> int:
    return sum(
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
        for m in model.modules()
    )


def test_maps_are_what_the_stages_give_one_after_the_other():
    model = small_backbone()
    pictures = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    maps = see.stage_maps(model, pictures)
    x = model.prepare(pictures)
    with torch.no_grad():
        for name, stage in model.stages.items():
            x = stage(x)
            assert torch.allclose(maps[name], x, atol=1e-6)
            x = x.clone()
    assert list(maps) == list(model.stage_names)


def test_vectors_and_tokens_become_maps():
    assert as_maps(torch.zeros(2, 5)).shape == (2, 5, 1, 1)
    tokens = torch.zeros(1, 1 + 4, 3)
    tokens[0, 2] = torch.tensor([1.0, 2, 3])  # behind the class token: the second of 2 x 2 places
    assert as_maps(tokens)[0, :, 0, 1].tolist() == [1, 2, 3]
    without = as_maps(tokens[:, 1:])  # as the nets give them that average over places
    assert torch.equal(without, as_maps(tokens))
    with pytest.raises(CourseError, match="no places"):
        as_maps(torch.zeros(1, 7, 3))


def test_maps_with_channels_last_get_them_second():
    maps = torch.rand(2, 5, 4, 4)
    assert torch.equal(as_maps(maps.permute(0, 2, 3, 1)), maps)
    assert torch.equal(as_maps(maps), maps)


def test_the_strongest_pictures_come_first():
    peaks = torch.tensor([[0.0, 5], [3, 1], [2, 9]])
    assert see.strongest(peaks, 2).tolist() == [[1, 2], [2, 0]]
    with pytest.raises(CourseError, match="3 pictures"):
        see.strongest(peaks, 4)


def test_a_peak_is_the_largest_place_of_a_map():
    model = small_backbone()
    pictures = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    maps, peaks = see.stage_maps(model, pictures), see.peaks(model, pictures)
    for name in maps:
        assert torch.equal(peaks[name], maps[name].flatten(2).max(2).values)


@pytest.mark.parametrize("name", ["worldnet", "resnet18", "mobilenet_v3_small"])
def test_every_function_works_on_our_net_and_on_torchvisions_and_leaves_no_hook(name):
    model = load_backbone(name, pretrained=False)
    pictures = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    stage = model.stage_names[1]
    assert len(see.stage_maps(model, pictures)) == len(model.stage_names)
    dream = see.visualise(model, stage, [0, 1], steps=2)
    assert dream.shape == (2, 3, model.architecture.size, model.architecture.size)
    assert 0 <= dream.min() <= dream.max() <= 1
    assert see.grad_cam(model, pictures).shape[0] == 2
    assert see.grad_cam(model, pictures, stage=model.stage_names[-1]).shape[0] == 2
    assert see.stage_cka(model, model, pictures.repeat(2, 1, 1, 1)).shape[0] == len(
        model.stage_names
    )
    assert len(see.network3d(model, pictures[0]).data) == len(model.stage_names) + 2
    assert hooks(model) == 0
    assert all(p.grad is None for p in model.parameters())


def test_what_is_read_lies_before_the_relu_even_when_it_works_in_place():
    stage = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    x = torch.randn(2, 3, 8, 8)
    with before_activation(stage) as read:
        seen = read(stage(x))
    assert torch.equal(seen, stage[0](x)) and seen.min() < 0
    assert hooks(stage) == 0


def test_a_stage_without_an_activation_at_its_end_is_read_as_it_is():
    stage = nn.Sequential(nn.Conv2d(3, 6, 1), nn.ReLU(), nn.Conv2d(6, 4, 1))
    x = torch.randn(1, 3, 4, 4)
    with before_activation(stage) as read:
        out = stage(x)
        assert torch.equal(read(out), out)


def test_hooks_go_even_when_the_net_fails():
    stage = nn.Sequential(nn.ReLU(), nn.Linear(3, 1))
    with pytest.raises(RuntimeError), before_activation(stage):
        stage(torch.zeros(2, 5))
    assert hooks(stage) == 0
