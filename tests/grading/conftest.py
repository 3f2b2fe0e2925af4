"""Fixtures of the grading tests. They need bubblewrap; without it they fail and say so."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import quizlab  # noqa: E402

from course_lib.grading import grade, sandbox  # noqa: E402
from course_lib.grading.store import Store  # noqa: E402


@pytest.fixture(scope="session")
def bubblewrap():
    status = sandbox.status()
    assert status.kind == "bubblewrap", (
        f"These tests need bubblewrap (apt-get install bubblewrap): {status.message}"
    )


@pytest.fixture(scope="session")
def empty_gradebook(tmp_path_factory):
    """Made once: nbgrader starts the program alembic for it, which takes seconds."""
    folder = tmp_path_factory.mktemp("gradebook")
    with Store(folder):
        return folder / "gradebook.db"


@pytest.fixture
def course(tmp_path, bubblewrap, empty_gradebook):
    """A course folder with the quiz ``mini`` built and nothing handed in."""
    folder = quizlab.new_course(tmp_path / "course")
    shutil.copy(empty_gradebook, folder / "gradebook.db")
    return folder


def pytest_configure(config):
    config.addinivalue_line("markers", "workers: uses real worker processes")


@pytest.fixture(autouse=True)
def in_process(monkeypatch, request):
    """Grade in this process, which saves starting workers; tests of workers ask for them."""
    if "workers" not in request.keywords:
        from contextlib import contextmanager

        class Here:
            def run(self, jobs):
                for job in jobs:
                    try:
                        yield job, grade.grade_submission(job)
                    except Exception as error:
                        yield job, error

        @contextmanager
        def make(function, *settings):
            yield Here()

        monkeypatch.setattr(grade.executors, "make", make)
    yield


@pytest.fixture(scope="session", autouse=True)
def no_sandbox_left():
    yield
    grade.close_sandboxes()
