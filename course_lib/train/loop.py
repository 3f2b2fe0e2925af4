"""The training loop, as a run that can be stepped.

`Run._loop` is the whole loop; read it first. The rest prepares it or reads what it leaves. `fit`
makes a run and goes through it.
"""

import math
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import checks
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import chunk_size, evaluating, precision
from course_lib.data.augmentation import augmented
from course_lib.data.task import Task
from course_lib.data.tasks import load_task
from course_lib.errors import CourseError
from course_lib.measure import metrics
from course_lib.train import strategies
from course_lib.train.evaluation import evaluate
from course_lib.train.stepping import forward_pass, update
from course_lib.train.strategies import HEAD, Strategy

CACHE_LIMIT = 1 << 30  # bytes of features a run may keep; beyond it they are computed each time


@dataclass(frozen=True)
class Settings:
    """What `fit` is asked for besides model, task and strategy; see there."""

    epochs: int = 10
    batch_size: int = 32
    seed: int = 0
    views: int = 0
    cache: bool = True
    validate_every: int = 1
    keep_best: bool = False
    test: bool = True

    def __post_init__(self):
        least = {"epochs": 1, "batch_size": 1, "views": 0, "validate_every": 0}
        plain = {n: checks.whole_number(getattr(self, n), n, low) for n, low in least.items()}
        plain["seed"] = checks.seed(self.seed)
        for name in ("cache", "keep_best", "test"):
            plain[name] = checks.true_or_false(getattr(self, name), name)
        for name, value in plain.items():  # NumPy's numbers become Python's
            object.__setattr__(self, name, value)
        if self.keep_best and not 1 <= self.validate_every <= self.epochs:
            raise CourseError(
                f"keep_best needs a validation score: set validate_every to 1 up to the number of "
                f"epochs, {self.epochs}; got {self.validate_every}."
            )


@dataclass(frozen=True)
class Tick:
    """One small piece of work that a run has done.

    kind: "cache" (features of frozen stages), "train" (one step), "evaluate" (some pictures
    measured).
    epoch: counted from 0. step: training steps done so far. loss: of this step, for "train".
    """

    kind: str
    epoch: int
    step: int
    loss: float | None = None


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to.

    epoch: 1 for the first. loss, accuracy: mean over its training steps, as they were taken; the
    loss holds the mitigation's term, where there is one.
    validation: the task's metric after it; None where it was not measured. seconds: training alone,
    frozen stages included, evaluation not. rates: learning rate of each group at its last step.
    """

    epoch: int
    loss: float
    accuracy: float
    validation: float | None
    seconds: float
    rates: dict[str, float]


class Run:
    """One training run: made by `prepare_run`, advanced by `ticks`, readable at any time.

    model: the net that learns, a copy with a new head. source_head: the head that it had before.
    history: an Epoch for each one that is done. seconds: time spent in training itself, whatever
    else ran between two ticks. evaluation_seconds: time spent measuring. finished: all epochs are
    done.
    """

    def __init__(
        self,
        model: Backbone,
        task: Task,
        strategy: Strategy,
        settings: Settings,
        source: Backbone,
        mitigation=None,
    ):
        self.model, self.task, self.strategy, self.settings = model, task, strategy, settings
        self.source_head, self.source_classes = source.copy().head, source.source_classes
        self.optimizer = make_optimizer(model, strategy)
        self.batches = math.ceil(len(task.train.labels) / settings.batch_size)  # per epoch
        self.history: list[Epoch] = []
        self.step, self.epoch = 0, 0
        self.seconds = self.evaluation_seconds = 0.0
        self.finished = False
        self._chunk = chunk_size(model)
        self._cache: dict[tuple, Tensor] = {}  # (split, view) -> outputs of the frozen stages
        self._cache_start = 0  # the stage that takes what is cached
        self._scores: dict[str, tuple[int, float]] = {}  # split -> (step, score)
        self._best: tuple[float, dict] | None = None
        self._extra_loss = mitigation.begin(self) if mitigation else None
        # The loop knows the run by a weak reference only: a run that nobody holds any more is gone
        # at once, with its net and what it keeps, and waits for no garbage collection.
        self._ticks = Run._loop(weakref.proxy(self))

    def ticks(self) -> Iterator[Tick]:
        """The run, piece by piece.

        Stop when you like; a later loop over ticks() goes on from there.
        """
        # Not `yield from`: who leaves this iterator must not end the loop itself.
        while (tick := next(self._ticks, None)) is not None:
            yield tick

    def _loop(self) -> Iterator[Tick]:
        model, settings = self.model, self.settings
        pictures, labels = (t.to(model.device) for t in self.task.train)
        for self.epoch in range(settings.epochs):
            seconds_before, loss_sum, hits = self.seconds, 0.0, 0
            start = set_trainable(
                model, self.strategy, self.epoch
            )  # the first stage that learns now
            view = self.epoch % settings.views if settings.views else None
            # Not self._frozen: a bound method would hold the run.
            inputs, cached = yield from Run._frozen(self, "train", pictures, start, view)

            for batch in self.order(self.epoch):
                with self._clock("seconds"):
                    with forward_pass(settings.seed, self.step, model.device):
                        x = frozen_part(model, inputs[batch], start, cached)
                        features = model.run_stages(x, start)
                        logits = model.head(features).float()
                        loss = F.cross_entropy(logits, labels[batch])
                        if self._extra_loss:
                            loss = loss + self._extra_loss(x, features, start)
                    rates = self._rates()
                    update(self.optimizer, loss, rates, self.step)
                    self.step += 1
                    loss_sum += loss.item() * len(batch)
                    hits += (logits.argmax(1) == labels[batch]).sum().item()
                yield Tick("train", self.epoch, self.step, loss.item())

            validation = None
            if settings.validate_every and (self.epoch + 1) % settings.validate_every == 0:
                validation = yield from Run._measure(self, "validation", start)
                self._remember_best(validation)
            n, seconds = len(labels), self.seconds - seconds_before
            self.history.append(
                Epoch(self.epoch + 1, loss_sum / n, hits / n, validation, seconds, rates)
            )
        self._restore_best()
        if settings.test:
            yield from Run._measure(self, "test", start)
        # A notebook keeps many finished runs; what only training needs is four times the weights.
        self._cache.clear()
        self.optimizer.zero_grad()
        self.optimizer.state.clear()
        self.finished = True
        model.eval()

    def _frozen(self, split: str, pictures: Tensor, start: int, view: int | None = None):
        """What the frozen stages make of all pictures, computed once and kept while `start` stays.

        Gives (tensor, True), or (the pictures themselves, False) when nothing is frozen or nothing
        may be kept: `frozen_part` then computes them batch by batch.
        """
        if start != self._cache_start:
            self._cache, self._cache_start = {}, start
        if (split, view) in self._cache:
            return self._cache[split, view], True
        if view is not None:
            with self._clock("seconds"):
                pictures = augmented(pictures, self.settings.seed * 1_000 + view)
        if not self.settings.cache or start == 0 or self.strategy.batch_norm == "adapt":
            return pictures, False
        timer = "seconds" if split == "train" else "evaluation_seconds"
        parts, kept = [], sum(t.nbytes for t in self._cache.values())
        for chunk in pictures.split(self._chunk):
            with self._clock(timer), evaluating(self.model), precision(self.model.device):
                parts.append(frozen_part(self.model, chunk.to(self.model.device), start))
            yield Tick("cache", self.epoch, self.step)
            if kept + parts[0].nbytes / len(parts[0]) * len(pictures) > CACHE_LIMIT:
                return pictures, False
        self._cache[split, view] = torch.cat(parts)
        return self._cache[split, view], True

    def _measure(self, split: str, start: int):
        """The task's metric on a split, in chunks."""
        pictures, labels = getattr(self.task, split)
        inputs, cached = yield from Run._frozen(self, split, pictures, start)
        parts = []
        for chunk in inputs.split(self._chunk):
            with self._clock("evaluation_seconds"), evaluating(self.model), torch.no_grad():
                with precision(self.model.device):
                    x = frozen_part(self.model, chunk.to(self.model.device), start, cached)
                    parts.append(self.model.head(self.model.run_stages(x, start)).float().cpu())
            yield Tick("evaluate", self.epoch, self.step)
        score = metrics.score(self.task.metric, torch.cat(parts), labels)
        self._scores[split] = (self.step, score)
        return score

    def order(self, epoch: int) -> tuple[Tensor, ...]:
        """Rows of the training pictures in each batch of an epoch, counted from 0.

        Decided by the seed alone. Sizes differ by one at most, so no batch is a lone picture.
        """
        generator = torch.Generator().manual_seed(self.settings.seed * 100_003 + epoch)
        order = torch.randperm(len(self.task.train.labels), generator=generator)
        return order.to(self.model.device).tensor_split(self.batches)

    def _rates(self) -> dict[str, float]:
        """This step's learning rate of each stage and of the head."""
        at = (self.step + 0.5) / self.batches
        return strategies.rates(self.strategy, self.model.stage_names, at, self.settings.epochs)

    def _remember_best(self, validation: float) -> None:
        if self.settings.keep_best and (self._best is None or validation > self._best[0]):
            weights = {k: v.clone() for k, v in self.model.state_dict().items()}
            self._best = (validation, weights)

    def _restore_best(self) -> None:
        if self._best is not None:
            self.model.load_state_dict(self._best[1])
            self._scores = {"validation": (self.step, self._best[0])}
            self._best = None

    @contextmanager
    def _clock(self, name: str):
        begin = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, name, getattr(self, name) + time.perf_counter() - begin)

    def _score(self, split: str) -> float:
        step, score = self._scores.get(split, (-1, 0.0))
        if step != self.step:
            score = evaluate(self.model, self.task, split)
            self._scores[split] = (self.step, score)
        return score

    @property
    def test(self) -> float:
        """The task's metric on its test pictures, for the weights as they are now."""
        return self._score("test")

    @property
    def validation(self) -> float:
        """The task's metric on its validation pictures, for the weights as they are now."""
        return self._score("validation")

    @property
    def module(self) -> nn.Module:
        """What has been learnt as a plain nn.Module, ready for plain PyTorch.

        Takes prepared pictures, `run.model.prepare(pictures)`: float (n, 3, size, size); gives
        logits. It is the run's own net: copy.deepcopy it when the run is to go on unchanged.
        """
        return self.model.net

    @property
    def trainable_parameters(self) -> int:
        """How many numbers the strategy trains within the run's epochs, the head's included."""
        opening = strategies.unlock_epochs(self.strategy, self.model.stage_names)
        return sum(
            p.numel()
            for group in self.optimizer.param_groups
            for p in group["params"]
            if opening.get(group["name"], 0) < self.settings.epochs
        )

    def source_accuracy(self, task: Task | None = None) -> float:
        """Accuracy on the source task of this run's backbone under its old head: what was not
        forgotten.

        task: the source task; default: WorldNet's own, and Imagenette for torchvision's nets.
        """
        if not self.source_classes:
            raise CourseError(
                "This backbone had random weights before the run, so it has no source task to "
                "forget."
            )
        old = self.model.copy()
        old.replace_head(self.source_head.to(self.model.device), self.source_classes)
        if task is None:
            # Torchvision's nets name ImageNet's classes, ten of which Imagenette has.
            world = self.model.name == "worldnet"
            task = load_task("source") if world else load_task("imagenette", train=10)
        return evaluate(old, task)

    def __repr__(self) -> str:
        done = f"{len(self.history)} of {self.settings.epochs} epochs"
        return (
            f"<Run: {self.model.name}, {self.strategy.name}, {self.task.name} with "
            f"{len(self.task.train.labels)} labels, {done}, {self.seconds:.1f} s>"
        )


def make_optimizer(model: Backbone, strategy: Strategy) -> torch.optim.AdamW:
    """AdamW with one named group per stage that ever learns, and one for the head.

    Where vectors are not decayed, a second group of the same name holds them.
    """
    parts, groups = {**model.stages, HEAD: model.head}, []
    for name in (*strategies.learning_stages(strategy, model.stage_names), HEAD):
        held = list(parts[name].parameters())
        vectors = [] if strategy.decay_vectors else [p for p in held if p.ndim < 2]
        others = held if strategy.decay_vectors else [p for p in held if p.ndim >= 2]
        decayed = {"params": others, "weight_decay": strategy.weight_decay}
        groups += [
            {"name": name, "lr": 0.0, **group}
            for group in (decayed, {"params": vectors, "weight_decay": 0.0})
            if group["params"]
        ]
    return torch.optim.AdamW(groups, fused=True)


def set_trainable(model: Backbone, strategy: Strategy, epoch: int) -> int:
    """Let exactly those stages learn that the strategy lets learn in this epoch, and set their
    modes.

    Gives the position of the first one; all before it are frozen, and so is everything when only
    the head learns (then it is the number of stages).
    """
    names = model.stage_names
    opening = strategies.unlock_epochs(strategy, names)
    learning = [name in opening and epoch >= opening[name] for name in names]
    model.requires_grad_(False).eval()
    model.head.requires_grad_(True).train()
    for stage, learns in zip(model.stages.values(), learning, strict=True):
        if learns:
            stage.requires_grad_(True).train()
        for module in stage.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.train(
                    strategy.batch_norm == "adapt" or (strategy.batch_norm == "train" and learns)
                )
    return learning.index(True) if any(learning) else len(names)


def frozen_part(model: Backbone, x: Tensor, start: int, cached: bool = False) -> Tensor:
    """Pictures -> what stage `start` takes.

    Without gradients; the same as given when that is cached. On a CPU frozen stages run in
    channels_last and learning ones do not: handed on as it is, the layout would make each of their
    convolutions rearrange its weights, a fifth of a step.
    """
    if cached:
        return x
    with torch.no_grad():
        x = model.run_stages(model.prepare(x), 0, start)
    return x.contiguous() if x.device.type == "cpu" else x
