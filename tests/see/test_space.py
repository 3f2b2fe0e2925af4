"""3D views: planes of real feature maps, points by class, and pages that need nothing else."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image

from course_lib import load_backbone, see, world
from course_lib.errors import CourseError
from course_lib.see.space import page


def test_each_stage_is_a_plane_of_its_own_maps():
    model = load_backbone()
    picture = world.render(world.sample(1, seed=3))[0]
    fig = see.network3d(model, picture)
    planes = {trace.name: trace for trace in fig.data if trace.type == "surface"}
    assert list(planes) == list(model.stage_names)
    maps = see.stage_maps(model, picture[None])
    for place, (name, plane) in enumerate(planes.items(), 1):
        assert np.all(np.asarray(plane.x) == place)
        assert f"{name}, channel" in plane.hovertemplate
        channel, shade = np.asarray(plane.customdata), np.asarray(plane.surfacecolor)
        shown = min(64, maps[name].shape[1])
        assert set(np.unique(channel)) == {255, *range(shown)}
        own = maps[name][0, 5]
        if own.max() > own.min():
            assert shade[channel == 5].max() == 255 and shade[channel == 5].min() == 0


def test_the_figure_is_small_enough_for_a_notebook():
    fig = see.network3d(load_backbone(), world.render(world.sample(1, seed=3))[0])
    assert len(fig.to_json()) < 800_000


def test_points_are_grouped_by_class_with_markers_of_their_own():
    points, labels = torch.randn(30, 3), torch.arange(30) % 3
    fig = see.embedding3d(points, labels, ["a", "b", "c"])
    assert [trace.name for trace in fig.data] == ["a", "b", "c"]
    assert [len(trace.x) for trace in fig.data] == [10, 10, 10]
    assert len({trace.marker.symbol for trace in fig.data}) == 3
    with pytest.raises(CourseError, match="must be"):
        see.embedding3d(points[:, :2], labels, ["a", "b", "c"])


def test_a_page_brings_everything_along():
    fig = see.embedding3d(torch.randn(6, 3), torch.arange(6) % 2, ["<b>", "c"])
    text = page(fig, 'two "clouds"')
    head = text[: text.index("atob")]
    assert "&quot;clouds&quot;" in head
    assert 'src="http' not in text and "cdn" not in text.replace(text[2000:-4000], "")


def test_a_3d_view_is_shown_as_data_page_and_still_picture(monkeypatch):
    shown = {}
    monkeypatch.setattr(
        "IPython.display.display", lambda data, metadata, raw: shown.update(data, meta=metadata)
    )
    fig = see.embedding3d(torch.randn(6, 3), torch.arange(6) % 2, ["a", "b"])
    see.show3d(fig, plt.figure(), alt="Two   clouds.")
    assert json.dumps(shown["application/vnd.plotly.v1+json"])
    assert shown["meta"]["application/vnd.plotly.v1+json"]["alt"] == "Two clouds."
    assert {"text/html", "text/plain"} <= set(shown)
    assert "image/png" not in shown  # JupyterLab would show it instead of the view
    assert not plt.get_fignums()
    with pytest.raises(CourseError, match="alt text"):
        see.show3d(fig, plt.figure(), alt=" ")
    plt.close("all")


def test_a_built_lesson_keeps_the_data_and_the_still_picture_and_not_the_library(tmp_path):
    import build_notebooks
    from nbformat.v4 import new_output

    bundle = {
        "application/vnd.plotly.v1+json": {"data": []},
        "text/html": "<div>two megabytes</div>",
        "text/plain": "alt",
    }
    still = base64.b64encode(png()).decode("ascii")
    metadata = {"application/vnd.plotly.v1+json": {"alt": "Two clouds.", "still": still}}
    output = new_output("display_data", data=bundle, metadata=metadata)
    build_notebooks._clean_bundle(output.data, output.metadata)
    assert set(output.data) == {"application/vnd.plotly.v1+json", "image/png", "text/plain"}
    assert output.metadata == {"image/png": {"alt": "Two clouds."}}


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(buffer, format="png")
    return buffer.getvalue()
