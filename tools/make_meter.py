"""Make the stored run on which the forgetting meter opens: python tools/make_meter.py

The settings that the meter begins with, no remedy; about a minute on one core.
"""

import json

import torch

from course_lib.measure.hardware import machine
from course_lib.widgets.forgetting import STORED, ForgettingMeter


def main() -> None:
    torch.set_num_threads(1)
    meter = ForgettingMeter()
    points = [message for message in meter.work() if message and "step" in message]
    for point in points:
        for key in ("source", "validation", "anew"):
            if point[key] is not None:
                point[key] = round(point[key], 4)
    stored = {"rate": meter.rate, "epochs": meter.epochs, "made_with": machine(), "points": points}
    STORED.write_text(json.dumps(stored, separators=(",", ":")) + "\n")
    print(points[-1])


if __name__ == "__main__":
    main()
