"""Measure the trials of a claim: a small run in a lesson, or a full study that can be stopped."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from statistics import median

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.lab import cache, store, tracks
from course_lib.lab.claim import Claim, Result, frame, result_of
from course_lib.lab.memory import give_back

SIZES = ("live", "quick", "full")


def run(claim: Claim, size: str | None = None, progress: bool = True, **changes) -> Result:
    """Measure the trials of a claim and judge them; see claims.run_claim."""
    from tqdm import tqdm

    size = size or ("quick" if os.environ.get("COURSE_QUICK") == "1" else "live")
    checks.one_of(size, "size", SIZES)
    track, small = where(claim)
    settings = {**getattr(claim, size), **small}
    unknown = set(changes) - set(settings)
    if unknown:
        raise CourseError(
            f"{claim.tag} has no setting {', '.join(sorted(unknown))}. It has: "
            f"{', '.join(settings)}."
        )
    changes = {name: _like(settings[name], value, name) for name, value in changes.items()}
    quiet = {} if progress else {"disable": True}  # else TQDM_DISABLE=1 decides
    with tracks.using(track):
        trials = [cache.plain(trial) for trial in claim.trials({**settings, **changes})]
        bar = tqdm(trials, desc=claim.tag, unit="trial", leave=False, **quiet)
        numbers = [cache.measured(claim.measure, trial, claim.labels) for trial in bar]
    give_back()
    return result_of(claim, frame(trials, numbers), track=track.name)


def where(claim: Claim) -> tuple[tracks.Track, dict]:
    """The track on which a claim is measured now, and the settings that it changes there.

    A claim that photographs cannot show is measured in the image world, and says so.
    """
    track = tracks.current()
    if track.name == "world":
        return track, {}
    if claim.photos is not None:
        return track, claim.photos
    why = f"needs {claim.why_not}" if claim.why_not else "was set up for the image world"
    print(f"{claim.tag} {why}: measured with WorldNet in the image world, not on photographs.")
    return tracks.TRACKS["world"], {}


def run_and_store(
    claim: Claim,
    others: Iterable[Claim] = (),
    track: str | tracks.Track = "world",
    folder: Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    trust_network: bool = False,
    cap: float | None = None,
    say: Callable[[str], None] = print,
) -> Result:
    """The full-size run. Every row is stored at once, so a stopped run goes on where it was.

    track: its name, or a track of one's own, such as another net.
    others: claims whose stored rows may hold the same trials, which then need no measuring.
    workers: processes. scheduler: address of a dask scheduler instead, with TLS unless
    trust_network. The rows are the same whatever their number. cap: hours after which no new trial
    is begun.
    """
    place = (
        track
        if isinstance(track, tracks.Track)
        else tracks.TRACKS[checks.one_of(track, "track", tracks.TRACKS)]
    )
    if place.name != "world" and claim.photos is None:
        raise CourseError(
            f"{claim.tag} cannot be measured on photographs: it "
            f"{'needs ' + claim.why_not if claim.why_not else 'was set up for the image world'}."
        )
    trials = store.full_trials(claim, place)
    with tracks.using(place):
        keys = [cache.key(claim.measure, trial, claim.labels) for trial in trials]
    with store.writing(claim.tag, folder) as path:
        study = store.open_study(claim.tag, folder)
        _refuse_other_weights(study, keys, path)
        have = {store.depends(row) for row in study.rows}
        order = {cache.text(one): number for number, one in enumerate(keys)}
        for row, machine in _elsewhere(others, folder):
            name = store.depends(row)
            if name in order and name not in have:
                _add(study, {**row, "machine": study.machine(machine)})
                have.add(name)
        missing = [
            (trial, one)
            for trial, one in zip(trials, keys, strict=True)
            if cache.text(one) not in have
        ]
        missing = list({cache.text(one): (trial, one) for trial, one in missing}.values())
        say(f"{claim.tag}: {plan(study, len(trials), len(missing), workers)}")
        jobs = [
            {"tag": claim.tag, "measure": claim.measure, "track": place, "key": one,
             "trial": {k: v for k, v in trial.items() if k not in claim.labels}}
            for trial, one in missing
        ]  # fmt: skip
        until = None if cap is None else time.monotonic() + 3600 * cap
        done = len(trials) - len(missing)
        for job, found in _measure_all(jobs, workers, scheduler, trust_network, until):
            _add(
                study,
                {**job["key"], "measured": found["measured"], "took": found["took"],
                 "machine": study.machine(found["machine"]), "date": date.today().isoformat()},
            )  # fmt: skip
            study.rows.sort(key=lambda row: order.get(store.depends(row), -1))
            study.save(path)
            done += 1
            say(f"{claim.tag}: trial {done} of {len(trials)} {job['trial']}")
        if not missing:
            study.save(path)
    if until is not None and done < len(trials):
        say(f"{claim.tag}: stopped at the cap of {cap:g} hours; the same command goes on.")
    return store.stored_result(claim, place, folder)


def plan(study: store.Study, trials: int, missing: int, workers: int) -> str:
    """What there is to do, and how long it should take by what stored rows took."""
    if not missing:
        return f"all {trials} trials are stored."
    took = [row["took"] for row in study.rows if row["took"]]
    if not took:
        hours = "how long is not known before the first of them"
    else:
        hours = f"about {missing * median(took) / 3600 / max(1, workers):.2g} hours"
    return f"{missing} of {trials} trials to measure, {hours}."


def _add(study: store.Study, row: dict) -> None:
    row = {name: entry for name, entry in row.items() if name != "sha256"}
    study.rows.append({**row, "sha256": cache.checksum(row)})


def _elsewhere(others: Iterable[Claim], folder: Path | None) -> Iterator[tuple[dict, dict]]:
    """Rows that other claims have stored, each with its machine."""
    for other in others:
        if store.path_of(other.tag, folder).exists():
            study = store.open_study(other.tag, folder)
            for row in study.rows:
                yield row, study.machines[row["machine"]]


def _refuse_other_weights(study: store.Study, keys: list[dict], path: Path) -> None:
    now = {(one["track"], one["weights"]) for one in keys}
    tracks_now = {track for track, _ in now}
    for row in study.rows:
        if row["track"] in tracks_now and (row["track"], row["weights"]) not in now:
            raise CourseError(
                f"{path} was measured with other weights of the {row['track']} track's net. "
                "Move it away to measure anew."
            )


def measure_job(job: dict) -> dict:
    """One trial on its track, on one thread, so that every worker gets the same numbers."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        begin = time.monotonic()
        with tracks.using(job["track"]):
            measured = cache.plain(job["measure"](job["trial"]))
        took = round(time.monotonic() - begin, 2)
    finally:
        torch.set_num_threads(threads)
    return {"measured": measured, "took": took, "machine": this_machine()}


def this_machine() -> dict:
    """Versions and hardware behind a stored row, which is measured on one thread."""
    from course_lib.measure.hardware import machine

    return {**machine(), "threads": 1}


def _measure_all(
    jobs: list[dict],
    workers: int,
    scheduler: str | None,
    trust_network: bool,
    until: float | None,
) -> Iterator[tuple[dict, dict]]:
    def in_time() -> Iterator[dict]:
        for job in jobs:
            if until is not None and time.monotonic() > until:
                return
            yield job

    if workers == 1 and scheduler is None:
        for job in in_time():
            yield job, measure_job(job)
        return
    from course_lib import executors

    with executors.make(measure_job, workers, scheduler, trust_network) as executor:
        for job, found in executor.run(in_time()):
            if isinstance(found, BaseException):
                raise CourseError(f"{job['tag']}: a worker failed at {job['trial']}: {found!r}.")
            yield job, found


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
