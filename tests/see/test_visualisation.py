"""Feature visualisation: the ascent climbs, and above what real pictures reach."""

import pytest
import torch

from course_lib import load_backbone, see, world
from course_lib.errors import CourseError
from course_lib.see.visualisation import colour_basis

STAGES = {"stem": (0, 2, 5, 12), "layer2": (0, 7, 21, 50), "layer4": (3, 18, 100, 200)}


def test_optimised_pictures_beat_the_best_real_picture_for_most_channels():
    model = load_backbone()
    real = world.render(world.sample(64, seed=31))
    wins = []
    for stage, channels in STAGES.items():
        dreams = see.visualise(model, stage, channels, steps=48)
        with torch.no_grad():
            reached = see.answers(model, stage, channels, dreams)
            best = [see.answers(model, stage, [c] * 64, real).max() for c in channels]
        wins += [bool(a > b) for a, b in zip(reached, best, strict=True)]
    assert sum(wins) / len(wins) > 0.6


def test_the_answer_rises_step_by_step_and_the_net_stays_as_it_was():
    model = load_backbone()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    path = [answer for _, answer in see.ascend(model, "layer1", [3, 4], steps=24)]
    assert (torch.stack(path[-4:]).mean(0) > path[0]).all()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not model.training


def test_the_same_seed_gives_the_same_picture_and_channels_do_not_mix():
    model = load_backbone()
    alone = see.visualise(model, "layer1", [5], steps=6, seed=3)
    again = see.visualise(model, "layer1", [5], steps=6, seed=3)
    assert torch.equal(alone, again)
    twins = see.visualise(model, "layer1", [5, 5], steps=6)
    assert not torch.equal(twins[0], twins[1])  # other noise


def test_the_answer_is_the_mean_over_the_strongest_quarter():
    model = load_backbone()
    picture = world.render(world.sample(1, seed=4))
    x = model.prepare(picture)
    with torch.no_grad():
        maps = model.net.bn1(model.net.conv1(x))[0, 6].flatten()
        answer = see.answers(model, "stem", [6], picture)
    strongest = maps.sort(descending=True).values[: len(maps) // 4]
    assert answer.item() == pytest.approx(strongest.mean().item(), abs=1e-5)


def test_colours_vary_as_in_the_pictures_of_pretraining():
    """The basis is symmetric, and its square is their covariance up to scale."""
    basis = colour_basis()
    pixels = world.render(world.sample(256, seed=0)).double().permute(1, 0, 2, 3).flatten(1)
    covariance = torch.cov(pixels).float()
    square = basis @ basis
    assert torch.allclose(basis, basis.T, atol=1e-6)
    assert torch.allclose(square / square.norm(), covariance / covariance.norm(), atol=1e-3)


@pytest.mark.parametrize(
    ("stage", "channels", "steps", "says"),
    [
        ("layer9", [0], 3, "no stage 'layer9'"),
        ("stem", [32], 3, "channels 0 to 31"),
        ("stem", [], 3, "0 channels"),
        ("stem", [0], 0, "0 steps"),
    ],
)
def test_what_cannot_be_visualised_is_explained(stage, channels, steps, says):
    with pytest.raises(CourseError, match=says):
        see.visualise(load_backbone(), stage, channels, steps)
