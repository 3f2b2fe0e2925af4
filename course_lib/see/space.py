"""3D views: a net as planes of its feature maps, and the features of many pictures as points.

Both give plotly figures that can be turned, zoomed and hovered over. `show3d` displays one with a
still picture beside it; nothing is fetched from the network.
"""

import base64
import gzip
import html
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

import numpy as np
from torch import Tensor

from course_lib.backbones.backbone import Backbone
from course_lib.errors import CourseError
from course_lib.see.activations import stage_maps

PLOTLY = "application/vnd.plotly.v1+json"
MOST = 64  # channels shown of a stage, 255 at most
UNIT = 1000  # steps across a plane: whole numbers make the figure small
GREY = "#7f7f7f"  # readable on a light and on a dark page
# Okabe and Ito's palette, and markers that say the same without colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#F0E442")
MARKERS = ("circle", "square", "diamond", "cross", "x", "circle-open", "square-open",
           "diamond-open")  # fmt: skip


def network3d(model: Backbone, picture: Tensor, most: int = MOST):
    """The net as a row of planes, one for each stage, made of its feature maps for one picture.

    Args:
        picture: uint8 (3, height, width), or float 0..1.
        most: channels to show of each stage, the first ones.

    Returns:
        A plotly figure. Hovering names stage, channel and answer. Bright is a strong answer; each
        channel has its own scale, from its weakest place to its strongest.
    """
    import plotly.graph_objects as go

    if picture.ndim != 3:
        raise CourseError(f"One picture is needed, (3, height, width); got {tuple(picture.shape)}.")
    stages = {name: maps[0] for name, maps in stage_maps(model, picture[None]).items()}
    fig = go.Figure()
    fig.add_trace(_picture_plane(go, picture))
    for place, (name, maps) in enumerate(stages.items(), 1):
        fig.add_trace(_stage_plane(go, name, maps[:most].numpy(), place))
    names = ["picture", *(
        f"{name}<br>{maps.shape[0]} channels<br>{maps.shape[1]}×{maps.shape[2]}"
        for name, maps in stages.items()
    )]  # fmt: skip
    fig.add_trace(
        go.Scatter3d(
            x=list(range(len(names))), y=[UNIT / 2] * len(names), z=[1.27] * len(names), text=names,
            mode="text", textfont={"size": 11, "color": GREY}, hoverinfo="skip", showlegend=False,
        )
    )  # fmt: skip
    _dress(fig, aspect=(3, 1, 1), eye=(-1.5, -1.8, 0.8), axes=False)
    # Without perspective every plane is seen at the same angle and size.
    fig.update_layout(scene_camera_projection_type="orthographic")
    return fig


def _picture_plane(go, picture: Tensor):
    """The picture itself, standing up at x = 0, coloured corner by corner."""
    pixels = picture.cpu().numpy().transpose(1, 2, 0)
    pixels = pixels if pixels.dtype == np.uint8 else (pixels * 255).round().astype(np.uint8)
    step = max(1, len(pixels) // 64)
    pixels = pixels[::step, ::step]
    height, width = pixels.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width]
    corner = (rows * width + columns)[:-1, :-1].ravel()
    right, below, across = corner + 1, corner + width, corner + width + 1
    return go.Mesh3d(
        x=np.zeros(rows.size, np.float32),
        y=(UNIT * columns.ravel() / (width - 1)).astype(np.int16),
        z=(1 - rows.ravel() / (height - 1)).astype(np.float32),
        i=np.concatenate([corner, right]).astype(np.int16),
        j=np.concatenate([right, across]).astype(np.int16),
        k=np.concatenate([below, below]).astype(np.int16),
        vertexcolor=[f"#{pixel.tobytes().hex()}" for pixel in pixels.reshape(-1, 3)],
        lighting={"ambient": 1, "diffuse": 0, "specular": 0},
        hovertemplate="the picture<extra></extra>",
    )  # fmt: skip


def _stage_plane(go, name: str, maps: np.ndarray, place: int):
    """The maps of a stage as one standing sheet at x = place."""
    k, height, width = maps.shape
    columns = int(np.ceil(np.sqrt(k)))
    rows = -(-k // columns)
    repeat = max(1, round(10 / height))  # few places: repeat them, so that edges stay sharp
    side = (height * repeat + 1, width * repeat + 1)  # one empty line between maps
    shape = (rows * side[0], columns * side[1])
    colour = np.full(shape, np.nan, np.float32)
    channel = np.full(shape, 255, np.uint8)  # between the maps
    for number, answer in enumerate(maps):
        top, left = number // columns * side[0], number % columns * side[1]
        block = np.s_[top : top + side[0] - 1, left : left + side[1] - 1]
        low, high = answer.min(), answer.max()
        large = np.kron(answer, np.ones((repeat, repeat), np.float32))
        colour[block] = (large - low) / max(high - low, 1e-12)
        channel[block] = number
    y, z = np.meshgrid(np.linspace(0, 1, shape[1]), np.linspace(1, 0, shape[0]))
    z[np.isnan(colour)] = np.nan  # a hole
    return go.Surface(
        x=np.full(shape, place, np.int8),
        y=np.round(y * UNIT).astype(np.int16),
        z=z.astype(np.float32),
        surfacecolor=np.nan_to_num(np.round(colour * 255)).astype(np.uint8),
        cmin=0,
        cmax=255,
        colorscale="Inferno",
        showscale=False,
        customdata=channel,
        hovertemplate=f"{name}, channel %{{customdata}}<extra></extra>",
        lighting={"ambient": 1, "diffuse": 0, "specular": 0, "fresnel": 0},
        contours={axis: {"highlight": False} for axis in "xyz"},
        name=name,
    )


def embedding3d(points: Tensor, labels: Tensor, names: Sequence[str], title: str = ""):
    """Pictures as points in space, one colour and marker for each class.

    Args:
        points: (n, 3), such as `pca(features, 3)`.
        labels: int64 (n,). names: name of each class, eight at most.

    Returns:
        A plotly figure. A click on a name hides or shows its class.
    """
    import plotly.graph_objects as go

    if points.ndim != 2 or points.shape[1] != 3 or len(names) > len(COLOURS):
        raise CourseError(
            f"Points must be (n, 3) in {len(COLOURS)} classes at most; got {tuple(points.shape)} "
            f"in {len(names)}."
        )
    fig = go.Figure(layout={"title": {"text": title, "font": {"size": 14}}})
    for label, name in enumerate(names):
        x, y, z = points[labels == label].float().numpy().T
        fig.add_trace(
            go.Scatter3d(
                x=x, y=y, z=z, mode="markers", name=name, hovertemplate=f"{name}<extra></extra>",
                marker={"size": 4, "color": COLOURS[label], "symbol": MARKERS[label]},
            )
        )  # fmt: skip
    _dress(fig, aspect=(1, 1, 1), eye=(1.3, 1.3, 0.8), axes=True)
    return fig


def _dress(fig, aspect, eye, axes: bool) -> None:
    """The look that all 3D views share: no ground of its own, so it fits light and dark pages."""
    axis = {
        "visible": axes, "showticklabels": False, "title": "", "showbackground": False,
        "gridcolor": GREY, "zerolinecolor": GREY, "showspikes": False,
    }  # fmt: skip
    fig.update_layout(
        template="none",
        height=430,
        margin={"l": 0, "r": 0, "t": 30 if fig.layout.title.text else 0, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        font={"color": GREY, "size": 12},
        legend={"itemsizing": "constant"},
        scene={
            "xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "manual",
            "aspectratio": dict(zip("xyz", aspect, strict=True)),
            "camera": {"eye": dict(zip("xyz", eye, strict=True))},
        },
    )  # fmt: skip


def show3d(fig, still, alt: str) -> None:
    """Display a plotly figure with a still picture of it.

    Args:
        still: a matplotlib figure that shows the same, for pages that cannot draw in 3D; closed
            afterwards.
        alt: what it shows, for a reader who cannot see it.

    JupyterLab draws the figure from its data. An exported page draws it with the copy of plotly.js
    that stands in the output itself (2 MB, compressed). The still picture travels in the metadata
    until the lesson is built, and then stands there for pages that cannot draw in 3D.
    """
    import io

    from IPython.display import display
    from matplotlib import pyplot as plt

    if not isinstance(alt, str) or not alt.strip():
        raise CourseError("A 3D view needs alt text: show3d(fig, still, alt=...).")
    alt = " ".join(alt.split())
    buffer = io.BytesIO()
    still.savefig(buffer, format="png", bbox_inches="tight")
    plt.close(still)
    png = base64.b64encode(buffer.getvalue()).decode("ascii")
    display(
        {
            PLOTLY: _plain(fig),
            "text/html": page(fig, alt),
            "text/plain": alt,
        },
        # Not as image/png beside the figure: JupyterLab would show that picture in its place.
        metadata={PLOTLY: {"alt": alt, "still": png}},
        raw=True,
    )


def _plain(fig) -> dict:
    import json

    return {**json.loads(fig.to_json()), "config": {"displaylogo": False, "responsive": True}}


def page(fig, alt: str) -> str:
    """HTML that draws a plotly figure by itself: data, plotly.js (gzip, base64) and a few lines."""
    data = fig.to_json().replace("</", "<\\/")
    place = f"view-{abs(hash(data)):x}"
    return f"""<div id="{place}" role="img" aria-label="{html.escape(alt)}"></div>
<script>
(async () => {{
  if (!window.Plotly) {{
    window.plotlyLoading ||= (async () => {{
      const bytes = Uint8Array.from(atob("{_library()}"), (c) => c.charCodeAt(0));
      const unzipped = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const script = document.createElement("script");
      script.textContent = await new Response(unzipped).text();
      document.head.append(script);
    }})();
    await window.plotlyLoading;
  }}
  const figure = {data};
  Plotly.newPlot("{place}", figure.data, figure.layout, {{displaylogo: false, responsive: true}});
}})();
</script>"""


@lru_cache(maxsize=1)
def _library() -> str:
    """plotly.js as the installed plotly brings it, gzip and base64."""
    code = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    return base64.b64encode(gzip.compress(code, 9, mtime=0)).decode("ascii")
