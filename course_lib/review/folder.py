"""The files that a script left, checked: `course review FOLDER`.

    pictures.csv        file,part,label[,group]      part: train, validation or test
    runs.csv            name,kind,validation,test    see course_lib.review.runs
    answers.csv         label,p(NAME),p(NAME),...    of the test pictures [,group]
    preprocessing.json  {"used": {"size": ..., "mean": [...], "std": [...]}, "weights": {...}}
    before.pt, after.pt state dicts; learns.txt: beginnings of names that may change, one a line

What is missing is not checked, and said so.
"""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.facts import MEAN, STD, read_facts
from course_lib.review.answers import calibration
from course_lib.review.finding import Finding
from course_lib.review.nets import frozen, preprocessing
from course_lib.review.runs import tested, tried
from course_lib.review.splits import balance, leaks

PARTS = ("train", "validation", "test")
_SETTINGS = {
    "type": "object",
    "properties": {"size": {"type": "integer", "minimum": 1}, "mean": MEAN, "std": STD},
    "required": ["size", "mean", "std"],
}
_PREPROCESSING = {
    "type": "object",
    "properties": {"used": _SETTINGS, "weights": _SETTINGS},
    "required": ["used", "weights"],
}


def review_folder(folder) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """(findings, what was not checked since its file is not there).

    Raises CourseError for a folder with none of the files, and for files of another format.
    """
    root = checks.path(folder, "folder")
    if not root.is_dir():
        raise CourseError(f"{folder} is not a folder.")
    found: list[Finding] = []
    missing: list[str] = []
    for name, check in CHECKS.items():
        if (root / name).is_file():
            found += check(root)
        else:
            missing.append(name)
    if len(missing) == len(CHECKS):
        raise CourseError(f"{folder} has none of {', '.join(CHECKS)}.")
    return tuple(found), tuple(missing)


def _pictures(root: Path) -> list[Finding]:
    rows = _rows(root / "pictures.csv", ("file", "part", "label"))
    classes = sorted({row["label"] for row in rows})
    if len(classes) < 2:
        raise CourseError("pictures.csv has one label only; two classes are needed.")
    parts = {part: [row for row in rows if row["part"] == part] for part in PARTS}
    other = sorted({row["part"] for row in rows} - set(PARTS))
    if other:
        raise CourseError(f"pictures.csv: part must be one of {', '.join(PARTS)}; got {other[0]}.")
    parts = {part: held for part, held in parts.items() if held}
    sources = {
        part: _Files([(str(root / row["file"]), classes.index(row["label"])) for row in held])
        for part, held in parts.items()
    }
    groups = None
    if all(row.get("group") for row in rows):
        groups = {part: [row["group"] for row in held] for part, held in parts.items()}
    labels = {part: [label for _, label in source.samples] for part, source in sources.items()}
    return [*leaks(sources, groups), *balance(labels, classes)]


class _Files:
    """What `leaks` reads of an ImageFolder."""

    def __init__(self, samples: list[tuple[str, int]]):
        self.samples = samples


def _runs(root: Path) -> list[Finding]:
    return [*tried(root / "runs.csv", _validated(root)), *tested(root / "runs.csv")]


def _validated(root: Path) -> int | None:
    """How many validation pictures there were, where pictures.csv tells."""
    if not (root / "pictures.csv").is_file():
        return None
    rows = _rows(root / "pictures.csv", ("file", "part", "label"))
    return max(2, sum(row["part"] == "validation" for row in rows))


def _answers(root: Path) -> list[Finding]:
    rows = _rows(root / "answers.csv", ("label",))
    classes = [name[2:-1] for name in rows[0] if name.startswith("p(") and name.endswith(")")]
    known = sorted({row["label"] for row in rows} - set(classes))
    if len(classes) < 2 or known:
        raise CourseError(
            "answers.csv needs a column p(NAME) for each class, and labels among these names"
            + (f"; no column for {known[0]}." if known else ".")
        )
    try:
        p = [[float(row[f"p({name})"]) for name in classes] for row in rows]
    except (TypeError, ValueError) as error:
        raise CourseError(f"answers.csv: {error}.") from error
    groups = [row["group"] for row in rows] if all(row.get("group") for row in rows) else None
    return list(calibration(p, [classes.index(row["label"]) for row in rows], groups))


def _preprocessing(root: Path) -> list[Finding]:
    path = root / "preprocessing.json"
    facts = read_facts(path, path.name, _PREPROCESSING, "See docs/project.md.")
    return list(preprocessing(facts["used"], facts["weights"]))


def _frozen(root: Path) -> list[Finding]:
    import torch

    if not (root / "before.pt").is_file():
        raise CourseError("after.pt is there without before.pt: save a copy before you train.")
    states: list[Mapping] = []
    for name in ("before.pt", "after.pt"):
        try:
            states.append(torch.load(root / name, map_location="cpu", weights_only=True))
        except Exception as error:  # torch raises many kinds for a file that is no state dict
            raise CourseError(f"{name} is no state dict: {error}") from error
    learns = root / "learns.txt"
    names = learns.read_text(encoding="utf-8").split() if learns.is_file() else []
    return list(frozen(states[0], states[1], learns=names))


CHECKS: dict[str, Callable[[Path], list[Finding]]] = {
    "pictures.csv": _pictures,
    "preprocessing.json": _preprocessing,
    "after.pt": _frozen,
    "runs.csv": _runs,
    "answers.csv": _answers,
}


def _rows(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{path.name} cannot be read as CSV: {error}.") from error
    if not rows:
        raise CourseError(f"{path.name} has no rows.")
    lacking = [name for name in needed if name not in rows[0]]
    if lacking:
        raise CourseError(f"{path.name} lacks the column {', '.join(lacking)}.")
    return rows
