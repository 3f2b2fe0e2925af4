"""Fixtures of the tests of claims."""

from dataclasses import replace

import pytest

import course_lib
from course_lib import load_task
from course_lib.data.split import Split


@pytest.fixture
def short_tasks(monkeypatch):
    """The same tasks with few validation and test pictures, and one run's worth of caches."""
    from course_lib.experiments import trials

    def short(name, train=None, seed=0):
        task = load_task(name, train=train, seed=seed)
        parts = {
            split: Split(*(part[:60] for part in getattr(task, split)))
            for split in ("validation", "test")
        }
        return replace(task, **parts)

    monkeypatch.setattr(course_lib, "load_task", short)
    trials._transfer.cache_clear()
    yield
    trials._transfer.cache_clear()
