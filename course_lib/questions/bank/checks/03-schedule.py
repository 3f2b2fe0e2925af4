"""Inputs: step, steps, warm-up. Output: the share of the peak rate."""

RTOL, ATOL = 1e-6, 1e-9


def inputs(rng):
    cases = []
    for _ in range(6):
        steps = int(rng.integers(20, 200))
        cases.append({
            "step": int(rng.integers(steps)), "steps": steps,
            "warmup": float(rng.choice([0.1, 0.2])),
        })  # fmt: skip
    return [
        *cases,
        {"step": 0, "steps": 40, "warmup": 0.1},
        {"step": 39, "steps": 40, "warmup": 0.1},
    ]


def run(answer, case):
    yield "share", float(answer.scale(case["step"], case["steps"], case["warmup"]))


def explain(case, want, have):
    where = f"At step {case['step']} of {case['steps']} with warm-up {case['warmup']:g}"
    return f"{where} the share should be {want['share']:.4f}; yours is {have['share']:.4f}."
