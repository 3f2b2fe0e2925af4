"""The table of runs: was the least tried, what was chosen by, how often was the test looked at?

A run is a row with `name`, `kind`, `validation`, and `test` where the test pictures were looked at.
Scores lie between 0 and 1, larger is better. Kinds that count as baselines: "majority", "pixels",
"scratch", "head" (a new head on the frozen backbone). A "seed" repeats another run and is no rival
of it. Any other text is a setting of one's own.
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.review.finding import Finding

BASELINES = {
    "majority": "what saying the largest class always comes to",
    "pixels": "a linear model of the pixels",
    "scratch": "the same network from random weights",
    "head": "a new head on the frozen backbone",
}
REPEATED = "seed"
PICTURES = 100  # validation pictures that a standard error is reckoned with when nobody says


@dataclass(frozen=True)
class Trial:
    """One run. validation, test: scores 0..1; test is None unless the test was looked at."""

    name: str
    kind: str
    validation: float
    test: float | None = None


def read_runs(table) -> tuple[Trial, ...]:
    """The runs of a CSV file, of a DataFrame or of dictionaries; a row that is there twice counts
    once, so that a script may be run again."""
    if isinstance(table, (str, Path)):
        rows = _csv_rows(checks.path(table, "the table of runs"))
    elif hasattr(table, "to_dict"):
        rows = table.to_dict("records")
    elif isinstance(table, Iterable) and not isinstance(table, Mapping):
        rows = [vars(row) if isinstance(row, Trial) else row for row in table]
    else:
        raise CourseError("The table of runs is a CSV file, a DataFrame or a list of dictionaries.")
    found = dict.fromkeys(_trial(row, f"run {n}") for n, row in enumerate(rows, 1))
    if not found:
        raise CourseError("The table of runs is empty.")
    return tuple(found)


def _csv_rows(path: Path) -> list[dict]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{path} cannot be read as CSV: {error}.") from error


def _trial(row, what: str) -> Trial:
    if not isinstance(row, Mapping) or not {"name", "kind", "validation"} <= set(row):
        raise CourseError(f"{what} needs name, kind and validation; got {row!r:.100}.")
    test = _score(row.get("test"), f"{what}, test")
    validation = _score(row["validation"], f"{what}, validation")
    if validation is None:
        raise CourseError(f"{what} has no validation score: nothing can be chosen without one.")
    return Trial(str(row["name"]).strip(), str(row["kind"]).strip().lower(), validation, test)


def _score(value, what: str) -> float | None:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        return checks.number(float(value), what, least=0, most=1)
    except (TypeError, ValueError) as error:
        raise CourseError(f"{what} must be a number from 0 to 1; got {value!r:.60}.") from error


def tried(table, validation_pictures: int | None = None) -> tuple[Finding, ...]:
    """Baselines that are missing, and a choice that the validation scores do not bear out.

    table: see read_runs. validation_pictures: how many there were; the run that was tested may lie
    one standard error below the best, since that is luck (default: as for 100 pictures).
    """
    runs = read_runs(table)
    n = checks.whole_number(
        PICTURES if validation_pictures is None else validation_pictures, "validation_pictures", 2
    )
    return tuple(_tried(runs, n))


def _tried(runs: tuple[Trial, ...], pictures: int):
    kinds = {run.kind for run in runs}
    missing = [kind for kind in BASELINES if kind not in kinds]
    if missing:
        yield Finding(
            "baselines",
            f"Not tried: {'; '.join(f'{kind} ({BASELINES[kind]})' for kind in missing)}.",
            "A score means something beside the cheapest way to get one.",
            "02",
        )
    settings = [run for run in runs if run.kind not in (*BASELINES, REPEATED)]
    if len(settings) < 2:
        yield Finding(
            "tuning",
            f"{'One setting' if settings else 'No setting'} beyond the baselines was tried.",
            "Rates belong to a network and its pictures: try two or three ratios on validation.",
            "03",
        )
    nets = [run for run in runs if run.kind not in ("majority", "pixels")]
    cheap = [run for run in runs if run.kind in ("majority", "pixels")]
    if nets and cheap:
        best, rival = (max(group, key=lambda run: run.validation) for group in (nets, cheap))
        if best.validation <= rival.validation:
            yield Finding(
                "baselines",
                f"The best network has {best.validation:.3f} on validation, {rival.name} "
                f"{rival.validation:.3f}.",
                "Then it has learnt nothing that the cheap way does not know. Look for a mistake: "
                "preprocessing, rates, labels.",
                "02",
            )
    rivals = [run for run in runs if run.kind != REPEATED] or runs
    best = max(rivals, key=lambda run: run.validation)
    error = math.sqrt(best.validation * (1 - best.validation) / pictures)
    for run in runs:
        if run.test is not None and best.validation - run.validation > error + 1e-9:
            yield Finding(
                "choice",
                f"{run.name} was tested, with {run.validation:.3f} on validation; {best.name} has "
                f"{best.validation:.3f}.",
                "Who is tested is chosen by validation, and by nothing else.",
                "02",
            )


def tested(table) -> tuple[Finding, ...]:
    """Whether the test pictures were looked at more than once, or not yet. table: see read_runs."""
    looks = [run for run in read_runs(table) if run.test is not None]
    if len(looks) > 1:
        told = ", ".join(f"{run.name} {run.test:.3f}" for run in looks[:4])
        return (
            Finding(
                "test",
                f"The test pictures were looked at {len(looks)} times ({told}"
                f"{', ...' if len(looks) > 4 else ''}).",
                "The best of several looks is partly the luckiest. Report how it came about, and "
                "measure on pictures that took no part.",
                "02",
            ),
        )
    if not looks:
        return (
            Finding(
                "test",
                "The test pictures were not looked at yet.",
                "Do it once, at the end, with the one model that you chose.",
                "02",
                open=True,
            ),
        )
    return ()
