"""Inputs: unit vectors of pictures and of captions, and a scale. Outputs: the loss, and its
gradients by both."""

RTOL, ATOL = 1e-3, 1e-5


def inputs(rng):
    import numpy as np

    cases = []
    for _ in range(2):
        n = int(rng.integers(5, 8))
        vectors = rng.normal(size=(2, n, 4))
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
        cases.append(
            {
                "pictures": vectors[0].astype("float32"),
                "texts": vectors[1].astype("float32"),
                "scale": float(rng.uniform(4, 9)),
            }
        )
    return cases


def run(answer, case):
    import torch

    a, b = (torch.tensor(case[name], requires_grad=True) for name in ("pictures", "texts"))
    loss = answer.contrastive_loss(a, b, torch.tensor(case["scale"]))
    yield "loss", loss
    loss.backward()
    yield "gradients", [a.grad, b.grad]


def explain(case, want, have):
    import numpy as np

    def direction(logits):
        shifted = logits - logits.max(1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        return float(-logs.diagonal().mean())

    def close(other):
        return np.allclose(given, other, rtol=1e-3, atol=1e-5)

    cosines = np.asarray(case["pictures"]) @ np.asarray(case["texts"]).T
    logits, given = case["scale"] * cosines, float(have["loss"])
    rows, columns = direction(logits), direction(logits.T)
    if close(rows) or close(columns):
        way = (
            "the pictures choose among texts" if close(rows) else "the texts choose among pictures"
        )
        return f"Only {way}. The other direction is the same with `logits.T`; take the mean."
    if close(rows + columns):
        return "That is the sum of both directions; take their mean."
    if close((direction(cosines) + direction(cosines.T)) / 2):
        return "The cosines should be multiplied with `scale` first."
    if not close(want["loss"]):
        return (
            "The loss is not right. The logits are `scale * pictures @ texts.T`; row i wants "
            "column i, and the reverse; take the mean of both cross-entropies."
        )
    return "The number is right, but no gradient reaches both towers: compute with torch alone."
