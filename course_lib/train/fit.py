"""Train a pretrained net on a new task.

run = fit(load_backbone(), load_task("new-shapes", train=100), strategies.FEATURE_EXTRACTION)
run.test, run.seconds, run.trainable_parameters
"""

import warnings
from collections.abc import Callable
from dataclasses import replace

import torch
from tqdm import tqdm

from course_lib import checks
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import default_device
from course_lib.data.task import Task
from course_lib.devices import usable_device
from course_lib.errors import CourseError
from course_lib.train import strategies
from course_lib.train.loop import Run, Settings, Tick
from course_lib.train.strategies import Strategy

VIEWS = 4  # views per picture that augment=True makes


def prepare_run(
    model: Backbone,
    task: Task,
    strategy: Strategy,
    epochs: int = 10,
    *,
    lr: float | None = None,
    batch_size: int = 32,
    seed: int = 0,
    augment: bool | int = False,
    cache: bool = True,
    validate_every: int = 1,
    keep_best: bool = False,
    test: bool = True,
    mitigation=None,
    device: str | torch.device | None = None,
) -> Run:
    """A run that has not started: `for tick in run.ticks(): ...` advances it.

    Arguments as for `fit`.
    """
    for value, kind in ((model, Backbone), (task, Task), (strategy, Strategy)):
        if not isinstance(value, kind):
            raise CourseError(
                f"fit(model, task, strategy) needs a {kind.__name__} there; got {value!r}. "
                "load_backbone, load_task and strategies make them."
            )
    views = augment if augment is not True else VIEWS
    views = checks.whole_number(0 if views is False else views, "augment")
    settings = Settings(epochs, batch_size, seed, views, cache, validate_every, keep_best, test)
    epochs = settings.epochs
    if mitigation is not None and not callable(getattr(mitigation, "begin", None)):
        raise CourseError(
            "mitigation must be one of course_lib.forgetting's, such as forgetting.L2SP(0.1); got "
            f"{mitigation!r}."
        )
    strategy = strategies.for_net(strategy if lr is None else replace(strategy, lr=lr), model)
    if strategy.trainable and strategy.head_epochs >= epochs:
        raise CourseError(
            f"{strategy.name} trains the head alone for {strategy.head_epochs} epochs, and the "
            "run has "
            f"only {epochs}. Ask for more epochs, or replace(strategy, head_epochs={epochs // 2})."
        )
    if len(task.train.labels) < 2:
        raise CourseError(
            f"{task.name} has {len(task.train.labels)} training pictures; 2 are needed."
        )
    for split, wanted in (("validation", settings.validate_every), ("test", settings.test)):
        if wanted and not len(getattr(task, split).labels):
            off = "validate_every=0" if split == "validation" else "test=False"
            raise CourseError(
                f"{task.name} has no {split} pictures to measure on: give it some, or set {off}."
            )
    place = usable_device(device) if device is not None else default_device()
    _warn_of_locked(strategy, model, epochs)
    start = model.fresh(settings.seed) if strategy.from_scratch else model
    learner = start.with_head(len(task.classes), settings.seed).to(place)
    learning = strategies.learning_stages(strategy, learner.stage_names)
    for name, stage in learner.stages.items():
        # On a CPU this layout quickens large batches forward, as a cache wants them, not the small
        # steps of a plain loop.
        if place.type == "cuda" or (settings.cache and name not in learning):
            stage.to(memory_format=torch.channels_last)
    return Run(learner, task, strategy, settings, model, mitigation)


def _warn_of_locked(strategy: Strategy, model: Backbone, epochs: int) -> None:
    opening = strategies.unlock_epochs(strategy, model.stage_names)
    locked = [name for name, epoch in opening.items() if epoch >= epochs]
    if locked:
        warnings.warn(
            f"{strategy.name} never unlocks {', '.join(locked)}: the first of them would learn "
            f"after epoch {min(opening[name] for name in locked)}, and the run has {epochs}. Ask "
            "for more epochs or a smaller unfreeze_every.",
            stacklevel=3,
        )


def fit(
    model: Backbone,
    task: Task,
    strategy: Strategy,
    epochs: int = 10,
    *,
    progress: bool = True,
    on_tick: Callable[[Run, Tick], None] | None = None,
    **settings,
) -> Run:
    """Train a copy of `model` with a new head on `task`. The model itself is not changed.

    model: from load_backbone. task: from load_task. strategy: one of course_lib.train.strategies.
    epochs: passes over the training pictures.
    lr: peak learning rate of the head, in place of the strategy's.
    batch_size: largest number of pictures in a step.
    seed: decides the new head, the order, augmentation and dropout. Equal seeds give equal weights
    on the CPU.
    augment: number of random views of each picture, taken in turn, epoch by epoch; True means 4.
    cache: compute frozen stages once and keep their outputs. False computes them at every step.
    validate_every: epochs between two measurements on the validation pictures; 0: none.
    keep_best: end with the weights of the best validation score instead of the last ones.
    test: measure the test pictures at the end. Without it `run.test` does so when first asked.
    mitigation: what holds forgetting back by a further term of the loss, such as
        `course_lib.train.forgetting.L2SP(0.1)`.
    on_tick: called with the run and each tick, on nobody's clock, such as a `forgetting.Meter`.
    device: default: a GPU when there is one. There it trains in bf16.
    progress: show a bar when it takes longer than a second.

    Ctrl-C (or the notebook's stop button) ends the run early; what has been learned so far is
    returned. Raises CourseError for arguments that do not fit each other and when the loss stops
    being a number.
    """
    run = prepare_run(model, task, strategy, epochs, **settings)
    total = run.batches * run.settings.epochs
    # Nothing is passed when bars are wanted, so that TQDM_DISABLE=1 can still say no.
    quiet = {} if progress else {"disable": True}
    bar = tqdm(total=total, desc=strategy.name, unit="step", delay=1, leave=False, **quiet)
    try:
        for tick in run.ticks():
            bar.update(tick.kind == "train")
            if on_tick:
                on_tick(run, tick)
    except KeyboardInterrupt:
        bar.write(f"Stopped after {run.step} of {total} steps.")
    finally:
        bar.close()
        run.model.eval()
    return run
