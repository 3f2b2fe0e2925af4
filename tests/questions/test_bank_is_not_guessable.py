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

ABOVE_GUESSING = 0.05  # share of the points that a rule without knowledge may earn beyond chance

BANK = load_bank(Path(__file__).parents[2] / "quizzes" / "bank")
LESSONS = tuple(f"lesson{number:02}" for number in range(9))
QUESTIONS = [q for name in LESSONS for q in BANK[name].questions if q.choices]


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


@pytest.mark.parametrize("kind", ["choice", "multiple"])
def test_no_rule_of_length_place_or_number_earns_more_than_five_points_beyond_chance(kind):
    group = of(kind, QUESTIONS)
    chance = lint.guessing(group)
    beyond = {name: earned(group, rule) - chance for name, rule in lint.strategies(group).items()}
    assert len(beyond) >= (8 if kind == "choice" else 20)
    assert max(beyond.values()) <= ABOVE_GUESSING, beyond


@pytest.mark.parametrize("question", QUESTIONS, ids=[q.id for q in QUESTIONS])
def test_all_choices_of_a_question_have_about_the_same_length(question):
    lengths = [len(c.text) for c in question.choices]
    assert max(lengths) <= LENGTHS * min(lengths), lengths


@pytest.mark.parametrize("question", QUESTIONS, ids=[q.id for q in QUESTIONS])
def test_every_wrong_choice_names_a_mistake_of_its_own_that_it_stands_for(question):
    named = [c.misconception for c in question.choices if not c.correct]
    assert all(named) and len(set(named)) == len(named)


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
