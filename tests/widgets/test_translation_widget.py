"""The translation viewer without a page: rows of pictures, live looks, bad settings."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.claims.trials import night
from course_lib.errors import CourseError
from course_lib.widgets.translation import Translation, distance, picture_row


def test_a_row_of_pictures_is_one_png_with_them_side_by_side():
    pictures = torch.randint(0, 256, (3, 3, 4, 5), dtype=torch.uint8)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture_row(pictures)))))
    assert shown.shape == (4, 15, 3)
    for k, picture in enumerate(pictures):
        assert (shown[:, 5 * k : 5 * k + 5] == picture.permute(1, 2, 0).numpy()).all()


def test_the_distance_is_a_share_of_the_range():
    black, white = torch.zeros(1, 3, 2, 2).byte(), torch.full((1, 3, 2, 2), 255).byte()
    assert distance(black, black) == 0 and distance(black, white) == 1


def test_live_training_is_looked_at_from_the_first_step_to_the_last(monkeypatch):
    unpaired = night.unpaired
    monkeypatch.setattr(night, "unpaired", lambda _, seed: unpaired(8, seed))
    widget = Translation(shown=2, every=2, steps=3)
    widget.start()
    messages = []
    while widget.running:
        messages += widget.tick(budget=1e-9)
        assert not widget.error, widget.error
    assert [m["look"]["step"] for m in messages] == [1, 2, 3]
    assert widget.snapshot()["looks"] == [m["look"] for m in messages]
    widget.reset()
    assert widget.snapshot()["looks"] == []


def test_the_stored_translator_comes_nearer_to_the_true_night_than_the_day_picture():
    all_ = Translation(shown=4).snapshot()
    assert all_["stored"]["to_night"] < all_["untouched"] / 2
    assert all_["stored"]["round_trip"] < 0.1


def test_the_still_picture_has_a_row_for_each_stage():
    from matplotlib import pyplot as plt

    fig, alt = Translation(shown=2).figure()
    assert len(fig.axes) == 4 and "true night" in alt
    plt.close(fig)


def test_bad_settings_are_refused():
    with pytest.raises(CourseError, match="2 to 12"):
        Translation(shown=1)
