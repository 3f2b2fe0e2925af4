"""Item analysis against values worked out by hand, and what it says of a planted class."""

from dataclasses import asdict

import numpy as np
import pytest

from course_lib.grading import items
from course_lib.grading.overview import Sheet
from course_lib.grading.standing import Mark, Standing
from course_lib.questions.question import Choice, Partial, Question, Quiz, Wrong
from course_lib.questions.scoring import Result, score_value

# Three students with each of 0, 1, 2, 3 points, who solve the easiest questions first.
LADDER = np.repeat([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]], 3, axis=0).astype(float)


def test_alpha_its_interval_and_the_standard_error_are_those_worked_out_by_hand():
    # Variances (over n) .1875, .25, .1875 and 1.25 of the totals: 3/2 (1 - .625/1.25) = .75. F
    # tables: 2.65 and .316 for 11 and 22 degrees of freedom. Error: sqrt(1.25 * 12/11 * .25).
    found = items.reliability(LADDER)
    assert found.alpha.value == pytest.approx(0.75)
    assert found.alpha.low == pytest.approx(1 - 0.25 * 2.65, abs=0.005)
    assert found.alpha.high == pytest.approx(1 - 0.25 * 0.316, abs=0.005)
    assert found.error == pytest.approx(0.5839, abs=1e-4)
    assert (found.questions, found.students) == (3, 12)


def test_alpha_is_that_of_the_analysis_of_variance():
    scores = np.random.default_rng(0).integers(0, 5, (40, 6)).astype(float)
    scores += np.random.default_rng(1).integers(0, 4, (40, 1))
    grand, rows, columns = scores.mean(), scores.mean(1), scores.mean(0)
    between = 6 * ((rows - grand) ** 2).sum() / 39
    rest = ((scores - rows[:, None] - columns + grand) ** 2).sum() / (39 * 5)
    assert items.reliability(scores).alpha.value == pytest.approx((between - rest) / between)


def test_the_interval_of_alpha_holds_the_truth_about_19_times_in_20():
    # Parallel questions, true score and error of variance 1: alpha is 5 / (5 + 1).
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(1000):
        one = items.reliability(rng.normal(size=(30, 1)) + rng.normal(size=(30, 5)))
        held += one.alpha.low <= 5 / 6 <= one.alpha.high
    assert 0.93 <= held / 1000 <= 0.97


def test_discrimination_leaves_the_question_itself_out():
    # Second question: 0, 0, 1, 1 against a rest of 0, 1, 1, 2: .25 / sqrt(.25 * .5). First: 0, 1,
    # 1, 1 against 0, 0, 1, 2: sqrt(.1875 / .6875). Fisher: atanh(.7071) +- 1.96 / 3.
    second = items.correlation(LADDER[:, 1], LADDER[:, [0, 2]].sum(1))
    assert second.value == pytest.approx(0.7071, abs=1e-4)
    assert (second.low, second.high) == pytest.approx((0.2242, 0.9112), abs=1e-3)
    first = items.correlation(LADDER[:, 0], LADDER[:, 1:].sum(1))
    assert first.value == pytest.approx(0.5222, abs=1e-4)


def test_too_few_hand_ins_or_points_that_do_not_differ_give_no_number():
    assert items.reliability(LADDER[:9]) is None
    assert items.reliability(np.ones((20, 3))) is None
    assert items.reliability(LADDER[:, :1]) is None
    assert items.correlation(np.arange(9.0), np.arange(9.0)) is None
    assert items.correlation(np.ones(20), np.arange(20.0)) is None
    assert items.quarters(np.arange(9.0)) is None
    assert items.quarters(np.array([0.0] * 3 + [1.0] * 9)) is None  # most share the best place


def test_who_ties_with_the_last_of_a_quarter_belongs_to_it():
    best, worst = items.quarters(np.array([0, 1, 2, 2, 3, 4, 5, 6, 7, 7, 7, 8.0]))
    assert best.tolist() == [False] * 8 + [True] * 4  # three places; three tie for the last two
    assert worst.tolist() == [True] * 4 + [False] * 8


# --- a planted class -----------------------------------------------------------------------------

CHOICES = tuple(Choice(f"choice {x}", f"why {x}", x == "b") for x in "abcd")
NUMBER = Question(
    *("number", "01", "numeric", 2.0, "1/2?"),
    answer=0.5,
    tolerance=0.01,
    partial=(Partial(50, 0.5, 1.0, "That is the percentage."),),
    wrong=(Wrong(2, 0.0, "Upside down."),),
)
TICKS = Question(
    *("ticks", "01", "multiple", 2.0, "Which?"),
    choices=(
        Choice("two", "even", True),
        Choice("three", "odd", misconception="takes primes for even"),
        Choice("six", "even too", True),
    ),
)


def question(name):
    return Question(name, "01", "choice", 1.0, f"{name}?", choices=CHOICES)


QUIZ = Quiz("quiz", "Quiz", "01", (*map(question, "pqrstu"), NUMBER, TICKS))


def standing(name, answers, quiz=QUIZ, state="graded"):
    """A student's row, scored as the grader scores it; an answer that is not there is a blank."""
    found = [
        Result(q.id, "invalid", 0.0, q.points, "not readable")
        if state == "invalid"
        else score_value(q, answers.get(q.id))
        for q in quiz.questions
    ]
    record = {"state": state, "questions": [asdict(r) for r in found], "seconds": 0.1}
    marks = {r.id: Mark(r.score, r.state) for r in found}
    return Standing(name, quiz.id, state, marks=marks, record=record, whole=True)


def good(**other):
    return dict.fromkeys("pqrstu", "b") | {"number": 0.5, "ticks": ["a", "c"]} | other


def bad(**other):
    return dict.fromkeys("pqrs", "c") | {"number": 50, "ticks": ["a", "b"]} | other


@pytest.fixture(scope="module")
def found():
    # ``t`` has a wrong key: who is good says d, one of the bad ones hits b. ``u`` is blank or bad.
    rows = [standing(f"g{i}", good(t="d")) for i in range(10)]
    rows += [standing(f"b{i}", bad(t="b" if i < 6 else "a")) for i in range(10)]
    rows += [standing("x", {}, state="invalid"), Standing("gone", "quiz", "missing")]
    return items.analyse(Sheet(QUIZ, tuple(rows)))


def item(found, name):
    return next(one for one in found.items if one.question.id == name)


def test_a_hand_in_that_nobody_could_read_is_counted_apart(found):
    assert (found.students, found.unreadable, found.whole) == (20, 1, 20)
    assert item(found, "p").difficulty == 0.5  # ten of twenty; with the unreadable it were 0.476
    assert found.reliability.students == 20


def test_the_table_of_answers_says_who_chose_what_and_which_mistake_it_stands_for(found):
    rows = {a.label: a for a in item(found, "p").answers}
    assert [*rows] == ["a)", "b)", "c)", "d)"]
    assert (rows["b)"].count, rows["b)"].best, rows["b)"].worst) == (10, 1.0, 0.0)
    assert (rows["c)"].share, rows["c)"].best, rows["c)"].worst) == (0.5, 0.0, 1.0)
    assert rows["b)"].right and rows["c)"].stands_for == "why c" and not rows["b)"].stands_for
    ticks = {a.label: a for a in item(found, "ticks").answers}
    assert ticks["a)"].share == 1.0 and ticks["b)"].stands_for == "takes primes for even"
    assert item(found, "u").answers[-1].label == items.NO_ANSWER
    assert item(found, "u").answers[-1].count == 10


def test_a_number_is_listed_with_the_mistake_that_leads_to_it():
    given = [0.5, 0.501, 50, 50, 2, 7]
    rows = [standing(f"s{i}", {"number": x}) for i, x in enumerate(given)]
    answers = {a.label: a for a in item(items.analyse(Sheet(QUIZ, tuple(rows))), "number").answers}
    assert {label: a.count for label, a in answers.items()} == {"0.5": 2, "50": 2, "2": 1, "7": 1}
    assert answers["50"].stands_for == "That is the percentage."
    assert answers["2"].stands_for == "Upside down." and answers["7"].stands_for == ""
    assert answers["0.5"].right and answers["50"].best is None  # six are too few for quarters


def test_only_the_question_with_the_wrong_key_is_suspected(found):
    assert [i.question.id for i in found.items if i.suspect] == ["t"]
    one = item(found, "t")
    assert one.discrimination.high < 0
    assert "10 of the 10 who did best in the rest of the quiz answered d, 0 gave the key (b)" in (
        one.suspect
    )


def test_a_hard_question_that_the_best_answer_by_the_key_is_not_suspected():
    rows = [standing(f"g{i}", good(t="b" if i < 6 else "d")) for i in range(10)]
    rows += [standing(f"b{i}", bad(t="d")) for i in range(10)]
    assert not any(i.suspect for i in items.analyse(Sheet(QUIZ, tuple(rows))).items)


def test_a_question_that_is_open_for_most_is_left_out_and_one_open_answer_waits_alone():
    rows = []
    for i in range(20):
        row = standing(f"s{i}", good() if i % 2 else bad())
        if i < 15:
            row.marks["q"] = Mark(None, "waiting", "A person reads this answer.")
        if i == 0:
            row.marks["p"] = Mark(None, "waiting", "0,5 is not a number.")
        rows.append(row)
    found = items.analyse(Sheet(QUIZ, tuple(rows)))
    assert found.left_out == ("q",) and found.whole == 19
    assert found.reliability.questions == 7 and found.reliability.students == 19
    assert (item(found, "q").asked, item(found, "q").scored) == (20, 5)


def test_points_that_everybody_got_by_a_correction_take_no_part():
    from dataclasses import replace

    dropped = replace(QUIZ.questions[0], points=0.0, credit="dropped")
    quiz = replace(QUIZ, questions=(dropped, *QUIZ.questions[1:]))
    rows = tuple(standing(f"s{i}", good() if i % 2 else bad(), quiz) for i in range(12))
    found = items.analyse(Sheet(quiz, rows))
    assert found.reliability.questions == 7 and not found.left_out
    assert item(found, "p").difficulty is None


def test_each_variant_is_a_question_of_its_own_for_those_who_had_it():
    from dataclasses import replace

    easy, hard = question("v/1"), question("v/2")
    slot = replace(easy, id="v", alternatives=(easy, hard))
    quiz = replace(QUIZ, questions=(slot, *QUIZ.questions[:3]))

    def own(name):
        mine = replace(slot, alternatives=(), variant=f"v/{1 + int(name[1:]) % 2}")
        return replace(quiz, questions=(mine, *quiz.questions[1:]))

    rows = []
    for i in range(24):
        answers = {"v": "b" if i % 2 == 0 else "c" if i % 3 else None} | dict.fromkeys("pqr", "b")
        row = standing(f"s{i}", answers, own(f"s{i}"))
        result = row.record["questions"][0]
        if result["answer"]:  # as the grader writes it down
            result["answer"] = f"v/{1 + i % 2}: {result['answer']}"
        rows.append(row)
    found = items.analyse(Sheet(quiz, tuple(rows)), own)
    first, second = item(found, "v/1"), item(found, "v/2")
    assert (first.asked, first.difficulty, second.asked, second.difficulty) == (12, 1.0, 12, 0.0)
    assert {a.label: a.count for a in second.answers if a.count} == {"c)": 8, items.NO_ANSWER: 4}
