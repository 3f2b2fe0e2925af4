"""Can the stored numbers be had again? Judge all of them anew, and measure some."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_lib.lab import running, store, tracks
from course_lib.lab.cache import text, weights
from course_lib.lab.claim import Claim

TIMES = ("seconds", "tuning_seconds", "clock", "epoch", "first_epoch", "took")  # not promised
LEAST = 0.03  # accuracy or AUC that another processor's rounding may move one trial by


@dataclass(frozen=True)
class Remeasured:
    """A stored trial measured again. exact: same versions and processor as the stored row.

    worst: the largest difference of a number between 0 and 1. allowed: 0 where exact, else
    the spread of the stored draws of the same setting, at least LEAST. moved: what differs.
    """

    tag: str
    trial: dict
    exact: bool
    worst: float
    allowed: float
    moved: str

    @property
    def agrees(self) -> bool:
        return self.worst <= self.allowed


def remeasure(
    claims: Iterable[Claim],
    count: int = 5,
    seconds: float = 120,
    seed: int | None = None,
    folder: Path | None = None,
) -> list[Remeasured]:
    """Measure `count` stored trials again, drawn by chance among those of the shipped net that took
    at most `seconds`. seed: of the draw (default: another one each time)."""
    pool = []
    for claim in claims:
        if not store.path_of(claim.tag, folder).exists():
            continue
        study = store.open_study(claim.tag, folder)
        wanted = {text(_unlabelled(claim, t)) for t in store.full_trials(claim, _world())}
        for row in study.rows:
            if (
                row["track"] == "world"
                and row["weights"] == weights("worldnet")
                and row["took"] is not None
                and row["took"] <= seconds
                and row["measure"] == claim.measure.__name__
                and text(row["trial"]) in wanted
            ):
                pool.append((claim, study, row))
    chosen = random.Random(seed).sample(pool, min(count, len(pool)))
    return [_again(*one) for one in chosen]


def _again(claim: Claim, study: store.Study, row: dict) -> Remeasured:
    job = {"measure": claim.measure, "track": _world(), "trial": row["trial"]}
    found = running.measure_job(job)
    before = study.machines[row["machine"]]
    same = all(before.get(name) == found["machine"][name] for name in ("torch", "processor"))
    exact = same and before.get("threads") == found["machine"]["threads"]
    worst, moved, allowed = 0.0, "", 0.0
    for name, (old, new) in _numbers(row["measured"], found["measured"]).items():
        if not _is_share(old, new) or set(name.split(".")) & set(TIMES):
            continue
        limit = 0.0 if exact else max(LEAST, _spread(study, row, name))
        if abs(old - new) - limit > worst - allowed or not moved:
            worst, allowed, moved = abs(old - new), limit, f"{name}: {old:g}, now {new:g}"
    return Remeasured(claim.tag, row["trial"], exact, worst, allowed, moved)


def _numbers(old: dict, new: dict, before: str = "") -> dict[str, tuple[float, float]]:
    """Numbers that both hold, named with dots; those of lists too."""
    found: dict[str, tuple[float, float]] = {}
    for name, entry in old.items():
        other = new.get(name)
        if isinstance(entry, list):
            entry = dict(enumerate(entry))
            other = dict(enumerate(other)) if isinstance(other, list) else None
        if isinstance(entry, dict) and isinstance(other, dict):
            found |= _numbers(entry, other, f"{before}{name}.")
        elif isinstance(entry, (int, float)) and isinstance(other, (int, float)):
            found[f"{before}{name}"] = (float(entry), float(other))
    return found


def _is_share(old: float, new: float) -> bool:
    return 0 <= old <= 1 and 0 <= new <= 1


def _spread(study: store.Study, row: dict, name: str) -> float:
    """Twice the standard deviation over the draws of the row's setting."""
    setting = {**row["trial"], "seed": None}
    alike = [r for r in study.rows if {**r["trial"], "seed": None} == setting]
    values = [_numbers(r["measured"], r["measured"]).get(name, (np.nan,))[0] for r in alike]
    return float(2 * np.nanstd(values, ddof=1)) if len(values) > 1 else 0.0


def _unlabelled(claim: Claim, trial: dict) -> dict:
    return {name: entry for name, entry in trial.items() if name not in claim.labels}


def _world() -> tracks.Track:
    return tracks.TRACKS["world"]
