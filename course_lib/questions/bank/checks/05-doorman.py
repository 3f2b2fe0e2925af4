"""Inputs: features of both domains and a doorman's weights. Outputs: the loss; the gradients that
reach both batches and the doorman."""

RTOL, ATOL = 1e-4, 1e-6


def inputs(rng):
    return [
        {
            "source": rng.normal(size=(n, 3)).round(2).astype("float32"),
            "target": rng.normal(size=(m, 3)).round(2).astype("float32"),
            "weight": rng.normal(size=(1, 3)).round(2).astype("float32"),
        }
        for n, m in ((3, 5), (4, 4), (6, 2))
    ]


def run(answer, case):
    import torch

    source, target, weight = (
        torch.tensor(case[name], requires_grad=True) for name in ("source", "target", "weight")
    )
    loss = answer.domain_loss(lambda rows: rows @ weight.T, source, target)
    fits = isinstance(loss, torch.Tensor) and loss.ndim == 0
    yield "value", loss if fits else None
    if not fits or not loss.requires_grad:
        yield "gradient", [None, None, None]
        return
    yield "gradient", list(torch.autograd.grad(loss, [source, target, weight], allow_unused=True))


def explain(case, want, have):
    import numpy as np

    if have.get("value") is None:
        return "Return one number as a tensor, the mean over all rows of both batches."
    value, right = float(have["value"]), float(want["value"])
    if np.isclose(value, right, 1e-3):
        return "The number is right, but no gradient flows. No `detach()` and no `item()`."
    logits = np.concatenate([case["source"], case["target"]]) @ case["weight"].T
    truth = np.arange(len(logits)) >= len(case["source"])
    swapped = np.mean(np.logaddexp(0, logits[:, 0]) - truth * logits[:, 0])
    if np.isclose(value, swapped, 1e-3):
        return "The answers are the wrong way round: the source's rows are the ones with truth 1."
    return (
        "The mean goes over all rows of both batches together: source rows have the truth 1, "
        "target rows 0, and the doorman's numbers are logits, not probabilities."
    )
