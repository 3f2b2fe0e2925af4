"""`course predict`: a saved model's answers for a folder of pictures, as CSV."""

import argparse
import csv
import io
import sys
from pathlib import Path

from course_lib.commands.report import note, to_json
from course_lib.errors import CourseError
from course_lib.files import write_atomically

SHOWN = 5  # unusable files that are named on the screen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="a file that save_model wrote (.safetensors)")
    parser.add_argument("folder", type=Path, help="pictures; its sub-folders are searched too")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there, not to the screen")
    parser.add_argument("--json", action="store_true", help="JSON in place of CSV")


def run(args: argparse.Namespace) -> int:
    from course_lib.serving import load_model, predict_folder

    saved = load_model(args.model)
    answers, drift = predict_folder(saved, args.folder)
    text = _json(saved, answers, drift) if args.json else _csv(saved.classes, answers)
    if args.out:
        write_atomically(args.out, text)
    else:
        sys.stdout.write(text)
    bad = [answer for answer in answers if answer.problem]
    for answer in bad[:SHOWN]:
        note(f"course predict: {answer.file}: {answer.problem}")
    if len(bad) > SHOWN:
        note(f"course predict: and {len(bad) - SHOWN} more, named in the output")
    note(f"course predict: {len(answers) - len(bad)} of {len(answers)} files answered")
    note(f"course predict: {drift.sentence}")
    if len(bad) == len(answers):
        raise CourseError(f"None of the {len(bad)} files in {args.folder} is a usable picture.")
    return 0


def _csv(classes: tuple[str, ...], answers: list) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "answer", *(f"p({name})" for name in classes), "problem"])
    for one in answers:
        chances = [f"{value:.6f}" for value in one.probabilities] or [""] * len(classes)
        table.writerow([one.file, one.answer, *chances, one.problem])
    return text.getvalue()


def _json(saved, answers: list, drift) -> str:
    return to_json(
        {
            "classes": list(saved.classes),
            "threshold": saved.threshold,
            "answers": [vars(answer) for answer in answers],
            "drift": {**vars(drift), "drifted": drift.drifted},
        }
    )
