"""Stored rows: one file a claim, written whole, read with every check.

A row says what it depends on (measure, trial, track, weights, code), what was measured, on which
machine, how long it took, when, and its own checksum.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from course_lib.errors import CourseError
from course_lib.facts import read_facts
from course_lib.files import write_atomically
from course_lib.lab import tracks
from course_lib.lab.cache import checksum, key, plain, text
from course_lib.lab.claim import FIRST, Claim, Result, frame, result_of
from course_lib.lab.quantities import DRAW, NET, NotMeasured

RESULTS = Path(__file__).parents[1] / "claims" / "results"

MEND = "Move it away to measure anew."
_TEXT, _OBJECT = {"type": "string"}, {"type": "object"}
_ENTRIES = {
    "measure": _TEXT,
    "trial": _OBJECT,
    "track": _TEXT,
    "weights": _TEXT,
    "code": _TEXT,
    "measured": _OBJECT,
    "machine": _TEXT,
    "took": {"type": ["number", "null"], "minimum": 0},
    "date": _TEXT,
    "sha256": _TEXT,
}
_ROW = {
    "type": "object",
    "properties": _ENTRIES,
    "required": list(_ENTRIES),
    "additionalProperties": False,
}
_STUDY = {
    "type": "object",
    "properties": {
        "claim": _TEXT,
        "format": {"const": 2},
        "machines": {"type": "object", "additionalProperties": _OBJECT},
        "rows": {"type": "array", "items": _ROW},
    },
    "required": ["claim", "format", "machines", "rows"],
}
DEPENDS = ("measure", "trial", "track", "weights", "code")


class Unfinished(CourseError):
    """A stored study of which too little, or nothing, has been measured to judge it."""


@dataclass
class Study:
    """The stored rows of one claim. machines: name -> versions and hardware."""

    claim: str
    machines: dict[str, dict]
    rows: list[dict]

    def save(self, path: Path) -> None:
        content = {"claim": self.claim, "format": 2, "machines": self.machines, "rows": self.rows}
        write_atomically(path, json.dumps(content, indent=1) + "\n")

    def machine(self, facts: dict) -> str:
        """The name under which a machine is kept here; a new one gets the next name."""
        for name, known in self.machines.items():
            if known == facts:
                return name
        name = f"machine {len(self.machines) + 1}"
        self.machines[name] = facts
        return name


def path_of(tag: str, folder: Path | None = None) -> Path:
    return Path(folder or RESULTS) / f"{tag}.json"


def read_study(path: Path) -> Study:
    """A stored study. Raises CourseError for a file of another kind and for a changed row."""
    facts = read_facts(path, f"{path} is not a stored run", _STUDY, MEND, nan=True)
    for number, row in enumerate(facts["rows"], 1):
        if row["sha256"] != checksum(row):
            raise CourseError(
                f"{path}: row {number} {row['trial']} was changed after it was measured: its "
                f"checksum does not fit. Bring the file back from where it came, or: {MEND}"
            )
        if row["machine"] not in facts["machines"]:
            raise CourseError(f"{path}: row {number} names no machine of the file. {MEND}")
    return Study(facts["claim"], facts["machines"], facts["rows"])


def open_study(tag: str, folder: Path | None = None) -> Study:
    """The stored study of a claim, or an empty one."""
    path = path_of(tag, folder)
    return read_study(path) if path.exists() else Study(tag, {}, [])


@contextmanager
def writing(tag: str, folder: Path | None = None) -> Iterator[Path]:
    """One process at a time writes a study: rows of two would overwrite each other."""
    from filelock import FileLock, Timeout

    path = path_of(tag, folder)
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise CourseError(
            f"Another process is measuring {tag} and writes {path}. Wait for its end: it stores "
            "every row, and this one then has nothing left to do."
        ) from error
    except OSError as error:
        raise CourseError(f"Cannot write {path}: {error.strerror or error}.") from error
    try:
        yield path
    finally:
        lock.release()


def depends(row: dict) -> str:
    """What a stored row depends on, as text to look it up by."""
    return text({name: row[name] for name in DEPENDS})


def full_trials(claim: Claim, track: tracks.Track) -> list[dict]:
    """The trials of a full-size run on a track."""
    size = claim.full if track.name == "world" else {**claim.full, **(claim.photos or {})}
    with tracks.using(track):
        return [plain(trial) for trial in claim.trials(size)]


def stored_result(
    claim: Claim,
    track: str | tracks.Track = "world",
    folder: Path | None = None,
    code: str | None = None,
) -> Result:
    """The stored full-size run of a claim on a track. Raises CourseError when there is none.

    track: its name, or the track itself where it is none of the course's own.

    Rows of several versions of the code never mix: the newest version that is complete counts.
    code: that version instead. A run that was stopped half-way is shown, but stays undecided until
    its last trial is stored; Unfinished is raised while there is not one whole draw to judge.
    """
    again = f"`course claims run {claim.tag}`"
    name = track if isinstance(track, str) else track.name
    study = open_study(claim.tag, folder)
    if not any(row["track"] == name for row in study.rows):
        on = "" if name == "world" else f" on the {name} track"
        raise Unfinished(f"{claim.tag} has no stored run{on}. {again} makes one.")
    place = track if isinstance(track, tracks.Track) else tracks.TRACKS[track]
    trials = full_trials(claim, place)
    with tracks.using(place):
        wanted = [key(claim.measure, trial, claim.labels) for trial in trials]
    have = {depends(row): row for row in study.rows}
    found: dict[str, list[tuple[dict, dict]]] = {}
    for version in [code] if code else versions(study.rows):
        names = [text({**one, "code": version}) for one in wanted]
        found[version] = [
            (trial, have[name]) for trial, name in zip(trials, names, strict=True) if name in have
        ]
    complete = [version for version, pairs in found.items() if len(pairs) == len(trials)]
    best = complete[-1] if complete else max(found, key=lambda v: len(found[v]), default=FIRST)
    pairs = found.get(best, [])
    about = {"track": place.name, "stored": _about(study, [row for _, row in pairs])}
    rows = frame([t for t, _ in pairs], [row["measured"] for _, row in pairs])
    if len(pairs) == len(trials):
        return result_of(claim, rows, all_of_them=True, **about)

    done = f"{len(pairs)} of {len(trials)} trials are stored so far."
    stored = {text(trial) for trial, _ in pairs}
    rows = _whole_draws(rows, [trial for trial in trials if text(trial) not in stored])
    unfinished = Unfinished(f"{claim.tag}: {done} {again} goes on.")
    if rows.empty:
        raise unfinished
    try:
        return result_of(claim, rows, all_of_them=True, unfinished=done, **about)
    except NotMeasured as error:
        raise unfinished from error


def versions(rows: Iterable[dict]) -> list[str]:
    """Versions of the code in stored rows, the oldest first."""
    found = {row["code"] for row in rows}
    return sorted(found, key=lambda code: (code != FIRST, code))


def _about(study: Study, rows: list[dict]) -> dict:
    if not rows:
        return {}
    newest = max(rows, key=lambda row: row["date"])
    return {
        **study.machines[newest["machine"]],
        "code": newest["code"],
        "date": newest["date"],
        "weights": newest["weights"],
        "hash": rows_hash(rows),
    }


def rows_hash(rows: Iterable[dict]) -> str:
    """Eight digits that change with any row of a study."""
    return checksum({"rows": sorted(row["sha256"] for row in rows)})[:8]


def _whole_draws(rows: pd.DataFrame, missing: list[dict]) -> pd.DataFrame:
    """The rows of draws of which no trial is missing."""
    keys = [name for name in (NET, DRAW) if name in rows]
    if not keys:
        return rows.iloc[:0]
    begun = {tuple(trial.get(name) for name in keys) for trial in missing}
    whole = [tuple(line) not in begun for line in rows[keys].itertuples(index=False)]
    return rows[whole].reset_index(drop=True)
