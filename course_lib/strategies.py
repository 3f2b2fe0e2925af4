"""What may learn, how fast, and when: strategies of transfer as plain data.

    from course_lib import strategies as S
    careful = dataclasses.replace(S.FULL_FINE_TUNING, name="careful", ratio=100)

A strategy knows nothing of a particular net. Given the ordered names of a net's stages, the
functions here say which stages learn and at what rate at any moment; `fit` writes those numbers
into the optimizer as they are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from course_lib import checks
from course_lib.errors import CourseError

LARGEST_RATE = 1e4  # of the head; AdamW moves every weight by up to its rate in a step
BATCH_NORM_MODES = ("eval", "train", "adapt")
HEAD = "head"


def _checked_learn(learn) -> int | str | tuple[str, ...]:
    if isinstance(learn, str) and learn == "all":
        return learn
    if isinstance(learn, tuple):
        return checks.names(learn, "Strategy: learn")
    try:
        return checks.whole_number(learn, "learn")
    except CourseError as error:
        raise CourseError(
            'Strategy: learn must be a number of last stages, "all", or a tuple of stage names; '
            f"got {learn!r}."
        ) from error


@dataclass(frozen=True)
class Strategy:
    """How a pretrained net is trained on a new task.

    name: what figures and tables call it.
    learn: what learns besides the head: the number of last stages, "all", or names of stages.
    lr: peak learning rate of the head (AdamW).
    ratio: head rate / rate of the last stage. 1: one rate for everything.
    decay: rate of a stage / rate of the stage after it (layer-wise decay; BEiT and ELECTRA use 0.65
    to 0.9).
    head_epochs: first epochs in which only the head learns (LP-FT: Kumar et al. 2022).
    unfreeze_every: epochs after which one more stage unlocks, the last stage first; 0: all at once
        (gradual unfreezing: Howard and Ruder 2018, ULMFiT).
    batch_norm: "eval": pretrained running statistics are used everywhere and never change.
        "train": learning stages normalise by batch and update their statistics; locked stages
        don't. "adapt": locked stages do so too, although their weights stay. Nothing can be cached
        then.
    from_scratch: start from random weights.
    weight_decay: decoupled weight decay of everything that learns.
    warmup: share of the run, from its start, in which every rate rises to its peak; 0: none.
    """

    name: str
    learn: int | str | tuple[str, ...] = 0
    lr: float = 1e-2
    ratio: float = 10.0
    decay: float = 1.0
    head_epochs: int = 0
    unfreeze_every: int = 0
    batch_norm: str = "eval"
    from_scratch: bool = False
    weight_decay: float = 1e-2
    warmup: float = 0.1

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise CourseError(f"Strategy: name must be some text; got {self.name!r}.")

        def number(field, **limits):
            return checks.number(getattr(self, field), f"Strategy: {field}", **limits)

        plain = {
            "learn": _checked_learn(self.learn),
            "lr": number("lr", above=0, most=LARGEST_RATE),
            "ratio": number("ratio", above=0),
            "decay": number("decay", above=0, most=1),
            "weight_decay": number("weight_decay", least=0),
            "warmup": number("warmup", least=0, below=1),
            "batch_norm": checks.one_of(self.batch_norm, "batch_norm", BATCH_NORM_MODES),
            "from_scratch": checks.true_or_false(self.from_scratch, "Strategy: from_scratch"),
        }
        for field in ("head_epochs", "unfreeze_every"):
            plain[field] = checks.whole_number(getattr(self, field), f"Strategy: {field}")
        for field, value in plain.items():  # NumPy's numbers become Python's
            object.__setattr__(self, field, value)
        if self.from_scratch and self.learn != "all":
            raise CourseError(
                f"Strategy {self.name!r}: from_scratch=True with learn={self.learn!r} would "
                "lock random "
                'weights. Use learn="all".'
            )


SCRATCH = Strategy(
    "scratch", learn="all", lr=3e-3, ratio=1.0, batch_norm="train", from_scratch=True
)
FEATURE_EXTRACTION = Strategy("feature extraction", learn=0, lr=1e-2)
FINE_TUNING = Strategy("fine-tuning", learn=1, lr=1e-2, ratio=10.0)
FULL_FINE_TUNING = Strategy("full fine-tuning", learn="all", lr=1e-2, ratio=10.0)
LP_FT = Strategy("LP-FT", learn="all", lr=1e-2, ratio=10.0, head_epochs=5)
GRADUAL_UNFREEZING = Strategy(
    "gradual unfreezing", learn="all", lr=1e-2, ratio=10.0, head_epochs=1, unfreeze_every=1
)
LAYERWISE_DECAY = Strategy("layer-wise decay", learn="all", lr=1e-2, ratio=10.0, decay=0.65)

ALL = (
    SCRATCH,
    FEATURE_EXTRACTION,
    FINE_TUNING,
    FULL_FINE_TUNING,
    LP_FT,
    GRADUAL_UNFREEZING,
    LAYERWISE_DECAY,
)


def learning_stages(strategy: Strategy, stages: Sequence[str]) -> tuple[str, ...]:
    """Names of the stages that learn at some time, in the net's order.

    Raises CourseError when the strategy asks for stages that the net does not have.
    """
    learn = strategy.learn
    if learn == "all":
        return tuple(stages)
    if isinstance(learn, tuple):
        unknown = [name for name in learn if name not in stages]
        if unknown:
            raise CourseError(
                f"Strategy {strategy.name!r} lets {', '.join(unknown)} learn; this net has the "
                "stages "
                f"{', '.join(stages)}."
            )
        return tuple(name for name in stages if name in learn)
    if learn > len(stages):
        raise CourseError(
            f"Strategy {strategy.name!r} lets the last {learn} stages learn; this net has only "
            f'{len(stages)}: {", ".join(stages)}. learn="all" means every stage.'
        )
    return tuple(stages[len(stages) - learn :])


def unlock_epochs(strategy: Strategy, stages: Sequence[str]) -> dict[str, int]:
    """Epoch, counted from 0, at which each learning stage starts to learn. The head starts at 0."""
    learning = learning_stages(strategy, stages)
    waits = range(len(learning) - 1, -1, -1)  # the last stage waits 0 turns
    return {
        name: strategy.head_epochs + wait * strategy.unfreeze_every
        for name, wait in zip(learning, waits, strict=True)
    }


def peak_rates(strategy: Strategy, stages: Sequence[str]) -> dict[str, float]:
    """Peak learning rate of each learning stage, in order, and of the head."""
    learning = learning_stages(strategy, stages)
    last = len(stages) - 1
    rates = {
        name: strategy.lr / strategy.ratio * strategy.decay ** (last - position)
        for position, name in enumerate(stages)
        if name in learning
    }
    return {**rates, HEAD: strategy.lr}


def shape(progress: float, warmup: float = 0.1) -> float:
    """Share of the peak rate at `progress` 0..1 through a run: a linear warm-up, then half a
    cosine.

    Loshchilov and Hutter 2017 (SGDR), without restarts.
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def rates(strategy: Strategy, stages: Sequence[str], epoch: float, epochs: int) -> dict[str, float]:
    """Learning rate of each learning stage and of the head at `epoch` of `epochs`; fractions count.

    A stage that is still locked has rate 0.
    """
    share = shape(epoch / epochs, strategy.warmup)
    unlock = {**unlock_epochs(strategy, stages), HEAD: 0}
    return {
        name: peak * share if epoch >= unlock[name] else 0.0
        for name, peak in peak_rates(strategy, stages).items()
    }


@dataclass(frozen=True)
class Row:
    """One line of `table`: a stage or the head.

    state: "learning", "locked", "waiting" (for its epoch).
    """

    stage: str
    parameters: int
    rate: float
    state: str


def table(backbone, strategy: Strategy, epoch: int = 0) -> list[Row]:
    """What each stage of `backbone` does in an epoch: its size, its peak learning rate and its
    state.

    The rate is the peak that the schedule scales; 0 where nothing learns. The head counts as it
    stands.
    """
    names = tuple(backbone.stages)
    unlock = {**unlock_epochs(strategy, names), HEAD: 0}
    peaks = peak_rates(strategy, names)
    rows = []
    for name, part in {**backbone.stages, HEAD: backbone.head}.items():
        learning = name in unlock and epoch >= unlock[name]
        state = "learning" if learning else "waiting" if name in unlock else "locked"
        size = sum(p.numel() for p in part.parameters())
        rows.append(Row(name, size, peaks[name] if learning else 0.0, state))
    return rows


def print_table(backbone, strategy: Strategy, epoch: int = 0) -> None:
    """Print `table`: stage, parameters, peak rate and state in an epoch, one line each."""
    print(f"{strategy.name}, epoch {epoch + 1}")
    print(f"{'stage':10} {'parameters':>11} {'rate':>9}  state")
    for row in table(backbone, strategy, epoch):
        rate = f"{row.rate:9.2g}" if row.rate else f"{'-':>9}"
        print(f"{row.stage:10} {row.parameters:11,} {rate}  {row.state}")
