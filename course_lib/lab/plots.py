"""The handful of figures that claims share. Each is data; its alt text and its table of numbers
come from what it draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import fill
from typing import Protocol

import numpy as np
import pandas as pd

from course_lib.lab.looks import BASELINES, Looks, looks_of

Columns = Mapping[str, str]  # measured column -> what the axis says
MANY = 9  # points along an axis up to which each is named


class Plot(Protocol):
    def draw(self, rows: pd.DataFrame): ...

    def table(self, rows: pd.DataFrame) -> pd.DataFrame: ...

    def alt(self, rows: pd.DataFrame) -> str: ...


@dataclass(frozen=True)
class Bars:
    """A bar per name for the mean, a mark per draw; a panel per column, a line of panels per facet.
    Facets of a single column stand side by side.

    by: the setting whose values are the bars. columns: what is measured -> title of its panel.
    facet: a setting with a line of panels for each of its values. across: one with a panel for each
    of them, side by side. order: of the bars, from above (default: as in the rows, baselines last).
    logs: columns on a logarithmic axis, where a stroke stands for the mean. mark: (column, words):
    bars where the column is true carry an arrow, and the words say what it means.
    title: of the figure; {name} stands for a setting that all rows share.
    """

    by: str
    columns: Columns
    title: str = ""
    facet: str | None = None
    across: str | None = None
    order: Sequence[str] = ()
    logs: Sequence[str] = ()
    mark: tuple[str, str] | None = None
    looks: Looks = field(default_factory=dict)

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        keys = [key for key in (self.facet, self.across, self.by) if key]
        return summary(rows, keys, self.columns)

    def alt(self, rows: pd.DataFrame) -> str:
        strokes = " (strokes on logarithmic axes)" if self.logs else ""
        means = told(self.table(rows), self.columns)
        return f"Bars for means{strokes}, a mark for every draw. {means}"

    def draw(self, rows: pd.DataFrame):
        names = in_order(rows[self.by], self.order)[::-1]
        facet, across = self.facet, self.across
        if facet and not across and len(self.columns) == 1:
            facet, across = None, facet
        facets = list(dict.fromkeys(rows[facet])) if facet else [None]
        beside = list(dict.fromkeys(rows[across])) if across else [None]
        places = [(value, *column) for value in beside for column in self.columns.items()]
        looks = looks_of(names, self.looks)
        width = 4.2 if len(places) < 3 else 3.3
        height = 0.5 * len(names) + 1.1
        fig, panels = _panels(len(facets), len(places), height, width, sharey=True)
        for line, of_line in zip(panels, facets, strict=True):
            for ax, (value, column, title) in zip(line, places, strict=True):
                here = rows if of_line is None else rows[rows[facet] == of_line]
                here = here if value is None else here[here[across] == value]
                self._panel(ax, here, column, names, looks)
                ax.set_xlabel(title)
                said = [fill(str(one), 28) for one in (of_line, value) if one is not None]
                ax.set_title("\n".join(said))
        if self.mark:
            fig.supxlabel(f"◄ {self.mark[1]}", fontsize=9)
        _title(fig, self.title, rows)
        return fig

    def _panel(self, ax, rows: pd.DataFrame, column: str, names: list[str], looks: Looks) -> None:
        logarithmic = column in self.logs
        for place, name in enumerate(names):
            mine = rows[rows[self.by] == name].dropna(subset=[column])
            values = mine[column].to_numpy(float)
            if not len(values):
                continue
            look = looks[name]
            arrow = " ◄" if self.mark and mine[self.mark[0]].any() else ""
            if logarithmic:  # a bar's length would mean nothing
                ax.plot(values.mean(), place, "|", color=look.color, ms=18, mew=2)
            else:
                ax.barh(place, values.mean(), color=look.color, alpha=0.28, height=0.62)
            ax.plot(values, np.full(len(values), place), look.marker, color=look.color, ms=5)
            ax.annotate(
                _number(values.mean()) + arrow,
                (values.max(), place),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                color=look.color,
                fontsize=9,
            )
        ax.set_yticks(range(len(names)), names)
        if logarithmic:
            ax.set_xscale("log")
            ax.set_xlim(right=ax.get_xlim()[1] * 4)
        elif rows[column].max() <= 1 and rows[column].min() >= 0:
            ax.set_xlim(0, 1.2 if self.mark else 1.13)
            ax.set_xticks(np.linspace(0, 1, 6))
        else:
            ax.margins(x=0.16)
        ax.grid(axis="y", visible=False)


@dataclass(frozen=True)
class Lines:
    """Means as lines with a band from the lowest to the highest draw; a panel per column and facet.

    x: the setting along the axis. columns: measured column -> label of its axis. by: a line per
    value of this setting (one line without). log: the axis. logs: columns on a logarithmic axis.
    xlabel: default x. across: how many facets stand side by side, on one scale. Rows without x, and
    a baseline measured once, are horizontal lines.
    """

    x: str
    columns: Columns
    by: str | None = None
    title: str = ""
    facet: str | None = None
    across: int = 1
    log: bool = False
    logs: Sequence[str] = ()
    xlabel: str = ""
    order: Sequence[str] = ()
    looks: Looks = field(default_factory=dict)

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        keys = [key for key in (self.facet, self.by, self.x) if key]
        return summary(rows, keys, self.columns)

    def alt(self, rows: pd.DataFrame) -> str:
        table, what = self.table(rows), ""
        if rows[self.x].nunique() > MANY:  # the table has the points between
            keys, what = [key for key in (self.facet, self.by) if key], ", first and last points"
            lines = table.groupby(keys or (lambda _: "all"))
            table = pd.concat([lines.head(1), lines.tail(1)]).drop_duplicates().sort_index()
        return (
            f"Lines of means against {self.xlabel or self.x}, bands from the lowest to the highest "
            f"draw{what}. {told(table, self.columns)}"
        )

    def draw(self, rows: pd.DataFrame):
        from course_lib.measure.figures import label_ends

        facets = list(dict.fromkeys(rows[self.facet])) if self.facet else [None]
        names = in_order(rows[self.by], self.order) if self.by else [None]
        looks = looks_of([str(name) for name in names], self.looks)
        cells = [(facet, column) for facet in facets for column in self.columns]
        side = self.across * len(self.columns)
        height, width = (3.5, 4.6) if self.across == 1 else (2.6, 3.3)
        fig, panels = _panels(-(-len(cells) // side), side, height, width, sharey=self.across > 1)
        for ax in panels.flat[len(cells) :]:
            ax.set_axis_off()
        labels = []  # written last: panels on one scale have no final limits before
        for ax, (facet, column) in zip(panels.flat, cells, strict=False):
            here = rows if facet is None else rows[rows[self.facet] == facet]
            ends, colors = {}, {}
            for name in names:
                mine = here if name is None else here[here[self.by] == name]
                end = self._line(ax, mine, column, looks[str(name)], name)
                if end is not None:
                    ends[str(name)], colors[str(name)] = end, looks[str(name)].color
            self._axes(ax, here, rows if self.across > 1 else here, column)
            if facet is not None:
                ax.set_title(str(facet))
            labels.append((ax, ends, colors))
        for one in labels if self.by else ():
            label_ends(*one)
        _title(fig, self.title, rows)
        return fig

    def _line(self, ax, rows: pd.DataFrame, column: str, look, name) -> float | None:
        mine = rows.dropna(subset=[column])
        if mine.empty:
            return None
        flat = name in BASELINES and mine[self.x].nunique() < 2
        if flat or mine[self.x].isna().all():
            level = float(mine[column].mean())
            ax.axhline(level, color=look.color, ls=look.linestyle, lw=1.2)
            return level
        found = mine.groupby(self.x)[column].agg(["mean", "min", "max"])
        ax.fill_between(found.index, found["min"], found["max"], color=look.color, alpha=0.15, lw=0)
        ax.plot(found.index, found["mean"], **vars(look))
        return float(found["mean"].iloc[-1])

    def _axes(self, ax, here: pd.DataFrame, scale: pd.DataFrame, column: str) -> None:
        """here: the panel's rows. scale: those that its y axis must hold."""
        values = sorted(here[self.x].dropna().unique())
        if self.log:
            ax.set_xscale("log")
        if len(values) <= MANY and (self.log or not _crowded(values)):
            said = [f"{v:g}" if isinstance(v, (int, float, np.number)) else v for v in values]
            ax.set_xticks(values, said)
            ax.minorticks_off()
        if column in self.logs:
            ax.set_yscale("log")
        elif scale[column].max() <= 1 and scale[column].min() >= 0:
            guessing = "AUC" in self.columns[column] and scale[column].min() >= 0.5
            ax.set_ylim(0.5 if guessing else 0, 1.02)
        ax.set_xlabel(self.xlabel or self.x)
        if self.across == 1 or ax.get_subplotspec().is_first_col():
            ax.set_ylabel(self.columns[column])


@dataclass(frozen=True)
class Dots:
    """A point per row, two measured columns against each other; joined ones are a path of means.

    x, y: (column, label of the axis). by: a colour and marker per value. along: the setting whose
    values are the points of a path; then means over draws are drawn and joined in its order.
    facet: a panel per value.
    """

    x: tuple[str, str]
    y: tuple[str, str]
    by: str | None = None
    along: str | None = None
    title: str = ""
    facet: str | None = None
    order: Sequence[str] = ()
    looks: Looks = field(default_factory=dict)

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        keys = [key for key in (self.facet, self.by, self.along) if key]
        return summary(rows, keys, {self.x[0]: self.x[1], self.y[0]: self.y[1]})

    def alt(self, rows: pd.DataFrame) -> str:
        columns = {self.x[0]: self.x[1], self.y[0]: self.y[1]}
        return f"{self.y[1]} against {self.x[1]}. {told(self.table(rows), columns)}"

    def draw(self, rows: pd.DataFrame):
        facets = list(dict.fromkeys(rows[self.facet])) if self.facet else [None]
        names = in_order(rows[self.by], self.order) if self.by else [None]
        looks = looks_of([str(name) for name in names], self.looks)
        fig, panels = _panels(1, len(facets), 3.9, width=7.0 if len(facets) == 1 else 3.6)
        for ax, facet in zip(panels[0], facets, strict=True):
            here = rows if facet is None else rows[rows[self.facet] == facet]
            for name in names:
                mine = here if name is None else here[here[self.by] == name]
                mine = mine.dropna(subset=[self.x[0], self.y[0]])
                look = looks[str(name)]
                if mine.empty:
                    continue
                if self.along:
                    mine = mine.groupby(self.along)[[self.x[0], self.y[0]]].mean()
                    for along, (a, b) in zip(mine.index, mine.to_numpy(), strict=True):
                        ax.annotate(f"{along:g}" if isinstance(along, (int, float)) else along,
                                    (a, b), xytext=(6, 4), textcoords="offset points",
                                    fontsize=8.5, color=look.color)  # fmt: skip
                ax.plot(
                    mine[self.x[0]],
                    mine[self.y[0]],
                    look.marker,
                    ls=look.linestyle if self.along else "",
                    color=look.color,
                    alpha=0.85,
                    label=None if name is None else str(name),
                )
            ax.set_xlabel(self.x[1])
            ax.margins(0.1)
            if len(facets) > 1:
                ax.locator_params(axis="x", nbins=4)
            if facet is not None:
                ax.set_title(str(facet))
        panels[0][0].set_ylabel(self.y[1])
        if self.by:
            handles = dict[str, object]()
            for ax in panels[0]:  # a name may be missing from some of the panels
                handles |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
            fig.legend(handles.values(), handles.keys(), loc="outside right upper")
        _title(fig, self.title, rows)
        return fig


@dataclass(frozen=True)
class Grid:
    """A table of means as squares of grey with the numbers in them, a panel per facet.

    line, across: settings. column: what is measured -> what it is called.
    """

    line: str
    across: str
    column: tuple[str, str]
    title: str = ""
    facet: str | None = None
    top: float | None = None

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        keys = [key for key in (self.facet, self.line, self.across) if key]
        return summary(rows, keys, {self.column[0]: self.column[1]})

    def alt(self, rows: pd.DataFrame) -> str:
        columns = {self.column[0]: self.column[1]}
        return f"Tables as squares of grey. {told(self.table(rows), columns)}"

    def draw(self, rows: pd.DataFrame):
        facets = list(dict.fromkeys(rows[self.facet])) if self.facet else [None]
        fig, panels = _panels(1, len(facets), 3.7, width=4.2, sharey=True)
        top = self.top or float(rows.groupby([self.line, self.across])[self.column[0]].mean().max())
        for ax, facet in zip(panels[0], facets, strict=True):
            here = rows if facet is None else rows[rows[self.facet] == facet]
            values = here.pivot_table(
                index=self.line, columns=self.across, values=self.column[0], sort=False
            )
            ax.imshow(values.to_numpy(), cmap="Greys", vmin=min(0, values.min().min()), vmax=top)
            for (i, j), number in np.ndenumerate(values.to_numpy()):
                ink = "white" if number > 0.55 * top else "#222222"
                ax.text(j, i, _number(number), ha="center", va="center", color=ink, fontsize=9)
            ax.set_xticks(range(len(values.columns)), [str(c) for c in values.columns], rotation=30)
            ax.set_yticks(range(len(values.index)), [str(c) for c in values.index])
            ax.set_xlabel(self.across if facet is None else f"{self.across}: {facet}")
            ax.grid(visible=False)
        panels[0][0].set_ylabel(self.line)
        _title(fig, self.title or self.column[1], rows)
        return fig


def summary(rows: pd.DataFrame, keys: list[str], columns: Columns) -> pd.DataFrame:
    """Mean, lowest, highest and number of draws of each column for every combination of keys."""
    here = rows.assign(**{k: rows[k].astype(object).fillna("") for k in keys})
    parts = []
    for column, title in columns.items():
        grouped = here.groupby(keys, sort=False) if keys else here.groupby(lambda _: "all")
        found = grouped[column].agg(["mean", "min", "max", "count"])
        several = len(columns) > 1
        found.columns = [f"{title}, {c}" if several else c for c in found.columns]
        parts.append(found)
    table = pd.concat(parts, axis=1).reset_index()
    counts = [c for c in table.columns if str(c).endswith("count")]
    return table[table[counts].sum(axis=1) > 0].reset_index(drop=True)


def told(table: pd.DataFrame, columns: Columns) -> str:
    """A summary in words, for those who cannot see the figure."""
    keys = [c for c in table.columns if not str(c).endswith(("mean", "min", "max", "count"))]
    sentences = []
    for title in columns.values():
        mean = f"{title}, mean" if len(columns) > 1 else "mean"
        entries = [
            f"{', '.join(_key(line[k]) for k in keys if line[k] != '')} {_number(line[mean])}"
            for _, line in table.iterrows()
            if np.isfinite(line[mean])
        ]
        sentences.append(f"{title}: {'; '.join(entries)}.")
    return " ".join(sentences)


def in_order(names: pd.Series, order: Sequence[str] = ()) -> list:
    """The names in this order, then as they come, baselines last."""
    seen = list(dict.fromkeys(names.dropna()))
    first = [name for name in order if name in seen]
    rest = [n for n in seen if n not in first and n not in BASELINES]
    return first + rest + [n for n in seen if n not in first and n in BASELINES]


def _crowded(values: list) -> bool:
    """Are some of these numbers, in order, so close that a tick at each would be illegible?"""
    if len(values) < 2 or isinstance(values[0], str):
        return False
    return bool(np.diff(values).min() < 0.06 * (values[-1] - values[0]))


def _panels(lines: int, across: int, height: float, width: float, **more):
    from matplotlib import pyplot as plt

    return plt.subplots(
        lines,
        across,
        figsize=(width * across + 1.6, height * lines),
        squeeze=False,
        layout="constrained",
        **more,
    )


def _title(fig, title: str, rows: pd.DataFrame) -> None:
    if title:
        shared = {name: rows[name].dropna().iloc[0] for name in rows if rows[name].notna().any()}
        fig.suptitle(title.format(**shared))


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:z.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:z.2g}"


def _key(value) -> str:
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)
