"""Settings chosen on draws of their own, then frozen.

Every rival of a claim gets a grid of settings, all of which are tried on the same few draws. A
grid grows beyond an edge on which its best setting lies. What was tried is stored like the rows of
a study, in claims/results/tuning/Cxx.json, without any test score; the measured draws of the claim,
which are others, take what was chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import product
from pathlib import Path

import pandas as pd

from course_lib.errors import Diverged
from course_lib.lab import cache, running, store, tracks
from course_lib.lab.claim import frame
from course_lib.lab.quantities import DRAW

DRAWS = (900_000, 900_001, 900_002)
WIDEN = 2  # times that a grid may grow
RESULTS = store.RESULTS / "tuning"
RIVAL = "rival"
Setting = dict[str, float]
Grid = Mapping[str, Sequence[float]]


def best_on_validation(rows: pd.DataFrame, grids: Mapping[str, Grid]) -> dict[str, Setting]:
    """For each rival the setting with the best mean validation score; the first of equals."""
    return {
        name: best(rows[rows[RIVAL] == name], list(grid), "validation")
        for name, grid in grids.items()
    }


def best(rows: pd.DataFrame, axes: Sequence[str], by: str) -> Setting:
    """The setting with the highest mean of a column over the draws; the first of equals."""
    means = rows.groupby(list(axes), sort=True)[by].mean()
    place = means.idxmax()
    values = place if isinstance(place, tuple) else (place,)
    return dict(zip(axes, map(float, values), strict=True))


@dataclass(frozen=True)
class Tuning:
    """What is tried for a claim.

    tag: of the claim. measure: what a trial measures. rivals: name -> what its trials share.
    grids: name -> the values of every entry of a trial that is chosen.
    choose(rows, grids): name -> the setting to take. rows have the rival, the setting and `kept`.
    kept: the measured numbers that a choice may depend on; no others are stored.
    most: name -> the largest value that an entry may take when its grid grows.
    """

    tag: str
    measure: Callable[[dict], dict]
    rivals: Mapping[str, dict]
    grids: Mapping[str, Grid]
    kept: tuple[str, ...] = ("validation",)
    choose: Callable[[pd.DataFrame, Mapping[str, Grid]], dict[str, Setting]] = best_on_validation
    most: Mapping[str, Setting] = field(default_factory=dict)

    def trial(self, name: str, setting: Setting, seed: int) -> dict:
        return cache.plain({**self.rivals[name], **setting, "seed": seed})

    def tried(self, folder: Path | None = None) -> pd.DataFrame:
        """What was stored: rival, setting, draw and what was kept, of settings with all draws."""
        rows = store.open_study(self.tag, folder or RESULTS).rows
        trials = [{**row["trial"], RIVAL: self._rival(row["trial"])} for row in rows]
        found = frame(trials, [row["measured"] for row in rows])
        if found.empty:
            return found
        setting = [RIVAL, *dict.fromkeys(axis for grid in self.grids.values() for axis in grid)]
        draws = found.groupby(setting, dropna=False)[DRAW].transform("nunique")
        return found[draws == len(DRAWS)]

    def chosen(self, folder: Path | None = None) -> dict[str, Setting]:
        """What was chosen from the stored rows. Raises Unfinished where nothing was tried."""
        rows = self.tried(folder)
        if rows.empty:
            raise store.Unfinished(
                f"{self.tag} has no settings yet. `course claims run {self.tag}` chooses them."
            )
        return self.choose(rows, self.grids)

    def edges(self, folder: Path | None = None) -> str:
        """Which chosen settings lie on the edge of all that was tried, as a sentence or nothing."""
        rows, found = self.tried(folder), []
        for name, setting in self.chosen(folder).items():
            for axis, value in setting.items():
                values = rows.loc[rows[RIVAL] == name, axis]
                if values.nunique() > 1 and value in (values.min(), values.max()):
                    found.append(f"{name} ({axis} {value:g})")
        if not found:
            return ""
        return (
            f"Chosen on the edge of what was tried, so that a better setting may lie beyond: "
            f"{'; '.join(found)}."
        )

    def _rival(self, trial: dict) -> str:
        for name, shared in self.rivals.items():
            entries = {**cache.plain(shared), **dict.fromkeys(self.grids[name])}
            same = all(trial[key] == entry for key, entry in entries.items() if entry is not None)
            if set(trial) == {*entries, "seed"} and same:
                return name
        raise KeyError(f"{self.tag}: no rival has the trial {trial}")


def run(
    tuning: Tuning,
    folder: Path | None = None,
    say: Callable[[str], None] = print,
    track: tracks.Track = tracks.TRACKS["world"],
) -> None:
    """Try the grids on DRAWS and widen them. Every row is stored at once; a stopped run goes on."""
    folder = folder or RESULTS
    grids = {
        name: {axis: list(values) for axis, values in grid.items()}
        for name, grid in tuning.grids.items()
    }
    wanted = {name: settings(grid) for name, grid in grids.items()}
    with store.writing(tuning.tag, folder) as path, tracks.using(track):
        study = store.open_study(tuning.tag, folder)
        for _ in range(1 + WIDEN):
            for name, several in wanted.items():
                for seed in DRAWS:
                    for setting in several:
                        _measure(tuning, study, path, tuning.trial(name, setting, seed), say)
            chosen = tuning.choose(_within(tuning.tried(folder), grids), grids)
            wanted = {
                name: beyond(grid, chosen[name], tuning.most.get(name, {}))
                for name, grid in grids.items()
            }
            if not any(wanted.values()):
                break
            for name, several in wanted.items():
                for setting in several:
                    for axis, value in setting.items():
                        if value not in grids[name][axis]:
                            grids[name][axis].append(value)


def _within(rows: pd.DataFrame, grids: Mapping[str, Grid]) -> pd.DataFrame:
    """The rows of settings that grids hold by now: a search that goes on takes the same way."""
    keep = [
        all(row[axis] in values for axis, values in grids[row[RIVAL]].items())
        for row in rows.to_dict("records")
    ]
    return rows[keep]


def settings(grid: Grid) -> list[Setting]:
    """Every combination of the values of a grid."""
    return [dict(zip(grid, one, strict=True)) for one in product(*grid.values())]


def beyond(grid: Grid, chosen: Setting, most: Setting) -> list[Setting]:
    """The chosen setting with one value moved a step of its axis beyond the edge it lies on."""
    found = []
    for axis, values in grid.items():
        ordered = sorted(values)
        if len(ordered) < 2 or ordered[0] <= 0:
            continue
        for edge, inner in ((ordered[0], ordered[1]), (ordered[-1], ordered[-2])):
            further = float(f"{edge * edge / inner:.3g}")
            if chosen[axis] == edge and further <= most.get(axis, further):
                found.append({**chosen, axis: further})
    return found


def _measure(tuning: Tuning, study: store.Study, path: Path, trial: dict, say) -> None:
    key = cache.key(tuning.measure, trial)
    if cache.text(key) in {store.depends(row) for row in study.rows}:
        return
    try:
        done = running.measure_job(
            {"measure": tuning.measure, "track": tracks.current(), "trial": trial}
        )
    except Diverged:
        done = None
    numbers = {name: done["measured"][name] if done else 0.0 for name in tuning.kept}
    row = {
        **key,
        "measured": numbers,
        "took": done["took"] if done else None,
        "machine": study.machine(done["machine"] if done else running.this_machine()),
        "date": date.today().isoformat(),
    }
    study.rows.append({**row, "sha256": cache.checksum(row)})
    study.save(path)
    say(f"{tuning.tag}, tuning: {trial} {numbers}")
