"""A large class from hand-in to report: seconds and memory of each step, for several sizes.

    python benchmarks/grading_class.py [--counts 1000 10000] [--workers 2] [--keep FOLDER]

The concept questions of lesson 01. Each student has a skill, each question a difficulty; who does
not know takes a wrong choice, now and then nothing. One hand-in in a hundred is a damaged file, and
the key of one question is wrong. Grades, exports for Canvas and under pseudonyms, reports, and
checks: everybody has a row, the damaged files are counted apart, the report names the wrong key and
no other. Peak memory is the sum over all processes of a step. Writes
benchmarks/results/grading_class.json; ``--keep`` leaves the last course with its report there.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import yaml
from grading_throughput import QUIZZES, bank, measured

from course_lib.grading import build
from course_lib.measure.hardware import machine
from course_lib.questions.format import load_bank
from course_lib.questions.question import Question, Quiz

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/grading_class.json"
DAMAGED = 100  # one hand-in of so many
BLANK = 0.05  # share of what is not known that stays empty


def with_a_wrong_key(place: Path, name: str) -> str:
    """Mark the first wrong choice of a quiz's last choice question as right; the question's id."""
    path = place / f"{name}.yaml"
    data = yaml.safe_load(path.read_text())
    question = [q for q in data["questions"] if q["kind"] == "choice"][-1]
    right = next(c for c in question["choices"] if c.get("correct"))
    wrong = next(c for c in question["choices"] if not c.get("correct"))
    wrong.pop("misconception", None)
    wrong["correct"] = right.pop("correct")
    place_of_key = ascii_lowercase[question["choices"].index(wrong)]
    others = [x for x in ascii_lowercase[: len(question["choices"])] if x != place_of_key]
    question["wrong"] = [{"answer": letter, "score": 0} for letter in others]
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return question["id"]


def answer(q: Question, right: object, knows: bool, rng: np.random.Generator) -> str:
    """What one student writes into the cell of one question."""
    if not knows and rng.random() < BLANK:
        return "answer = None"
    if q.kind == "numeric":
        wrong = [item.answer for item in (*q.partial, *q.wrong)]
        return f"answer = {right if knows else rng.choice(wrong)}"
    letters = ascii_lowercase[: len(q.choices)]
    if q.kind == "choice":
        others = [x for x in letters if x != right]
        return f"answer = {right if knows else str(rng.choice(others))!r}"
    flipped = str(rng.choice(list(letters)))
    ticked = set(right) if knows else set(right) ^ {flipped}
    return f"answer = {sorted(ticked)}"


def hand_in(course: Path, quiz: Quiz, truth: dict, count: int) -> int:
    """Write a hand-in for everybody; return how many are damaged."""
    rng = np.random.default_rng(0)
    hard = {q.id: d for q, d in zip(quiz.questions, rng.normal(-0.5, 1, 99), strict=False)}
    book = build.notebook(quiz, {})
    cells = {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in book["cells"]}
    names = [f"s{index:05}" for index in range(count)]
    (course / "roster.csv").write_text("id,name\n" + "".join(f"{n},{n.title()}\n" for n in names))
    for index, name in enumerate(names):
        skill = rng.normal()
        for q in quiz.questions:
            knows = rng.random() < 1 / (1 + np.exp(hard[q.id] - 1.5 * skill))
            cells[q.id]["source"] = answer(q, truth[q.id], knows, rng)
        path = course / "submitted" / name / quiz.id / f"{quiz.id}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(build.serialise(book)[: 500 if index % DAMAGED == 0 else None])
    return len(range(0, count, DAMAGED))


def planted(folder: Path, count: int) -> tuple[Path, Path, Quiz, int, str]:
    """A course in which everybody handed in: its folder, the bank, the quiz, how many hand-ins are
    damaged, and the question whose key is wrong."""
    place = bank(folder / "bank", *QUIZZES["concept"])
    name = QUIZZES["concept"][0]
    truth = {q.id: q.right_answer for q in load_bank(place)[name].questions}
    wrong_key = with_a_wrong_key(place, name)
    quiz, course = load_bank(place)[name], folder / "course"
    course.mkdir()
    build.write_quiz(quiz, course)
    return course, place, quiz, hand_in(course, quiz, truth, count), wrong_key


def walked(folder: Path, count: int, workers: int) -> dict:
    """Seconds and peak megabytes of each step for a class of this size."""
    course, place, quiz, damaged, wrong_key = planted(folder, count)
    steps = {
        "grade": ["grade", "--workers", str(workers)],
        "export": ["export", "--accept", "--out", "canvas.csv"],
        "answers": ["export", "--format", "answers", "--out", "answers.csv"],
        "report": ["report"],
    }
    row: dict = {"hand_ins": count, "workers": workers}
    for step, words in steps.items():
        command = [sys.executable, "-m", "course_lib.grading.cli", *words]
        command += ["--course-dir", str(course), "--bank", str(place)]
        seconds, memory = measured(command, course)
        row |= {f"{step}_seconds": round(seconds, 1), f"{step}_mb": round(memory)}
        print(f"{count}: {step} {seconds:.1f} s, {memory:.0f} MB", flush=True)
    looked_at(course, quiz, count, damaged, wrong_key)
    return row


def looked_at(course: Path, quiz: Quiz, count: int, damaged: int, wrong_key: str) -> None:
    """Raise unless everybody is there and the report says what was planted."""
    with open(course / "canvas.csv", newline="", encoding="utf-8") as file:
        canvas = list(csv.reader(file))[2:]
    with open(course / "answers.csv", newline="", encoding="utf-8") as file:
        answers = list(csv.DictReader(file))
    assert len(canvas) == count and sum(not row[-1] for row in canvas) == damaged
    assert len(answers) == count * len(quiz.questions)
    assert len({row["student"] for row in answers}) == count
    text = (course / "report.html").read_text(encoding="utf-8")
    assert f"<p>{damaged} hand-in" in text and "could not be read" in text
    start = text.index("Look at the key of")
    named = text[start : text.index("</ul>", start)]
    assert named.count("<li>") == 1 and f"<b>{wrong_key}</b>" in named, named


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="leave the last course there")
    options = parser.parse_args()
    rows = []
    for count in options.counts:
        with tempfile.TemporaryDirectory() as name:
            rows.append(walked(Path(name), count, options.workers))
            if options.keep and count == options.counts[-1]:
                shutil.copytree(Path(name), options.keep)
    RESULT.write_text(json.dumps({"made_with": machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
