"""A claim, its trials, its rule and its result.

A trial is a plain dictionary (strategy, number of labels, seed, ...) and gives one row: the trial
itself and what was measured. Because trials are data, a study can be stored row by row and resumed.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.facts import read_facts

Row = dict
VERDICTS = ("holds", "holds in part", "does not hold here", "undecided")
RESULTS = Path(__file__).parent / "results"


class Unfinished(CourseError):
    """A stored study of which too little has been measured to judge it."""


@dataclass(frozen=True)
class Finding:
    """What a rule makes of rows: a verdict, one sentence with the numbers, an alt text."""

    verdict: str
    sentence: str
    alt: str

    def __post_init__(self):
        if self.verdict not in VERDICTS:
            raise CourseError(f"No verdict {self.verdict!r}. Choose from: {', '.join(VERDICTS)}.")


@dataclass(frozen=True)
class Claim:
    """One claim of the course.

    tag: such as "C06". statement: the claim as it is usually told. rule: when it counts as
    holding, fixed before the run. trials(size): the trials of a run of this size. measure(trial):
    the row's measured part. judge(rows): a Finding. draw(rows): a matplotlib figure.
    live, quick, full: what decides the size of a run in a lesson, in a test and in a study.
    """

    tag: str
    lesson: str
    statement: str
    rule: str
    trials: Callable[[dict], list[dict]]
    measure: Callable[[dict], dict]
    judge: Callable[[list[Row]], Finding]
    draw: Callable[[list[Row]], object]
    live: dict
    quick: dict
    full: dict


@dataclass(frozen=True)
class Result:
    """What a run of a claim came to.

    rows: one per trial. made_with: versions and hardware of stored rows, empty for a live run.
    """

    claim: Claim
    rows: list[Row]
    finding: Finding
    made_with: dict = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return self.finding.verdict

    @property
    def sentence(self) -> str:
        return self.finding.sentence

    def show(self) -> None:
        """Show the figure, then the rule and the verdict in words."""
        from IPython.display import Markdown, display

        from course_lib.measure.figures import show, style

        with style():
            show(self.claim.draw(self.rows), self.finding.alt)
        display(Markdown(self._repr_markdown_()))

    def _repr_markdown_(self) -> str:
        source = ""
        if self.made_with:
            source = (
                f"\n\n*Stored rows of a full-size run: {len(self.rows)} trials, torch "
                f"{self.made_with['torch']}, {self.made_with['processor']}, "
                f"{self.made_with['cores']} cores.*"
            )
        return (
            f"**{self.claim.tag}. {self.claim.statement}**\n\n"
            f"*Rule, fixed before the run:* {self.claim.rule}\n\n"
            f"**Verdict: {self.verdict}.** {self.sentence}{source}"
        )


def run_claim(tag: str, size: str | None = None, progress: bool = True, **changes) -> Result:
    """Measure the trials of a claim and judge them.

    On the photos track a claim that photographs can show is measured on them, at a size of its own
    (course_lib.experiments.tracks); the others are measured in the image world and say so.

    Args:
        tag: such as "C06".
        size: "live" (default), "quick" (the default when COURSE_QUICK=1) or "full".
        progress: show a bar.
        changes: single settings of the size, such as train=50 or seeds=(0, 1, 2, 3, 4).

    Raises:
        CourseError: an unknown claim, size or setting.
    """
    from tqdm import tqdm

    from course_lib.experiments import tracks
    from course_lib.experiments.memory import give_back
    from course_lib.experiments.registry import claim

    one = claim(tag)
    size = size or ("quick" if os.environ.get("COURSE_QUICK") == "1" else "live")
    checks.one_of(size, "size", ("live", "quick", "full"))
    track, small, note = tracks.for_claim(tag)
    if note:
        print(note)
    settings = {**getattr(one, size), **small}
    unknown = set(changes) - set(settings)
    if unknown:
        raise CourseError(
            f"{tag} has no setting {', '.join(sorted(unknown))}. It has: {', '.join(settings)}."
        )
    changes = {name: _like(settings[name], value, name) for name, value in changes.items()}
    quiet = {} if progress else {"disable": True}  # else TQDM_DISABLE=1 decides
    with tracks.using(track):
        trials = one.trials({**settings, **changes})
        bar = tqdm(trials, desc=tag, unit="trial", leave=False, **quiet)
        rows = [{**trial, **one.measure(trial)} for trial in bar]
    give_back()
    return Result(one, rows, one.judge(rows))


def _like(usual, value, name: str):
    """A changed setting, of the kind that it usually has: one value, or one value or more."""
    if not isinstance(usual, tuple):
        return (
            value
            if isinstance(value, (tuple, list)) and name == "epochs"
            else _one(usual, value, name)
        )
    if not isinstance(value, (tuple, list, range)) or not value:
        raise CourseError(f"{name} takes one value or more, such as {usual!r}; got {value!r}.")
    return tuple(_one(usual[0], one, f"Each of {name}") for one in value) if usual else tuple(value)


def _one(usual, value, name: str):
    if isinstance(usual, bool):
        return checks.true_or_false(value, name)
    if isinstance(usual, int):
        return checks.whole_number(value, name)
    if isinstance(usual, float):
        return checks.number(value, name)
    if isinstance(usual, str) and not isinstance(value, str):
        raise CourseError(f"{name} must be a text, such as {usual!r}; got {value!r}.")
    return value


def run_and_store(tag: str, folder: Path = RESULTS, say=print) -> Result:
    """The full-size run, in the image world.

    Every row is stored at once, so a stopped run goes on where it was. A trial that another claim
    has measured in the same way is taken over from there.
    """
    from course_lib.experiments import tracks
    from course_lib.experiments.registry import claim
    from course_lib.measure.hardware import machine

    one, world, here = claim(tag), tracks.TRACKS["world"], machine()
    with tracks.using(world):
        trials = [_plain(trial) for trial in one.trials(one.full)]
    path = Path(folder) / f"{tag}.json"
    with _alone(path, tag):
        return _go_on(one, trials, path, here, say)


@contextmanager
def _alone(path: Path, tag: str) -> Iterator[None]:
    """One process at a time writes a study: rows of two would overwrite each other."""
    from filelock import FileLock, Timeout

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
        yield
    finally:
        lock.release()


def _go_on(one: Claim, trials: list[dict], path: Path, here: dict, say) -> Result:
    """Measure and store the trials that `path` lacks."""
    from course_lib.experiments import tracks
    from course_lib.files import write_atomically

    tag, world = one.tag, tracks.TRACKS["world"]
    study = {"claim": tag, "made_with": here, "weights": _weights(), "rows": []}
    if path.exists():
        stored = read_study(path)
        if stored["weights"] != study["weights"]:
            raise CourseError(
                f"{path} was measured with other weights of WorldNet. Move it away to measure anew."
            )
        study = stored
    done = {_key(row["trial"]): row for row in study["rows"]}
    elsewhere = _measured_elsewhere(one, study, path.parent)
    for number, trial in enumerate(trials, 1):
        if _key(trial) in done:
            continue
        row = elsewhere.get(_key(trial))
        if row is None:
            with tracks.using(world):
                row = {"trial": trial, "measured": _plain(one.measure(trial))}
            if here != study["made_with"]:  # begun elsewhere: what is measured here says so
                row["made_with"] = here
            row["sha256"] = checksum(row)
        study["rows"].append(row)
        done[_key(trial)] = row
        text = json.dumps(study, indent=1) + "\n"
        write_atomically(path, text)
        say(f"{tag}: trial {number} of {len(trials)} {trial}")
    rows = [{**trial, **done[_key(trial)]["measured"]} for trial in trials]
    return Result(one, rows, one.judge(rows), study["made_with"])


def _measured_elsewhere(one: Claim, study: dict, folder: Path) -> dict[str, Row]:
    """Stored rows, by trial, of other claims with the same measurement, weights and machine."""
    from course_lib.experiments.registry import claims

    rows: dict[str, Row] = {}
    for tag, other in claims().items():
        path = folder / f"{tag}.json"
        if tag == one.tag or other.measure is not one.measure or not path.exists():
            continue
        stored = read_study(path)
        if all(stored[key] == study[key] for key in ("weights", "made_with")):
            mine = [row for row in stored["rows"] if "made_with" not in row]
            rows |= {_key(row["trial"]): row for row in mine}
    return rows


def stored_result(tag: str, folder: Path = RESULTS) -> Result:
    """The stored full-size run of a claim. Raises CourseError when there is none.

    A run that was stopped half-way is shown, but stays undecided until its last trial is stored;
    Unfinished is raised while there is not one whole draw to judge.
    """
    from course_lib.experiments.registry import claim

    one = claim(tag)
    path = Path(folder) / f"{tag}.json"
    if not path.exists():
        raise CourseError(f"{tag} has no stored run. `course claims run {tag}` makes one.")
    study = read_study(path)
    wanted = {_key(_plain(trial)) for trial in one.trials(one.full)}
    # Rows of a size that the claim had once stay in the file, but are not mixed in.
    kept = [row for row in study["rows"] if _key(row["trial"]) in wanted]
    rows = [{**row["trial"], **row["measured"]} for row in kept]
    missing = wanted - {_key(row["trial"]) for row in kept}
    if not missing:
        return Result(one, rows, one.judge(rows), study["made_with"])

    done = f"{len(wanted) - len(missing)} of {len(wanted)} trials are stored so far."
    unfinished = Unfinished(f"{tag}: {done} `course claims run {tag}` goes on.")
    rows = _whole_draws(rows, [json.loads(key) for key in missing])
    if not rows:
        raise unfinished
    try:
        finding = one.judge(rows)
    except (ArithmeticError, LookupError, ValueError) as error:  # a judge looks for whole draws
        raise unfinished from error
    finding = Finding("undecided", f"{done} {finding.sentence}", finding.alt)
    return Result(one, rows, finding, study["made_with"])


def _whole_draws(rows: list[Row], missing: list[dict]) -> list[Row]:
    """The rows of draws (seeds) of which no trial is missing."""
    begun = {trial.get("seed") for trial in missing}
    return [row for row in rows if row.get("seed") not in begun]


def stored_results(folder: Path = RESULTS) -> dict[str, Result | None]:
    """Every claim by tag with its stored run, or None where there is none to judge yet."""
    from course_lib.experiments.registry import claims

    results: dict[str, Result | None] = {}
    for tag in claims():
        try:
            stored = (Path(folder) / f"{tag}.json").exists()
            results[tag] = stored_result(tag, folder) if stored else None
        except Unfinished:
            results[tag] = None
    return results


_ROW = {
    "type": "object",
    "properties": {
        "trial": {"type": "object"},
        "measured": {"type": "object"},
        "made_with": {"type": "object"},
        "sha256": {"type": "string"},
    },
    "required": ["trial", "measured", "sha256"],
    "additionalProperties": False,
}
_STUDY = {
    "type": "object",
    "properties": {
        "claim": {"type": "string"},
        "made_with": {
            "type": "object",
            "properties": {
                "torch": {"type": "string"},
                "processor": {"type": "string"},
                "cores": {"type": "integer"},
            },
            "required": ["torch", "processor", "cores"],
        },
        "weights": {"type": "string"},
        "rows": {"type": "array", "items": _ROW},
    },
    "required": ["made_with", "weights", "rows"],
}


def read_study(path: Path) -> dict:
    """A stored study. Raises CourseError for a file of another kind and for a changed row."""
    mend = "Move it away to measure anew."
    study = read_facts(path, f"{path} is not a stored run", _STUDY, mend, nan=True)
    for number, row in enumerate(study["rows"], 1):
        if row["sha256"] != checksum(row):
            raise CourseError(
                f"{path}: row {number} {row['trial']} was changed after it was measured: its "
                f"checksum does not fit. Bring the file back from where it came, or: {mend}"
            )
    return study


def checksum(row: Row) -> str:
    """The first 16 digits of the SHA-256 of a stored row without its own checksum."""
    text = json.dumps({k: v for k, v in row.items() if k != "sha256"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _weights() -> str:
    """SHA-256 of WorldNet's shipped weights: rows of other weights must not mix."""
    from course_lib.backbones.loading import WORLDNET_WEIGHTS, read_card

    return read_card(WORLDNET_WEIGHTS)["sha256"]


def _plain(data: dict) -> dict:
    """The same data as JSON would give it back: tuples become lists."""
    return json.loads(json.dumps(data))


def _key(trial: dict) -> str:
    return json.dumps(trial, sort_keys=True)


def select(rows: Iterable[Row], **wanted) -> list[Row]:
    """The rows whose entries equal all of `wanted`."""
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]
