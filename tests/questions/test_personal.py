"""Quizzes that differ between students: variants, pools, shuffled choices, all from one secret."""

from collections import Counter

import pytest

from course_lib.questions.format import QuestionError, load_quiz
from course_lib.questions.personal import in_bank_order, personal
from course_lib.questions.scoring import score_literal

KEY = b"k" * 32
QUIZ = """
quiz: own
title: One's own
lesson: "01"
questions:
  - id: own-half
    kind: numeric
    points: 1
    prompt: A rate of <<percent>> % as a number, doubled?
    explanation: <<percent>> of a hundred, twice.
    relative: 0.01
    variants:
      - {values: {percent: 10}, answer: 0.2, wrong: [{answer: 0.1, score: 0}]}
      - {values: {percent: 25}, answer: 0.5, wrong: [{answer: 0.25, score: 0}]}
      - {values: {percent: 3.0e1}, answer: 6.0e-1, wrong: [{answer: 0.3, score: 0}]}
  - id: own-order
    kind: choice
    points: 2
    shuffle: true
    prompt: Which number is even?
    choices:
      - {text: four, correct: true, why: It is.}
      - {text: one, why: It is odd.}
      - {text: three, why: It is odd.}
      - {text: five, why: It is odd.}
    wrong: [{answer: b, score: 0}]
  - id: own-pool
    kind: pool
    draw: 2
    questions:
      - {id: pool-a, kind: numeric, points: 1, prompt: "One?", answer: 1, explanation: One.,
         wrong: [{answer: 0, score: 0}]}
      - {id: pool-b, kind: numeric, points: 1, prompt: "Two?", answer: 2, explanation: Two.,
         wrong: [{answer: 0, score: 0}]}
      - {id: pool-c, kind: numeric, points: 1, prompt: "Three?", answer: 3, explanation: Three.,
         wrong: [{answer: 0, score: 0}]}
"""


@pytest.fixture
def quiz(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(QUIZ)
    return load_quiz(path)


def of_many(quiz, count=600):
    return [personal(quiz, KEY, f"s{k}") for k in range(count)]


def test_ids_and_points_are_everybodys_and_a_student_always_gets_the_same(quiz):
    names = ["own-half", "own-order", "own-pool-1", "own-pool-2"]
    assert [q.id for q in quiz.questions] == names and quiz.points == 5
    for own in of_many(quiz, 20):
        assert [q.id for q in own.questions] == names and own.points == 5
        assert not own.is_personal
    assert personal(quiz, KEY, "ann") == personal(quiz, KEY, "ann")
    assert len({personal(quiz, KEY, f"s{k}").copy for k in range(50)}) == 50
    assert personal(quiz, b"other" * 8, "ann").copy != personal(quiz, KEY, "ann").copy


def test_every_variant_every_order_and_every_pair_of_a_pool_is_about_as_frequent(quiz):
    found = of_many(quiz)
    variants = Counter(own.questions[0].answer for own in found)
    assert set(variants) == {0.2, 0.5, 0.6}
    assert all(150 < n < 250 for n in variants.values())  # 200 expected, 11.5 a standard deviation
    orders = Counter(own.questions[1].order for own in found)
    assert len(orders) == 24 and max(orders.values()) < 50  # 25 expected
    pairs = Counter((own.questions[2].answer, own.questions[3].answer) for own in found)
    assert len(pairs) == 6 and all(60 < n < 140 for n in pairs.values())  # 100 expected


def test_the_right_choice_stays_right_wherever_it_stands(quiz):
    for own in of_many(quiz, 30):
        q = own.questions[1]
        assert q.choices["abcd".index(q.key[0])].text == "four"
        result = score_literal(q, f"answer = {q.key[0]!r}")
        assert result.score == 2 and in_bank_order(q, result.answer) == "a"
    wrong = next(own.questions[1] for own in of_many(quiz, 30) if own.questions[1].key[0] != "a")
    assert score_literal(wrong, "answer = 'a'").score == 0
    assert in_bank_order(wrong, "a") == "abcd"[wrong.order[0]]


def test_texts_are_filled_in_and_the_tolerance_is_a_share_of_the_number(quiz):
    q = next(o.questions[0] for o in of_many(quiz, 30) if o.questions[0].answer == 0.6)
    assert q.prompt == "A rate of 30 % as a number, doubled?"
    assert q.explanation == "30 of a hundred, twice." and q.variant == "own-half/3"
    scores = [score_literal(q, f"answer = {x}").score for x in (0.594, 0.606, 0.593, 0.607)]
    assert scores == [1, 1, 0, 0]
    assert in_bank_order(q, "0.3") == "own-half/3: 0.3"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<<percent>> %", "<<share>> %", "own.yaml:13: .*<<share>> has no value"),
        ("draw: 2", "draw: 4", "draw: 4 are drawn from 3"),
        (
            "{id: pool-b, kind: numeric, points: 1",
            "{id: pool-b, kind: numeric, points: 2",
            "points",
        ),
        ("id: pool-c", "id: pool-a", "'pool-a' is used twice"),
        ("relative: 0.01", "tolerance: 0", "needs a tolerance"),
        ("answer: 0.5, wrong", "id: x, answer: 0.5, wrong", "variants"),
        ("shuffle: true", "shuffle: maybe", "shuffle: must be boolean"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(tmp_path, old, new, said):
    path = tmp_path / "own.yaml"
    assert QUIZ.count(old) >= 1
    path.write_text(QUIZ.replace(old, new))
    with pytest.raises(QuestionError, match=said):
        load_quiz(path)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("![](dot.png)", "no text that says what it shows"),
        ("![a dot](none.png)", "no picture none.png"),
        ("![a dot](../dot.png)", "no picture"),
        ("![a dot](https://x.example/dot.png)", "not beside the quiz"),
        ("![a dot](dot.svg)", "must be one of"),
    ],
)
def test_a_picture_must_lie_beside_the_quiz_and_say_what_it_shows(tmp_path, prompt, said):
    (tmp_path / "dot.png").write_bytes(b"\x89PNG")
    (tmp_path / "dot.svg").write_text("<svg/>")
    path = tmp_path / "own.yaml"
    path.write_text(QUIZ.replace("Which number is even?", f'"{prompt}"'))
    with pytest.raises(QuestionError, match=said):
        load_quiz(path)
