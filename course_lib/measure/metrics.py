"""How good predictions are: accuracy, and the area under the ROC curve."""

import torch
from torch import Tensor

from course_lib import checks
from course_lib.errors import CourseError, Diverged

METRICS = ("accuracy", "auc")


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of pictures whose largest logit is that of their class.

    logits (n, classes), labels (n,).
    """
    return (logits.argmax(1) == labels).float().mean().item()


def auc(logits: Tensor, labels: Tensor) -> float:
    """Area under the ROC curve of class 1 against class 0; over more classes the mean, one against
    the rest.

    Raises CourseError when a class has no picture, since the curve does not exist then.
    """
    from sklearn.metrics import roc_auc_score

    present = labels.unique().tolist()
    if present != list(range(logits.shape[1])):
        raise CourseError(
            f"AUC needs pictures of every class; of {logits.shape[1]} classes there are only "
            f"{present}."
        )
    logits = logits.double()
    if logits.shape[1] == 2:
        return float(roc_auc_score(labels.numpy(), (logits[:, 1] - logits[:, 0]).numpy()))
    return float(roc_auc_score(labels.numpy(), logits.softmax(1).numpy(), multi_class="ovr"))


def score(metric: str, logits: Tensor, labels: Tensor) -> float:
    """The metric by name: "accuracy" or "auc", 0..1, larger is better.

    logits (n, classes), labels (n,): tensors of any device, logits of any float type. Raises
    CourseError for other shapes and without a picture, Diverged for logits that are not finite.
    """
    checks.one_of(metric, "metric", METRICS)
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise CourseError(
            f"A metric takes logits (n, classes) and labels (n,); got {tuple(logits.shape)} and "
            f"{tuple(labels.shape)}."
        )
    if not len(labels):
        raise CourseError(f"No pictures, so no {metric}.")
    broken = int((~torch.isfinite(logits)).any(1).sum())
    if broken:
        raise Diverged(
            f"The net's answers to {broken} of {len(logits)} pictures are NaN or infinite, so they "
            "have no score: its weights are broken. Train again with a smaller lr."
        )
    return {"accuracy": accuracy, "auc": auc}[metric](logits.float().cpu(), labels.cpu())
