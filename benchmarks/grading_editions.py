"""Submissions per minute of two versions of the grader, alternated in one run.

    python benchmarks/grading_editions.py OLD [--count 60] [--rounds 3] [--workers 1]

OLD is a checkout of another version, for example `git worktree add ../first 937038c`. Each version
builds its own quizzes (benchmarks/grading_throughput.py: eight concept questions; two coding tasks
with torch), hands in its own reference answers and grades them. Prints seconds of the wall and of
all processes together, and the median of the ratios old / new: above 0.8, this version reaches four
fifths of the old one's throughput.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PREPARE = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path({root!r}) / "benchmarks"))
import grading_throughput as g
place = g.bank(Path({bank!r}), *g.QUIZZES[{label!r}])
quiz = g.load_bank(place)[g.QUIZZES[{label!r}][0]]
course = Path({course!r})
course.mkdir()
g.build.write_quiz(quiz, course)
g.hand_in(course, quiz, {count})
"""


def used() -> float:
    """CPU seconds of all children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def graded(root: Path, label: str, count: int, workers: int) -> tuple[float, float]:
    """Seconds of the wall and of the processors that a version needs for its hand-ins."""
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as name:
        bank, course, report = (str(Path(name) / part) for part in ("bank", "course", "report"))
        names = {"root": str(root), "bank": bank, "course": course, "label": label, "count": count}
        run = [sys.executable, "-c", PREPARE.format(**names)]
        subprocess.run(run, env=environment, cwd=name, check=True)
        command = [sys.executable, "-m", "course_lib.grading.cli", "grade", "--course-dir", course]
        command += ["--bank", bank, "--workers", str(workers), "--json", report]
        began, before = time.monotonic(), used()
        subprocess.run(command, env=environment, cwd=name, check=True, stdout=subprocess.DEVNULL)
        spent = time.monotonic() - began, used() - before
        records = json.loads(Path(report).read_text())["submissions"]
    assert len(records) == count and all(r["score"] == r["max_score"] for r in records)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="a checkout of the other version")
    parser.add_argument("--count", type=int, default=60, help="hand-ins for each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    for label in ("concept", "torch"):
        wall, processor = [], []
        for _ in range(options.rounds):
            old = graded(options.old.resolve(), label, options.count, options.workers)
            new = graded(ROOT, label, options.count, options.workers)
            wall.append(old[0] / new[0])
            processor.append(old[1] / new[1])
            print(
                f"{label}: old {old[0]:.1f} s, new {new[0]:.1f} s; "
                f"processors {old[1]:.1f} s, {new[1]:.1f} s",
                flush=True,
            )
        print(
            f"{label}: throughput new / old, median of {options.rounds}: "
            f"wall {statistics.median(wall):.2f}, processors {statistics.median(processor):.2f}"
        )


if __name__ == "__main__":
    main()
