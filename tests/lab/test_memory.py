"""Counted memory against cases worked out by hand."""

import weakref

import torch
from torch import nn

from course_lib.lab.memory import give_back, kept_bytes


def test_a_linear_layer_keeps_its_input_and_nothing_else():
    """Linear(3, 2): its input (4 x 3 floats) is kept for the weight's gradient."""
    net, x = nn.Linear(3, 2), torch.rand(4, 3)
    assert kept_bytes(net, lambda: net(x)) == 4 * 4 * 3


def test_a_storage_that_is_kept_twice_counts_once():
    """The ReLU's output (4 x 2) is kept by the ReLU and, as its input, by the second layer."""
    net, x = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2)), torch.rand(4, 3)
    assert kept_bytes(net, lambda: net(x)) == 4 * (4 * 3 + 4 * 2)


def test_nothing_is_kept_after_counting():
    def count():
        net, x = nn.Sequential(nn.Linear(3, 2), nn.ReLU()), torch.rand(4, 3)
        kept_bytes(net, lambda: net(x))
        return weakref.ref(net[0].weight)

    assert count()() is None


def test_giving_back_frees_what_only_refers_to_itself_and_keeps_the_rest():
    lost, kept = nn.Linear(2, 2), nn.Linear(2, 2)
    lost.register_buffer("table", torch.zeros(3))
    lost.itself = [lost]  # a cycle, which counting references does not end
    gone, before = weakref.ref(lost), kept.weight.clone()
    del lost
    give_back()
    assert gone() is None and torch.equal(kept.weight, before)
