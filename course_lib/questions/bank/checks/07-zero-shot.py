"""Inputs: vectors of pictures and of prompts, of very different lengths, and a scale. Outputs: the
probabilities of the classes, and the class that each picture gets."""

RTOL, ATOL = 1e-3, 1e-4


def inputs(rng):
    cases = []
    for _ in range(3):
        classes, d = int(rng.integers(3, 6)), 6
        texts = []
        for _ in range(classes):
            prompts = int(rng.integers(2, 5))
            lengths = rng.lognormal(0, 1.2, (prompts, 1))
            texts.append((rng.normal(size=(prompts, d)) * lengths).astype("float32"))
        pictures = rng.normal(size=(24, d)) * rng.lognormal(0, 1, (24, 1))
        cases.append(
            {
                "pictures": pictures.astype("float32"),
                "texts": texts,
                "scale": float(rng.uniform(3, 9)),
            }
        )
    return cases


def run(answer, case):
    import torch

    texts = [torch.tensor(text) for text in case["texts"]]
    found = answer.zero_shot(torch.tensor(case["pictures"]), texts, case["scale"])
    yield "probabilities", found
    yield "classes", found.argmax(1)


def explain(case, want, have):
    import numpy as np

    def unit(x):
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    def chances(logits, axis=1):
        powers = np.exp(logits - logits.max(axis, keepdims=True))
        return powers / powers.sum(axis, keepdims=True)

    def close(other):
        return np.allclose(given, other, rtol=1e-3, atol=1e-4)

    pictures, scale = np.asarray(case["pictures"]), case["scale"]
    texts = [np.asarray(text) for text in case["texts"]]
    means = np.stack([unit(text).mean(0) for text in texts])
    raw = np.stack([text.mean(0) for text in texts])
    given = np.asarray(have["probabilities"])
    wanted = (len(pictures), len(texts))
    if given.shape != wanted:
        return (
            f"For {wanted[0]} pictures and {wanted[1]} classes the result has the shape {wanted}, "
            f"a probability for each class; yours has {given.shape}."
        )
    if close(chances(scale * unit(pictures) @ unit(means).T, 0)):
        return (
            "Your columns sum to one, so the pictures compete for a class. The classes should "
            "compete for a picture: softmax over dimension 1."
        )
    if close(scale * unit(pictures) @ unit(means).T) or close(unit(pictures) @ unit(means).T):
        return "Those are cosines; the softmax over the classes is missing."
    if close(chances(scale * pictures @ raw.T)) or close(chances(pictures @ raw.T)):
        return (
            "Nothing is normalised, so a long vector wins whatever its direction. Make every "
            "vector unit length first: `F.normalize(x, dim=1)`."
        )
    if close(chances(scale * unit(pictures) @ unit(raw).T)):
        return (
            "You average first and normalise afterwards, so the longest prompt decides for its "
            "class. Make each prompt unit length, then average."
        )
    if close(chances(scale * unit(pictures) @ means.T)):
        return "The mean of unit vectors is shorter than one: make it unit length once more."
    if close(chances(unit(pictures) @ unit(means).T)):
        return "The cosines should be multiplied with `scale` before the softmax."
    return (
        "The probabilities are not right. Unit length for all, mean of the prompts of a class, "
        "unit length again, cosines times `scale`, softmax over the classes."
    )
