"""`course review`: checks the files that a script of one's own left in a folder."""

import argparse
from pathlib import Path

from course_lib.commands.report import note, to_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        type=Path,
        help="with pictures.csv, runs.csv, answers.csv, preprocessing.json, before.pt and after.pt,"
        " or some of them; docs/project.md has the columns",
    )
    parser.add_argument("--json", action="store_true", help="findings as JSON")


def run(args: argparse.Namespace) -> int:
    from course_lib.review import review_folder, told

    findings, missing = review_folder(args.folder)
    if args.json:
        print(to_json({"findings": [vars(one) for one in findings], "not_checked": list(missing)}))
    else:
        print(told(findings))
    for name in missing:
        note(f"course review: not checked, there is no {name}")
    return 0
