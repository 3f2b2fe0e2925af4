"""Ask claims of nets that were pretrained from other seeds.

    course pretrain --seed 1 RECIPE --out runs/seed1
    python benchmarks/claims_on_other_nets.py --workers 2 [--cap HOURS] [--anew] [C06 ...]

RECIPE and what is asked stand in course_lib/claims/on_other_nets.py. Rows go one at a time to
course_lib/claims/results/nets, so a stopped run goes on. --nets: the folder with the nets' files
(benchmarks/nets). --cap: hours after which no new trial of a claim on a net is begun. --anew:
choose the settings of C19 on each net first, and ask with them.
"""

import argparse
from contextlib import suppress
from pathlib import Path

from course_lib.claims import claims
from course_lib.claims.on_other_nets import ANEW, ASKED, FOLDER, NETS, asked
from course_lib.lab import running, store, tuning

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("claims", nargs="*", metavar="Cxx")
    parser.add_argument("--nets", type=Path, default=HERE / "nets")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cap", type=float, metavar="HOURS")
    parser.add_argument("--anew", action="store_true", help="settings chosen on each net")
    arguments = parser.parse_args()
    for tag in arguments.claims or (ANEW if arguments.anew else ASKED):
        for net in NETS:
            track = net.track(arguments.nets)
            if arguments.anew:
                tuning.run(claims()[tag].tuning, net.choices, track=track)
            with suppress(store.Unfinished):  # the cap was reached before one whole draw
                running.run_and_store(
                    asked(tag, net, arguments.anew),
                    track=track,
                    folder=FOLDER / net.name,
                    workers=arguments.workers,
                    cap=arguments.cap,
                )


if __name__ == "__main__":
    main()
