"""What the claims of lesson 05 share: names, scores by method, one look of the table."""

import numpy as np

from course_lib.experiments.study import Finding, Row, select

SOURCE, ADABN, TENT, ORACLE = "source only", "AdaBN", "TENT", "oracle"
CORAL, MMD, DANN = "CORAL", "MMD", "DANN"
SELF, BOTH = "self-training", "DANN + self-training"
TRANSLATION, CONTINUED = "translation", "continued pretraining"


def scores(rows: list[Row], name: str, key: str = "test") -> np.ndarray:
    """One value per seed, in the order of the seeds."""
    chosen = sorted(select(rows, method=name), key=lambda row: row["seed"])
    return np.array([row[key] for row in chosen])


def complete(rows: list[Row], keys: tuple[str, ...] = ("method",)) -> list[Row]:
    """The rows of those seeds that have every lane, so that an unfinished study can be read.

    keys: the entries of a row that make a lane.
    """
    lanes: dict[int, set] = {}
    for row in rows:
        lanes.setdefault(row["seed"], set()).add(tuple(row[key] for key in keys))
    everything = set().union(*lanes.values())
    return [row for row in rows if lanes[row["seed"]] == everything]


def under_way(rows: list[Row]) -> Finding | None:
    """What there is to say of a study that was stopped before a first draw had its two ends."""
    if {SOURCE, ORACLE} <= {row["method"] for row in rows}:
        return None
    sentence = f"{len(rows)} trials are stored, and no draw has both source-only and oracle yet."
    return Finding("undecided", sentence, "Bars of the methods that were measured so far.")


def name_of(candidate: Row) -> str:
    """A candidate in a few words."""
    if candidate["method"] == SOURCE:
        return f"source only at rate {candidate['lr']:g}"
    place = f" at {candidate['at']}" if candidate["at"] else ""
    return f"{candidate['method']}{place} x {candidate['weight']:g}"


def bar(ax, place: int, values: np.ndarray, look) -> None:
    """A bar for the mean, a mark for every seed, the mean in figures."""
    ax.barh(place, values.mean(), color=look.color, alpha=0.28, height=0.62)
    ax.plot(values, np.full(len(values), place), look.marker, color=look.color, ms=5)
    ax.annotate(
        f"{values.mean():.3f}",
        (values.max(), place),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        color=look.color,
        fontsize=9,
    )


def bars(ax, rows: list[Row], names: list[str], key: str = "test") -> None:
    """One bar per method for the mean, a mark for every seed; the oracle is a line as well."""
    from course_lib.measure.figures import LOOKS

    for place, name in enumerate(names[::-1]):
        bar(ax, place, scores(rows, name, key), LOOKS[name])
    for name in (SOURCE, ORACLE):
        if name in names:
            ax.axvline(scores(rows, name, key).mean(), color="#777777", lw=1, ls=":")
    ax.set_yticks(range(len(names)), names[::-1])
    ax.set_xlim(0, 1.12)
    ax.grid(axis="y", visible=False)
