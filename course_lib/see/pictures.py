"""Pictures and what a net says about them, as matplotlib figures."""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_lib.errors import CourseError


def picture_grid(
    pictures: Tensor,
    titles: Sequence[str] = (),
    right: Sequence[bool] | None = None,
    columns: int = 8,
    heading: str = "",
):
    """Pictures in rows.

    Args:
        pictures: uint8 (n, 3, height, width).
        titles: a line above each picture, or none.
        right: for each picture whether the answer above it is right; shown by a tick or a cross
            and by colour.
        columns: pictures in a row.
        heading: a line above all.

    Raises:
        CourseError: no pictures, or titles of another number.
    """
    from matplotlib import pyplot as plt

    n = len(pictures)
    if not n or (len(titles) and len(titles) != n) or (right is not None and len(right) != n):
        raise CourseError(
            f"Got {n} pictures, {len(titles)} titles, {len(right or ())} marks; give one picture "
            "or more and as many titles and marks, or none."
        )
    columns = min(columns, n)
    rows = -(-n // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(1.12 * columns, (1.36 if len(titles) else 1.12) * rows + 0.3),
        squeeze=False,
    )  # fmt: skip
    for place, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if place >= n:
            continue
        ax.imshow(pictures[place].permute(1, 2, 0).cpu().numpy(), interpolation="nearest")
        if len(titles):
            mark, color = "", "#222222"
            if right is not None:
                mark = "✓ " if right[place] else "✗ "
                color = "#00664b" if right[place] else "#a84300"
            ax.set_title(
                mark + titles[place], fontsize=8.5, color=color, loc="center", weight="normal"
            )
    if heading:
        fig.suptitle(heading, x=0.01, ha="left", weight="bold", fontsize=12)
    return fig


def top_classes(picture: Tensor, logits: Tensor, names: Sequence[str], most: int = 6):
    """One picture and the probabilities of its most likely classes.

    Args:
        picture: uint8 (3, height, width).
        logits: (classes,) of this picture.
        names: name of each class.
        most: how many classes to show.
    """
    from matplotlib import pyplot as plt

    if logits.shape != (len(names),):
        raise CourseError(f"Got logits {tuple(logits.shape)} for {len(names)} names of classes.")
    chances = logits.float().softmax(0)
    best = chances.topk(min(most, len(names)))
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.5), width_ratios=(1, 2.1))
    left.imshow(picture.permute(1, 2, 0).cpu().numpy())
    left.set_axis_off()
    places = torch.arange(len(best.values)).flip(0).tolist()
    right.barh(places, best.values.tolist(), color="#0072B2", alpha=0.45, ec="#0072B2")
    for place, value in zip(places, best.values.tolist(), strict=True):
        right.text(value + 0.012, place, f"{value:.1%}", va="center", fontsize=9)
    right.set_yticks(places, [names[k] for k in best.indices.tolist()])
    right.set_xlim(0, 1.12)
    right.set_xlabel("probability")
    right.grid(axis="y", visible=False)
    return fig
