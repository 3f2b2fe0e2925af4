"""Choose settings for text on validation passages: every rival gets the same search.

The search is that of train.tuning: a grid, whose optimum must not lie on its edge, else the grid
grows there by its own step. Its score is a mean over several draws, so that no single draw of 100
passages decides.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from course_lib import checks
from course_lib.errors import CourseError, Diverged


@dataclass(frozen=True)
class Tuned:
    """setting: the best one. score: its own. tried: ((setting, score), ...) in order; None for one
    that diverged. on_edge: axes on whose end the best still lies."""

    setting: dict[str, float]
    score: float
    tried: tuple[tuple[dict[str, float], float | None], ...]
    on_edge: tuple[str, ...]


def tune(
    score: Callable[[dict[str, float]], float],
    axes: Mapping[str, Sequence[float]],
    widen: int = 2,
) -> Tuned:
    """Try every combination of the axes and keep the one with the highest score, the first of
    equals.

    score: setting -> validation accuracy, a mean over draws; it may raise Diverged.
    axes: name -> values in a geometric row, such as {"rate": (1e-3, 3e-3), "epochs": (5, 10)}.
    widen: how often each axis may grow beyond an end on which the best lies.

    Raises CourseError when nothing trains.
    """
    widen = checks.whole_number(widen, "widen")
    grid = {name: sorted(values) for name, values in axes.items()}
    scores: dict[tuple[float, ...], float | None] = {}

    def attempt(values: tuple[float, ...]) -> None:
        if values in scores:
            return
        try:
            scores[values] = score(dict(zip(grid, values, strict=True)))
        except Diverged:
            scores[values] = None

    def best() -> tuple[float, ...]:
        trained = {values: found for values, found in scores.items() if found is not None}
        if not trained:
            raise CourseError(f"None of {len(scores)} settings trains: try smaller rates.")
        return max(trained, key=trained.__getitem__)

    for values in itertools.product(*grid.values()):
        attempt(values)
    for _ in range(widen):
        before = best()
        beyond = {
            name: value
            for name, at in zip(grid, before, strict=True)
            if (value := _beyond(grid[name], at)) is not None
        }
        if not beyond:
            break
        for name, value in beyond.items():
            grid[name] = sorted([*grid[name], value])
        for moved in (*({name: value} for name, value in beyond.items()), beyond):
            attempt(tuple((dict(zip(grid, before, strict=True)) | moved).values()))
    found = best()
    edges = tuple(
        name for name, at in zip(grid, found, strict=True) if _beyond(grid[name], at) is not None
    )
    tried = tuple((dict(zip(grid, v, strict=True)), s) for v, s in scores.items())
    score_found = scores[found]
    assert score_found is not None
    return Tuned(dict(zip(grid, found, strict=True)), score_found, tried, edges)


def _beyond(values: list[float], at: float) -> float | None:
    """The next value beyond the end of an axis on which `at` lies, a step of the grid away."""
    if len(values) < 2 or at not in (values[0], values[-1]):
        return None
    inner = values[1] if at == values[0] else values[-2]
    value = at * at / inner
    if all(isinstance(one, int) for one in values):  # epochs
        value = max(1, round(value))
    return None if value in values else value
