"""Ask claims of nets that were pretrained from other seeds.

    course pretrain --seed 1 RECIPE --out runs/seed1
    python benchmarks/claims_on_other_nets.py --workers 2 [--cap HOURS] [C06 ...]

RECIPE and what is asked stand in course_lib/claims/on_other_nets.py; rows go one at a time to
course_lib/claims/results/nets, so a stopped run goes on: claim by claim, the long trials first, one
thread each. --nets: the folder with the nets' files (benchmarks/nets).
"""

import argparse
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from course_lib import executors
from course_lib.claims.on_other_nets import ASKED, FOLDER, NETS, asked
from course_lib.lab import cache, store, tracks
from course_lib.lab.running import measure_job

HERE = Path(__file__).parent


def took(tag: str) -> dict[str, float]:
    """Seconds that trials of a claim took on the shipped net, by the trial without its draw."""
    rows = store.open_study(tag).rows
    return {_named(row["trial"]): row["took"] or 0.0 for row in rows}


def _named(trial: dict) -> str:
    return cache.text({name: entry for name, entry in trial.items() if name != "seed"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("claims", nargs="*", default=list(ASKED), metavar="Cxx")
    parser.add_argument("--nets", type=Path, default=HERE / "nets")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where rows go")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cap", type=float, help="begin no trial after so many hours")
    parser.add_argument("--longest", type=float, default=float("inf"), metavar="SECONDS",
                        help="leave out trials that took longer on the shipped net")  # fmt: skip
    arguments = parser.parse_args()
    until = None if arguments.cap is None else time.monotonic() + 3600 * arguments.cap
    with ExitStack() as stack:
        studies, jobs = {}, []
        for number, tag in enumerate(arguments.claims):
            usual = took(tag)
            for net in NETS:
                claim, track = asked(tag, net), net.track(arguments.nets)
                path = stack.enter_context(store.writing(tag, arguments.folder / net.name))
                study = studies[tag, net.name] = (store.open_study(tag, path.parent), path)
                have = {store.depends(row) for row in study[0].rows}
                with tracks.using(track):
                    trials = store.full_trials(claim, track)
                    keys = [cache.key(claim.measure, trial, claim.labels) for trial in trials]
                for trial, key in zip(trials, keys, strict=True):
                    if cache.text(key) in have:
                        continue
                    have.add(cache.text(key))
                    seconds = usual.get(_named(key["trial"]), 60.0)
                    if seconds > arguments.longest:
                        continue
                    asked_for = {k: v for k, v in trial.items() if k not in claim.labels}
                    jobs.append(
                        {
                            "study": (tag, net.name),
                            "measure": claim.measure,
                            "track": track,
                            "key": key,
                            "trial": asked_for,
                            "order": (number, -seconds),
                        }
                    )
        jobs.sort(key=lambda job: job["order"])
        print(f"{len(jobs)} trials, about {-sum(j['order'][1] for j in jobs) / 3600:.1f} hours")
        begun = (job for job in jobs if until is None or time.monotonic() < until)
        with executors.make(measure_job, arguments.workers, None) as executor:
            for done, (job, found) in enumerate(executor.run(begun), 1):
                if isinstance(found, BaseException):
                    print("FAILED", job["study"], job["trial"], repr(found), flush=True)
                    continue
                study, path = studies[job["study"]]
                row = {
                    **job["key"],
                    "measured": found["measured"],
                    "took": found["took"],
                    "machine": study.machine(found["machine"]),
                    "date": date.today().isoformat(),
                }
                study.rows.append({**row, "sha256": cache.checksum(row)})
                study.save(path)
                print(done, len(jobs), *job["study"], found["took"], flush=True)


if __name__ == "__main__":
    main()
