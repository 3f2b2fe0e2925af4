"""Inputs: two state dicts, a share. Outputs: the real numbers of the mixture; its whole numbers and
their types; both state dicts afterwards."""

import numpy as np

SHAPES = {
    "conv1.weight": (2, 3, 3, 3),
    "bn1.running_mean": (2,),
    "bn1.num_batches_tracked": None,
    "fc.weight": (4, 2),
    "fc.bias": (4,),
}


def inputs(rng):
    def state_dict():
        return {
            name: np.array(rng.integers(1, 1000))
            if shape is None
            else rng.normal(size=shape).astype("float32")
            for name, shape in SHAPES.items()
        }

    shares = (0.25, round(float(rng.uniform(0.4, 0.9)), 2))
    return [{"start": state_dict(), "end": state_dict(), "share": share} for share in shares]


def run(answer, case):
    import torch

    start, end = (
        {name: torch.tensor(value) for name, value in case[which].items()}
        for which in ("start", "end")
    )
    mixed = answer.interpolate(start, end, case["share"])
    whole = {name for name, value in start.items() if not value.is_floating_point()}
    yield "line", {name: value for name, value in mixed.items() if name not in whole}
    yield "whole", {n: [value, str(value.dtype)] for n, value in mixed.items() if n in whole}
    yield "start", start
    yield "end", end


def explain(case, want, have):
    names = {*have["line"], *have["whole"]}
    if names != set(SHAPES):
        return "The result must have the same names as the two state dicts."
    part = "a quarter" if case["share"] == 0.25 else f"{case['share']:.0%}"
    for name, (value, kind) in have["whole"].items():
        right, right_kind = want["whole"][name]
        if kind != right_kind or value != right:
            return (
                f"`{name}` counts batches in whole numbers ({right_kind}): there is no "
                f"{'quarter' if case['share'] == 0.25 else part} of the way. Take it from `end`."
            )
    for name, value in have["line"].items():
        right = want["line"][name]
        if np.shape(value) != right.shape or not np.allclose(value, right, 1e-3, 1e-5):
            return f"`{name}` is not {part} of the way from start to end."
    for which in ("start", "end"):
        if any(not np.array_equal(have[which][n], v) for n, v in case[which].items()):
            return (
                f"`{which}` was changed. Make new tensors instead of writing into the given ones."
            )
