"""Each test of the engine begins with an empty cache and in the image world."""

import pytest

from course_lib.lab import cache, tracks


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_QUICK", raising=False)
    monkeypatch.delenv("COURSE_TRACK", raising=False)
    monkeypatch.setattr(tracks, "_chosen", [])
    monkeypatch.setenv("TOY_FOLDER", str(tmp_path))
    cache.forget()
    yield
    cache.forget()
