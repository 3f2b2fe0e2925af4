"""Figures of the X-ray case: scores, calibration, thresholds, maps and drift of one model."""

import numpy as np
import torch.nn.functional as F

from course_lib.measure import decisions
from course_lib.world import phantoms


def patients_figure(found, children: int = 4):
    """All pictures of the first children, a row each, with the label of the child."""
    from matplotlib import pyplot as plt

    names = found.patient.unique()[:children].tolist()
    fig, axes = plt.subplots(children, 4, figsize=(5.6, 1.42 * children), squeeze=False)
    for row, name in zip(axes, names, strict=True):
        pictures = found.pictures[found.patient == name]
        label = "opacity" if found.labels[found.patient == name][0] else "clear"
        for ax in row:
            ax.set_axis_off()
        for ax, picture in zip(row, pictures, strict=False):
            ax.imshow(picture.permute(1, 2, 0).numpy())
        row[0].set_title(f"patient {name + 1}: {label}", fontsize=9.5)
    return fig


def calibration_figure(parts: dict[str, np.ndarray], labels: np.ndarray):
    """Predicted probability against observed share, a line per entry: name -> probabilities."""
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(4.6, 4.2))
    ax.plot([0, 1], [0, 1], color="#777777", lw=1, ls=":")
    ax.annotate("right", (0.9, 0.9), xytext=(-4, 6), textcoords="offset points", color="#666666",
                ha="right", fontsize=9)  # fmt: skip
    looks = (("#D55E00", "o", "--"), ("#0072B2", "s", "-"))
    for (name, values), (color, marker, dash) in zip(parts.items(), looks, strict=False):
        found = decisions.calibration(values, labels, bins=8)
        ax.plot(found.predicted, found.observed, color=color, marker=marker, ls=dash,
                label=f"{name}: error {found.error:.3f}")  # fmt: skip
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel("probability that the model states")
    ax.set_ylabel("share that really has an opacity")
    ax.legend(loc="upper left", fontsize=9)
    return fig


def cost_figure(parts: dict[str, np.ndarray], cost, formula: float, searched: float):
    """What each threshold costs: name -> probabilities, a line each; and an alarm for everybody.

    cost: (probabilities, threshold) -> what it costs.

    formula and searched: two thresholds that are marked.
    """
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(6.8, 3.4))
    thresholds = np.linspace(0, 0.6, 121)
    looks = (("#D55E00", "--"), ("#0072B2", "-"))
    for (name, values), (color, dash) in zip(parts.items(), looks, strict=False):
        ax.plot(thresholds, [cost(values, t) for t in thresholds], color=color, ls=dash, label=name)
    everybody = cost(next(iter(parts.values())), -np.inf)
    ax.axhline(everybody, color="#777777", lw=1, label=f"everybody: {everybody:.0f}")
    ax.axvline(formula, color="#222222", ls=":", lw=1.5, label=f"formula: {formula:.2f}")
    if searched <= 1:
        ax.axvline(searched, color="#222222", lw=1, label=f"your search: {searched:.2f}")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("threshold")
    ax.set_ylabel("cost per 100 children")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return fig


def pointing(maps, x, y, radius, size: int = phantoms.SIZE) -> tuple[np.ndarray, float]:
    """Whether the brightest spot of each map lies in its circle, bool (n,); a random one's share.

    maps: (n, h, w), enlarged to pictures of `size` pixels. x, y, radius: (n,), circles in pixels
    (Zhang et al. 2018, "Top-down neural attention by excitation backprop", the pointing game).
    """
    large = F.interpolate(maps[:, None], (size, size), mode="bilinear", align_corners=False)
    row, column = np.unravel_index(large.flatten(1).argmax(1).numpy(), (size, size))
    x, y, radius = (np.asarray(v, float) for v in (x, y, radius))
    empty = (maps.flatten(1).max(1).values == 0).numpy()
    hits = (np.hypot(column - x, row - y) <= radius) & ~empty
    rows, columns = np.mgrid[:size, :size]
    inside = np.hypot(columns - x[:, None, None], rows - y[:, None, None]) <= radius[:, None, None]
    return hits, float(inside.mean())


def circle(fig, x, y, radius) -> None:
    """Draw a circle (in pixels) into each picture of a figure, in their order."""
    from matplotlib.patches import Circle

    for ax, *where in zip(fig.axes, x, y, radius, strict=False):
        column, row, size = map(float, where)
        ax.add_patch(Circle((column, row), size, fill=False, ec="#56B4E9", lw=2))


def drift_figure(found: dict[str, tuple[float, float, bool]]):
    """Name -> (distance of the features, points of AUC lost, whether the alarm rings)."""
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(6.8, 3.6))
    for rings, color, marker, label in (
        (False, "#0072B2", "o", "silent"),
        (True, "#D55E00", "^", "alarm"),
    ):
        some = [(d, lost) for d, lost, rang in found.values() if rang == rings]
        if some:
            ax.plot(*zip(*some, strict=True), marker, ls="", color=color, ms=9, label=label)
    for name, (distance, lost, _) in found.items():
        ax.annotate(name, (distance, lost), xytext=(0, 9), textcoords="offset points", fontsize=9,
                    ha="center")  # fmt: skip
    ax.axhline(0, color="#999999", lw=0.8)
    ax.margins(0.2)
    ax.set_xlabel("distance of the features from those of validation pictures")
    ax.set_ylabel("points of AUC lost")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return fig
