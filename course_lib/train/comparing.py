"""Is a loop that somebody wrote the same as `fit`?"""

import copy
from collections.abc import Callable
from dataclasses import replace

import torch

from course_lib.backbones.backbone import Backbone
from course_lib.data.task import Task
from course_lib.train import strategies as S
from course_lib.train.fit import prepare_run


def same_as_fit(
    train_one_epoch: Callable,
    freeze: Callable,
    backbone: Backbone,
    task: Task,
    epochs: int = 2,
    batch_size: int = 16,
) -> float:
    """Largest difference between a weight of the head as the loop trains it and as `fit` does.

    `fit` makes a step, without keeping features, and the loop the same one behind it: same new
    head, same batch, same rate, no weight decay.

    train_one_epoch: (net, loader, optimizer) -> None, `loader` giving prepared pictures and labels.
    freeze: (net) -> None, so that all but net.fc stays as it is.
    """
    strategy = replace(S.FEATURE_EXTRACTION, weight_decay=0.0)
    run = prepare_run(backbone, task, strategy, epochs, batch_size=batch_size, cache=False)
    theirs = copy.deepcopy(run.module)
    freeze(theirs)
    optimizer = torch.optim.AdamW(theirs.fc.parameters(), lr=0.0, weight_decay=0.0)
    pictures = backbone.prepare(task.train.pictures)
    for tick in run.ticks():
        if tick.kind == "train":
            rows = run.order(tick.epoch)[(tick.step - 1) % run.batches]
            optimizer.param_groups[0]["lr"] = run.optimizer.param_groups[-1]["lr"]
            train_one_epoch(theirs, [(pictures[rows], task.train.labels[rows])], optimizer)
    return (theirs.fc.weight - run.module.fc.weight).abs().max().item()
