"""The loss around a pretrained net as a surface over two directions, with training paths on it.

    plane = path_plane(backbone, [small_path, large_path])        # or random_plane(backbone)
    view = landscape(backbone, plane, source, {"small rate": small_path, ...}, points=11)
    show(view)

Directions from the paths themselves show where training goes; random ones show how the loss looks
around a point in no particular direction, and a path hardly moves in them. Li et al. 2018,
"Visualizing the loss landscape of neural nets", sections 4 and 7.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.backbones.backbone import Backbone
from course_lib.data.split import Split
from course_lib.errors import CourseError
from course_lib.measure.figures import style
from course_lib.see.space import show3d

BLOCK = 1 << 16  # parameters that path_plane looks at together
LINES = (("#0072B2", "circle", "s"), ("#D55E00", "diamond", "o"), ("#009E73", "cross", "^"))


class Plane(NamedTuple):
    """A plane through the backbone's weights: origin + a x + b y, each float (parameters,).

    explained: share of the paths' squared length that lies in it; None for random directions.
    """

    origin: Tensor
    x: Tensor
    y: Tensor
    explained: float | None = None


def weights(model: Backbone) -> Tensor:
    """All parameters of the stages, without the head, as one float vector on the CPU."""
    parts = [p.detach() for stage in model.stages.values() for p in stage.parameters()]
    # reshape, not view: a trained net may keep its weights in another order in memory.
    return torch.cat([part.reshape(-1) for part in parts]).float().cpu()


def random_plane(model: Backbone, seed: int = 0) -> Plane:
    """Two random directions, each filter as long as the model's own (filter normalisation).

    Li et al. 2018, section 4. Vectors (biases and batch norm) stay 0, as there; so a step of 1
    along a direction changes each filter by as much as the filter itself.
    """
    generator = torch.Generator().manual_seed(seed)

    def direction() -> Tensor:
        parts = []
        for stage in model.stages.values():
            for p in stage.parameters():
                d = torch.randn(p.shape, generator=generator)
                if p.ndim > 1:
                    lengths = p.detach().cpu().flatten(1).norm(dim=1)
                    scale = lengths / d.flatten(1).norm(dim=1)
                    d *= scale.view(-1, *[1] * (p.ndim - 1))
                else:
                    d.zero_()
                parts.append(d.flatten())
        return torch.cat(parts)

    return Plane(weights(model), direction(), direction())


def path_plane(model: Backbone, paths: Sequence[Sequence[Tensor]]) -> Plane:
    """The two orthogonal directions of unit length in which the paths leave the model the most.

    paths: vectors from `weights`, all of runs that began at `model`. Principal components of all
    points, seen from the model and not from their mean, so that the plane goes through it.
    Raises CourseError when the paths do not span a plane.
    """
    origin = weights(model)
    moved = [point for path in paths for point in path if not torch.equal(point, origin)]
    if len(moved) < 2:
        raise CourseError("The paths never left the start; record them while a run goes on.")
    # Components from the small matrix of inner products, block by block of parameters: a matrix of
    # all points would take as much memory again as the paths themselves.

    def away() -> Iterator[Tensor]:
        for start, *ends in zip(*(v.split(BLOCK) for v in (origin, *moved)), strict=True):
            yield (torch.stack(ends) - start).double()

    inner = sum(block @ block.T for block in away())
    squares, mixes = torch.linalg.eigh(inner)
    squares, mixes = squares.flip(0).clamp(min=0), mixes.flip(1)
    if squares[1] < 1e-8 * squares[0]:
        raise CourseError("All points of the paths lie on one line; give two different runs.")
    mix = mixes[:, :2] / squares[:2].sqrt()
    x, y = torch.cat([(mix.T @ block).float() for block in away()], 1)
    return Plane(origin, x, y, (squares[:2].sum() / squares.sum()).item())


def coordinates(plane: Plane, path: Sequence[Tensor]) -> np.ndarray:
    """Where the points of a path lie in the plane: float (n, 2), by least squares."""
    basis = torch.stack([plane.x, plane.y])
    along = torch.stack([basis @ (point - plane.origin) for point in path], 1)
    return torch.linalg.solve(basis @ basis.T, along).T.double().numpy()


def source_loss(model: Backbone, head: nn.Linear, source: Split) -> float:
    """Mean cross-entropy on source pictures under the old head, batch-norm statistics recomputed.

    Recomputed means: those of these very pictures under these very weights, in one batch.
    """
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()
    with torch.no_grad():
        x = model.prepare(source.pictures.to(model.device))
        logits = F.linear(model.features(x), head.weight, head.bias)
        return F.cross_entropy(logits, source.labels.to(model.device)).item()


@dataclass(frozen=True)
class Path:
    """A training path on a landscape. at: float (n, 2) in the plane. losses: float (n,), measured
    at the points themselves, which may lie off the plane."""

    name: str
    at: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True)
class Landscape:
    """Losses float (len(ys), len(xs)) over a plane, and the paths on it."""

    xs: np.ndarray
    ys: np.ndarray
    losses: np.ndarray
    paths: tuple[Path, ...]
    explained: float | None

    def to_json(self) -> dict:
        """Plain data; `from_json` reads it."""
        paths = [
            {"name": p.name, "at": p.at.tolist(), "losses": p.losses.tolist()} for p in self.paths
        ]
        grid = {key: getattr(self, key).tolist() for key in ("xs", "ys", "losses")}
        return {**grid, "paths": paths, "explained": self.explained}

    @classmethod
    def from_json(cls, data: dict) -> "Landscape":
        paths = [
            Path(p["name"], np.array(p["at"]), np.array(p["losses"])) for p in data["paths"]
        ]  # fmt: skip
        grid = [np.array(data[key]) for key in ("xs", "ys", "losses")]
        return cls(*grid, tuple(paths), data["explained"])


def landscape(
    model: Backbone,
    plane: Plane,
    source: Split,
    paths: dict[str, Sequence[Tensor]],
    points: int = 11,
    reach: float = 1.0,
) -> Landscape:
    """The source loss at points x points places of the plane, and along the paths.

    reach: how far to look to each side of the model at least, in lengths of the directions; the
    paths always fit with a margin. Takes points^2 forward passes over `source`; the model itself
    is not changed.
    """
    if points < 3:
        raise CourseError(f"A surface needs 3 x 3 points or more; got points={points}.")
    at = {name: coordinates(plane, path) for name, path in paths.items()}
    margin = reach if plane.explained is None else 0.0
    low, high = np.full(2, -margin), np.full(2, margin)
    for found in at.values():
        low, high = np.minimum(low, found.min(0)), np.maximum(high, found.max(0))
    room = 0.25 * (high - low).max()  # as much on each side of both axes: the start is inside
    low, high = low - room, high + room
    xs, ys = (np.linspace(low[i], high[i], points) for i in (0, 1))
    scratch = model.copy()

    def loss(place: Tensor) -> float:
        parts = [p for stage in scratch.stages.values() for p in stage.parameters()]
        with torch.no_grad():
            nn.utils.vector_to_parameters(place.to(scratch.device), parts)
        return source_loss(scratch, model.head, source)

    losses = np.array(
        [[loss(plane.origin + float(a) * plane.x + float(b) * plane.y) for a in xs] for b in ys]
    )
    drawn = tuple(
        Path(name, at[name], np.array([loss(point) for point in path]))
        for name, path in paths.items()
    )
    return Landscape(xs, ys, losses, drawn, plane.explained)


def _heights(view: Landscape, at: np.ndarray) -> np.ndarray:
    """Height of the surface over points of the plane, float (n,)."""
    from scipy.interpolate import RegularGridInterpolator

    surface = RegularGridInterpolator((view.ys, view.xs), np.log10(view.losses))
    return 10 ** surface(at[:, ::-1])


def describe(view: Landscape) -> str:
    """One sentence per path with its measured losses: the alt text of both figures."""
    ends = "; ".join(
        f"{p.name}: the source loss goes from {p.losses[0]:.2f} to {p.losses[-1]:.2f}"
        for p in view.paths
    )
    return (
        f"Source loss over two directions in weight space, from {view.losses.min():.2f} to "
        f"{view.losses.max():.2f}, with training paths that begin at the pretrained point. {ends}."
    )


def surface_figure(view: Landscape):
    """A plotly figure that can be turned: the surface, the paths on it, the start."""
    import plotly.graph_objects as go

    fig = go.Figure(
        go.Surface(
            x=view.xs, y=view.ys, z=view.losses, surfacecolor=np.log10(view.losses),
            colorscale="Viridis", showscale=False,
            hovertemplate="source loss %{z:.2f}<extra></extra>",
        )
    )  # fmt: skip
    for (color, symbol, _), path in zip(LINES, view.paths, strict=False):
        fig.add_trace(
            go.Scatter3d(
                x=path.at[:, 0], y=path.at[:, 1], z=_heights(view, path.at) * 1.04,
                mode="lines+markers", name=path.name, customdata=path.losses,
                line={"color": color, "width": 8},
                marker={"color": color, "size": 4, "symbol": symbol},
                hovertemplate=path.name + ": measured %{customdata:.2f}<extra></extra>",
            )
        )  # fmt: skip
    start = np.zeros((1, 2))
    fig.add_trace(
        go.Scatter3d(
            x=[0], y=[0], z=_heights(view, start) * 1.05, mode="markers", name="pretrained",
            marker={"color": "#000000", "size": 6, "line": {"color": "#ffffff", "width": 2}},
        )
    )  # fmt: skip
    axis = {"color": "#7f7f7f", "gridcolor": "#b0b0b0", "backgroundcolor": "rgba(0,0,0,0)"}
    fig.update_layout(
        height=520, margin={"l": 0, "r": 0, "t": 10, "b": 0}, paper_bgcolor="rgba(0,0,0,0)",
        font={"color": "#7f7f7f"}, legend={"x": 0.02, "y": 0.98},
        scene={
            "xaxis": {**axis, "title": {"text": "first direction"}},
            "yaxis": {**axis, "title": {"text": "second direction"}},
            "zaxis": {**axis, "title": {"text": "source loss"}, "type": "log",
                      "tickvals": [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]},
            "aspectmode": "manual", "aspectratio": {"x": 1.3, "y": 1.1, "z": 0.7},
            "camera": {"eye": {"x": 0.85, "y": -1.5, "z": 1.3},
                       "center": {"x": 0, "y": 0, "z": -0.15}},
        },
    )  # fmt: skip
    return fig


def contour_figure(view: Landscape):
    """A matplotlib figure that shows the same from above."""
    from matplotlib import pyplot as plt
    from matplotlib.colors import LogNorm

    fig, ax = plt.subplots(figsize=(6.6, 4.6), layout="constrained")
    levels = np.geomspace(view.losses.min(), view.losses.max(), 18)
    filled = ax.contourf(view.xs, view.ys, view.losses, levels=levels, norm=LogNorm(), alpha=0.85)
    bar = fig.colorbar(filled, ax=ax, label="source loss")
    ticks = levels[:: len(levels) // 5]
    bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    bar.ax.minorticks_off()
    for (color, _, marker), path in zip(LINES, view.paths, strict=False):
        ax.plot(*path.at.T, color="white", lw=4)
        ax.plot(*path.at.T, color=color, marker=marker, mec="white", mew=0.6, label=path.name)
    ax.plot(0, 0, "*", color="black", mec="white", ms=15, label="pretrained")
    ax.set_xlabel("first direction")
    ax.set_ylabel("second direction")
    ax.grid(False)
    ax.legend(loc="upper right", frameon=True, framealpha=0.9, fontsize=9)
    return fig


def show(view: Landscape) -> None:
    """Display the surface to turn, with the view from above where nothing can be turned."""
    with style():
        show3d(surface_figure(view), contour_figure(view), describe(view))
