"""What may learn, how fast, and when: strategies of transfer as plain data.

    from course_lib import strategies as S
    careful = dataclasses.replace(S.FULL_FINE_TUNING, name="careful", head_lr_ratio=100)

A strategy knows nothing of a particular net. Rates that it leaves open are those that suit the
kind of net (`for_net`). Given the ordered names of a net's stages, the functions here say which
stages learn and at what rate at any moment; `fit` writes those numbers into the optimizer as they
are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from course_lib import checks
from course_lib.errors import CourseError

LARGEST_RATE = 1e4  # of the head; AdamW moves every weight by up to its rate in a step

BATCH_NORM_MODES = ("eval", "train", "adapt")
HEAD = "head"


def _checked_trainable(trainable) -> int | str | tuple[str, ...]:
    if isinstance(trainable, str) and trainable == "all":
        return trainable
    if isinstance(trainable, tuple):
        return checks.names(trainable, "Strategy: trainable")
    try:
        return checks.whole_number(trainable, "trainable")
    except CourseError as error:
        raise CourseError(
            'Strategy: trainable must be a number of last stages, "all", or a tuple of stage '
            f"names; got {trainable!r}."
        ) from error


RENAMED = {"learn": "trainable", "ratio": "head_lr_ratio", "decay": "layer_decay"}


@dataclass(frozen=True)
class Strategy:
    """How a pretrained net is trained on a new task.

    name: what figures and tables call it.
    trainable: what learns besides the head: the number of last stages, "all", or names of stages.
    lr: peak learning rate of the head (AdamW). None: what suits the net.
    head_lr_ratio: head rate / rate of the last stage. 1: one rate for everything. None: what suits
        the net.
    layer_decay: rate of a stage / rate of the stage after it (layer-wise decay; BEiT and ELECTRA
        use 0.65 to 0.9).
    head_epochs: first epochs in which only the head learns (LP-FT: Kumar et al. 2022).
    unfreeze_every: epochs after which one more stage unlocks, the last stage first; 0: all at once
        (gradual unfreezing: Howard and Ruder 2018, ULMFiT).
    restart: whether the schedule begins anew, warm-up and cosine, each time something unlocks. Else
        one schedule spans the run, and what unlocks late learns at what is left of it.
    head_joins: whether the head, after the epochs of its own, learns at the rate of the last stage.
    batch_norm: "eval": pretrained running statistics are used everywhere and never change.
        "train": learning stages normalise by batch and update their statistics; locked stages
        don't. "adapt": locked stages do so too, although their weights stay. Nothing can be cached
        then.
    from_scratch: start from random weights.
    weight_decay: decoupled weight decay of what learns.
    decay_vectors: whether it reaches parameters of one dimension too, biases and norms. None: what
        suits the net.
    warmup: share of the run, or of what a restart begins, in which every rate rises to its peak; 0:
        none.
    """

    name: str
    trainable: int | str | tuple[str, ...] = 0
    lr: float | None = None
    head_lr_ratio: float | None = None
    layer_decay: float = 1.0
    head_epochs: int = 0
    unfreeze_every: int = 0
    restart: bool = False
    head_joins: bool = False
    batch_norm: str = "eval"
    from_scratch: bool = False
    weight_decay: float = 1e-2
    decay_vectors: bool | None = None
    warmup: float = 0.1

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise CourseError(f"Strategy: name must be some text; got {self.name!r}.")

        def number(field, **limits):
            return checks.number(getattr(self, field), f"Strategy: {field}", **limits)

        plain = {
            "trainable": _checked_trainable(self.trainable),
            "layer_decay": number("layer_decay", above=0, most=1),
            "weight_decay": number("weight_decay", least=0),
            "warmup": number("warmup", least=0, below=1),
            "batch_norm": checks.one_of(self.batch_norm, "batch_norm", BATCH_NORM_MODES),
        }
        for field, most in (("lr", LARGEST_RATE), ("head_lr_ratio", None)):
            if getattr(self, field) is not None:  # None: what suits the net
                plain[field] = number(field, above=0, most=most)
        for field in ("head_epochs", "unfreeze_every"):
            plain[field] = checks.whole_number(getattr(self, field), f"Strategy: {field}")
        for field in ("from_scratch", "restart", "head_joins", "decay_vectors"):
            if field != "decay_vectors" or self.decay_vectors is not None:
                value = getattr(self, field)
                plain[field] = checks.true_or_false(value, f"Strategy: {field}")
        for field, value in plain.items():  # NumPy's numbers become Python's
            object.__setattr__(self, field, value)
        if self.from_scratch and self.trainable != "all":
            raise CourseError(
                f"Strategy {self.name!r}: from_scratch=True with trainable={self.trainable!r} "
                'would lock random weights. Use trainable="all".'
            )


Strategy.__init__ = checks.renamed(**RENAMED)(Strategy.__init__)  # type: ignore[method-assign]


SCRATCH = Strategy(
    "scratch", trainable="all", lr=3e-3, head_lr_ratio=1.0, batch_norm="train", from_scratch=True
)
FEATURE_EXTRACTION = Strategy("feature extraction", trainable=0)
FINE_TUNING = Strategy("fine-tuning", trainable=1)
FULL_FINE_TUNING = Strategy("full fine-tuning", trainable="all")
# As published: a linear probe, then one rate for everything, each with its own schedule.
LP_FT = Strategy("LP-FT", trainable="all", head_epochs=5, restart=True, head_joins=True)
# As published: each time a stage unlocks, all that is unlocked is trained with a schedule anew.
GRADUAL_UNFREEZING = Strategy(
    "gradual unfreezing", trainable="all", head_epochs=1, unfreeze_every=1, restart=True
)
LAYERWISE_DECAY = Strategy("layer-wise decay", trainable="all", layer_decay=0.65)

ALL = (
    SCRATCH,
    FEATURE_EXTRACTION,
    FINE_TUNING,
    FULL_FINE_TUNING,
    LP_FT,
    GRADUAL_UNFREEZING,
    LAYERWISE_DECAY,
)


def for_net(strategy: Strategy, model) -> Strategy:
    """The strategy with the rates that it leaves open filled in: those that suit the Backbone."""
    usual = model.usual_rates
    open_fields = {
        field: getattr(usual, field)
        for field in ("lr", "head_lr_ratio", "decay_vectors")
        if getattr(strategy, field) is None
    }
    return replace(strategy, **open_fields) if open_fields else strategy


def learning_stages(strategy: Strategy, stages: Sequence[str]) -> tuple[str, ...]:
    """Names of the stages that learn at some time, in the net's order.

    Raises CourseError when the strategy asks for stages that the net does not have.
    """
    trainable = strategy.trainable
    if isinstance(trainable, str):  # "all"
        return tuple(stages)
    if isinstance(trainable, tuple):
        unknown = [name for name in trainable if name not in stages]
        if unknown:
            raise CourseError(
                f"Strategy {strategy.name!r} lets {', '.join(unknown)} learn; this net has the "
                "stages "
                f"{', '.join(stages)}."
            )
        return tuple(name for name in stages if name in trainable)
    if trainable > len(stages):
        raise CourseError(
            f"Strategy {strategy.name!r} lets the last {trainable} stages learn; this net has only "
            f'{len(stages)}: {", ".join(stages)}. trainable="all" means every stage.'
        )
    return tuple(stages[len(stages) - trainable :])


def unlock_epochs(strategy: Strategy, stages: Sequence[str]) -> dict[str, int]:
    """Epoch, counted from 0, at which each learning stage starts to learn. The head starts at 0."""
    learning = learning_stages(strategy, stages)
    waits = range(len(learning) - 1, -1, -1)  # the last stage waits 0 turns
    return {
        name: strategy.head_epochs + wait * strategy.unfreeze_every
        for name, wait in zip(learning, waits, strict=True)
    }


def peak_rates(
    strategy: Strategy, stages: Sequence[str], epoch: float | None = None
) -> dict[str, float]:
    """Peak learning rate of each learning stage, in order, and of the head.

    epoch: the moment; it matters for a head that joins the stages. Default: the beginning.
    Raises CourseError for a strategy that leaves its rates to the net: see `for_net`.
    """
    if strategy.lr is None or strategy.head_lr_ratio is None:
        raise CourseError(
            f"Strategy {strategy.name!r} leaves its rates to the net: strategies.for_net("
            "strategy, backbone) fills them in, or give lr and head_lr_ratio."
        )
    learning = learning_stages(strategy, stages)
    last = len(stages) - 1
    rates = {
        name: strategy.lr / strategy.head_lr_ratio * strategy.layer_decay ** (last - position)
        for position, name in enumerate(stages)
        if name in learning
    }
    joined = strategy.head_joins and learning and (epoch or 0) >= strategy.head_epochs
    return {**rates, HEAD: rates[learning[-1]] if joined else strategy.lr}


def cosine_with_warmup(progress: float, warmup: float = 0.1) -> float:
    """Share of the peak rate at `progress` 0..1: a linear warm-up, then half a cosine.

    Loshchilov and Hutter 2017 (SGDR), without restarts.
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def phase(strategy: Strategy, stages: Sequence[str], epoch: float, epochs: int) -> tuple[int, int]:
    """First epoch and end of the schedule that holds at `epoch` of `epochs`.

    The whole run, or with restarts from one unlocking to the next.
    """
    if not strategy.restart:
        return 0, epochs
    begins = {0, *unlock_epochs(strategy, stages).values()}
    return max(b for b in begins if b <= epoch), min(
        (b for b in begins if epoch < b < epochs), default=epochs
    )


def rates(strategy: Strategy, stages: Sequence[str], epoch: float, epochs: int) -> dict[str, float]:
    """Learning rate of each learning stage and of the head at `epoch` of `epochs`; fractions count.

    A stage that is still locked has rate 0.
    """
    begin, end = phase(strategy, stages, epoch, epochs)
    share = cosine_with_warmup((epoch - begin) / (end - begin), strategy.warmup)
    unlock = {**unlock_epochs(strategy, stages), HEAD: 0}
    return {
        name: peak * share if epoch >= unlock[name] else 0.0
        for name, peak in peak_rates(strategy, stages, epoch).items()
    }


@dataclass(frozen=True)
class StageRow:
    """One line of `table`: a stage or the head.

    state: "learning", "locked", "waiting" (for its epoch).
    """

    stage: str
    parameters: int
    rate: float
    state: str


def table(backbone, strategy: Strategy, epoch: int = 0) -> list[StageRow]:
    """What each stage of `backbone` does in an epoch: its size, its peak learning rate and its
    state.

    The rate is the peak that the schedule scales; 0 where nothing learns. The head counts as it
    stands.
    """
    strategy, names = for_net(strategy, backbone), tuple(backbone.stages)
    unlock = {**unlock_epochs(strategy, names), HEAD: 0}
    peaks = peak_rates(strategy, names, epoch)
    rows = []
    for name, part in {**backbone.stages, HEAD: backbone.head}.items():
        learning = name in unlock and epoch >= unlock[name]
        state = "learning" if learning else "waiting" if name in unlock else "locked"
        size = sum(p.numel() for p in part.parameters())
        rows.append(StageRow(name, size, peaks[name] if learning else 0.0, state))
    return rows


def reason(backbone, strategy: Strategy) -> str:
    """Where the rates of a strategy come from, on this net, in one line."""
    usual, told = backbone.usual_rates, []
    if strategy.lr is None:
        told.append(f"{usual.lr:g} for the head")
    if strategy.head_lr_ratio is None and strategy.trainable:
        told.append(f"1/{usual.head_lr_ratio:g} of the head's for the last stage")
    if not told:
        return "rates: as given by the strategy"
    return f"rates: {', '.join(told)}, as suits {backbone.name}: {usual.reason}"


def print_table(backbone, strategy: Strategy, epoch: int = 0) -> None:
    """Print `table`: stage, parameters, peak rate and state in an epoch, one line each; then why
    these rates."""
    print(f"{strategy.name}, epoch {epoch + 1}")
    print(f"{'stage':10} {'parameters':>11} {'rate':>9}  state")
    for row in table(backbone, strategy, epoch):
        rate = f"{row.rate:9.2g}" if row.rate else f"{'-':>9}"
        print(f"{row.stage:10} {row.parameters:11,} {rate}  {row.state}")
    print(reason(backbone, strategy))
