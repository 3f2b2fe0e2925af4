"""Tests marked `gpu` run only where there is one."""

import torch
from hypothesis import settings


def pytest_collection_modifyitems(config, items):
    if torch.cuda.is_available():
        return
    needs_gpu = [item for item in items if item.get_closest_marker("gpu")]
    items[:] = [item for item in items if not item.get_closest_marker("gpu")]
    if needs_gpu:
        config.hook.pytest_deselected(items=needs_gpu)


# A slow moment of the machine is no failure.
settings.register_profile("course", deadline=None)
settings.load_profile("course")
