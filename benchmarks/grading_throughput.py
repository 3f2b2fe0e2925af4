"""Submissions per minute: this grader with 1, 2 and 4 workers beside stock nbgrader, in one run.

    python benchmarks/grading_throughput.py [--count 40] [--stock 10] [--workers 1 2 4]

Both grade the same answers: a quiz of eight concept questions, and a quiz of two coding tasks with
torch. Stock nbgrader gets the same quizzes as its own format asks for (asserts in test cells after
the answers) and runs one kernel per submission. Peak memory is the sum over all processes of a run.
Writes benchmarks/results/grading_throughput.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from course_lib.grading import build
from course_lib.measure.hardware import machine
from course_lib.questions.format import load_bank

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/grading_throughput.json"
QUIZZES = {
    "concept": ("lesson01", ("choice", "multiple", "numeric")),
    "torch": ("lesson02", ("code",)),
}


def bank(folder: Path, name: str, kinds: tuple[str, ...]) -> Path:
    """A bank with one quiz that keeps the questions of these kinds (at most eight, two of code)."""
    import yaml

    data = yaml.safe_load((ROOT / "quizzes/bank" / f"{name}.yaml").read_text())
    chosen = [q for q in data["questions"] if q["kind"] in kinds]
    data["questions"] = chosen[: 2 if kinds == ("code",) else 8]
    folder.mkdir(parents=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    (folder / "checks").symlink_to(ROOT / "quizzes/bank/checks")
    return folder


def hand_in(course: Path, quiz, count: int) -> None:
    notebook = build.notebook(quiz, {q.id: build.solution(q) for q in quiz.questions})
    for index in range(count):
        notebook["metadata"]["student"] = index  # no two files are equal
        path = course / "submitted" / f"s{index:04}" / quiz.id / f"{quiz.id}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(build.serialise(notebook))


def stock_course(course: Path, quiz, count: int) -> None:
    """The same quiz as stock nbgrader grades it: answer cells, each followed by an assert cell."""
    cells = []
    for q in quiz.questions:
        cells.append(new_code_cell(build.solution(q), metadata={"nbgrader": mark(q.id, False)}))
        test = q.examples if q.kind == "code" else f"assert answer == {q.right_answer!r}"
        cells.append(
            new_code_cell(test + "\n", metadata={"nbgrader": mark(q.id + "-test", True, q.points)})
        )
    notebook = new_notebook(cells=cells, metadata={"kernelspec": build.KERNELSPEC})
    for place in ["source", *(f"submitted/s{i:04}" for i in range(count))]:
        path = course / place / quiz.id / f"{quiz.id}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)


def mark(name: str, grade: bool, points: float = 0) -> dict:
    found = {
        "grade_id": name,
        "schema_version": 3,
        "task": False,
        "grade": grade,
        "solution": not grade,
        "locked": grade,
    }
    return found | {"points": points} if grade else found


def measured(command: list[str], cwd: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of a command and all its children."""
    environment = os.environ | {
        "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    }
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.2):
            total = 0
            try:
                family = [psutil.Process(process.pid)]
                family += family[0].children(recursive=True)
                for member in family:
                    total += member.memory_full_info().uss
            except psutil.Error:
                continue
            peak = max(peak, total)

    thread = threading.Thread(target=watch)
    thread.start()
    _, errors = process.communicate()
    seconds = time.monotonic() - started
    done.set()
    thread.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{errors.decode()[-3000:]}")
    return seconds, peak / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=40, help="submissions for this grader")
    parser.add_argument("--stock", type=int, default=10, help="submissions for stock nbgrader")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, (quiz_id, kinds) in QUIZZES.items():
            place = bank(folder / label / "bank", quiz_id, kinds)
            quiz = load_bank(place)[quiz_id]
            stock = folder / label / "stock"
            stock_course(stock, quiz, options.stock)
            nbgrader = [sys.executable, "-m", "nbgrader"]
            measured([*nbgrader, "generate_assignment", quiz_id], stock)
            seconds, memory = measured([*nbgrader, "autograde", quiz_id], stock)
            base = options.stock * 60 / seconds
            rows.append(
                {
                    "quiz": label,
                    "grader": "stock nbgrader",
                    "workers": 1,
                    "per_minute": base,
                    "times_stock": 1.0,
                    "peak_mb": memory,
                }
            )
            for workers in options.workers:
                course = folder / label / f"ours{workers}"
                course.mkdir()
                build.write_quiz(quiz, course)
                hand_in(course, quiz, options.count)
                report = course / "report.json"
                seconds, memory = measured(
                    [
                        sys.executable,
                        "-m",
                        "course_lib.grading.cli",
                        "grade",
                        "--course-dir",
                        str(course),
                        "--bank",
                        str(place),
                        "--workers",
                        str(workers),
                        "--json",
                        str(report),
                    ],
                    ROOT,
                )
                records = json.loads(report.read_text())["submissions"]
                assert len(records) == options.count
                assert all(r["score"] == r["max_score"] for r in records)
                rate = options.count * 60 / seconds
                rows.append(
                    {
                        "quiz": label,
                        "grader": "course quiz grade",
                        "workers": workers,
                        "per_minute": rate,
                        "times_stock": rate / base,
                        "peak_mb": memory,
                    }
                )
    print("| quiz | grader | workers | submissions per minute | times stock | peak memory |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['quiz']} | {row['grader']} | {row['workers']} | {row['per_minute']:.0f} | "
            f"{row['times_stock']:.1f} | {row['peak_mb']:.0f} MB |"
        )
    counts = {"submissions": options.count, "submissions_stock": options.stock}
    RESULT.write_text(json.dumps({"made_with": machine(), **counts, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
