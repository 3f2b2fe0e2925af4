"""Who knows nothing gets little: length, place and number of the graded choices tell no key."""

from collections import Counter
from pathlib import Path
from statistics import mean
from string import ascii_lowercase

import pytest

from course_lib.questions.format import load_bank
from course_lib.questions.question import Choice, Question
from course_lib.questions.scoring import score_value

# The rules. A bank of four choices that tells nothing has shares of a quarter.
MOST_BY_LENGTH = 0.45  # share of the right choices that are the longest, the second longest, ...
MOST_BY_PLACE = 0.45  # share of the right choices that stand at one letter
FIRST_OPTION = (0.30, 0.70)  # share of multiple questions in which option a is right
MOST_BY_STRATEGY = 0.40  # share of the points that a rule without knowledge may earn
LENGTHS = 1.3  # longest over shortest choice of a question

BANK = load_bank(Path(__file__).parents[2] / "quizzes" / "bank")
QUESTIONS = [
    q for name in ("lesson01", "lesson02", "lesson03") for q in BANK[name].questions if q.choices
]


def of(kind, questions):
    return [q for q in questions if q.kind == kind]


def right(question):
    return next(c for c in question.choices if c.correct)


def longer(question):
    """How many choices are longer than the right one."""
    return sum(len(c.text) > len(right(question).text) for c in question.choices)


def shorter(question):
    return sum(len(c.text) < len(right(question).text) for c in question.choices)


def by_length(questions):
    choice = of("choice", questions)
    return {
        "longest": mean(longer(q) == 0 for q in choice),
        "second longest": mean(longer(q) == 1 for q in choice),
        "second shortest": mean(shorter(q) == 1 for q in choice),
        "shortest": mean(shorter(q) == 0 for q in choice),
    }


def by_place(questions):
    choice = of("choice", questions)
    return {k: n / len(choice) for k, n in Counter(q.key[0] for q in choice).items()}


def first_option(questions):
    return mean("a" in q.key for q in of("multiple", questions))


def everything(question):
    return list(ascii_lowercase[: len(question.choices)])


def longest(question):
    lengths = [len(c.text) for c in question.choices]
    return ascii_lowercase[lengths.index(max(lengths))]


def earned(questions, answer):
    """The share of all points that one rule earns."""
    points = sum(score_value(q, answer(q)).score for q in questions)
    return points / sum(q.points for q in questions)


def test_the_length_of_a_choice_does_not_tell_whether_it_is_right():
    shares = by_length(QUESTIONS)
    assert max(shares.values()) < MOST_BY_LENGTH, shares


def test_the_place_of_a_choice_does_not_tell_whether_it_is_right():
    shares = by_place(QUESTIONS)
    assert max(shares.values()) < MOST_BY_PLACE, shares


def test_the_first_option_of_multiple_questions_is_right_about_half_of_the_time():
    low, high = FIRST_OPTION
    assert low <= first_option(QUESTIONS) <= high


def test_the_number_of_right_options_differs_between_multiple_questions():
    assert len({len(q.key) for q in of("multiple", QUESTIONS)}) > 1


def test_ticking_everything_earns_little():
    assert earned(of("multiple", QUESTIONS), everything) < MOST_BY_STRATEGY


@pytest.mark.parametrize("kind", ["choice", "multiple"])
@pytest.mark.parametrize("rule", [longest, *"abcd"], ids=["longest", *"abcd"])
def test_the_longest_choice_or_always_the_same_letter_earns_little(kind, rule):
    def answer(question):
        return rule if isinstance(rule, str) else rule(question)

    assert earned(of(kind, QUESTIONS), answer) < MOST_BY_STRATEGY


@pytest.mark.parametrize("question", QUESTIONS, ids=[q.id for q in QUESTIONS])
def test_all_choices_of_a_question_have_about_the_same_length(question):
    lengths = [len(c.text) for c in question.choices]
    assert max(lengths) <= LENGTHS * min(lengths), lengths


def test_a_bank_that_tells_its_keys_is_found_out():
    def question(kind, *correct):
        texts = ("the right one, said with care", "a wrong one", "another wrong", "no")
        choices = [Choice(t, "why", i in correct) for i, t in enumerate(texts)]
        return Question(f"told-{kind}", "01", kind, 1.0, "?", choices=tuple(choices))

    told = [question("choice", 0), question("multiple", 0, 1, 2)]
    assert by_length(told)["longest"] == by_place(told)["a"] == first_option(told) == 1
    assert earned(told[1:], everything) == pytest.approx(2 / 3, abs=1e-4)
    assert earned(told[:1], longest) == earned(told[:1], lambda q: "a") == 1
