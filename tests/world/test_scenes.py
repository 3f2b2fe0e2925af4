"""The image world: known factors, clear objects, the same picture for the same seed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import world
from course_lib.errors import CourseError
from course_lib.world import colour, fields, fractals, shapes, textures
from course_lib.world.random import between, choice, uniform


def test_the_world_has_at_least_twenty_shapes_and_fourteen_textures_without_overlap():
    assert len(world.SHAPES) >= 20 and len(world.TEXTURES) >= 14
    assert len(world.SOURCE_SHAPES) * len(world.SOURCE_TEXTURES) >= 160
    assert not set(world.SOURCE_SHAPES) & set(world.HELD_OUT_SHAPES)
    assert not set(world.SOURCE_TEXTURES) & set(world.HELD_OUT_TEXTURES)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 12), cut=st.integers(0, 12))
def test_pictures_do_not_depend_on_the_batch_they_are_rendered_in(seed, n, cut):
    cut = min(cut, n)
    scenes = world.sample(n, seed, distractors=2)
    whole = world.render(scenes)
    parts = torch.cat([world.render(scenes[:cut]), world.render(scenes[cut:])])
    assert torch.equal(whole, parts)
    assert torch.equal(whole[cut:], world.render(world.sample(n - cut, seed, cut, distractors=2)))


def test_pictures_do_not_depend_on_the_number_of_threads():
    scenes, threads = world.sample(40, seed=2), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = world.render(scenes)
        torch.set_num_threads(2)
        assert torch.equal(one, world.render(scenes))
    finally:
        torch.set_num_threads(threads)


def test_another_seed_gives_other_pictures():
    assert not torch.equal(world.render(world.sample(4, 1)), world.render(world.sample(4, 2)))


def test_a_picture_is_uint8_rgb_of_64_pixels_and_factors_have_one_value_each():
    scenes = world.sample(5, seed=3)
    pictures = world.render(scenes)
    assert pictures.shape == (5, 3, 64, 64) and pictures.dtype == torch.uint8
    for name in ("shape", "texture", "hue", "orientation", "size", "x", "y", "background", "light"):
        assert getattr(scenes, name).shape == (5,)


def test_factors_are_uniform_and_independent():
    s = world.sample(20_000, seed=9)
    counts = torch.bincount(s.shape, minlength=len(world.SOURCE_SHAPES)).double()
    expected = 20_000 / len(world.SOURCE_SHAPES)
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 46  # 17 degrees of freedom, p < 0.0002
    numbers = torch.stack(
        [s.shape.double(), s.texture.double(), s.hue, s.orientation, s.size, s.x, s.y, s.light]
    )
    correlation = torch.corrcoef(numbers) - torch.eye(8)
    assert correlation.abs().max() < 0.035  # five standard errors


def test_moving_the_object_moves_it_in_the_picture():
    scenes = replace(world.sample(24, seed=4), background=torch.zeros(24, dtype=torch.long))
    left = world.render(replace(scenes, x=torch.full((24,), -0.28, dtype=torch.float64)))
    right = world.render(replace(scenes, x=torch.full((24,), 0.28, dtype=torch.float64)))
    difference = (left.float() - right.float()).abs().mean((0, 1, 2))
    assert difference[:18].mean() > 3 and difference[32 - 3 : 32 + 3].mean() > 0
    upper = world.render(replace(scenes, y=torch.full((24,), 0.28, dtype=torch.float64)))
    lower = world.render(replace(scenes, y=torch.full((24,), -0.28, dtype=torch.float64)))
    rows = (upper.float() - lower.float()).abs().mean((0, 1, 3))
    assert rows[:24].mean() > 3 and rows[40:].mean() > 3


def test_changing_the_hue_changes_the_object_and_nothing_else():
    scenes = replace(
        world.sample(16, seed=5, textures=("plain",)),
        hue=torch.zeros(16, dtype=torch.float64),
        size=torch.full((16,), 0.5, dtype=torch.float64),
    )
    red = world.render(scenes).float()
    blue = world.render(replace(scenes, hue=torch.full((16,), 0.6, dtype=torch.float64))).float()
    changed = (red - blue).abs().amax((0, 1)) > 2
    assert changed[28:36, 28:36].any()
    assert not changed[:2].any() and not changed[:, :2].any()


@pytest.mark.parametrize("name", world.SHAPES)
def test_every_shape_fills_a_fair_part_of_its_disc_and_stays_near_it(name):
    steps = torch.linspace(-1.6, 1.6, 161)
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    inside = shapes.ALL[name](u, v) < 0
    area = inside.float().mean() * 3.2**2
    assert 0.45 < area < 3.3
    assert (u**2 + v**2)[inside].sqrt().max() < 1.45


@pytest.mark.parametrize(
    ("point", "distance"), [((0.0, 0.0), -0.5), ((2.0, 0.0), 1.5), ((1.5, 2.0), 1.8027756)]
)
def test_the_distance_to_a_box_is_the_euclidean_one(point, distance):
    u, v = (torch.tensor([p]) for p in point)
    assert shapes.box(u, v, 0, 0, 0.5, 0.5).item() == pytest.approx(distance, abs=1e-5)
    corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    assert shapes.polygon(u, v, corners).item() == pytest.approx(distance, abs=1e-5)


@pytest.mark.parametrize("name", world.TEXTURES)
def test_every_texture_is_a_share_between_zero_and_one(name):
    steps = torch.linspace(-3, 3, 64)
    t, s = torch.meshgrid(steps, steps, indexing="ij")
    share = textures.ALL[name](s, t, torch.sin(s * 5))
    assert share.shape == s.shape and 0 <= share.min() and share.max() <= 1
    if name not in ("plain", "hollow"):
        assert 0.1 < share.mean() < 0.9


def test_objects_stand_out_from_the_ground():
    """Mean luminance of the object's middle and of the rim differ in nearly every picture."""
    scenes = world.sample(200, seed=6, shapes=("circle", "square"), textures=("plain",))
    pictures = world.render(scenes).float().mean(1)
    steps = (torch.arange(64) + 0.5) / 32 - 1
    u, v = steps.expand(64, 64), -steps[:, None].expand(64, 64)
    far = []
    for picture, x, y, size in zip(pictures, scenes.x, scenes.y, scenes.size, strict=True):
        r = ((u - x) ** 2 + (v - y) ** 2).sqrt()
        far.append((picture[r < 0.5 * size].mean() - picture[r > 1.25 * size].mean()).abs() > 20)
    assert sum(far) > 190


def test_night_is_darker_and_bluer_than_day():
    day = world.render(world.sample(32, 7)).float().mean((0, 2, 3))
    night = world.render(world.sample(32, 7, domain="night")).float().mean((0, 2, 3))
    assert night.mean() < 0.6 * day.mean()
    assert night[2] / night[0] > 1.3 * day[2] / day[0]


def test_distractors_leave_the_object_where_it_is():
    plain, busy = world.sample(30, 8), world.sample(30, 8, distractors=3)
    assert torch.equal(plain.shape, busy.shape) and int(busy.distractors.max()) == 3
    difference = (world.render(plain).int() - world.render(busy).int()).abs().amax(1).float()
    assert difference[:, 28:36, 28:36].mean() < difference.mean()


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": -1},
        {"n": 1, "shapes": ("sphere",)},
        {"n": 1, "textures": ()},
        {"n": 1, "domain": "dusk"},
        {"n": 1, "distractors": 4},
    ],
)
def test_wrong_requests_are_refused_with_what_is_allowed(wrong):
    with pytest.raises(CourseError, match="must be|There are"):
        world.sample(**wrong)


def test_the_hash_is_splitmix64():
    """Reference: the generator of Steele, Lea and Flood in plain Python integers."""

    def splitmix(z):
        mask = 2**64 - 1
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    import zlib

    golden, mask = 0x9E3779B97F4A7C15, 2**64 - 1
    seed, stream, index, column = 5, "hue", 123, 2
    key = splitmix((seed * golden + zlib.crc32(stream.encode())) & mask)
    value = splitmix((splitmix((index * golden + key) & mask) + column * golden) & mask)
    expected = (value >> 11) / 2**53
    got = uniform(seed, torch.tensor([index]), stream, 3)[0, column].item()
    assert got == expected


@given(seed=st.integers(-(2**40), 2**40), start=st.integers(0, 10**9), options=st.integers(1, 50))
def test_random_numbers_stay_in_their_range(seed, start, options):
    index = torch.arange(start, start + 20)
    assert ((u := uniform(seed, index, "a")) >= 0).all() and (u < 1).all()
    assert ((c := choice(seed, index, "b", options)) >= 0).all() and (c < options).all()
    assert ((b := between(seed, index, "c", -2, 3)) >= -2).all() and (b < 3).all()


def test_colours_match_known_oklch_values():
    """White, mid grey and the sRGB primaries, from the published OKLab values of the primaries."""
    lightness = torch.tensor([1.0, 0.5999, 0.6280, 0.8664, 0.4520], dtype=torch.float64)
    chroma = torch.tensor([0.0, 0.0, 0.2577, 0.2948, 0.3132], dtype=torch.float64)
    hue = torch.tensor([0.0, 0.0, 29.23, 142.50, 264.05], dtype=torch.float64) / 360
    expected = torch.tensor([[1, 1, 1], [0.5] * 3, [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    assert torch.allclose(colour.srgb(lightness, chroma, hue).float(), expected, atol=0.03)


def test_windows_of_a_field_wrap_around():
    field = torch.arange(256 * 256).view(256, 256)
    view = fields.window(field, torch.tensor([250]), torch.tensor([0]), size=8)[0]
    assert view[0, 0] == 250 * 256 and view[6, 0] == 0 and view[7, 3] == 256 + 3


def test_fractals_are_classes_whose_pictures_do_not_depend_on_the_batch():
    pictures, labels = fractals.pictures(30, seed=1)
    again, same = fractals.pictures(10, seed=1, start=20)
    assert torch.equal(pictures[20:], again) and torch.equal(labels[20:], same)
    assert pictures.shape == (30, 3, 64, 64) and pictures.dtype == torch.uint8
    assert 0 <= labels.min() and labels.max() < fractals.CLASSES


def test_dead_leaves_have_edges_at_every_scale_and_clouds_are_smooth():
    def roughness(field):
        return np.abs(np.diff(field.numpy(), axis=0)).mean()

    assert fields.dead_leaves().shape == (256, 256)
    assert roughness(fields.clouds()) < roughness(fields.dead_leaves())


@pytest.mark.gpu
def test_a_gpu_draws_the_same_pictures_within_one_grey_level():
    scenes = world.sample(256, seed=10, distractors=2)
    here, there = world.render(scenes).int(), world.render(scenes, "cuda").int()
    assert ((here - there).abs() <= 1).float().mean() > 0.999
    here, there = fractals.pictures(256)[0].int(), fractals.pictures(256, device="cuda")[0].int()
    assert ((here - there).abs() <= 1).float().mean() > 0.99  # a point may fall beside a border
