"""Tests marked `gpu` run only where there is one; all others on the processor, everywhere."""

import os
from unittest import mock

import pytest
import torch
from hypothesis import settings


def pytest_collection_modifyitems(config, items):
    if torch.cuda.is_available():
        return
    needs_gpu = [item for item in items if item.get_closest_marker("gpu")]
    items[:] = [item for item in items if not item.get_closest_marker("gpu")]
    if needs_gpu:
        config.hook.pytest_deselected(items=needs_gpu)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Hide a GPU from the others and from the processes that they start: to the last bit, and with
    the memory of a laptop, is promised on the processor only."""
    if item.get_closest_marker("gpu"):
        return (yield)
    hidden = mock.patch.dict(os.environ, {"CUDA_VISIBLE_DEVICES": ""})
    with hidden, mock.patch.object(torch.cuda, "is_available", lambda: False):
        return (yield)


# A slow moment of the machine is no failure.
settings.register_profile("course", deadline=None)
settings.load_profile("course")
