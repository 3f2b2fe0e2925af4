"""tune: the one engine that chooses rates, epochs and a method's own strength, on validation."""

import itertools
import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from course_lib import checks
from course_lib.backbones.backbone import Backbone
from course_lib.data.task import Task
from course_lib.errors import CourseError, Diverged
from course_lib.train import strategies
from course_lib.train.fit import fit
from course_lib.train.loop import Run
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
    rates = _rates_around(base) if rates is None else rates
    axes: dict[str, list] = {
        "lr": [*checks.numbers_of(rates, "rates", above=0, most=strategies.LARGEST_RATE)],
        "epochs": [checks.whole_number(n, "epochs", least=1) for n in _listed(several, "epochs")],
        "strength": [*checks.numbers_of(strengths, "strengths", least=0)] if method else [None],
    }
    search = _Search(model, task, base, method, {"validate_every": 0, **settings, "test": False})
    for values in itertools.product(*axes.values()):
        search.attempt(_Setting(*values))
    for _ in range(widen):
        beyond = {axis: search.beyond(axis, values) for axis, values in axes.items()}
        beyond = {axis: value for axis, value in beyond.items() if value is not None}
        if not beyond:
            break
        setting, _ = search.best()
        for axis, value in beyond.items():
            axes[axis].append(value)
            search.attempt(setting._replace(**{axis: value}))
    setting, run = search.best()
    edges = tuple(axis for axis, values in axes.items() if search.on_edge(axis, values))
    return Tuning(run.strategy, setting.epochs, setting.strength, run, tuple(search.tried), edges)


def _rates_around(strategy: Strategy) -> list[float]:
    assert strategy.lr is not None  # for_net has filled it in
    return [strategy.lr * multiple for multiple in MULTIPLES]


def _listed(values, name: str) -> list:
    if not isinstance(values, Iterable) or not (listed := list(values)):
        raise CourseError(f"{name} must be a number, or several to try; got {values!r}.")
    return listed


class _Setting(NamedTuple):
    lr: float
    epochs: int
    strength: float | None


class _Search:
    """What has been tried so far, and the best of it."""

    def __init__(self, model, task, strategy, method, settings):
        self.model, self.task, self.strategy = model, task, strategy
        self.method, self.settings = method, settings
        self.tried: list[Tried] = []
        self.scores: dict[_Setting, float] = {}
        self._best: tuple[_Setting, Run] | None = None

    def attempt(self, setting: _Setting) -> None:
        given = dict(self.method(setting.strength)) if self.method else {}
        strategy = given.pop("strategy", self.strategy)
        how = {**self.settings, **given}
        try:
            run = fit(self.model, self.task, strategy, setting.epochs, lr=setting.lr, **how)
            validation = run.validation  # measured now; answers that are no numbers diverge too
        except Diverged:
            self.scores[setting] = -1.0  # below every score
            self.tried.append(Tried(*setting, None, 0.0))
            return
        self.scores[setting] = validation
        self.tried.append(Tried(*setting, validation, run.seconds))
        if self._best is None or validation > self.scores[self._best[0]]:
            self._best = setting, run

    def best(self) -> tuple[_Setting, Run]:
        """Raises CourseError when nothing has trained."""
        if self._best is None:
            rates = sorted({one.lr for one in self.tried})
            raise CourseError(
                f"tune found no rate for {self.strategy.name} that trains: tried {rates}. Try "
                "smaller rates."
            )
        return self._best

    def on_edge(self, axis: str, values: list) -> bool:
        """Whether the best value is the first or last of its axis and better than its neighbour.

        As good as its neighbour is a plateau, where nothing says that the optimum lies beyond.
        """
        setting, _ = self.best()
        edge, inner = self._ends(axis, values)
        if edge is None:
            return False
        neighbour = self.scores.get(setting._replace(**{axis: inner}))
        return neighbour is None or neighbour < self.scores[setting]

    def beyond(self, axis: str, values: list):
        """The next value beyond the edge that the best one lies on, a step of the grid away."""
        edge, inner = self._ends(axis, values)
        if edge is None or min(edge, inner) <= 0 or not self.on_edge(axis, values):
            return None
        value = edge * edge / inner
        if axis == "epochs":
            value = max(1, round(value))
        return None if value in values else value

    def _ends(self, axis: str, values: list) -> tuple:
        """(the best value, its inner neighbour) when the best is an end of its axis, else Nones."""
        best = getattr(self.best()[0], axis)
        if len(values) > 1:
            ordered = sorted(values)
            for edge, inner in ((ordered[0], ordered[1]), (ordered[-1], ordered[-2])):
                if best == edge:
                    return edge, inner
        return None, None
