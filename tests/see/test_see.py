"""Pictures and filters as figures, and predictions in words."""

import math

import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from course_lib.backbones.worldnet import WorldNet
from course_lib.errors import CourseError
from course_lib.exercises import check, hint
from course_lib.prediction import compare
from course_lib.see import filter_figure, first_filters, picture_grid, top_classes
from course_lib.see.filters import orientation_selectivity


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_grid_marks_right_and_wrong_answers_by_sign_not_colour_alone():
    fig = picture_grid(
        torch.zeros(3, 3, 8, 8, dtype=torch.uint8), ["a", "b", "c"], [True, False, True]
    )
    assert [ax.get_title() for ax in fig.axes] == ["✓ a", "✗ b", "✓ c"]


def test_a_grid_refuses_titles_that_do_not_fit():
    with pytest.raises(CourseError, match="3 pictures, 2 titles"):
        picture_grid(torch.zeros(3, 3, 8, 8, dtype=torch.uint8), ["a", "b"])


def test_the_most_likely_class_comes_first():
    fig = top_classes(
        torch.zeros(3, 8, 8, dtype=torch.uint8), torch.tensor([0.0, 3, 1]), ["a", "b", "c"]
    )
    labels = [label.get_text() for label in fig.axes[1].get_yticklabels()]
    assert labels == ["b", "c", "a"]


def test_first_filters_are_a_copy_of_the_first_convolution():
    net = WorldNet(4)
    filters = first_filters(net)
    assert filters.shape == (32, 3, 7, 7) and torch.equal(filters, net.conv1.weight)
    filters.zero_()
    assert net.conv1.weight.abs().sum() > 0
    with pytest.raises(CourseError, match="three channels"):
        first_filters(nn.Linear(2, 2))


def test_a_grating_is_selective_and_a_round_blob_is_not():
    steps = torch.arange(7.0) - 3
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    window = torch.exp(-(x**2 + y**2) / 8)
    grating = torch.cos(2 * math.pi * x / 4) * window
    blob = window
    filters = torch.stack([grating, grating.T, blob])[:, None].expand(-1, 3, -1, -1)
    score = orientation_selectivity(filters)
    assert score[0] > 0.8 and score[1] > 0.8 and score[2] < 0.05


def test_the_filter_figure_shows_each_net():
    fig = filter_figure({"one": WorldNet(2), "two": WorldNet(2)})
    assert [ax.get_title() for ax in fig.axes] == ["one", "two"]


@pytest.mark.parametrize(
    ("guess", "measured", "says"),
    [
        (None, 0.5, "No prediction yet"),
        (0.5, 0.52, "well predicted"),
        (0.2, 0.9, "70 points better"),
        (0.9, 0.2, "70 points worse"),
        ("Scratch", "scratch", "As you predicted"),
        ("scratch", "fine-tuning", "Not what you predicted"),
    ],
)
def test_a_prediction_is_set_beside_the_measurement(guess, measured, says):
    assert says in compare(guess, measured, "accuracy").text


@pytest.mark.parametrize("guess", [75, -0.1, True, "high"])
def test_a_prediction_that_is_no_share_is_refused(guess):
    with pytest.raises(CourseError, match="from 0 to 1"):
        compare(guess, 0.5, "accuracy")


def correct(net):
    net.requires_grad_(False)
    net.fc.requires_grad_(True)
    net.eval()


def forgets_batch_norm(net):
    net.requires_grad_(False)
    net.fc.requires_grad_(True)


def forgets_a_layer(net):
    correct(net)
    net.layer4.requires_grad_(True)


def freezes_the_head_too(net):
    net.requires_grad_(False).eval()


def not_tried(net):
    raise NotImplementedError


def crashes(net):
    return net.layer9


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (correct, "**Right.**"),
        (forgets_batch_norm, "running statistics"),
        (forgets_a_layer, "outside the head still learn"),
        (freezes_the_head_too, "The head must learn"),
        (not_tried, "Not attempted yet"),
        (crashes, "AttributeError"),
    ],
)
def test_the_freezing_exercise_tells_what_is_wrong(answer, says):
    assert says in check("02-freeze", answer).text


def test_hints_help_and_unknown_exercises_are_named():
    assert "batch-norm" in hint("02-freeze").text
    with pytest.raises(CourseError, match="02-freeze"):
        check("02-frozen", correct)
