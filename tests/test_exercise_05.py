"""The fill-in cell of lesson 05: right, wrong in each likely way, not attempted."""

import pytest
import torch

from course_lib.adaptation import reverse_gradient
from course_lib.exercises import check


def layer(backward, forward=lambda context, x: x.view_as(x)):
    """A learner's `reverse` from its two methods."""

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(context, x, strength):
            context.strength = strength
            return forward(context, x)

        @staticmethod
        def backward(context, gradient):
            return backward(context, gradient), None

    return Reverse.apply


def not_attempted(x, strength):
    raise NotImplementedError


def test_the_course_s_own_layer_and_one_written_by_hand_are_right():
    assert "Right" in repr(check("05-reversal", reverse_gradient))
    assert "Right" in repr(check("05-reversal", layer(lambda c, g: -c.strength * g)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (layer(lambda c, g: g), "unchanged"),
        (layer(lambda c, g: c.strength * g), "wrong sign"),
        (layer(lambda c, g: -g), "strength is missing"),
        (layer(lambda c, g: -2 * g), "came out"),
        (layer(lambda c, g: -c.strength * g, lambda c, x: -x), "Forwards"),
        (lambda x, strength: x.detach(), "No gradient"),
        (lambda x: x, "TypeError"),
        (not_attempted, "Not attempted"),
    ],
)
def test_each_likely_mistake_is_named(answer, words):
    assert words in repr(check("05-reversal", answer))
