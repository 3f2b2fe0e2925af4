"""How good a net is on a task: one number, from pictures it was not trained on."""

import torch
from torch import Tensor

from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import predict
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
    Raises CourseError when model and task have other classes.
    """
    if isinstance(data, Task):
        if split not in ("train", "validation", "test"):
            raise CourseError(f"No split {split!r}. There are: train, validation, test.")
        pictures, labels = getattr(data, split)
        labels = labels if not model.source_classes else _renumbered(model, data)[labels]
        if not model.source_classes and len(data.classes) != model.classes:
            raise _other_classes(model, data)
        metric = metric or data.metric
    else:
        pictures, labels = data
        if len(pictures) != len(labels):
            raise CourseError(f"Got {len(pictures)} pictures and {len(labels)} labels.")
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < model.classes:
            raise CourseError(f"Labels must lie between 0 and {model.classes - 1} for this model.")
    return metrics.score(metric or "accuracy", predict(model, pictures), labels)


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
