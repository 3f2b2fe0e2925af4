"""Choosing a model without target labels: three rules and what each looks at.

A rule gives a number; the candidate with the largest one is chosen. None of them sees a target
label, which is the point: whoever has target labels to choose with could train on them.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.adaptation.alignment import entropy
from course_lib.adaptation.running import Adaptation
from course_lib.backbones.inference import chunk_size, evaluating, predict
from course_lib.measure import metrics

PICTURES = 1_000  # unlabelled target pictures that the rules look at


def source_validation(run: Adaptation) -> float:
    """The metric on the source's validation pictures. It knows nothing of the target."""
    domains = run.domains
    logits = predict(run.for_source(), domains.source_validation.pictures)
    return metrics.score(domains.metric, logits, domains.source_validation.labels)


def target_certainty(run: Adaptation) -> float:
    """Minus the mean entropy of the predictions on target pictures, in nats.

    Morerio, Cavazza and Murino, ICLR 2018. Blind to a model that is certain and wrong.
    """
    model = run.model or run.for_target()
    return -entropy(predict(model, run.domains.target[:PICTURES])).item()


def neighbourhood_density(run: Adaptation) -> float:
    """Soft neighbourhood density of the predictions on target pictures."""
    model = run.model or run.for_target()
    return density(predict(model, run.domains.target[:PICTURES]).softmax(1))


def density(vectors: Tensor, temperature: float = 0.05) -> float:
    """How evenly each row, float (n, d), is surrounded by others like it; 0 to log(n - 1).

    Cosine similarities of a row to all others become a distribution (softmax), whose entropy is
    large when many are near and none stands out. Saito et al., "Tune it the right way", ICCV 2021,
    equations 1 to 3.
    """
    unit = F.normalize(vectors, dim=1)
    similarity = unit @ unit.T / temperature
    similarity.fill_diagonal_(float("-inf"))
    share = similarity.softmax(1)
    return -(share * share.clamp(min=1e-12).log()).sum(1).mean().item()


RULES: dict[str, Callable[[Adaptation], float]] = {
    "source validation": source_validation,
    "certainty on target": target_certainty,
    "neighbourhood density": neighbourhood_density,
}


def domain_accuracy(source: Tensor, target: Tensor, seed: int = 0) -> float:
    """How well a fresh classifier tells the domains apart, on features held out.

    It is a support vector machine with a Gaussian kernel: a linear one sees means alone, and those
    are made equal by batch norm when each domain has its own statistics.

    source, target: features (n, d) of equally many pictures; half of each trains the classifier.
    0.5: it can only guess. 2 (1 - 2 error) is the proxy A-distance of Ben-David et al., 2010.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    n = min(len(source), len(target))
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    train, test = order[: n // 2], order[n // 2 :]

    def both(rows: Tensor):
        features = torch.cat([source[rows], target[rows]]).numpy()
        return features, [0] * len(rows) + [1] * len(rows)

    probe = make_pipeline(StandardScaler(), SVC())
    probe.fit(*both(train))
    return float(probe.score(*both(test)))


def features(model, pictures: Tensor, at: str = "") -> Tensor:
    """float (n, d) on the CPU: what the net makes of pictures, at a stage or before the head."""
    stop = model.stage_names.index(at) + 1 if at and at != model.stage_names[-1] else None
    parts = []
    with torch.inference_mode(), evaluating(model):
        for chunk in pictures.split(chunk_size(model)):
            x = model.prepare(chunk.to(model.device))
            parts.append(model.run_stages(x, stop=stop).flatten(1).float().cpu())
    return torch.cat(parts)
