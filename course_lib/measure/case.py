"""Figures of the X-ray case: scores, calibration and thresholds of one model."""

import numpy as np

from course_lib.measure import decisions


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


def threshold_figure(probabilities: np.ndarray, labels: np.ndarray, threshold: float):
    """Probabilities of both classes as histograms, with the threshold between them."""
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(6.8, 3))
    bins = np.linspace(0, 1, 26)
    for label, name, color, hatch in (
        (0, "clear", "#0072B2", ""),
        (1, "opacity", "#D55E00", "///"),
    ):
        ax.hist(probabilities[labels == label], bins, color=color, alpha=0.45, label=name,
                hatch=hatch, ec=color)  # fmt: skip
    for value, text, dash in ((0.5, "0.5", ":"), (threshold, f"chosen: {threshold:.2f}", "-")):
        ax.axvline(value, color="#222222", ls=dash, lw=1.5)
        ax.annotate(text, (value, 0.98), xycoords=ax.get_xaxis_transform(), xytext=(4, 0),
                    textcoords="offset points", va="top", fontsize=9)  # fmt: skip
    ax.set_xlabel("probability of an opacity")
    ax.set_ylabel("validation pictures")
    ax.legend(loc="upper center", bbox_to_anchor=(0.72, 1))
    return fig
