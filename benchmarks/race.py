"""Does the race keep its promises? Seconds to the first point and to the end, length of a tick.

    python benchmarks/race.py [--labels 500] [--epochs 10]

Four lanes without a page: first point within one second of pressing Train, ticks of about 80 ms,
all lanes over within 30 s of wall time on two free cores. Writes benchmarks/results/race.json.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from course_lib.measure.hardware import machine
from course_lib.widgets.race import Race

RESULT = Path(__file__).parent / "results" / "race.json"


def measure(labels: int, epochs: int) -> dict:
    """Seconds: made (the widget), first (point), whole (race); ticks: count, median and longest."""
    begin = time.perf_counter()
    race = Race(train=labels, epochs=epochs)
    made = time.perf_counter() - begin
    first, ticks = None, []
    begin = time.perf_counter()
    race.start()
    while race.running:
        before = time.perf_counter()
        messages = race.tick()
        ticks.append(time.perf_counter() - before)
        if first is None and any("point" in message for message in messages):
            first = time.perf_counter() - begin
    return {
        "labels": labels,
        "epochs": epochs,
        "made": made,
        "first_point": first,
        "whole": time.perf_counter() - begin,
        "ticks": len(ticks),
        "median_tick": float(np.median(ticks)),
        "tick_95": float(np.quantile(ticks, 0.95)),
        "longest_tick": max(ticks),
        "lanes": race.results(),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labels", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args(argv)
    row = measure(args.labels, args.epochs)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"made_with": machine(), **row}, indent=1) + "\n")
    print(f"widget made in {row['made']:.1f} s; first point after {row['first_point']:.2f} s")
    print(
        f"{row['ticks']} ticks: median {1000 * row['median_tick']:.0f} ms, "
        f"95 % under {1000 * row['tick_95']:.0f} ms, longest {1000 * row['longest_tick']:.0f} ms"
    )
    for lane in row["lanes"]:
        print(
            f"{lane['lane']:20} {lane['seconds']:6.1f} s  test {lane['test']:.3f}  "
            f"{lane['parameters']:,} parameters"
        )
    print(f"four lanes, {args.labels} labels, {args.epochs} epochs: {row['whole']:.1f} s")


if __name__ == "__main__":
    main()
