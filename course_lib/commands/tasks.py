"""`course tasks`: the target tasks that load_task knows."""

import argparse
import dataclasses
import sys

from course_lib.commands.report import table, to_json

# The table's columns; --json has every field of course_lib.data.tasks.TaskInfo.
COLUMNS = (
    "name",
    "title",
    "metric",
    "similarity",
    "classes",
    "train",
    "validation",
    "test",
    "download",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    from course_lib.data.tasks import available_tasks

    tasks = [dataclasses.asdict(task) for task in available_tasks()]
    if args.json:
        sys.stdout.write(to_json(tasks))
    else:
        for task in tasks:
            task["download"] = _megabytes(task["download"])
        rows = [[_cell(task[column]) for column in COLUMNS] for task in tasks]
        print(table(COLUMNS, rows))
    return 0


def _cell(value):
    return "depends" if value is None else value


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size else "-"
