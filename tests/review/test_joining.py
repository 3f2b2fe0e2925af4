"""Near-duplicates come into one group, before the split."""

import numpy as np
import pytest
from PIL import Image

from course_lib import review
from course_lib.errors import CourseError


@pytest.fixture
def folder(tmp_path):
    """Twelve pictures, 0 to 11; 12 is a small copy of 3, 13 the same file as 12, 14 mirrors 7."""
    rng = np.random.default_rng(0)
    images = [
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((60, 60))
        for _ in range(12)
    ]
    images += [images[3].resize((40, 40))] * 2
    images += [images[7].transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    files = []
    for number, image in enumerate(images):
        files.append(tmp_path / f"{number:02}.png")
        image.save(files[-1])
    return files


def test_copies_share_a_group_and_all_others_stay_by_themselves(folder):
    found = review.join_copies(folder)
    assert found[3] == found[12] == found[13] and found[7] == found[14]
    assert len(set(found)) == 12


def test_groups_with_a_copy_in_common_become_one_with_all_of_their_pictures(folder):
    groups = [f"g{number // 2}" for number in range(15)]  # 12 and 13: g6, 14: g7
    found = review.join_copies(folder, groups)
    assert set(found[[2, 3, 12, 13]]) == {"g1"} and set(found[[6, 7, 14]]) == {"g3"}
    assert len(set(found)) == 6


def test_a_split_by_the_joined_groups_has_no_leak(folder):
    found = review.join_copies(folder)
    names = np.unique(found)
    for seed in range(5):
        held = np.isin(found, np.random.default_rng(seed).permutation(names)[:5])
        parts = {"train": [f for f, out in zip(folder, held, strict=True) if not out],
                 "test": [f for f, out in zip(folder, held, strict=True) if out]}  # fmt: skip
        assert review.leaks(parts) == ()


def test_a_group_is_needed_for_each_picture(folder):
    with pytest.raises(CourseError, match="15 pictures and 2 groups"):
        review.join_copies(folder, ["a", "b"])
