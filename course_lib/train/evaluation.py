"""How good a net is on a task: one number, from pictures it was not trained on."""

import torch
from torch import Tensor

from course_lib import checks
from course_lib.backbones.backbone import Backbone, check_pictures
from course_lib.backbones.inference import check_backbone, predict
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.errors import CourseError
from course_lib.measure import metrics


def evaluate(
    model: Backbone,
    data: Task | Split | tuple[Tensor, Tensor],
    split: str = "test",
    metric: str | None = None,
) -> float:
    """The metric, 0..1, of a model on a split of a task or on (pictures, labels).

    split: "train", "validation" or "test", for a task. metric: default: the task's, or accuracy.
    A model that names its classes is asked for the task's classes by name, whatever their order.
    labels: whole numbers (n,), or (n, 1) as MedMNIST has them.
    Raises CourseError when model and task have other classes, for labels of another shape, and
    Diverged when the answers are not finite.
    """
    check_backbone(model)
    if isinstance(data, Task):
        checks.one_of(split, "split", ("train", "validation", "test"))
        pictures, labels = getattr(data, split)
        labels = labels if not model.source_classes else _renumbered(model, data)[labels]
        if not model.source_classes and len(data.classes) != model.classes:
            raise _other_classes(model, data)
        metric = metric or data.metric
    else:
        pictures, labels = _pictures_and_labels(data)
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < model.classes:
            raise CourseError(f"Labels must lie between 0 and {model.classes - 1} for this model.")
    return metrics.score(metric or "accuracy", predict(model, pictures), labels)


def _pictures_and_labels(data) -> tuple[Tensor, Tensor]:
    """(pictures, labels (n,)) of what a caller gave as such."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise CourseError(
            f"evaluate takes a Task or (pictures, labels); got {type(data).__name__}."
        )
    pictures, labels = data
    check_pictures(pictures)
    try:
        labels = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(f"Labels must be whole numbers, one per picture: {error}.") from error
    if not labels.ndim or len(pictures) != len(labels):
        raise CourseError(f"Got {len(pictures)} pictures and {labels.numel()} labels.")
    shape, n = tuple(labels.shape), len(pictures)
    if shape not in ((n,), (n, 1)) or labels.is_floating_point() or labels.dtype == torch.bool:
        raise CourseError(
            f"Labels must be whole numbers, one for each of the {n} pictures; got {labels.dtype} "
            f"{shape}."
        )
    return pictures, labels.reshape(n).long()


def _renumbered(model: Backbone, task: Task) -> Tensor:
    """For each class of the task the logit of the model that stands for it."""
    place = {name: i for i, name in enumerate(model.source_classes)}
    if not all(name in place for name in task.classes):
        raise _other_classes(model, task)
    return torch.tensor([place[name] for name in task.classes])


def _other_classes(model: Backbone, task: Task) -> CourseError:
    return CourseError(
        f"This model tells {model.classes} other classes apart, not the {len(task.classes)} of "
        f"{task.name}. Train a head first: fit(model, task, strategies.FEATURE_EXTRACTION).model"
    )
