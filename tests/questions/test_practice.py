"""The self-check's Python side: progress file, predictions, checks and hints of coding cells."""

import json

import pytest

from course_lib.errors import CourseError
from course_lib.widgets import selfcheck


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def test_an_answer_is_written_to_the_file_and_there_again_after_a_restart(progress):
    widget = selfcheck.ask("p01-recipe", "p01-receptive")
    assert widget.answers == {}
    widget.answers = {"p01-recipe": {"answer": "a", "at": 5}}
    assert json.loads(progress.read_text())["answers"]["p01-recipe"]["answer"] == "a"
    assert selfcheck.ask("p01-recipe").answers == {"p01-recipe": {"answer": "a", "at": 5}}
    assert selfcheck.ask("p01-receptive").answers == {}
    assert selfcheck.answered() == {"p01-recipe": "right"}


def test_two_notebooks_keep_each_others_answers_and_the_later_one_counts(progress):
    one, two = selfcheck.ask("p01-recipe"), selfcheck.ask("p01-recipe", "p01-probe")
    one.answers = {"p01-recipe": {"answer": "b", "at": 9}}
    two.answers = {"p01-probe": {"answer": "c", "at": 3}, "p01-recipe": {"answer": "c", "at": 1}}
    stored = selfcheck.Progress().read()["answers"]
    assert stored["p01-recipe"]["answer"] == "b" and stored["p01-probe"]["answer"] == "c"


@pytest.mark.parametrize("content", ["{", "[]", '{"answers": 3, "hints": {}}', ""])
def test_a_damaged_progress_file_is_put_aside(progress, content):
    progress.write_text(content)
    selfcheck.ask("p01-recipe").answers = {"p01-recipe": {"answer": "a", "at": 1}}
    assert progress.with_suffix(".damaged.json").read_text() == content
    assert selfcheck.answered() == {"p01-recipe": "right"}


def test_a_folder_that_cannot_be_written_is_told_on_the_page(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "/proc/progress.json")
    widget = selfcheck.ask("p01-recipe")
    widget.answers = {"p01-recipe": {"answer": "a", "at": 1}}
    assert "could not be stored" in widget.error


def test_a_prediction_is_judged_against_the_learners_own_run():
    assert selfcheck.judge("p-race", "frozen").state == "not attempted"
    widget = selfcheck.predict("p-race", "Which one wins?", ["scratch", "frozen"])
    widget.answers = {"p-race": {"answer": "frozen", "at": 1}}
    assert selfcheck.judge("p-race", "frozen", "0.95 against 0.32.").state == "right"
    other = selfcheck.judge("p-race", "scratch")
    assert other.state == "wrong" and "You predicted frozen" in other.text


def test_not_attempted_wrong_partial_and_right_code_are_told_apart():
    q = selfcheck.question("p04-code-average")

    def state(source):
        space = {}
        exec(source, space)
        return selfcheck.check(q.id, space, seed=1).state

    assert state("") == "not attempted" and state(q.starter) == "not attempted"
    assert state(q.reference) == "right"
    assert state("def interpolate(start, end, t): return {}") == "wrong"
    assert state(q.wrong[0].answer) == "partial"
    assert "KeyError" in selfcheck.check(q.id, {"interpolate": lambda *a: {}["x"]}).text


@pytest.mark.parametrize("key", [k for k, q in selfcheck.practice().items() if q.kind == "code"])
def test_every_practice_task_accepts_its_reference_and_refuses_its_wrong_answers(key):
    q = selfcheck.question(key)
    for source, good in ((q.reference, True), *((w.answer, False) for w in q.wrong)):
        space = {}
        exec(source, space)
        assert (selfcheck.check(key, space, seed=2).state == "right") is good


def test_hints_come_one_after_the_other_and_are_remembered():
    q = selfcheck.question("p01-code-probe")
    texts = [selfcheck.hint(q.id).text for _ in range(3)]
    assert texts[0].startswith("Hint 1 of 2") and texts[1].startswith("Hint 2 of 2")
    assert texts[2] == texts[0]
    assert "no hint" in selfcheck.hint("p01-recipe").text


def test_pages_without_widgets_get_the_questions_as_html():
    bundle = selfcheck.ask("p01-recipe")._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "replace its classifier" in data["text/html"] and "<script" not in data["text/html"]


def test_unknown_ids_and_wrong_kinds_say_what_to_do():
    with pytest.raises(CourseError, match="p01-recipe"):
        selfcheck.ask("p99-nothing")
    with pytest.raises(CourseError, match="use check"):
        selfcheck.ask("p01-code-probe")
    with pytest.raises(CourseError, match="use ask"):
        selfcheck.check("p01-recipe", {})
