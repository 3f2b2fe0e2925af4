"""Inputs: the patient of each picture, a share, two seeds. Outputs: whether the answer is one bool
for each picture; patients on both sides; whether the share is held out, the same seed repeats the
split and another one changes it."""

import numpy as np


def inputs(rng):
    seed = int(rng.integers(1000))
    patients = np.repeat(rng.permutation(60), np.arange(60) % 3 + 2)
    return [{"patients": patients, "share": 0.25, "seeds": [seed, seed, seed + 1]}]


def run(answer, case):
    patients = case["patients"]
    masks = [np.asarray(answer.hold_out(patients.copy(), case["share"], s)) for s in case["seeds"]]
    odd = [f"{m.dtype} {m.shape}" for m in masks if m.shape != patients.shape or m.dtype != bool]
    yield "bools", not odd
    yield "got", odd
    if odd:
        return
    yield "both", max(len(set(patients[m]) & set(patients[~m])) for m in masks)
    shares = [len(set(patients[m])) / len(set(patients)) for m in masks]
    yield "shares", shares
    yield "share", all(abs(share - case["share"]) <= 0.05 + 1e-9 for share in shares)
    yield "repeats", np.array_equal(masks[0], masks[1])
    yield "differs", not np.array_equal(masks[0], masks[2])


def explain(case, want, have):
    if not have["bools"]:
        return (
            f"For {len(case['patients'])} pictures the answer must be as many bools; got "
            f"{have['got'][0]}."
        )
    if have["both"]:
        return f"{have['both']} patients are on both sides of the split."
    if not have["share"]:
        worst = max(have["shares"], key=lambda share: abs(share - case["share"]))
        return f"Asked for a quarter of the patients, you held out {worst:.0%}."
    if not have["repeats"]:
        return "The same seed must give the same split, or no result can be repeated."
    return "Another seed must give another split."
