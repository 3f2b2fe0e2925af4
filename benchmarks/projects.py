"""Lesson 08 on folders of photographs, with an ImageNet net from a file: what it wrote down.

    python benchmarks/projects.py --weights mobilenet_v2.safetensors flowers/ ants_bees/

Each folder has one sub-folder of photographs per class. The learner's notebook runs as it is, but
for the folder, the net and READY; rows and facts go to course_lib/claims/results/projects.json, one
folder after the other, in place of what was there of that folder.
"""

import argparse
import csv
import hashlib
import json
import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from course_lib.claims.photographs import PROJECTS_ROWS
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine

LESSON = Path(__file__).resolve().parents[1] / "notebooks" / "08_your_project.ipynb"
NET = """from safetensors.torch import load_file
from torchvision.models import mobilenet_v2

SOURCE, HEAD = mobilenet_v2(), "classifier.1"
print(SOURCE.load_state_dict(load_file({weights!r}), strict=False))
EXPECTED = {{"size": 160, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}}
HEAD_RATE, RATIOS = 3e-3, (30.0, 300.0)
expected = review.prepared(EXPECTED)
"""
FACTS = """import json
json.dump({"pictures": len(files), "classes": len(classes), "groups": len(set(joined)),
           "low": round(float(low), 3), "high": round(float(high), 3), "test_pictures": len(right),
           "chosen": CHOSEN}, open("facts.json", "w"))
"""


def run(folder: Path, weights: Path) -> tuple[dict, list[dict]]:
    """(facts, rows of runs.csv) of the lesson on one folder."""
    notebook = nbformat.read(LESSON, 4)
    changes = {
        "READY = MY_FOLDER is None": lambda text: text.replace("= MY_FOLDER is None", "= True"),
        "MobileNet_V2_Weights": lambda text: NET.format(weights=str(weights.resolve())),
    }
    for wanted, change in changes.items():
        (cell,) = [c for c in notebook.cells if c.cell_type == "code" and wanted in c.source]
        cell.source = change(cell.source)
    notebook.cells.append(nbformat.v4.new_code_cell(FACTS))
    os.environ["COURSE_FOLDER"] = str(folder.resolve())
    with tempfile.TemporaryDirectory() as place:
        home = {"metadata": {"path": place}}
        NotebookClient(notebook, timeout=None, resources=home).execute()
        facts = json.loads((Path(place) / "facts.json").read_text())
        with (Path(place) / "my_project" / "runs.csv").open(encoding="utf-8") as opened:
            runs = list(csv.DictReader(opened))
    rows = [
        {
            "folder": folder.name,
            "name": one["name"],
            "kind": one["kind"],
            "validation": float(one["validation"]),
            "test": float(one["test"]) if one["test"] else None,
        }
        for one in runs
    ]
    return facts, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=PROJECTS_ROWS)
    arguments = parser.parse_args()
    for folder in arguments.folders:
        facts, rows = run(folder, arguments.weights)
        stored = json.loads(arguments.out.read_text(encoding="utf-8"))
        stored["made_with"] = machine()
        stored["sha256"] = hashlib.sha256(arguments.weights.read_bytes()).hexdigest()
        stored["folders"][folder.name] = facts
        stored["rows"] = [row for row in stored["rows"] if row["folder"] != folder.name] + rows
        write_atomically(arguments.out, json.dumps(stored, indent=1) + "\n")
        print(folder.name, facts, *rows, sep="\n", flush=True)


if __name__ == "__main__":
    main()
