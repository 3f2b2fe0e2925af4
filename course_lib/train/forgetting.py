"""Catastrophic forgetting: what is left of the source task, what wore off, what holds it back.

    meter = Meter(backbone, source=source_pictures(backbone, 200), every=5)
    run = fit(backbone, task, strategies.FULL_FINE_TUNING, mitigation=L2SP(0.1), on_tick=meter)
    meter.readings[-1].source           # accuracy on the source task under the old head

A mitigation is frozen data with one method, `begin(run)`. It gives a function of (x, features,
start), where x is what stage `start` takes for the batch at hand (all stages before it are frozen)
and features what the net makes of it. The scalar that it returns is added to the step's loss.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import checks
from course_lib.backbones.backbone import Backbone
from course_lib.data.split import Split
from course_lib.data.tasks import load_task
from course_lib.errors import CourseError
from course_lib.measure.metrics import accuracy
from course_lib.see.activations import stage_maps
from course_lib.see.similarity import linear_cka
from course_lib.train.baselines import adapt_batch_norm, features
from course_lib.train.loop import Run, frozen_part
from course_lib.train.strategies import HEAD

ExtraLoss = Callable[[Tensor, Tensor, int], Tensor]


# ---- measuring ----------------------------------------------------------------------------------


def source_pictures(backbone: Backbone, n: int = 200, split: str = "test", seed: int = 0) -> Split:
    """n pictures of WorldNet's source task, labelled by the place of their class in its old head.

    split: "test": pictures to measure on, the same ones each time. "train": others, drawn from
    `seed`, for replay and for EWC.
    Raises CourseError for a backbone whose source task is not built in.
    """
    if backbone.name != "worldnet" or not backbone.source_classes:
        raise CourseError(
            f"The source task of this {backbone.name} is not built in. Make a Split of its "
            "pictures, labelled by the place of their class in the source head."
        )
    checks.one_of(split, "split", ("test", "train"))
    n = checks.whole_number(n, "n", 1)
    train = max(n, len(backbone.source_classes)) if split == "train" else None
    task = load_task("source", train=train, seed=seed)
    pictures, labels = getattr(task, split)
    n = checks.whole_number(n, "n", 1, len(labels))
    place = {name: i for i, name in enumerate(backbone.source_classes)}
    index = torch.tensor([place[name] for name in task.classes])
    rows = torch.linspace(0, len(labels) - 1, n).round().long()
    return Split(pictures[rows], index[labels[rows]])


def source_accuracy(model: Backbone, head: nn.Linear, source: Split) -> float:
    """Accuracy, 0..1, on the source task of a changed backbone under its old head.

    head: the source head, such as `run.source_head`. source: see `source_pictures`.
    """
    logits = F.linear(features(model, source.pictures), head.weight.cpu(), head.bias.cpu())
    return accuracy(logits, source.labels)


def _vector(parameters: Iterable[Tensor]) -> Tensor:
    """All numbers in one row, whatever the order in which a trained net keeps them in memory."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in parameters])


def relative_drift(start: Backbone, now: Backbone) -> dict[str, float]:
    """How far the parameters of each stage have moved from the start: |w - w0| / |w0|."""
    drift = {}
    with torch.no_grad():
        for name, stage in now.stages.items():
            before = _vector(start.stages[name].parameters()).cpu()
            after = _vector(stage.parameters()).cpu()
            drift[name] = ((after - before).norm() / before.norm()).item()
    return drift


def _alike(before: Tensor, now: Tensor) -> float:
    """Linear CKA; 0 for a stage that has come to answer every picture in the same way."""
    return 0.0 if torch.equal(now, now[:1].expand_as(now)) else linear_cka(before, now)


@dataclass(frozen=True)
class Reading:
    """The state of a run at one step.

    step: training steps done. drift: `relative_drift` of each stage. cka: linear CKA of each
    stage's outputs with those at the start, {} where not asked for. source: `source_accuracy`, None
    where not asked for.
    """

    step: int
    drift: dict[str, float]
    cka: dict[str, float]
    source: float | None


@dataclass(eq=False)
class Meter:
    """Reads a run while it goes on: `fit(..., on_tick=meter)`, or `meter(run, tick)` by hand.

    start: the net that the run begins from. source: pictures of its source task, or None.
    pictures: uint8 (n, 3, height, width) for CKA, or None. every: steps between two readings, or
    all the steps at which to read. readings: what was read; the first is the start, at step 0.

    A reading is one pass over `source` and `pictures` and a few milliseconds for the weights. It
    is not on the run's clock.
    """

    start: Backbone
    source: Split | None = None
    pictures: Tensor | None = None
    every: int | Sequence[int] = 1
    readings: list[Reading] = field(default_factory=list)

    def __post_init__(self):
        if not isinstance(self.every, Sequence):
            self.every = checks.whole_number(self.every, "every", 1)
        self._before = None if self.pictures is None else stage_maps(self.start, self.pictures)
        self.readings.append(self.read(0, self.start, self.start.head))

    def __call__(self, run: Run, tick) -> None:
        if tick.kind == "train" and self._wanted(tick.step):
            self.readings.append(self.read(tick.step, run.model, run.source_head))

    def read(self, step: int, model: Backbone, head: nn.Linear) -> Reading:
        """A reading of `model` as it stands, with the old `head`."""
        cka = {}
        if self._before is not None:
            now = stage_maps(model, self.pictures)
            cka = {name: _alike(self._before[name], now[name]) for name in now}
        source = None if self.source is None else source_accuracy(model, head, self.source)
        return Reading(step, relative_drift(self.start, model), cka, source)

    def _wanted(self, step: int) -> bool:
        return step % self.every == 0 if isinstance(self.every, int) else step in self.every


# ---- is a frozen backbone frozen? ---------------------------------------------------------------


@dataclass(frozen=True)
class FrozenCheck:
    """What changed in stages that were meant to stay: names of parameters and of buffers."""

    stages: tuple[str, ...]
    parameters: tuple[str, ...]
    buffers: tuple[str, ...]

    @property
    def frozen(self) -> bool:
        return not self.parameters and not self.buffers

    def __str__(self) -> str:
        where = ", ".join(self.stages)
        if self.frozen:
            return f"Frozen: every number in {where} is what it was."
        if not self.parameters:
            return (
                f"NOT frozen: no parameter of {where} changed, but {len(self.buffers)} batch-norm "
                f"buffers did, such as {self.buffers[0]}. Put its batch norm into eval mode."
            )
        return (
            f"NOT frozen: {len(self.parameters)} parameters of {where} changed, such as "
            f"{self.parameters[0]}. Set requires_grad to False."
        )


def check_frozen(
    start: Backbone, now: Backbone, stages: Sequence[str] | None = None
) -> FrozenCheck:
    """Compare stages bit by bit with the start, running statistics included.

    stages: those that should not have moved; default: the whole backbone.
    """
    stages = tuple(stages or now.stage_names)
    unknown = [name for name in stages if name not in now.stages]
    if unknown:
        raise CourseError(
            f"No stage {', '.join(unknown)}; this net has {', '.join(now.stage_names)}."
        )
    changed: dict[str, list[str]] = {"parameters": [], "buffers": []}
    for stage in stages:
        before, after = start.stages[stage], now.stages[stage]
        for kind, names in changed.items():
            old = dict(getattr(before, f"named_{kind}")())
            for name, value in getattr(after, f"named_{kind}")():
                if not torch.equal(value.cpu(), old[name].cpu()):
                    names.append(f"{stage}.{name}")
    return FrozenCheck(stages, tuple(changed["parameters"]), tuple(changed["buffers"]))


# ---- mitigations: further terms of the loss -----------------------------------------------------


def _require_strength(strength: float) -> None:
    checks.number(strength, "strength", least=0)


def _learning(run: Run) -> dict[str, nn.Parameter]:
    """The backbone's parameters that learn at some time, by their name in the net."""
    held = {
        id(p) for group in run.optimizer.param_groups if group["name"] != HEAD
        for p in group["params"]
    }  # fmt: skip
    return {name: p for name, p in run.model.net.named_parameters() if id(p) in held}


def _old_head(run: Run) -> nn.Linear:
    """The source head, frozen. Raises CourseError when the run has no source to remember."""
    if not run.source_classes or run.strategy.from_scratch:
        raise CourseError("A net that starts from random weights has no source task to remember.")
    return run.source_head.to(run.model.device).requires_grad_(False)


def distance_penalty(
    now: Sequence[Tensor], start: Sequence[Tensor], weights: Sequence[Tensor] | None = None
) -> Tensor:
    """Half the squared distance, 1/2 sum w (p - p0)^2, over lists of equally shaped tensors."""
    squares = [(p - q).square() for p, q in zip(now, start, strict=True)]
    if weights is not None:
        squares = [w * s for w, s in zip(weights, squares, strict=True)]
    return sum((s.sum() for s in squares), torch.zeros(())) / 2


@dataclass(frozen=True)
class L2SP:
    """Weight decay towards the starting point: strength/2 |w - w0|^2 over the backbone.

    Li, Grandvalet and Davoine 2018, "Explicit inductive bias for transfer learning with
    convolutional networks", section 3. The new head has its ordinary weight decay.
    """

    strength: float = 0.1

    def begin(self, run: Run) -> ExtraLoss:
        _require_strength(self.strength)
        _old_head(run)
        now = list(_learning(run).values())
        start = [p.detach().clone() for p in now]
        return lambda x, features, start_stage: self.strength * distance_penalty(now, start)


@dataclass(frozen=True)
class EWC:
    """Elastic weight consolidation: as L2-SP, each weight as stiff as the source task needs it.

    strength/2 sum F (w - w0)^2. fisher: from `diagonal_fisher`, by parameter name.
    Kirkpatrick et al. 2017, "Overcoming catastrophic forgetting in neural networks", equation 3.
    """

    strength: float
    fisher: dict[str, Tensor] = field(repr=False)

    def begin(self, run: Run) -> ExtraLoss:
        _require_strength(self.strength)
        _old_head(run)
        learning = _learning(run)
        missing = [name for name in learning if name not in self.fisher]
        if missing:
            raise CourseError(f"fisher has no entry for {missing[0]}; diagonal_fisher makes one.")
        now = list(learning.values())
        start = [p.detach().clone() for p in now]
        weights = [self.fisher[name].to(run.model.device) for name in learning]
        return lambda x, features, stage: self.strength * distance_penalty(now, start, weights)


LIKELY = 1e-3  # chance from which a class counts in the Fisher information


def diagonal_fisher(model: Backbone, pictures: Tensor, least: float = LIKELY) -> dict[str, Tensor]:
    """Diagonal of the Fisher information of the backbone's parameters, by name, on the CPU.

    The mean over pictures of the expected squared gradient of log p(y | x), where y is what the
    model itself predicts: a sum over classes, each with its chance. With the labels in place of y
    it would be the empirical Fisher, which is another matrix (Kunstner, Balles and Hennig 2019);
    with one drawn y per picture it would be a very noisy estimate. Batch norm stays in eval mode.

    pictures: uint8 (n, 3, height, width) of the source task. least: classes with a smaller chance
    are left out, which leaves the sum a little low; one backward pass for each of the others.
    """
    if not len(pictures):
        raise CourseError("The Fisher information needs at least one picture.")
    model = model.copy()
    model.requires_grad_(True).eval()
    model.head.requires_grad_(False)
    parameters = {n: p for n, p in model.net.named_parameters() if p.requires_grad}
    fisher = {name: torch.zeros_like(p) for name, p in parameters.items()}
    for picture in pictures.to(model.device).split(1):
        chances = model(model.prepare(picture)).float()[0].log_softmax(0)
        for log_chance in chances[chances.detach().exp() >= least]:
            gradients = torch.autograd.grad(
                log_chance, list(parameters.values()), retain_graph=True
            )
            share = log_chance.detach().exp() / len(pictures)
            for name, gradient in zip(parameters, gradients, strict=True):
                fisher[name] += share * gradient.square()
    return {name: value.cpu() for name, value in fisher.items()}


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Mean KL divergence of softened predictions, times temperature^2. logits (n, classes).

    Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network", section 2.
    """
    log_student = F.log_softmax(student.float() / temperature, 1)
    log_teacher = F.log_softmax(teacher.float() / temperature, 1)
    kl = F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return temperature**2 * kl


@dataclass(frozen=True)
class LwF:
    """Learning without forgetting: on the new pictures, the old head should say what it said.

    Li and Hoiem 2016, "Learning without forgetting". Needs no picture of the source task. Unlike
    there, the old head itself does not learn, so that it can go on measuring.
    """

    strength: float = 1.0
    temperature: float = 2.0

    def begin(self, run: Run) -> ExtraLoss:
        _require_strength(self.strength)
        if run.strategy.batch_norm == "adapt":
            raise CourseError('LwF needs frozen stages that stay: batch_norm "eval" or "train".')
        head = _old_head(run)
        teacher = run.model.copy().requires_grad_(False).eval()

        def loss(x: Tensor, features: Tensor, start: int) -> Tensor:
            with torch.no_grad():
                wanted = head(teacher.run_stages(x, start))
            return self.strength * distillation_loss(head(features), wanted, self.temperature)

        return loss


@dataclass(frozen=True)
class Replay:
    """A batch of source pictures in every step, judged by the old head.

    pictures: from `source_pictures(..., split="train")`. strength: weight of their loss. batch:
    pictures for each step.
    Ratcliff 1990; Rolnick et al. 2019, "Experience replay for continual learning".
    """

    pictures: Split = field(repr=False)
    strength: float = 1.0
    batch: int = 16

    def begin(self, run: Run) -> ExtraLoss:
        _require_strength(self.strength)
        head, model = _old_head(run), run.model
        pictures, labels = (part.to(model.device) for part in self.pictures)
        if not len(labels):
            raise CourseError("Replay needs at least one source picture.")

        def loss(x: Tensor, features: Tensor, start: int) -> Tensor:
            # On the CPU: within a step the run's own random numbers, the same on every device.
            rows = torch.randint(len(labels), (self.batch,)).to(labels.device)
            old = model.run_stages(frozen_part(model, pictures[rows], start), start)
            return self.strength * F.cross_entropy(head(old).float(), labels[rows])

        return loss


# ---- between two nets ---------------------------------------------------------------------------


def interpolate(start: Backbone, end: Backbone, share: float) -> Backbone:
    """A net whose every weight lies `share` of the way from `start` to `end`.

    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT), section 3. Running
    statistics are interpolated too; see `recompute_statistics`. Heads take part when they have the
    same shape, else the head is that of `end`.
    """
    share = checks.number(share, "share", least=0, most=1)
    mixed = end.copy()
    old = start.state_dict()
    weights = {}
    for name, value in mixed.state_dict().items():
        other = old.get(name)
        if other is None or other.shape != value.shape or not value.is_floating_point():
            weights[name] = value
        else:
            weights[name] = torch.lerp(other.to(value.device), value, share)
    mixed.load_state_dict(weights)
    return mixed


def recompute_statistics(model: Backbone, pictures: Tensor) -> Backbone:
    """A copy whose batch norm has the statistics of `pictures` under its own weights.

    An average of two nets' weights needs them: its activations have other means and variances than
    either net's (Izmailov et al. 2018, section 3; Jordan et al. 2023, "REPAIR").
    """
    fresh = copy.deepcopy(model)
    adapt_batch_norm(fresh, pictures)
    return fresh
