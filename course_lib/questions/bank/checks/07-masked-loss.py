"""Inputs: scores, the true tokens, which of them are hidden. Outputs: the loss; its gradient in the
scores."""

RTOL, ATOL = 1e-4, 1e-6


def inputs(rng):
    cases = []
    for _ in range(2):
        batch, length, words = 3, int(rng.integers(5, 8)), 6
        hidden = rng.random((batch, length)) < 0.3
        hidden[0, :2] = True
        hidden[1] = False
        cases.append(
            {
                "scores": (2 * rng.normal(size=(batch, length, words))).astype("float32"),
                "tokens": rng.integers(0, words, (batch, length)),
                "hidden": hidden,
            }
        )
    return cases


def run(answer, case):
    import torch

    scores = torch.tensor(case["scores"], requires_grad=True)
    hidden = torch.tensor(case["hidden"], dtype=torch.bool)
    loss = answer.masked_loss(scores, torch.tensor(case["tokens"]), hidden)
    fits = isinstance(loss, torch.Tensor) and loss.numel() == 1
    yield "loss", float(loss.detach()) if fits else None
    learns = fits and loss.requires_grad
    yield "gradient", torch.autograd.grad(loss.sum(), scores)[0] if learns else None


def explain(case, want, have):
    import numpy as np

    loss, right = have["loss"], want["loss"]
    if loss is None:
        return "Return one number as a tensor: the mean over the hidden places."
    scores, tokens, hidden = case["scores"], np.asarray(case["tokens"]), np.asarray(case["hidden"])
    scores = np.asarray(scores, dtype="float64")
    each = np.log(np.exp(scores).sum(-1))
    each = each - np.take_along_axis(scores, tokens[..., None], -1)[..., 0]

    def near(value):
        return abs(loss - value) <= 1e-3 * abs(value)

    if near(right):
        return (
            "The number is right, but no gradient comes back from it: `.item()`, `.detach()` or "
            "`no_grad` cuts it off, and nothing would be learnt."
        )
    if near(each.mean()):
        return (
            "That is the mean over all places. The model can read a word that is not hidden; "
            "only the hidden ones are worth asking for."
        )
    if near(each[~hidden].mean()):
        return (
            "These are the places that are *not* hidden. `hidden` is True where a word is missing."
        )
    if near(each[hidden].sum()):
        return "That is the sum over the hidden places; take their mean."
    if near((each * hidden).mean()):
        return (
            "The sum over the hidden places was divided by the number of all places: a text with "
            "few gaps would hardly count."
        )
    rows = [each[k][hidden[k]].mean() for k in range(len(each)) if hidden[k].any()]
    if near(np.mean(rows)):
        return (
            "Each passage counts the same here, whatever its number of gaps. Every hidden word "
            "should: index all of them at once."
        )
    return (
        "The loss is the mean of -log(probability of the true token) over the hidden places. "
        "`scores[hidden]` is (hidden places, words), `tokens[hidden]` are the right answers."
    )
