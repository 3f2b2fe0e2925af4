"""Who knows nothing gets little: length, place and number of the graded choices tell no key."""

from pathlib import Path

import pytest

from course_lib.questions import lint
from course_lib.questions.format import load_bank
from course_lib.questions.lint import (
    FIRST_OPTION,
    LENGTHS,
    MOST_BY_LENGTH,
    MOST_BY_PLACE,
    by_length,
    by_place,
    earned,
    everything,
    first_option,
    longest,
    of,
)
from course_lib.questions.question import Choice, Question

MOST_BY_STRATEGY = 0.40  # share of the points that a rule without knowledge may earn

BANK = load_bank(Path(__file__).parents[2] / "quizzes" / "bank")
QUESTIONS = [
    q
    for name in ("lesson01", "lesson02", "lesson03", "lesson06")
    for q in BANK[name].questions
    if q.choices
]


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


def test_a_guess_earns_one_choice_of_four_and_the_mean_of_all_sets_of_ticks():
    choices = tuple(Choice(f"text {k}", "why", k < 2) for k in range(4))
    one = Question("one", "01", "choice", 2.0, "?", choices=choices)
    several = Question("several", "01", "multiple", 3.0, "?", choices=choices)
    # Of the 15 sets: {a}, {b} half; {a, b} all; {a, b, x} twice half; all others nothing.
    assert lint.by_guessing(several) == pytest.approx((0.5 + 0.5 + 1 + 0.5 + 0.5) / 15)
    assert lint.guessing([one]) == 0.25
