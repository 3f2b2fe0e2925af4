"""`course doctor`: check this machine, and say how to mend what is missing."""

import argparse
import sys
from dataclasses import asdict

from course_lib.commands.report import to_json
from course_lib.doctor import PROBLEM, WARNING, Check, examine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    checks = examine()
    healthy = all(check.status != PROBLEM for check in checks)
    if args.json:
        sys.stdout.write(to_json({"ok": healthy, "checks": [asdict(check) for check in checks]}))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            print(f"{check.status:<7}  {check.name:<{width}}  {check.found}")
            if check.mend:
                print(f"{'':<7}  {'':<{width}}  -> {check.mend}")
        print(_summary(checks))
    return 0 if healthy else 1


def _summary(checks: list[Check]) -> str:
    problems = sum(check.status == PROBLEM for check in checks)
    warnings = sum(check.status == WARNING for check in checks)
    if not problems and not warnings:
        return "Everything is in place."
    counts = ((problems, PROBLEM), (warnings, WARNING))
    parts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts if n]
    return f"{' and '.join(parts)}; the arrows say what to do."
