"""Features of many pictures as points: PCA, t-SNE, and how far the points can be trusted."""

import torch
from torch import Tensor

from course_lib.errors import CourseError


def pca(features: Tensor, dimensions: int = 2) -> Tensor:
    """The first principal components of (n, d) features: float (n, dimensions)."""
    if not 1 <= dimensions <= min(features.shape):
        raise CourseError(f"{tuple(features.shape)} features have no {dimensions} components.")
    centred = (features - features.mean(0)).double()
    left, strength, _ = torch.linalg.svd(centred, full_matrices=False)
    return (left * strength)[:, :dimensions].float()


def tsne(features: Tensor, dimensions: int = 2, seed: int = 0, perplexity: float = 30) -> Tensor:
    """t-SNE (van der Maaten and Hinton 2008) of (n, d) features: float (n, dimensions).

    Near points were near; distances between groups and sizes of groups mean nothing. Starts from
    the first principal components.
    """
    from sklearn.manifold import TSNE

    if len(features) <= perplexity:
        raise CourseError(f"{len(features)} points are too few for a perplexity of {perplexity:g}.")
    shown = TSNE(
        dimensions, perplexity=perplexity, init="pca", random_state=seed, max_iter=500, n_jobs=1
    ).fit_transform(pca(features, min(50, *features.shape)).numpy())
    return torch.from_numpy(shown)


def neighbour_accuracy(points: Tensor, labels: Tensor) -> float:
    """Share of points whose nearest other point has their label: what a picture of points hides.

    points: (n, d), features or their embedding. labels: (n,).
    """
    if len(points) != len(labels) or len(points) < 2:
        raise CourseError(f"Got {len(points)} points and {len(labels)} labels; two or more needed.")
    distance = torch.cdist(points.double(), points.double())
    distance.fill_diagonal_(torch.inf)
    return float((labels[distance.argmin(1)] == labels).double().mean())


def scatter_figure(views: dict[str, Tensor], labels: Tensor, names: list[str]):
    """Points in the plane, one chart per view, one colour and marker for each class.

    views: title -> (n, 2). labels: int64 (n,). names: of the classes, seven at most.
    """
    from matplotlib import pyplot as plt

    looks = list(zip(("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777"),
                     "osD^vPX", strict=True))  # fmt: skip
    if len(names) > len(looks):
        raise CourseError(f"{len(looks)} classes can be told apart; got {len(names)}.")
    fig, axes = plt.subplots(1, len(views), figsize=(3.8 * len(views) + 0.8, 3.7), squeeze=False)
    for ax, (title, points) in zip(axes[0], views.items(), strict=True):
        for label, name in enumerate(names):
            x, y = points[labels == label].T
            color, marker = looks[label]
            ax.plot(x, y, marker, color=color, ms=4, alpha=0.8, label=name)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_title(title, fontsize=10.5)
    axes[0, -1].legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return fig
