"""Flowers first, then ants and bees: what does an ImageNet net lose, and to what?

    python benchmarks/forgotten_photographs.py --weights mobilenet_v2.safetensors \
        --first flowers/ --then ants_bees/

A new head learns the first task on the frozen net; that pair is the old task. Full fine-tuning on
100 labels of the second follows, at several rates of the backbone, batch norm in evaluation mode.
Old accuracy is measured with the old head: before, after, and with batch-norm statistics corrected.
Here the old head learnt with statistics of ImageNet, not of flowers, so measuring them anew on
flowers would change its features even where no weight moved (the row "control" says by how much).
What is corrected is by how much they moved on the same flowers: mean + (now - before), variance x
now / before. Rows go to course_lib/claims/results/forgotten.json one at a time, so a stopped run
goes on.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from presets import draw, pool

from course_lib import fit, load_backbone
from course_lib import strategies as S
from course_lib.claims.photographs import FORGOTTEN_ROWS, forgotten_table
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine
from course_lib.train.forgetting import recompute_statistics, source_accuracy

HEAD_RATE, RATES, DRAWS = 3e-3, (1e-5, 1e-4, 1e-3), range(3)
EPOCHS, BATCH = 6, 16


def carried(now, before_anew, now_anew):
    """A copy of `now` whose statistics have moved as those measured anew did.

    before_anew, now_anew: the net of before and of now with the statistics of the same pictures.
    """
    net = now.copy()
    buffers = {name: dict(net_.net.named_buffers()) for name, net_ in
               (("mine", net), ("before", before_anew), ("now", now_anew))}  # fmt: skip
    with torch.no_grad():
        for name, value in buffers["mine"].items():
            before, after = buffers["before"].get(name), buffers["now"].get(name)
            if name.endswith("running_mean"):
                value += after - before
            elif name.endswith("running_var"):
                value *= (after + 1e-5) / (before + 1e-5)
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=Path, required=True)
    parser.add_argument("--then", type=Path, required=True)
    parser.add_argument("--net", default="mobilenet_v2")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--mean", type=float, nargs=3, default=(0.5, 0.5, 0.5))
    parser.add_argument("--std", type=float, nargs=3, default=(0.5, 0.5, 0.5))
    parser.add_argument("--out", type=Path, default=FORGOTTEN_ROWS)
    arguments = parser.parse_args()
    model = load_backbone(
        arguments.net,
        weights=arguments.weights,
        size=arguments.size,
        mean=arguments.mean,
        std=arguments.std,
    )
    first, then = (pool(folder, arguments.size) for folder in (arguments.first, arguments.then))
    study = {"made_with": machine(), "net": model.card, "rows": []}
    if arguments.out.exists():
        study = json.loads(arguments.out.read_text())
    done = [row["trial"] for row in study["rows"]]
    for seed in DRAWS:
        wanted = [{"draw": seed, "rate": rate} for rate in RATES]
        if all(trial in done for trial in wanted):
            continue
        how = {"batch_size": BATCH, "seed": seed, "validate_every": 0, "progress": False}
        old = draw(arguments.first.name, *first, seed)
        learnt = fit(model, old, replace(S.FEATURE_EXTRACTION, lr=HEAD_RATE), 20, **how)
        pictures = old.train.pictures
        before_anew = recompute_statistics(learnt.model, pictures)
        control = source_accuracy(before_anew, learnt.model.head, old.test)
        new = draw(arguments.then.name, *then, seed)
        for trial in wanted:
            if trial in done:
                continue
            strategy = replace(
                S.FULL_FINE_TUNING, lr=HEAD_RATE, head_lr_ratio=HEAD_RATE / trial["rate"]
            )
            run = fit(learnt.model, new, strategy, EPOCHS, **how)
            anew = recompute_statistics(run.model, pictures)
            fitting = carried(run.model, before_anew, anew)
            row = {
                "trial": trial,
                "new": run.test,
                "before": learnt.test,
                "control": control,
                "after": source_accuracy(run.model, run.source_head, old.test),
                "corrected": source_accuracy(fitting, run.source_head, old.test),
                "seconds": round(run.seconds, 1),
            }
            study["rows"].append(row)
            write_atomically(arguments.out, json.dumps(study, indent=1) + "\n")
            print(row, flush=True)
    print(forgotten_table(study["rows"]))


if __name__ == "__main__":
    main()
