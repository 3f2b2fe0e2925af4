"""Train a pretrained net on a new task: fit, evaluate, tune.

`Run._loop` is the whole training loop; read it first. The rest prepares it or reads what it leaves.

    run = fit(load_backbone(), load_task("new-shapes", train=100), strategies.FEATURE_EXTRACTION)
    run.test, run.seconds, run.trainable_parameters
"""

import itertools
import math
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import checks, metrics, strategies
from course_lib.augmentation import augmented
from course_lib.backbones.backbone import Backbone, check_pictures
from course_lib.errors import CourseError, Diverged
from course_lib.strategies import HEAD, Strategy
from course_lib.tasks import Split, Task, load_task

CACHE_LIMIT = (
    1 << 30
)  # bytes of features that a run may keep; beyond it they are computed each time
VIEWS = 4  # views per picture that augment=True makes
RATES = (1e-3, 3e-3, 1e-2, 3e-2)  # head rates that `tune` tries


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
            start = unlock(model, self.strategy, self.epoch)  # the first stage that learns now
            view = self.epoch % settings.views if settings.views else None
            # Not self._frozen: a bound method would hold the run.
            inputs, cached = yield from Run._frozen(self, "train", pictures, start, view)

            for batch in self._shuffled(len(labels)):
                with self._clock("seconds"), own_randomness(settings.seed, self.step, model.device):
                    rates = self._set_rates()
                    with precision(model.device):
                        x = frozen_part(model, inputs[batch], start, cached)
                        features = model.run_stages(x, start)
                        logits = model.head(features).float()
                        loss = F.cross_entropy(logits, labels[batch])
                        if self._extra_loss:
                            loss = loss + self._extra_loss(x, features, start)
                    self._check_loss(loss, rates)
                    self.optimizer.zero_grad()
                    loss.backward()
                    self.optimizer.step()
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

    def _shuffled(self, n: int) -> tuple[Tensor, ...]:
        """Rows of each batch of this epoch.

        Sizes differ by one at most, so no batch is a lone picture.
        """
        generator = torch.Generator().manual_seed(self.settings.seed * 100_003 + self.epoch)
        order = torch.randperm(n, generator=generator).to(self.model.device)
        return order.tensor_split(self.batches)

    def _set_rates(self) -> dict[str, float]:
        """Write this step's real learning rates into the optimizer's groups."""
        at = (self.step + 0.5) / self.batches
        names = self.model.stage_names
        rates = strategies.rates(self.strategy, names, at, self.settings.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = rates[group["name"]]
        return rates

    def _check_loss(self, loss: Tensor, rates: dict[str, float]) -> None:
        if not torch.isfinite(loss):
            raise Diverged(
                f"The loss became {loss.item()} in epoch {self.epoch + 1}, step "
                f"{self.step + 1}, at a "
                f"head rate of {rates[HEAD]:.2g}: training diverged. Try a smaller lr, for "
                "instance "
                f"lr={self.strategy.lr / 10:.2g}."
            )

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
    if lr is not None:
        strategy = replace(strategy, lr=lr)
    if strategy.learn and strategy.head_epochs >= epochs:
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
    device = checks.device(device) if device is not None else default_device()
    _warn_of_locked(strategy, model, epochs)
    start = model.fresh(settings.seed) if strategy.from_scratch else model
    learner = start.with_head(len(task.classes), settings.seed).to(device)
    learning = strategies.learning_stages(strategy, learner.stage_names)
    for name, stage in learner.stages.items():
        # On a CPU this layout quickens large batches forward, not small steps of late stages.
        if device.type == "cuda" or name not in learning:
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
    on_tick: Callable[["Run", Tick], None] | None = None,
    **settings,
) -> Run:
    """Train a copy of `model` with a new head on `task`. The model itself is not changed.

    model: from load_backbone. task: from load_task. strategy: one of course_lib.strategies.
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
        `course_lib.forgetting.L2SP(0.1)`.
    on_tick: called with the run and each tick, on nobody's clock, such as a `forgetting.Meter`.
    device: default: a GPU when there is one. There it trains in bf16.
    progress: show a bar when it takes longer than a second.

    Ctrl-C (or the notebook's stop button) ends the run early; what has been learned so far is
    returned. Raises CourseError for arguments that do not fit each other and when the loss stops
    being a number.
    """
    from tqdm import tqdm

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


def make_optimizer(model: Backbone, strategy: Strategy) -> torch.optim.AdamW:
    """AdamW with one named group per stage that ever learns, and one for the head."""
    parts = {**model.stages, HEAD: model.head}
    groups = [
        {"name": name, "params": list(parts[name].parameters()), "lr": 0.0}
        for name in strategies.peak_rates(strategy, model.stage_names)
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, weight_decay=strategy.weight_decay, fused=True)


def unlock(model: Backbone, strategy: Strategy, epoch: int) -> int:
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


def predict(model: Backbone, pictures: Tensor) -> Tensor:
    """Logits, float32 (n, classes) on the CPU, of pictures as `Backbone.prepare` takes them."""
    _check_backbone(model)
    check_pictures(pictures)
    parts = [torch.empty(0, model.classes)]
    with torch.inference_mode(), evaluating(model), precision(model.device):
        for chunk in pictures.split(chunk_size(model)):
            parts.append(model(model.prepare(chunk.to(model.device))).float().cpu())
    return torch.cat(parts)


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
    _check_backbone(model)
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


def _check_backbone(model) -> None:
    if not callable(getattr(model, "prepare", None)):
        raise CourseError(
            "A Backbone is needed, such as load_backbone or run.model gives; got "
            f"{type(model).__name__}."
        )


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


@dataclass(frozen=True)
class Trial:
    """One setting that `tune` tried."""

    lr: float
    epochs: int
    validation: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Tuning:
    """What `tune` found.

    strategy: with the best rate; run: the run behind it; trials: all that was tried.
    """

    strategy: Strategy
    epochs: int
    run: Run
    trials: tuple[Trial, ...]

    @property
    def seconds(self) -> float:
        """Training time of all trials."""
        return sum(trial.seconds for trial in self.trials)


def tune(
    model: Backbone,
    task: Task,
    strategy: Strategy,
    *,
    rates: Sequence[float] = RATES,
    epochs: int | Sequence[int] = 10,
    **settings,
) -> Tuning:
    """Try every rate with every number of epochs and keep what does best on the validation
    pictures.

    Every strategy gets the same trials, scratch too. Test pictures are not looked at before the
    choice is made: `tuning.run.test` measures the chosen run only. The first of equals wins.
    settings: as for `fit`.
    """
    epochs = [epochs] if isinstance(epochs, int) else list(epochs)
    settings = {"validate_every": 0, **settings, "test": False}
    best, trials = None, []
    for lr, count in itertools.product(rates, epochs):
        try:
            run = fit(model, task, strategy, count, lr=lr, **settings)
        except Diverged:
            trials.append(Trial(lr, count, 0.0, 0.0))
            continue
        trials.append(Trial(lr, count, run.validation, run.seconds))
        if best is None or run.validation > best.validation:
            best = run
    if best is None:
        raise CourseError(
            f"tune found no rate for {strategy.name} that trains: tried {list(rates)} with "
            f"{epochs} epochs. Give at least one of each; try smaller rates."
        )
    return Tuning(best.strategy, best.settings.epochs, best, tuple(trials))


def default_device() -> torch.device:
    """A CUDA GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision(device: torch.device):
    """bf16 where it pays, on a GPU; float32 on the CPU."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def chunk_size(model: Backbone) -> int:
    """Pictures to push through at once without gradients: about 30 ms for WorldNet on two cores.

    Larger chunks are not faster on a CPU, and a widget would be slow to answer.
    """
    per_picture = (model.architecture.size / 64) ** 2
    return max(8, int((2048 if model.device.type == "cuda" else 32) / per_picture))


@contextmanager
def evaluating(model: nn.Module):
    """Eval mode inside; afterwards every module has the mode it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def own_randomness(seed: int, step: int, device: torch.device):
    """Random numbers (dropout) from (seed, step) alone; the global generators stay as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed: without a GPU it queues a call for later, with a stack trace, each
        # time it is called, and that queue only grows.
        torch.default_generator.manual_seed(seed * 1_000_003 + step)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed * 1_000_003 + step)
        yield
