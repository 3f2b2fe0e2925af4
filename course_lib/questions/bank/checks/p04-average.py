"""Inputs: two weight dictionaries, t. Outputs: the point between them; the inputs afterwards."""


def inputs(rng):
    return [
        {
            "start": {"a": rng.normal(size=3), "b": rng.normal(size=(2, 2))},
            "end": {"a": rng.normal(size=3), "b": rng.normal(size=(2, 2))},
            "t": float(rng.uniform(0.1, 0.9)),
        }
        for _ in range(3)
    ]


def run(answer, case):
    start, end = ({k: v.copy() for k, v in case[n].items()} for n in ("start", "end"))
    line = answer.interpolate(start, end, case["t"])
    yield "line", {k: v.copy() for k, v in line.items()}
    yield "inputs", [line["a"] + start["a"] + end["a"], start["b"]]
