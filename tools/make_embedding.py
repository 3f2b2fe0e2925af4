"""Make the stored paths of the embedding widget: python tools/make_embedding.py [STEPS]

Source-only and DANN on the digits, looked at twelve times; about three minutes on one core.
"""

import json
import sys

import torch

from course_lib.adaptation import lenet, load_domains, methods, prepare_adaptation
from course_lib.measure.hardware import machine
from course_lib.widgets.embedding import STORED, Path3D

LOOKS, PICTURES, LR = 12, 5_000, 4e-3


def main(steps: int) -> None:
    torch.set_num_threads(1)
    domains, paths = load_domains("digits", PICTURES), {}
    for method in (methods.SOURCE_ONLY, methods.DANN):
        run, path, frames = (
            prepare_adaptation(lenet(), domains, method, steps, lr=LR),
            Path3D(domains),
            [],
        )
        # Most happens early, so the looks lie closer together there.
        wanted = {max(1, round(steps * (k / LOOKS) ** 1.7)) for k in range(1, LOOKS + 1)}
        for step in run.ticks():
            if step.number in wanted:
                frames.append(path.look(run, step.number))
                print(method.name, {k: v for k, v in frames[-1].items() if k != "points"})
        paths[f"stored: {method.name}"] = {"labels": path.labels, "frames": frames}
    study = {"steps": steps, "pictures": PICTURES, "seed": 0, "made_with": machine()}
    stored = {**study, "labels": path.labels, "paths": paths}
    STORED.write_text(json.dumps(stored, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
