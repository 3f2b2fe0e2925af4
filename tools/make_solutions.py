"""Write the lessons with every coding task solved, for teachers.

    python tools/make_solutions.py [--to FOLDER] [NN ...]

FOLDER/NN_topic.ipynb (default: _solutions) is the learner's notebook with our answer in place of
each function that a learner writes, not run. The answers are those of course_lib/questions/bank,
which a lesson shows as well when a learner asks: nothing is kept secret here, it is only opened.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat

from course_lib import notebooks
from course_lib.files import write_atomically
from course_lib.questions import practice

ROOT = Path(__file__).resolve().parents[1]
CHECK = re.compile(r'^check\("([\w-]+)"', re.MULTILINE)


def solved(source: str) -> str:
    """A cell with our function in place of the learner's; a cell without a task as it is."""
    for task in CHECK.findall(source):
        question = practice.find(task)
        starter, reference = question.starter.strip(), question.reference.strip()
        if starter not in source:
            raise ValueError(f"The cell of {task} does not have its starter.")
        source = source.replace(starter, reference)
    return source


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="default: all")
    parser.add_argument("--to", type=Path, default=ROOT / "_solutions", metavar="FOLDER")
    args = parser.parse_args(words)
    for number, path in notebooks.lessons(ROOT).items():
        if args.lessons and number not in args.lessons:
            continue
        notebook = notebooks.read(path)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.source = solved(cell.source)
        write_atomically(args.to / path.name, nbformat.writes(notebook) + "\n")
        print(args.to / path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
