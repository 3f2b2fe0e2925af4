"""Inputs: probabilities, labels, the price of a miss and of a false alarm. Output: what the chosen
threshold costs, by an alarm from the threshold on."""

import numpy as np


def inputs(rng):
    cases = []
    for miss, alarm in ((5.0, 1.0), (1.0, 1.0), (1.0, 4.0), (40.0, 1.0)):
        labels = rng.permutation(np.arange(60) % 2)
        probabilities = rng.uniform(0.02, 0.98, 60) * 0.7 + 0.3 * labels
        cases.append({
            "probabilities": np.round(probabilities, 2), "labels": labels,
            "miss": miss, "false_alarm": alarm,
        })  # fmt: skip
    # All are well, or hardly to be told apart: best is no alarm at all.
    cases.append({"probabilities": np.array([0.2, 0.6, 0.9]), "labels": np.array([1, 0, 0]),
                  "miss": 1.0, "false_alarm": 3.0})  # fmt: skip
    return cases


def run(answer, case):
    p, y = case["probabilities"], case["labels"]
    cut = float(answer.cheapest(p.copy(), y.copy(), case["miss"], case["false_alarm"]))
    alarm = p >= cut
    missed, false = int((~alarm & (y == 1)).sum()), int((alarm & (y == 0)).sum())
    yield "cost", missed * case["miss"] + false * case["false_alarm"]


def explain(case, want, have):
    return (
        f"With a miss at {case['miss']:g} and a false alarm at {case['false_alarm']:g} your "
        f"threshold costs {have['cost']:g} in all; another one costs {want['cost']:g}."
    )
