"""Figures: shown with a description for those who cannot see them."""

import base64
import html
import io
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

from course_lib.errors import CourseError


def show(fig, alt: str, table: bool = True) -> None:
    """Display a matplotlib figure with its alt text and the numbers of its lines and bars.

    alt: one or two sentences that say what the figure shows, for a reader who cannot see it.
    table: whether the numbers, if it has any, fold away below it. The figure is closed.
    Raises CourseError when alt is empty or not text.
    """
    from IPython.display import Markdown, display

    from course_lib.measure.tables import fold, markdown_table, numbers

    data, metadata = picture(fig, alt)
    display({**data, "text/plain": " ".join(alt.split())}, metadata=metadata, raw=True)
    found = numbers(fig) if table else []
    if found:
        parts = [f"{title}\n\n{markdown_table(one)}" for title, one in found]
        display(Markdown(fold("The numbers of the chart", "\n\n".join(parts))))


def picture(fig, alt: str) -> tuple[dict, dict]:
    """A figure with its alt text as a MIME bundle (data, metadata); the figure is closed.

    The picture goes out in two forms. JupyterLab (4.6) drops the alt text of an image/png, but
    keeps that of an HTML picture, which it prefers; nbconvert and GitHub read the PNG and its
    metadata. Built notebooks keep only the PNG (tools/build_notebooks.py).
    """
    from matplotlib import pyplot as plt

    if not isinstance(alt, str) or not alt.strip():
        raise CourseError(
            f"A figure needs alt text, got {alt!r}. Say in a sentence or two what it shows: "
            "show(fig, alt=...)."
        )
    alt = " ".join(alt.split())
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", bbox_inches="tight")
    plt.close(fig)
    png = base64.b64encode(buffer.getvalue()).decode("ascii")
    html_form = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{png}">'
    return {"image/png": png, "text/html": html_form}, {"image/png": {"alt": alt}}


@dataclass(frozen=True)
class Look:
    """How one strategy is drawn in every figure of the course: colour, dash and marker."""

    color: str
    linestyle: str
    marker: str


# Okabe and Ito's palette, told apart with any colour vision; dash and marker say the same again.
LOOKS = {
    "scratch": Look("#D55E00", "--", "o"),
    "feature extraction": Look("#0072B2", "-", "s"),
    "fine-tuning": Look("#009E73", "-.", "^"),
    "full fine-tuning": Look("#CC79A7", "-", "D"),
    "LP-FT": Look("#56B4E9", ":", "v"),
    "LP-FT, one schedule": Look("#56B4E9", ":", "v"),
    "gradual unfreezing": Look("#E69F00", "-.", "P"),
    "layer-wise decay": Look("#000000", "-", "X"),
    "pixel logistic regression": Look("#777777", ":", "."),
    "random frozen backbone": Look("#AAAAAA", ":", "x"),
    # Methods of domain adaptation (lesson 05).
    "source only": Look("#D55E00", "--", "o"),
    "AdaBN": Look("#56B4E9", ":", "v"),
    "TENT": Look("#8C6BB1", "-.", "<"),
    "CORAL": Look("#009E73", "-.", "^"),
    "MMD": Look("#E69F00", ":", "P"),
    "DANN": Look("#0072B2", "-", "s"),
    "CDAN": Look("#4F8FBF", "--", "d"),
    "self-training": Look("#CC79A7", "--", "D"),
    "DANN + self-training": Look("#A0336F", "-", "*"),
    "translation": Look("#8B6914", "--", "h"),
    "continued pretraining": Look("#5F9E4A", ":", ">"),
    "oracle": Look("#777777", "-", "X"),
}


@contextmanager
def style():
    """Inside, matplotlib draws in the look of the course."""
    from matplotlib import pyplot as plt

    with plt.style.context(files("course_lib.measure") / "course.mplstyle"):
        yield


def look(name: str) -> dict:
    """Keyword arguments for `ax.plot` of a strategy or baseline, by its name."""
    return vars(LOOKS[name])


def label_ends(ax, lines: dict[str, float], colors: dict | None = None) -> None:
    """Write each name right of the axes at the height of its line's end, pushed apart if needed.

    lines: name -> y of the last point. colors: name -> colour, for lines that are no strategies.
    Set scale and limits of the y axis first. A line without a label that ends there gets the name.
    """
    for line in ax.get_lines():
        for name, end in lines.items():
            if line.get_label().startswith("_") and line.get_ydata()[-1] == end:
                line.set_label(name)
    gap, top = 0.065, 1.0
    to_axes = ax.transScale + ax.transLimits  # data -> share of the axes, whatever the scale
    order = sorted(lines, key=lambda name: lines[name])
    shares = [to_axes.transform((ax.get_xlim()[1], lines[name]))[1] for name in order]
    placed: list[float] = []
    for share in shares:  # upwards, none on another
        placed.append(max(share, placed[-1] + gap) if placed else share)
    for i in reversed(range(len(placed))):  # and back below the top, where all end near it
        placed[i] = min(placed[i], top if i == len(placed) - 1 else placed[i + 1] - gap)
    for name, at in zip(order, placed, strict=True):
        ax.annotate(
            name,
            (1, at),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            color=colors[name] if colors else LOOKS[name].color,
            va="center",
            fontsize=9.5,
            annotation_clip=False,
        )
