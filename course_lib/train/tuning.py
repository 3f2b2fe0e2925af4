"""tune: the one engine that chooses rates, epochs and a method's own strength, on validation."""

import itertools
import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from course_lib import checks
from course_lib.backbones.backbone import Backbone
from course_lib.data.task import Task
from course_lib.errors import CourseError
from course_lib.train import strategies
from course_lib.train.fit import fit
from course_lib.train.loop import Run
from course_lib.train.stepping import Diverged
from course_lib.train.strategies import Strategy

MULTIPLES = (0.1, 0.3, 1.0, 3.0)  # of the strategy's own rate
WIDEN = 3  # times that an axis of the grid may grow beyond its edge


@dataclass(frozen=True)
class Tried:
    """One setting and what it came to. validation: None for training that diverged."""

    lr: float
    epochs: int
    strength: float | None
    validation: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Tuning:
    """What `tune` found and what it spent.

    strategy, epochs, strength: the best setting. run: the run behind it. tried: all settings, in
    the order of trial. on_edge: what still lies on the edge of its grid, of "lr", "epochs" and
    "strength": an optimum beyond is possible.
    """

    strategy: Strategy
    epochs: int
    strength: float | None
    run: Run
    tried: tuple[Tried, ...]
    on_edge: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Training time of all trials."""
        return sum(one.seconds for one in self.tried)

    @property
    def labels(self) -> int:
        """Labels used in all: those of validation decided, so they count as much as the others."""
        return len(self.run.task.train.labels) + len(self.run.task.validation.labels)

    def __str__(self) -> str:
        best = [f"lr {self.run.strategy.lr:.2g}", f"{self.epochs} epochs"]
        best += [] if self.strength is None else [f"strength {self.strength:.2g}"]
        edge = f"; {' and '.join(self.on_edge)} on the edge of what was tried"
        train, validation = self.run.task.train.labels, self.run.task.validation.labels
        return (
            f"{self.strategy.name}: {', '.join(best)} (validation {self.run.validation:.3f}), "
            f"chosen of {len(self.tried)} settings in {self.seconds:.0f} s of training, with "
            f"{len(train)} + {len(validation)} labels{edge if self.on_edge else ''}."
        )


def tune(
    model: Backbone,
    task: Task,
    strategy: Strategy,
    *,
    rates: Sequence[float] | None = None,
    epochs: int | Sequence[int] = 10,
    strengths: Sequence[float] = (),
    method: Callable[[float], dict] | None = None,
    widen: int = WIDEN,
    **settings,
) -> Tuning:
    """Try rates x epochs x strengths and keep what does best on the validation pictures.

    Every strategy gets the same trials, scratch too. A grid whose best value lies on its edge grows
    beyond it by the grid's own step, and again while that helps. Test pictures are not looked at
    before the choice is made: `tuning.run.test` measures the chosen run only. The first of equals
    wins.

    rates: head rates; default: 0.1, 0.3, 1 and 3 times the rate that the strategy has on this net.
    epochs: a number, or several to try.
    strengths, method: a method's own strength and what it means: method(strength) gives settings
        of `fit`, such as {"mitigation": L2SP(strength)}, or {"strategy": ...} in place of the
        strategy.
    widen: how often each axis may grow; 0: the grid as it is. An axis of one value never grows.
    settings: as for `fit`.

    Raises CourseError when nothing was given to try, or nothing trains.
    """
    base = strategies.for_net(strategy, model)
    if len(task.validation.labels) == 0:
        raise CourseError(f"{task.name} has no validation pictures to choose by: give it some.")
    if (method is None) != (isinstance(strengths, Sequence) and not strengths):
        raise CourseError(
            "strengths and method go together: method(strength) says what a strength means, such "
            "as method=lambda s: {'mitigation': L2SP(s)}."
        )
    several = [epochs] if isinstance(epochs, numbers.Integral) else epochs
    widen = checks.whole_number(widen, "widen")
    rates = [base.lr * m for m in MULTIPLES] if rates is None else rates
    axes = {
        "lr": [*checks.numbers_of(rates, "rates", above=0, most=strategies.LARGEST_RATE)],
        "epochs": [checks.whole_number(n, "epochs", least=1) for n in _listed(several, "epochs")],
        "strength": [*checks.numbers_of(strengths, "strengths", least=0)] if method else [None],
    }
    search = _Search(model, task, base, method, {"validate_every": 0, **settings, "test": False})
    for lr, count, strength in itertools.product(*axes.values()):
        search.try_one({"lr": lr, "epochs": count, "strength": strength})
    if search.best is None:
        raise CourseError(
            f"tune found no rate for {strategy.name} that trains: tried {axes['lr']} with "
            f"{axes['epochs']} epochs. Try smaller rates."
        )
    for _ in range(widen):
        beyond = {axis: search.beyond(axis, values) for axis, values in axes.items()}
        beyond = {axis: value for axis, value in beyond.items() if value is not None}
        if not beyond:
            break
        setting = search.best
        for axis, value in beyond.items():
            axes[axis] = sorted([*axes[axis], value])
            search.try_one({**setting, axis: value})
    edges = tuple(axis for axis, values in axes.items() if search.on_edge(axis, values))
    best, run = search.best, search.run
    return Tuning(
        run.strategy, run.settings.epochs, best["strength"], run, tuple(search.tried), edges
    )


def _listed(values, name: str) -> list:
    if not isinstance(values, Iterable) or not (listed := list(values)):
        raise CourseError(f"{name} must be a number, or several to try; got {values!r}.")
    return listed


class _Search:
    """What has been tried so far, and the best of it."""

    def __init__(self, model, task, strategy, method, settings):
        self.model, self.task, self.strategy = model, task, strategy
        self.method, self.settings = method, settings
        self.tried: list[Tried] = []
        self.best: dict | None = None
        self.run: Run | None = None
        self.scores: dict[tuple, float] = {}

    def try_one(self, setting: dict) -> None:
        lr, epochs, strength = setting.values()
        given = dict(self.method(strength)) if self.method else {}
        strategy = given.pop("strategy", self.strategy)
        try:
            run = fit(self.model, self.task, strategy, epochs, lr=lr, **{**self.settings, **given})
            validation = run.validation  # measured now; answers that are no numbers diverge too
        except Diverged:
            self.scores[tuple(setting.values())] = -1.0  # below every score
            self.tried.append(Tried(lr, epochs, strength, None, 0.0))
            return
        self.scores[tuple(setting.values())] = validation
        self.tried.append(Tried(lr, epochs, strength, validation, run.seconds))
        if self.run is None or validation > self.run.validation:
            self.best, self.run = setting, run

    def on_edge(self, axis: str, values: list) -> bool:
        """Whether the best value is the first or last of its axis and better than its neighbour.

        As good as its neighbour is a plateau, where nothing says that the optimum lies beyond.
        """
        values = sorted(values) if len(values) > 1 else values
        if len(values) < 2 or self.best[axis] not in (values[0], values[-1]):
            return False
        inner = values[1] if self.best[axis] == values[0] else values[-2]
        neighbour = self.scores.get(tuple({**self.best, axis: inner}.values()))
        return neighbour is None or neighbour < self.run.validation

    def beyond(self, axis: str, values: list):
        """The next value beyond the edge that the best one lies on, a step of the grid away."""
        if not self.on_edge(axis, values):
            return None
        values = sorted(values)
        edge, inner = (
            (values[0], values[1]) if self.best[axis] == values[0] else (values[-1], values[-2])
        )
        if min(edge, inner) <= 0:
            return None
        value = edge * edge / inner
        if axis == "epochs":
            value = round(value)
        return None if value in values or value <= 0 else value
