"""`course run`: execute lessons without a browser and report what they cost."""

import argparse
import platform
import sys
from importlib import metadata
from pathlib import Path

from course_lib import notebooks
from course_lib.commands import UsageError, number
from course_lib.commands.report import note, table, to_json
from course_lib.files import write_atomically
from course_lib.lab import tracks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lesson", nargs="*", metavar="NN", help="lessons by number (default: all)")
    parser.add_argument("--json", metavar="FILE", help="write the report here too; - is stdout")
    parser.add_argument(
        "--quick", action="store_true", help="fewest seeds and steps (COURSE_QUICK=1)"
    )
    parser.add_argument(
        "--timeout",
        type=number(above=0),
        default=600,
        metavar="SECONDS",
        help="limit for one cell (default: 600)",
    )


def run(args: argparse.Namespace) -> int:
    tracks.current()  # a wrong COURSE_TRACK is said now: not every lesson asks for it
    chosen = choose(notebooks.lessons(notebooks.find_root()), args.lesson)
    if args.json and args.json != "-":
        check_writable(Path(args.json))  # before minutes of work, not after
    reports = []
    for path in chosen:
        note(f"running {path.name} ...")
        reports.append(report_on(path, args))
        for error in reports[-1]["errors"]:
            note(f"course: {path.name}, cell {error['cell']}: {error['name']}: {error['message']}")
    failed = any(report["errors"] for report in reports)
    result = {
        "course": metadata.version("course-lib"),
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "quick": args.quick,
        "ok": not failed,
        "lessons": reports,
    }
    if args.json == "-":
        sys.stdout.write(to_json(result))
    else:
        print(as_table(reports))
        if args.json:
            write_atomically(Path(args.json), to_json(result))
    return 1 if failed else 0


def choose(lessons: dict[str, Path], wanted: list[str]) -> list[Path]:
    """The lessons that were named ("2" is "02"), or all of them; each once."""
    numbers = list(dict.fromkeys(name.zfill(2) for name in wanted))
    unknown = [number for number in numbers if number not in lessons]
    if unknown:
        raise UsageError(f"No lesson {', '.join(unknown)}. There are: {', '.join(lessons)}.")
    return [lessons[number] for number in numbers or lessons]


def report_on(path: Path, args: argparse.Namespace) -> dict:
    """One lesson's row: seconds, memory in MB (10^6 bytes), figures, errors."""
    notebook, execution = notebooks.execute_copy(path, quick=args.quick, timeout=args.timeout)
    figures = list(notebooks.figures(notebook))
    return {
        "lesson": path.name[:2],
        "notebook": path.name,
        "seconds": round(execution.seconds, 1),
        "peak_memory_mb": round(execution.peak_memory / 1e6),
        "figures": len(figures),
        "figures_without_alt": sum(not figure.alt for figure in figures),
        "errors": execution.errors,
    }


def as_table(reports: list[dict]) -> str:
    header = ("lesson", "seconds", "peak MB", "figures", "without alt", "errors")
    keys = ("seconds", "peak_memory_mb", "figures", "figures_without_alt")
    rows = [
        [report["notebook"], *(report[key] for key in keys), len(report["errors"])]
        for report in reports
    ]
    return table(header, rows)


def check_writable(path: Path) -> None:
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"--json {path}: needs the name of a file in a folder that exists.")
