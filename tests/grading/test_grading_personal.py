"""A quiz that differs between students, from the copies to the scores."""

import json
import shutil

import pytest
import quizlab
from quizlab import by_hand

from course_lib.grading import build, cli, feedback, grade, roster, signed
from course_lib.questions.format import load_bank
from course_lib.questions.personal import personal

STUDENTS = ("ann", "bob", "cid", "dan", "eve", "fay")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8"
    "cfc0000000030001f6177f5c0000000049454e44ae426082"
)


@pytest.fixture
def own(tmp_path, bubblewrap, empty_gradebook):
    """A course whose one quiz has variants, a pool, shuffled choices and a picture."""
    course = tmp_path / "course"
    (course / "bank").mkdir(parents=True)
    text = (quizlab.BANK / "mini.yaml").read_text()
    shutil.copytree(quizlab.BANK / "checks", course / "bank/checks")
    text = text.replace('lesson: "01"', 'lesson: "01"\nshuffle: true')
    text = text.replace("prompt: Which number is even?", 'prompt: "![a dot](dot.png) Even?"')
    text = text.replace(
        "    prompt: What is one half of one hundred percent, as a fraction?\n    answer: 0.5\n",
        "    prompt: What is <<k>> halves, as a number?\n    variants:\n"
        "      - {values: {k: 1}, answer: 0.5}\n      - {values: {k: 3}, answer: 1.5}\n"
        "      - {values: {k: 5}, answer: 2.5}\n",
    )
    (course / "bank/mini.yaml").write_text(text)
    (course / "bank/dot.png").write_bytes(PNG)
    (course / "roster.csv").write_text("id,name\n" + "".join(f"{s},{s}\n" for s in STUDENTS))
    shutil.copy(empty_gradebook, course / "gradebook.db")
    assert cli.main(["build", "--course-dir", str(course), "--unchecked"]) == 0
    return course


def copy_of(course, student):
    return json.loads((course / f"personal/mini/{student}/mini/mini.ipynb").read_bytes())


def answered(course, student, right=True):
    """A student's own copy with their own right answers, or with those of the bank's order."""
    quiz = load_bank(course / "bank")["mini"]
    mine = personal(quiz, signed.secret(course), student) if right else quiz
    book = copy_of(course, student)
    for q in mine.questions:
        if q.kind != "written":
            quizlab.cell(book, q.id)["source"] = build.solution(q)
    return book


def graded(course):
    report = grade.grade_course(course, course / "bank")
    return {record["student"]: record for record in report["submissions"]}


def test_each_student_is_graded_by_the_questions_of_their_own_copy(own):
    for name in STUDENTS:
        quizlab.submit(own, name, answered(own, name))
    records = graded(own)
    assert {r["score"] for r in records.values()} == {9.0}  # all but the essay
    letters = {s: quizlab.cell(answered(own, s), "mini-choice")["source"] for s in STUDENTS}
    assert len(set(letters.values())) > 1  # and they had different letters
    assert {r["questions"][0]["answer"] for r in records.values()} == {"b"}  # one, in the bank


def test_answers_of_another_copy_do_not_earn_and_another_copy_waits(own):
    swapped = {"ann": "bob", "bob": "ann"}
    for name, other in swapped.items():
        quizlab.submit(own, name, copy_of(own, other) | {})
    records = graded(own)
    assert {r["state"] for r in records.values()} == {"waiting"}
    assert "another student" in records["ann"]["message"]
    # Who writes the letters of a copy that a friend has into the own one gets what they say there.
    for name in STUDENTS:
        quizlab.submit(own, name, answered(own, name, right=False))
    assert min(r["score"] for r in graded(own).values()) < 9


def test_copies_hold_the_picture_and_no_key_and_are_the_same_at_every_build(own):
    before = {s: (own / f"personal/mini/{s}/mini/mini.ipynb").read_bytes() for s in STUDENTS}
    assert cli.main(["build", "--course-dir", str(own), "--unchecked"]) == 0
    for name, data in before.items():
        assert (own / f"personal/mini/{name}/mini/mini.ipynb").read_bytes() == data
        cell = quizlab.cell(json.loads(data), "mini-choice-text")
        assert "![a dot](attachment:dot.png)" in cell["source"]
        assert set(cell["attachments"]["dot.png"]) == {"image/png"}
        assert b"leaves a rest" not in data and b"correct" not in data
    assert len(set(before.values())) == len(STUDENTS)


def test_feedback_shows_the_students_own_letters_and_forgetting_removes_the_copy(own):
    (own / "course.yaml").write_text(
        "arrival: modified\nquizzes: {mini: {closes: 2020-01-01 12:00}}\n"
    )
    for name in STUDENTS[:2]:
        quizlab.submit(own, name, answered(own, name), at="2019-12-31 12:00")
    graded(own)
    for name in STUDENTS[:2]:
        by_hand(own, name, 3)
    pages = {p.parent.parent.name: p.read_text() for p in feedback.write_all(own, own / "bank")}
    quiz = load_bank(own / "bank")["mini"]
    for name, text in pages.items():
        mine = personal(quiz, signed.secret(own), name).questions[0]
        assert f"<td>{mine.key[0]})</td><td>four</td><td>true</td>" in text
    assert cli.main(["forget", "ann", "--course-dir", str(own)]) == 0
    assert not (own / "personal/mini/ann").exists() and "ann" not in roster.load(own)


def test_such_a_quiz_cannot_go_through_the_exchange_but_into_folders(own, tmp_path, capsys):
    assert cli.main(["release", "mini", "--course-dir", str(own)]) == 1
    assert "hands the same to all" in capsys.readouterr().err
    to = tmp_path / "out"
    assert cli.main(["release", "mini", "--to", str(to), "--course-dir", str(own)]) == 0
    assert json.loads((to / "bob/mini/mini.ipynb").read_bytes()) == copy_of(own, "bob")
