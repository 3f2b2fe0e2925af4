"""Practice: checks, hints and solutions, and the file that remembers them."""

import subprocess
import sys

import pytest

from course_lib.errors import CourseError
from course_lib.questions import check, help_for, hint, practice, solution
from course_lib.questions.progress import Progress

CODE = [key for key, q in practice.bank().items() if q.kind == "code"]


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def defined(source):
    space = {}
    exec(source, space)
    return space


@pytest.mark.parametrize("key", CODE)
def test_every_practice_task_accepts_its_reference_and_refuses_its_wrong_answers(key):
    q = practice.find(key)
    for source, good in ((q.reference, True), *((w.answer, False) for w in q.wrong)):
        assert (check(key, defined(source), seed=2).state == "right") is good


@pytest.mark.parametrize("key", CODE)
def test_no_answer_the_starter_and_an_empty_body_are_not_attempted_and_leave_no_trace(key):
    q = practice.find(key)
    assert check(key, {}).state == "not attempted"
    assert check(key, defined(q.starter)).state == "not attempted"

    def nothing(*given):
        pass

    assert check(key, nothing).state == "not attempted"
    assert Progress().read()["checks"] == {}


def test_wrong_partial_and_right_code_are_told_apart_and_remembered():
    key = "p04-code-average"
    q = practice.find(key)
    for source, state in (
        ("def interpolate(start, end, t): return {}", "wrong"),
        (q.wrong[0].answer, "partial"),
        (q.reference, "right"),
    ):
        assert check(key, defined(source), seed=1).state == state
        assert practice.answered() == {key: state}


def test_an_error_of_the_learners_code_is_told_in_its_own_words():
    verdict = check("p04-code-average", lambda *given: {}["x"])
    assert verdict.state == "wrong" and "KeyError: 'x'" in verdict.text


def test_an_unfinished_part_is_not_attempted_but_a_library_s_own_refusal_is_an_error():
    def refused(*given):
        raise NotImplementedError("no such operator on this device")

    assert "no such operator" in check("p04-code-average", refused).text


def test_the_function_itself_a_namespace_or_the_notebook_can_be_checked(monkeypatch):
    key = "p04-code-average"
    space = defined(practice.find(key).reference)
    assert check(key, space["interpolate"]).state == check(key, space).state == "right"
    with pytest.raises(CourseError, match="no notebook"):
        check(key)
    monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"user_ns": space}))
    assert check(key).state == "right"
    with pytest.raises(CourseError, match="takes interpolate.*got a int"):
        check(key, 3)


def test_help_comes_also_where_nothing_can_be_written(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "/proc/progress.json")
    space = defined(practice.find("02-freeze").reference)
    assert check("02-freeze", space).state == "right"
    assert hint("02-freeze").text.startswith("Hint 1 of 2")


def test_hints_come_one_after_the_other_and_are_remembered():
    texts = [hint("02-freeze").text for _ in range(3)]
    assert texts[0].startswith("Hint 1 of 2") and "batch-norm" in texts[1]
    assert texts[2] == texts[0]
    assert "no hint" in hint("p01-recipe").text


def test_a_solution_is_shown_after_an_attempt_or_when_it_is_wanted_now():
    refused = solution("02-freeze")
    assert refused.state == "not attempted" and "now=True" in refused.text and not refused.details
    check("02-freeze", defined(practice.find("02-freeze").starter))
    assert solution("02-freeze") == refused
    shown = solution("02-freeze", now=True)
    check("02-freeze", lambda net: net)
    assert solution("02-freeze") == shown
    assert "net.fc.requires_grad_(True)" in shown.details
    assert "<details><summary>" in shown._repr_markdown_() and "<details>" not in repr(shown)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("p01-recipe", "**a)** Take a pretrained network, replace"),
        ("p01-stages", "**b)** Local orientation"),
        ("p02-head-size", "**1028.** 256 x 4"),
    ],
)
def test_an_answered_question_has_a_solution_too(key, words):
    assert solution(key).state == "not attempted"
    Progress().merge({key: {"answer": "a", "at": 1}})
    assert words in solution(key).details


def test_help_folds_every_hint_and_the_solution_behind_its_title_without_an_attempt():
    q = practice.find("02-freeze")
    helped = help_for("02-freeze")
    assert [title for title, _ in helped.blocks] == ["Hint 1 of 2", "Hint 2 of 2", "Solution"]
    assert [text for _, text in helped.blocks[:2]] == [hint.strip() for hint in q.hints]
    assert q.reference.strip() in helped.blocks[2][1]
    shown = helped._repr_markdown_()
    assert shown.count("<details><summary>") == shown.count("</details>") == 3
    assert "<details open" not in shown and "<details>" not in repr(helped)
    # Markdown between the tags needs a blank line on both sides.
    assert "</summary>\n\n```python\n" in shown and "\n\n</details>" in shown


def test_help_for_a_question_without_hints_is_its_solution():
    assert [title for title, _ in help_for("p01-recipe").blocks] == ["Solution"]


def test_unknown_ids_and_wrong_kinds_say_what_to_do():
    for use in (check, hint, help_for, solution):
        with pytest.raises(CourseError, match="'02-frozen'; there are .*02-freeze"):
            use("02-frozen")
    with pytest.raises(CourseError, match="use ask"):
        check("p01-recipe", {})


def test_questions_and_grading_load_no_torch():
    code = (
        "import sys, pkgutil, importlib, course_lib.grading, course_lib.questions\n"
        "for package in (course_lib.grading, course_lib.questions):\n"
        "    for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "print([m for m in ('torch', 'course_lib.widgets', 'anywidget') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_questions_do_not_import_grading():
    code = "import sys, course_lib.questions; print('course_lib.grading' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
