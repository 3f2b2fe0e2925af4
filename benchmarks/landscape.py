"""What does the source loss look like around WorldNet, and where do two fine-tunings go on it?

The surface that lesson 04 shows beside the learner's own coarse one: 25 x 25 places, 128 pictures,
batch-norm statistics recomputed at each.

    python benchmarks/landscape.py            # stores course_lib/claims/results/landscape.json
    python benchmarks/landscape.py --quick    # does it run? 5 x 5 places, nothing stored
"""

import argparse
import json
import time

from course_lib.claims.trials.surface import LANDSCAPE, surface
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine
from course_lib.see.landscape import describe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="5 x 5 places, nothing stored")
    quick = parser.parse_args().quick
    begin = time.perf_counter()
    view = surface(points=5, pictures=32, epochs=2) if quick else surface(points=25, pictures=128)
    seconds = round(time.perf_counter() - begin, 1)
    print(f"{describe(view)}\nin the plane: {view.explained:.1%} of the paths; {seconds} s")
    if not quick:
        stored = {"made_with": machine(), "seconds": seconds, "landscape": view.to_json()}
        text = json.dumps(stored) + "\n"
        LANDSCAPE.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(LANDSCAPE, text)


if __name__ == "__main__":
    main()
