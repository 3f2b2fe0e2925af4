import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_sample_image

from course_lib.errors import CourseError
from course_lib.world import digits, patches
from course_lib.world.digits import SPLITS, VARIANTS, pictures

COMPOSED = ("cluttered", "blended")


@pytest.mark.parametrize("variant", VARIANTS)
def test_pictures_are_rgb_bytes_with_labels_from_zero_to_nine(variant):
    shown, labels = pictures(variant, "test", n=40)
    assert shown.shape == (40, 3, 64, 64) and shown.dtype == torch.uint8
    assert labels.shape == (40,) and labels.dtype == torch.int64
    assert set(labels.tolist()) == set(range(10))


def test_plain_shows_every_digit_of_the_split_once_in_order():
    target = load_digits().target
    for split, (first, last) in SPLITS.items():
        shown, labels = pictures("plain", split)
        assert len(shown) == last - first
        assert labels.tolist() == target[first:last].tolist()


def test_a_plain_picture_is_its_eight_by_eight_digit_enlarged():
    shown, _ = pictures("plain", "train", n=50)
    for picture, digit in zip(shown, load_digits().images, strict=False):
        # 0.86 of the picture is 55 pixels; the middles of the 8x8 cells are 6.88 pixels apart.
        at = [round(31.5 + (cell - 3.5) * 0.86 * 8) for cell in range(8)]
        seen = picture[0].numpy()[np.ix_(at, at)].astype(float)
        assert np.corrcoef(seen.ravel(), digit.ravel())[0, 1] > 0.85


def test_the_splits_are_contiguous_disjoint_and_cover_all_digits():
    spans = [SPLITS[split] for split in ("train", "validation", "test")]
    assert [number for span in spans for number in range(*span)] == list(range(1797))


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_picture_of_one_split_appears_in_another(variant):
    seen = [
        {picture.numpy().tobytes() for picture in pictures(variant, split, n=200)[0]}
        for split in SPLITS
    ]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


@pytest.mark.parametrize("variant", COMPOSED)
def test_a_round_uses_every_digit_once_in_an_order_of_its_own(variant):
    target = np.bincount(load_digits().target[1000:1300])
    _, labels = pictures(variant, "validation", n=600)
    first, second = labels[:300], labels[300:]
    assert np.bincount(first).tolist() == np.bincount(second).tolist() == target.tolist()
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_picture_does_not_depend_on_its_batch(variant):
    whole, labels = pictures(variant, "train", n=64, seed=3)
    parts = [pictures(variant, "train", n=16, seed=3, start=start) for start in range(0, 64, 16)]
    assert torch.equal(whole, torch.cat([part[0] for part in parts]))
    assert torch.equal(labels, torch.cat([part[1] for part in parts]))


@pytest.mark.parametrize("variant", COMPOSED)
def test_seeds_differ_and_repeat(variant):
    one, again = pictures(variant, n=8, seed=1)[0], pictures(variant, n=8, seed=1)[0]
    assert torch.equal(one, again)
    assert not torch.equal(one, pictures(variant, n=8, seed=2)[0])


@pytest.mark.parametrize("variant", COMPOSED)
def test_the_same_digit_comes_with_a_fresh_background_in_the_next_round(variant):
    shown, _ = pictures(variant, "validation", n=600)
    assert len({picture.numpy().tobytes() for picture in shown}) == 600


def test_blended_is_the_absolute_difference_of_patch_and_plain_digit():
    seed, n = 5, 30
    shown, _ = pictures("blended", "test", n=n, seed=seed)
    plain = pictures("plain", "test")[0].numpy().astype(int)
    background = patches.patches(torch.arange(n), "test", seed).numpy().astype(int)
    for picture, patch in zip(shown.numpy(), background, strict=True):
        # The digit that was blended in is the plain one that explains the picture exactly.
        assert (np.abs(patch - plain) == picture).all(axis=(1, 2, 3)).sum() == 1


def test_patches_are_cut_from_the_photographs():
    index = torch.arange(40)
    photo, top, left = patches.corners(index, "train", seed=2)
    photos = [load_sample_image(name) for name in patches.PHOTOS]
    shown = patches.patches(index, "train", seed=2).permute(0, 2, 3, 1).numpy()
    mirrored = 0
    for i in range(40):
        cut = photos[photo[i]][top[i] : top[i] + 64, left[i] : left[i] + 64]
        same = [
            np.array_equal(shown[i], c) for c in (cut, cut[:, ::-1], cut[::-1], cut[::-1, ::-1])
        ]
        assert any(same)
        mirrored += not same[0]
    assert 15 <= mirrored <= 39


def test_patch_regions_of_the_splits_share_no_column():
    columns = {
        split: {c for first, last in strips for c in range(first, last)}
        for split, strips in patches.STRIPS.items()
    }
    assert not columns["train"] & columns["test"]
    assert not columns["train"] & columns["validation"]
    assert not columns["validation"] & columns["test"]
    for split, own in columns.items():
        _, top, left = patches.corners(torch.arange(3000), split)
        assert all(set(range(c, c + 64)) <= own for c in set(left.tolist()))
        assert top.min() >= 0 and top.max() + 64 <= 427


def test_the_clutter_leaves_the_digit_brighter_than_its_surroundings():
    shown, labels = pictures("cluttered", "train", n=300)
    brightest = shown.amax(1).flatten(1).float()
    ink = (brightest > 200).float().mean(1)
    assert ink.mean() > 0.05
    assert len(labels.unique()) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "fancy"}, "No variant 'fancy'.*plain, cluttered, blended"),
        ({"split": "dev"}, "No split 'dev'.*train, validation, test"),
        ({"n": 0}, "n must be a whole number from 1"),
        ({"n": -3}, "n must be a whole number from 1"),
        ({"start": -1}, "start must be a whole number from 0"),
        ({"n": 1001}, "1000 plain digits"),
        ({"n": 10, "start": 995}, "1000 plain digits"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_way_out(arguments, message):
    with pytest.raises(CourseError, match=message):
        pictures(**arguments)


def test_the_blend_does_not_wrap_around_below_zero():
    patch, digit = (
        torch.tensor([10, 250], dtype=torch.uint8),
        torch.tensor([255, 0], dtype=torch.uint8),
    )
    assert digits.blend(patch, digit).tolist() == [245, 250]


@pytest.mark.parametrize("variant", ("plain", "blended"))
def test_varied_digits_never_end_never_repeat_and_do_not_depend_on_their_batch(variant):
    shown, labels = pictures(variant, "validation", n=620, seed=1, vary=True)
    assert len({picture.numpy().tobytes() for picture in shown}) == 620
    part, part_labels = pictures(variant, "validation", n=40, seed=1, start=290, vary=True)
    assert torch.equal(part, shown[290:330]) and torch.equal(part_labels, labels[290:330])
    target = np.bincount(load_digits().target[1000:1300])
    assert np.bincount(labels[:300]).tolist() == target.tolist()


def test_a_varied_digit_is_still_the_same_digit():
    """Nearest neighbours among the plain digits of the split have its label."""
    plain, names = pictures("plain", "test")
    varied, labels = pictures("plain", "test", n=200, vary=True)

    def columns(shown):
        small = torch.nn.functional.avg_pool2d(shown[:, 0].float(), 4).flatten(1)
        return small - small.mean(1, keepdim=True)

    nearest = torch.cdist(columns(varied), columns(plain)).argmin(1)
    assert (names[nearest] == labels).float().mean() > 0.85
