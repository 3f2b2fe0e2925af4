"""The self-check's Python side: what it shows, what it keeps, what it refuses."""

import json

import pytest

from course_lib.errors import CourseError
from course_lib.questions import judge, practice
from course_lib.questions.progress import Progress
from course_lib.widgets.selfcheck import ask, predict


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def test_an_answer_is_written_to_the_file_and_there_again_after_a_restart(progress):
    widget = ask("p01-recipe", "p01-receptive")
    assert widget.answers == {}
    widget.answers = {"p01-recipe": {"answer": "a", "at": 5}}
    assert json.loads(progress.read_text())["answers"]["p01-recipe"]["answer"] == "a"
    assert ask("p01-recipe").answers == {"p01-recipe": {"answer": "a", "at": 5}}
    assert ask("p01-receptive").answers == {}
    assert practice.answered() == {"p01-recipe": "right"}


def test_two_notebooks_keep_each_others_answers_and_the_later_one_counts():
    one, two = ask("p01-recipe"), ask("p01-recipe", "p01-probe")
    one.answers = {"p01-recipe": {"answer": "b", "at": 9}}
    two.answers = {"p01-probe": {"answer": "c", "at": 3}, "p01-recipe": {"answer": "c", "at": 1}}
    stored = Progress().read()["answers"]
    assert stored["p01-recipe"]["answer"] == "b" and stored["p01-probe"]["answer"] == "c"


@pytest.mark.parametrize("content", ["{", "[]", '{"answers": 3, "hints": {}}', ""])
def test_a_damaged_progress_file_is_put_aside(progress, content):
    progress.write_text(content)
    ask("p01-recipe").answers = {"p01-recipe": {"answer": "a", "at": 1}}
    assert progress.with_suffix(".damaged.json").read_text() == content
    assert practice.answered() == {"p01-recipe": "right"}


def test_a_folder_that_cannot_be_written_is_told_on_the_page(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "/proc/progress.json")
    widget = ask("p01-recipe")
    widget.answers = {"p01-recipe": {"answer": "a", "at": 1}}
    assert "could not be stored" in widget.error


def test_a_prediction_made_on_the_page_is_the_one_that_is_judged():
    widget = predict("l-race", "Which one wins?", ["scratch", "frozen"])
    widget.answers = {"l-race": {"answer": "frozen", "at": 1}}
    assert judge("l-race", "frozen").state == "right"


def test_a_prediction_needs_choices_and_an_id_of_its_own():
    with pytest.raises(CourseError, match="at least two choices"):
        predict("l-race", "Which one wins?", ["scratch"])
    with pytest.raises(CourseError, match="an id of its own"):
        predict("p03-decay", "Which one wins?", ["scratch", "frozen"])


def test_pages_without_widgets_get_the_questions_as_html():
    bundle = ask("p01-recipe")._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "replace its classifier" in data["text/html"] and "<script" not in data["text/html"]


def test_unknown_ids_and_coding_tasks_are_refused():
    with pytest.raises(CourseError, match="p01-recipe"):
        ask("p99-nothing")
    with pytest.raises(CourseError, match="use check"):
        ask("p01-code-probe")
