"""Kill the grader at random moments, start it again, and compare every grade with an uninterrupted
run.

    python benchmarks/grading_kill.py [--count 1000] [--kills 10] [--workers 2] [--seed 0]

Writes benchmarks/results/grading_kill.json. Exit code 1 if a grade differs, is missing or stands
twice, or if a process is left behind.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from course_lib.grading import build
from course_lib.measure.hardware import machine
from course_lib.questions.format import load_bank

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/grading_kill.json"


def submissions(course: Path, quiz, count: int, seed: int) -> None:
    """Random mixtures of right, wrong and blank answers, one damaged notebook in fifty."""
    draw = random.Random(seed)
    for index in range(count):
        answers = {}
        for q in quiz.questions:
            roll = draw.random()
            if roll < 0.5:
                answers[q.id] = build.solution(q)
            elif roll < 0.8:
                wrong = draw.choice(q.wrong).answer
                answers[q.id] = wrong if q.kind in ("code", "written") else f"answer = {wrong!r}"
        data = build.serialise(build.notebook(quiz, answers))
        if draw.random() < 0.02:
            data = data[: draw.randrange(len(data))]
        path = course / "submitted" / f"s{index:04}" / quiz.id / f"{quiz.id}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)


def grades(course: Path) -> list[tuple]:
    """Every row of the gradebook: student, question, score; a grade that stands twice shows."""
    with sqlite3.connect(course / "gradebook.db") as db:
        return sorted(
            db.execute("""
            select s.student_id, c.name, g.auto_score from grade g
            join submitted_notebook n on g.notebook_id = n.id
            join submitted_assignment s on n.assignment_id = s.id
            join base_cell c on g.cell_id = c.id""").fetchall(),
            key=repr,
        )


def command(course: Path, bank: Path, workers: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "course_lib.grading.cli",
        "grade",
        "--course-dir",
        str(course),
        "--bank",
        str(bank),
        "--workers",
        str(workers),
        "--json",
        str(course / "report.json"),
    ]


def records(course: Path) -> dict:
    report = json.loads((course / "report.json").read_text())
    return {
        r["student"]: [(q["id"], q["score"], q["reason"]) for q in r["questions"]]
        for r in report["submissions"]
    }


def compare(bank: Path, quiz_id: str, count: int, kills: int, workers: int, seed: int) -> dict:
    """Grade once without and once with kills; return what was found. Raises AssertionError."""
    draw = random.Random(seed)
    quiz = load_bank(bank)[quiz_id]
    with tempfile.TemporaryDirectory() as name:
        calm, wild = Path(name) / "calm", Path(name) / "wild"
        calm.mkdir()
        build.write_quiz(quiz, calm)
        (calm / ".grader-secret").write_text("5a" * 32 + "\n")
        submissions(calm, quiz, count, seed)
        shutil.copytree(calm, wild)
        started = time.monotonic()
        subprocess.run(command(calm, bank, workers), check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        killed_at = []
        for _ in range(kills):
            process = subprocess.Popen(
                command(wild, bank, workers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            deadline = time.monotonic() + 60
            while not (wild / "gradebook.db").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(draw.uniform(0, max(1.0, 2.5 * seconds / (kills + 1))))
            family = (
                psutil.Process(process.pid).children(recursive=True)
                if (process.poll() is None)
                else []
            )
            process.kill()
            process.wait()
            killed_at.append(len(list((wild / ".grades").rglob("*.json"))))
            _, alive = psutil.wait_procs(family, timeout=20)
            assert not alive, f"left behind: {alive}"
        subprocess.run(command(wild, bank, workers), check=True, stdout=subprocess.DEVNULL)
        assert grades(wild) == grades(calm), "grades differ from the uninterrupted run"
        assert records(wild) == records(calm)
        rows = grades(wild)
        assert len(rows) == len({row[:2] for row in rows}) == count * len(quiz.questions)
        return {
            "submissions": count,
            "kills": kills,
            "graded_at_kills": killed_at,
            "seconds_uninterrupted": round(seconds, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bank", type=Path, default=ROOT / "quizzes" / "bank")
    parser.add_argument("--quiz", default="lesson01")
    options = parser.parse_args()
    try:
        found = compare(
            options.bank, options.quiz, options.count, options.kills, options.workers, options.seed
        )
    except AssertionError as error:
        raise SystemExit(f"FAILED: {error}") from None
    RESULT.write_text(json.dumps({"made_with": machine(), **found}, indent=1) + "\n")
    print(json.dumps(found))
    print("every grade equals the uninterrupted run; none lost, none twice, no process left behind")


if __name__ == "__main__":
    main()
