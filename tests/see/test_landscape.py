import json

import numpy as np
import pytest
import torch

from course_lib import CourseError, prepare_run
from course_lib import strategies as S
from course_lib.measure.figures import style
from course_lib.see import landscape as L
from tests.fakes import pictures, small_backbone, small_task


def recorded(model, ratio):
    run = prepare_run(model, small_task(), S.Strategy("x", trainable="all", head_lr_ratio=ratio), 2,
                      batch_size=5, validate_every=0, test=False)  # fmt: skip
    path = [L.weights(model)]
    for tick in run.ticks():
        if tick.kind == "train":
            path.append(L.weights(run.model))
    return path


@pytest.fixture(scope="module")
def view():
    model = small_backbone()
    paths = {"small rate": recorded(model, 100.0), "large rate": recorded(model, 1.0)}
    plane = L.path_plane(model, list(paths.values()))
    return L.landscape(model, plane, pictures(10, 5), paths, points=5)


def test_random_directions_have_the_length_of_each_filter():
    model = small_backbone()
    plane = L.random_plane(model, seed=3)
    at = 0
    for stage in model.stages.values():
        for p in stage.parameters():
            direction = plane.x[at : at + p.numel()].view_as(p)
            at += p.numel()
            if p.ndim > 1:
                torch.testing.assert_close(
                    direction.flatten(1).norm(dim=1), p.detach().flatten(1).norm(dim=1)
                )
            else:
                assert not direction.any()
    assert at == len(plane.x) == len(plane.origin)
    assert not torch.equal(plane.x, plane.y)


def test_weights_are_read_alike_whatever_their_order_in_memory():
    model = small_backbone()
    before = L.weights(model)
    model.net.to(memory_format=torch.channels_last)
    assert torch.equal(L.weights(model), before)


def test_the_plane_of_paths_is_orthonormal_and_holds_paths_that_lie_in_a_plane():
    model = small_backbone()
    origin = L.weights(model)
    a, b = torch.zeros_like(origin), torch.zeros_like(origin)
    a[3], b[7] = 1.0, 1.0
    paths = [[origin, origin + a, origin + 2 * a + b], [origin, origin - 3 * b]]
    plane = L.path_plane(model, paths)
    assert plane.explained == pytest.approx(1)
    gram = torch.stack([plane.x, plane.y]) @ torch.stack([plane.x, plane.y]).T
    torch.testing.assert_close(gram, torch.eye(2), atol=1e-5, rtol=1e-5)
    at = L.coordinates(plane, paths[0])
    assert np.linalg.norm(at, axis=1) == pytest.approx([0, 1, 5**0.5], abs=1e-4)


def test_coordinates_undo_a_step_along_directions_that_are_not_orthogonal():
    model = small_backbone()
    plane = L.random_plane(model)
    skew = plane._replace(y=plane.y + 0.5 * plane.x)
    point = skew.origin + 0.3 * skew.x - 1.2 * skew.y
    assert L.coordinates(skew, [point])[0] == pytest.approx([0.3, -1.2], abs=1e-4)


def test_paths_that_never_move_or_lie_on_a_line_are_refused():
    model = small_backbone()
    origin = L.weights(model)
    with pytest.raises(CourseError, match="never left"):
        L.path_plane(model, [[origin, origin]])
    line = [origin, origin + 1.0, origin + 2.0]
    with pytest.raises(CourseError, match="one line"):
        L.path_plane(model, [line])
    with pytest.raises(CourseError, match="3 x 3"):
        L.landscape(model, L.random_plane(model), pictures(4, 5), {}, points=2)


def test_the_loss_is_that_of_the_net_with_the_statistics_of_the_very_pictures():
    model, source = small_backbone(), pictures(10, 5)
    found = L.source_loss(model.copy(), model.head, source)
    scratch = model.copy().train()  # a plain net in train mode normalises by its batch
    logits = scratch(scratch.prepare(source.pictures))
    assert found == pytest.approx(torch.nn.functional.cross_entropy(logits, source.labels).item(),
                                  rel=1e-4)  # fmt: skip


def test_the_surface_runs_through_the_losses_of_the_paths(view):
    assert view.losses.shape == (5, 5) and np.isfinite(view.losses).all()
    for path in view.paths:
        assert path.at[0] == pytest.approx([0, 0], abs=1e-5)
        assert view.xs[0] < path.at[:, 0].min() and path.at[:, 0].max() < view.xs[-1]
        assert view.ys[0] < path.at[:, 1].min() and path.at[:, 1].max() < view.ys[-1]
        assert path.losses[0] == pytest.approx(view.paths[0].losses[0], rel=1e-4)
    small, large = view.paths
    assert np.linalg.norm(small.at[-1]) < 0.2 * np.linalg.norm(large.at[-1])


def test_the_middle_of_a_random_surface_is_the_model_itself():
    model, source = small_backbone(), pictures(10, 5)
    before = L.weights(model)
    view = L.landscape(model, L.random_plane(model), source, {}, points=3)
    own = L.source_loss(model.copy(), model.head, source)
    assert view.losses[1, 1] == pytest.approx(own, rel=1e-4)
    assert torch.equal(L.weights(model), before)


def test_a_landscape_survives_being_stored(view):
    again = L.Landscape.from_json(json.loads(json.dumps(view.to_json())))
    assert np.array_equal(again.losses, view.losses) and again.explained == view.explained
    assert [p.name for p in again.paths] == [p.name for p in view.paths]


def test_both_figures_draw_the_surface_the_paths_and_the_start(view):
    from matplotlib import pyplot as plt

    fig = L.surface_figure(view)
    kinds = [trace.type for trace in fig.data]
    assert kinds == ["surface", "scatter3d", "scatter3d", "scatter3d"]
    assert [trace.name for trace in fig.data[1:]] == ["small rate", "large rate", "pretrained"]
    with style():
        flat = L.contour_figure(view)
    labels = [text.get_text() for text in flat.axes[0].get_legend().get_texts()]
    assert labels == ["small rate", "large rate", "pretrained"]
    plt.close(flat)
    assert "small rate: the source loss goes from" in L.describe(view)
