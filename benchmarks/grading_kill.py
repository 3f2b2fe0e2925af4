"""Kill the grader at random moments, lock its gradebook, fill its disk; compare every grade with an
undisturbed run.

    python benchmarks/grading_kill.py [--count 1000] [--hostile 50] [--kills 10] [--workers 2]

The full disk is played by a limit on the size of files, just above that of the gradebook.

Writes benchmarks/results/grading_kill.json. Exit code 1 if a grade differs, is missing or stands
twice, or if a process is left behind.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil

from course_lib.grading import build
from course_lib.measure.hardware import machine
from course_lib.questions.format import load_bank

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/grading_kill.json"


HOSTILE_CODE = (
    "while True: pass",
    "import os\nos._exit(0)",
    "raise SystemExit",
    "x = bytearray(10**11)",
    "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
    "import os\nfor fd in range(3, 99):\n"
    "    try: os.write(fd, b'0' * 9999)\n    except OSError: pass",
    "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "class A:\n    def __getattr__(s, n): return s\n    def __call__(s, *a): return s\nscale = A()",
)
HOSTILE_FILES = (
    b"",
    b"[" * 300_000,
    b'{"cells": ' + b"9" * 100_000 + b"}",
    b'{"cells": [' + b'{"a": ' * 50_000,
    b'{"cells": [' + b"[]," * 1_000_000 + b"[]]}",
    b"\x89PNG" * 10_000,
)


def hostile(quiz, number: int) -> bytes:
    """The notebook of one hostile student."""
    if number % 2:
        return HOSTILE_FILES[number // 2 % len(HOSTILE_FILES)]
    code = HOSTILE_CODE[number // 2 % len(HOSTILE_CODE)]
    bomb = "answer = " + ("9" + "**9" * 900 if number % 4 else "[" * 5000)
    answers = {q.id: code if q.kind in ("code", "written") else bomb for q in quiz.questions}
    return build.serialise(build.notebook(quiz, answers))


def submissions(course: Path, quiz, count: int, bad: int, seed: int) -> None:
    """Random mixtures of right, wrong and blank answers, one damaged notebook in fifty; the first
    ``bad`` of a random order are hostile."""
    draw = random.Random(seed)
    enemies = {name: number for number, name in enumerate(draw.sample(range(count), bad))}
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
        if index in enemies:
            data = hostile(quiz, enemies[index])
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


def family(process: subprocess.Popen) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def stored(course: Path) -> int:
    """How many students have results."""
    return len(list((course / ".grades").rglob("*.json")))


def undisturbed(course: Path, bank: Path, workers: int) -> float:
    """Grade; return the seconds from the first result on."""
    process = subprocess.Popen(command(course, bank, workers), stdout=subprocess.DEVNULL)
    while not stored(course) and process.poll() is None:
        time.sleep(0.02)
    started = time.monotonic()
    assert process.wait() == 0
    return time.monotonic() - started


def killed(course: Path, bank: Path, workers: int, after: float) -> int:
    """Kill a grader some seconds after it stored something new; return how many have results."""
    before = stored(course)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command(course, bank, workers), **quiet)
    while stored(course) == before and process.poll() is None:
        time.sleep(0.02)
    time.sleep(after)
    assert process.poll() in (None, 0), "a grader that was to be killed had failed"
    children = family(process)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive, f"left behind: {alive}"
    return stored(course)


def locked(course: Path, bank: Path, workers: int, seconds: float) -> None:
    """Grade while another program holds the gradebook for some seconds."""
    with closing(sqlite3.connect(course / "gradebook.db", timeout=60)) as holder:
        holder.execute("begin exclusive")
        process = subprocess.Popen(
            command(course, bank, workers), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        time.sleep(seconds)
        holder.rollback()
    text, _ = process.communicate()
    assert process.returncode == 0, text.decode()[-2000:]


def full_disk(course: Path, bank: Path, workers: int) -> str:
    """Grade where the gradebook cannot grow; return what was said."""
    most = (course / "gradebook.db").stat().st_size + (8 << 10)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = subprocess.run(
        command(course, bank, workers), capture_output=True, text=True, preexec_fn=limit
    )
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def compare(
    bank: Path, quiz_id: str, count: int, kills: int, workers: int, seed: int, bad: int = 0
) -> dict:
    """Grade once undisturbed and once with all that; return what was found.

    Raises AssertionError.
    """
    draw = random.Random(seed)
    quiz = load_bank(bank)[quiz_id]
    with tempfile.TemporaryDirectory() as name:
        calm, wild = Path(name) / "calm", Path(name) / "wild"
        calm.mkdir()
        build.write_quiz(quiz, calm)
        (calm / ".grader-secret").write_text("5a" * 32 + "\n")
        submissions(calm, quiz, count, bad, seed)
        shutil.copytree(calm, wild)
        seconds = undisturbed(calm, bank, workers)
        pause = seconds / (kills + 2)
        killed_at, said = [], ""
        for number in range(kills):
            killed_at.append(killed(wild, bank, workers, draw.uniform(0, pause)))
            if number == 0:
                said = full_disk(wild, bank, workers)
        locked(wild, bank, workers, 3.0)
        subprocess.run(command(wild, bank, workers), check=True, stdout=subprocess.DEVNULL)
        assert grades(wild) == grades(calm), "grades differ from the undisturbed run"
        assert records(wild) == records(calm)
        rows = grades(wild)
        assert len(rows) == len({row[:2] for row in rows}) == count * len(quiz.questions)
        return {
            "submissions": count,
            "hostile": bad,
            "kills": kills,
            "graded_at_kills": killed_at,
            "full_disk_said": said.replace(name, "COURSES"),
            "seconds_after_the_first": round(seconds, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--hostile", type=int, default=50)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bank", type=Path, default=ROOT / "quizzes" / "bank")
    parser.add_argument("--quiz", default="lesson01")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    try:
        found = compare(
            options.bank,
            options.quiz,
            options.count,
            options.kills,
            options.workers,
            options.seed,
            options.hostile,
        )
    except AssertionError as error:
        raise SystemExit(f"FAILED: {error}") from None
    options.out.write_text(json.dumps({"made_with": machine(), **found}, indent=1) + "\n")
    print(json.dumps(found))
    print("every grade equals the undisturbed run; none lost, none twice, no process left behind")


if __name__ == "__main__":
    main()
