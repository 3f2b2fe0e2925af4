"""The shipped questions: complete, explained, not guessable, and each scored as it says."""

from collections import Counter
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from course_lib.grading import build, grade, judge, sandbox, score
from course_lib.grading.inside import wire
from course_lib.questions import scoring
from course_lib.questions.format import load_bank
from course_lib.questions.question import Quiz

ROOT = Path(__file__).parents[2]
GRADED = load_bank(ROOT / "quizzes" / "bank")
PRACTICE = load_bank(Path(scoring.__file__).parent / "bank")
ALL = [(q.id, q) for bank in (GRADED, PRACTICE) for quiz in bank.values() for q in quiz.questions]
LITERAL = [(i, q) for i, q in ALL if q.kind in ("choice", "multiple", "numeric")]
CODE = [(i, q) for i, q in ALL if q.kind == "code"]
LESSONS = [f"{n:02}" for n in range(1, 8)]


def ids(pairs):
    return [i for i, _ in pairs]


def of_lesson(bank, lesson):
    return [q for quiz in bank.values() for q in quiz.questions if q.lesson == lesson]


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_has_its_questions_and_coding_tasks(lesson):
    graded, practice = of_lesson(GRADED, lesson), of_lesson(PRACTICE, lesson)
    assert sum(q.kind != "code" for q in graded) >= 8
    assert sum(q.kind == "code" for q in graded) >= 2
    assert sum(q.kind != "code" for q in practice) >= 6


def test_the_bank_has_at_least_ninety_graded_questions_over_all_nine_lessons():
    counts = Counter(q.lesson for quiz in GRADED.values() for q in quiz.questions)
    assert sorted(counts) == [f"{n:02}" for n in range(9)] and counts.total() >= 90
    at_least = {"00": 5, "01": 14, "02": 14, "03": 14, "07": 12, "08": 8}
    assert all(counts[lesson] >= n for lesson, n in at_least.items()), counts


def test_all_twelve_required_topics_are_covered_by_graded_questions():
    covered = {n for quiz in GRADED.values() for q in quiz.questions for n in q.covers}
    assert covered == set(range(1, 13))


def test_practice_and_graded_questions_are_different_ones():
    assert not {i for i, _ in ALL} - set(ids(ALL)) and len(set(ids(ALL))) == len(ALL)
    prompts = Counter(" ".join(q.prompt.split()) for _, q in ALL)
    assert max(prompts.values()) == 1


@pytest.mark.parametrize("question", [q for _, q in LITERAL], ids=ids(LITERAL))
def test_right_wrong_and_blank_values_get_their_stated_scores(question):
    def points(value):
        return scoring.score_literal(question, f"answer = {value!r}").score

    assert points(question.right_answer) == question.points
    for wrong in question.wrong:
        assert points(wrong.answer) == pytest.approx(wrong.score, abs=1e-3), wrong
    assert scoring.score_literal(question, build.starter(question)).state == "not attempted"


@pytest.fixture(scope="module")
def run(bubblewrap):
    def run(request, limits):
        return box.run(request, limits)

    with sandbox.Sandbox(("numpy", "torch")) as box:
        yield run


@pytest.mark.parametrize("question", [q for _, q in CODE], ids=ids(CODE))
def test_reference_and_known_wrong_programs_get_their_stated_scores(question, run):
    right = score.score_code(question, question.reference, 1, run, judge.compare)
    assert right.score == question.points, right
    for wrong in question.wrong:
        result = score.score_code(question, wrong.answer, 2, run, judge.compare)
        assert result.score == pytest.approx(wrong.score), (wrong.why, result)
    started = score.score_code(question, question.starter, 3, run, judge.compare)
    assert started.score == 0, started
    quiz = Quiz("x", "x", "01", (question,))
    assert question.id in judge.read(quiz, build.serialise(build.release_notebook(quiz)))["blank"]


@pytest.mark.parametrize("question", [q for _, q in CODE], ids=ids(CODE))
def test_inputs_repeat_for_a_seed_and_differ_between_seeds(question):
    check = scoring.load_check(question)
    draws = [wire.encode(check.inputs(np.random.default_rng(s))) for s in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("question", [q for _, q in CODE], ids=ids(CODE))
def test_public_examples_run_with_the_reference(question, run):
    check = "def run(answer, case):\n    yield 'done', 1\n"
    outcome = run(
        {
            "role": "answer",
            "answer": question.reference + "\n" + question.examples,
            "check": check,
            "cases": [{}],
        },
        sandbox.Limits(),
    )
    assert outcome.state == "done", outcome
    assert [kind for _, kind, _, _ in wire.frames(outcome.data)] == ["p"]


def test_the_right_choice_cannot_be_guessed_from_its_length_or_place():
    choice = [q for _, q in ALL if q.kind == "choice"]
    longest = [max(range(len(q.choices)), key=lambda i: len(q.choices[i].text)) for q in choice]
    shortest = [min(range(len(q.choices)), key=lambda i: len(q.choices[i].text)) for q in choice]
    right = [[c.correct for c in q.choices].index(True) for q in choice]
    assert mean(a == b for a, b in zip(longest, right, strict=True)) < 0.45
    assert mean(a == b for a, b in zip(shortest, right, strict=True)) < 0.35
    places = Counter(right)
    assert max(places.values()) < 0.4 * len(choice)
    for question in choice:
        lengths = [len(c.text) for c in question.choices]
        assert lengths[[c.correct for c in question.choices].index(True)] < 2 * mean(lengths)


def test_every_choice_has_an_explanation_of_its_own():
    for _, question in ALL:
        whys = [c.why for c in question.choices]
        assert len(set(whys)) == len(whys)
        assert all(len(why.split()) >= 4 for why in whys), question.id


def test_released_notebooks_of_the_repository_are_what_the_bank_builds():
    for quiz in GRADED.values():
        grade.require_release(quiz, ROOT / "quizzes")
