"""The numbers behind a figure, and tables as Markdown: for readers who cannot see a chart.

for title, table in numbers(fig):
    print(title, markdown_table(table))
"""

import html

import numpy as np
import pandas as pd

MOST = 24  # rows of a table; of a longer line, points as far apart as each other


def numbers(fig) -> list[tuple[str, pd.DataFrame]]:
    """What lines and bars of a drawn matplotlib figure stand at: a title and a table for each axes.

    A column for each line or group of bars, a row for each place along the axis; long lines are
    thinned to `MOST` rows. Lines that only help the eye (`axhline`), pictures, surfaces and clouds
    of points have no numbers here.
    """
    found = []
    for ax in fig.axes:
        series = {**_lines(ax), **_bars(ax)}
        if series:
            found.append((ax.get_title(), _joined(series, _along(ax))))
    return found


def _lines(ax) -> dict[str, pd.Series]:
    found: dict[str, pd.Series] = {}
    whiskers = [one for one in ax.containers if hasattr(one, "has_xerr")]
    caps = {cap for one in whiskers for cap in one.lines[1]}
    names = {one.lines[0]: one.get_label() for one in whiskers if one.lines[0] is not None}
    for line in ax.get_lines():
        if line in caps or line.get_transform() != ax.transData or not len(line.get_xdata()):
            continue
        name = names.get(line, line.get_label())
        if name.startswith("_"):
            name = ax.get_ylabel() or "value"
        x = [_named(ax.xaxis, at) for at in np.asarray(line.get_xdata(orig=False), float)]
        values = pd.Series(np.asarray(line.get_ydata(orig=False), float), index=x)
        # Points drawn one by one are one series.
        found[name] = pd.concat([found[name], values]) if name in found else values
    return found


def _bars(ax) -> dict[str, pd.Series]:
    found: dict[str, pd.Series] = {}
    groups = [one for one in ax.containers if hasattr(one, "datavalues")]
    for at, bars in enumerate(groups, 1):
        lying = bars.orientation == "horizontal"
        axis = ax.yaxis if lying else ax.xaxis
        places = [
            bar.get_y() + bar.get_height() / 2 if lying else bar.get_x() + bar.get_width() / 2
            for bar in bars.patches
        ]
        name = bars.get_label()
        if name.startswith("_"):
            name = (ax.get_xlabel() if lying else ax.get_ylabel()) or f"bars {at}"
        values = pd.Series(np.asarray(bars.datavalues, float), [_named(axis, p) for p in places])
        found[name] = pd.concat([found[name], values]) if name in found else values
    return found


def _along(ax) -> str:
    lying = any(getattr(one, "orientation", "") == "horizontal" for one in ax.containers)
    return (ax.get_ylabel() if lying else ax.get_xlabel()) or "at"


def _named(axis, place: float) -> str | float:
    """The words that stand at a place of an axis of words, else the place."""
    words = getattr(axis.units, "_mapping", None)  # an axis of categories keeps their places
    if words:
        return next((word for word, at in words.items() if abs(at - place) < 0.5), place)
    ticks = [(tick.get_loc(), tick.label1.get_text()) for tick in axis.get_major_ticks()]
    word = next((text for at, text in ticks if abs(at - place) < 1e-6), "")
    try:
        float(word.replace("\N{MINUS SIGN}", "-").replace(",", "") or "nan")
    except ValueError:
        return place if word.startswith("$") else word
    return place


def _joined(series: dict[str, pd.Series], along: str) -> pd.DataFrame:
    """A column each where every place comes once; else a row for each point, with its series."""
    if all(one.index.is_unique for one in series.values()):
        table = pd.concat(series, axis=1)
        if all(isinstance(at, float) for at in table.index):
            table = table.sort_index()
        table = table.rename_axis(along).reset_index()
    else:
        table = pd.concat(series, names=["series", along]).rename("value").reset_index()
    if len(table) > MOST:
        table = table.iloc[np.linspace(0, len(table) - 1, MOST).round().astype(int)]
    return table


def markdown_table(table: pd.DataFrame) -> str:
    """A DataFrame as a Markdown table, numbers to three figures; what is missing stays empty."""

    def said(entry) -> str:
        if isinstance(entry, float):
            if np.isnan(entry):
                return ""
            return f"{entry:.3g}" if abs(entry) < 1_000 else f"{entry:,.0f}"
        return html.escape(str(entry)).replace("|", "\\|")

    head = [str(name) for name in table.columns]
    right = [pd.api.types.is_numeric_dtype(table[name]) for name in table.columns]
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|" + "|".join("--:" if number else "---" for number in right) + "|")
    lines += ["| " + " | ".join(said(e) for e in line) + " |" for line in table.itertuples(False)]
    return "\n".join(lines)


def fold(title: str, inside: str) -> str:
    """Markdown that opens under its title."""
    return f"<details><summary>{title}</summary>\n\n{inside}\n\n</details>"
