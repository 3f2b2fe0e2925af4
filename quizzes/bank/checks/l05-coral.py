"""Inputs: two feature matrices, a factor. Outputs: the loss; the gradient of its multiple in the
source features, asked of autograd."""


def inputs(rng):
    cases = []
    for _ in range(3):
        d = int(rng.integers(2, 6))
        cases.append(
            {
                "s": (rng.normal(size=(12, d)) + 2).astype("float32"),
                "t": (rng.normal(size=(9, d)) @ rng.normal(size=(d, d))).astype("float32"),
                "factor": float(rng.uniform(2, 5)),
            }
        )
    return cases


def run(answer, case):
    import torch

    s = torch.tensor(case["s"], requires_grad=True)
    loss = answer.coral(s, torch.tensor(case["t"]))
    yield "value", loss.detach().clone()
    yield "gradient", torch.autograd.grad(loss * case["factor"], s)[0]
