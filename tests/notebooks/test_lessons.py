"""Every lesson that the course has: built from its source, spoils nothing, and runs offline."""

import json
import os
import subprocess
import sys
from pathlib import Path

import build_notebooks
import pytest

from course_lib import notebooks

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))
LESSONS = list(notebooks.lessons(ROOT).values())
EXECUTED = notebooks.executed(ROOT)

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)


def unplugged() -> list[str]:
    """What to put before a command to take its network away, loopback too; [] if impossible."""
    prefix = ["unshare", "--map-root-user", "--net"]
    try:
        possible = subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        possible = False
    return prefix if possible else []


def test_every_source_has_its_notebook_and_the_other_way_round():
    assert SOURCES, "notebooks/source has no lessons"
    assert [path.stem for path in SOURCES] == [path.stem for path in LESSONS]
    assert {path.name for path in LESSONS} == {path.name for path in EXECUTED.iterdir()}
    assert LESSONS[0].name == notebooks.START


@pytest.mark.parametrize("folder", [ROOT / "notebooks", EXECUTED], ids=["learner", "executed"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_both_notebooks_of_a_lesson_have_the_cells_of_its_source(source, folder):
    target = folder / f"{source.stem}.ipynb"
    assert not build_notebooks.differences(source, target), "run `make notebooks`"


@each_lesson
def test_a_learners_notebook_shows_no_result_before_the_prediction(lesson):
    assert not build_notebooks.spoilers(notebooks.read(lesson))


@each_lesson
def test_an_executed_lesson_is_fit_to_publish_and_of_a_size_that_pages_can_show(lesson):
    executed = EXECUTED / lesson.name
    assert not build_notebooks.problems(notebooks.read(executed))
    assert executed.stat().st_size < 8e6


@pytest.mark.slow
@each_lesson
def test_a_lesson_runs_in_quick_mode_with_the_network_unplugged(lesson, tmp_path):
    command = [sys.executable, "-m", "course_lib.cli", "run", lesson.name[:2], "--quick"]
    found = subprocess.run(
        [*unplugged(), *command, "--json", tmp_path / "report.json"],
        cwd=ROOT,
        env={**os.environ, "COURSE_TRACK": "world"},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    (report,) = json.loads((tmp_path / "report.json").read_text())["lessons"]
    assert report["errors"] == []
    assert report["figures"] > 0
    assert report["figures_without_alt"] == 0
