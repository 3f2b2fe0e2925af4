"""The cloud of features without a page: looks, turns, stored paths, bad settings."""

import json

import numpy as np
import pytest

from course_lib.errors import CourseError
from course_lib.widgets import embedding as module
from course_lib.widgets.embedding import LIVE, SHOWN, STORED, Embedding, flat


def test_principal_components_keep_the_distances_of_a_cloud_that_is_flat():
    """Points of a plane in five dimensions: three components hold all of their distances."""
    generator = np.random.default_rng(0)
    plane = generator.normal(size=(30, 2)) @ np.linalg.qr(generator.normal(size=(5, 2)))[0].T
    points = flat(plane, None)

    def distances(p):
        return np.linalg.norm(p[:, None] - p[None], axis=-1)

    ratio = distances(points)[~np.eye(30, dtype=bool)] / distances(plane)[~np.eye(30, dtype=bool)]
    assert ratio.std() < 1e-9 * ratio.mean()
    assert points.std() == pytest.approx(1)


def test_a_look_is_turned_back_to_the_one_before():
    """The same cloud, its axes swapped and one mirrored: it must come out as it was."""
    generator = np.random.default_rng(1)
    cloud = generator.normal(size=(40, 4)) * [4, 2, 1, 0.1]
    before = flat(cloud, None)
    after = flat(cloud[:, [2, 0, 3, 1]] * [-1, 1, 1, 1], before)
    assert np.allclose(before, after, atol=1e-6)
    assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before))


def test_the_live_run_sends_looks_of_both_domains_and_a_new_view_gets_them_all():
    widget = Embedding(pictures=2 * SHOWN, looks=2, steps=4)
    widget.start()
    messages = []
    while widget.running:
        messages += widget.tick(budget=1e-9)
        assert not widget.error, widget.error
    assert [m["frame"]["step"] for m in messages] == [2, 4]
    frame = messages[-1]["frame"]
    assert len(frame["points"]) == 3 * 2 * SHOWN and len(messages[-1]["labels"]) == 2 * SHOWN
    assert 0 <= frame["told_apart"] <= 1 and 0 <= frame["target"] <= 1
    shot = widget.snapshot()
    assert shot["paths"][LIVE]["frames"] == [m["frame"] for m in messages]
    json.dumps(shot)  # goes over the wire
    widget.reset()
    assert widget.snapshot()["paths"][LIVE]["frames"] == []


def test_the_stored_paths_have_looks_from_the_first_step_to_the_last():
    stored = json.loads(STORED.read_text())
    assert len(stored["paths"]) == 2
    for path in stored["paths"].values():
        steps = [frame["step"] for frame in path["frames"]]
        assert steps == sorted(set(steps)) and steps[-1] == stored["steps"] and len(steps) >= 8
        assert {len(frame["points"]) for frame in path["frames"]} == {6 * SHOWN}
    assert STORED.stat().st_size < 200_000


def test_the_still_picture_says_how_well_the_domains_are_told_apart():
    from matplotlib import pyplot as plt

    fig, alt = Embedding().figure()
    assert len(fig.axes) == 2 and "domain classifier" in alt
    plt.close(fig)


def test_too_few_pictures_are_refused():
    with pytest.raises(CourseError, match=str(2 * module.SHOWN)):
        Embedding(pictures=10)
