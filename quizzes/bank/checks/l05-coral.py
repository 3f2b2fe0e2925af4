"""Inputs: two feature matrices. Outputs: the loss, its gradient in the source features."""


def inputs(rng):
    cases = []
    for _ in range(3):
        d = int(rng.integers(2, 6))
        cases.append(
            {
                "s": (rng.normal(size=(12, d)) + 2).astype("float32"),
                "t": (rng.normal(size=(9, d)) @ rng.normal(size=(d, d))).astype("float32"),
            }
        )
    return cases


def run(answer, case):
    import torch

    s = torch.from_numpy(case["s"]).requires_grad_()
    loss = answer.coral(s, torch.from_numpy(case["t"]))
    yield "value", loss.detach().clone()
    loss.backward()
    yield "gradient", s.grad
