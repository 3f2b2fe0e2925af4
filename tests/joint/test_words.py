"""What captions say, and which pairs of shape and texture they are about."""

from dataclasses import replace

import pytest
import torch

from course_lib import world
from course_lib.joint import words
from course_lib.joint.pairs import captioned_scenes, new_to_worldnet, pair_scenes, unseen_pairs


def one(shape="heart", texture="stripes", **factors):
    """A scene of these factors, small, red, in the middle, unless told otherwise."""
    factors = {"hue": 0.05, "size": 0.45, "x": 0.0, "y": 0.0, **factors}
    scenes = world.sample(1)
    known = {name: torch.tensor([value]) for name, value in factors.items()}
    kinds = {
        "shape": torch.tensor([world.SHAPES.index(shape)]),
        "texture": torch.tensor([world.TEXTURES.index(texture)]),
    }
    return replace(scenes, **kinds, **known)


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ({"hue": 0.08}, {"colour": "red"}),  # sRGB's red has 29 degrees in OKLCh, its blue 264
        ({"hue": 0.7334}, {"colour": "blue"}),
        ({"hue": 0.9999}, {"colour": "pink"}),
        ({"size": 0.45}, {"size": "small"}),
        ({"size": 0.56}, {"size": ""}),
        ({"size": 0.68}, {"size": "large"}),
        ({"x": -0.2, "y": 0.1}, {"place": "on the left"}),
        ({"x": 0.1, "y": 0.2}, {"place": "at the top"}),
        ({"x": 0.05, "y": -0.05}, {"place": ""}),
        ({"shape": "umbrella", "texture": "halves"}, {"shape": "umbrella", "texture": "two-tone"}),
    ],
)
def test_each_factor_has_its_word(factors, said):
    found = words.factor_words(one(**factors))
    assert {name: found[name] for name in said} == {name: [word] for name, word in said.items()}


def test_words_that_are_left_out_leave_no_joint_and_no_wrong_article():
    full = {"shape": "umbrella", "texture": "wavy", "size": "large", "colour": "orange"}
    first, *_, commas, last = words.TEMPLATES
    assert words.phrase(first, shape="umbrella", texture="") == "an umbrella"
    assert (
        words.phrase(first, place="at the top", **full) == "a large orange wavy umbrella at the top"
    )
    assert words.phrase(commas, shape="key", texture="plain") == "here is a key, plain"
    assert words.phrase(last, shape="key", texture="plain") == "a key, plain"
    assert words.phrase(last, **full) == "a large umbrella, wavy and orange"


def test_every_caption_names_shape_and_texture_and_about_half_of_them_the_colour():
    scenes = captioned_scenes(400, seed=3)
    said, factors = words.captions(scenes), words.factor_words(scenes)
    coloured = 0
    for number, caption in enumerate(said):
        known = words.split_words(caption)
        assert factors["shape"][number] in known and factors["texture"][number] in known
        others = set(words.COLOURS) - {factors["colour"][number]}
        assert not others & set(known)
        coloured += factors["colour"][number] in known
    assert 160 < coloured < 240


def test_a_caption_depends_on_the_picture_alone_not_on_those_beside_it():
    assert words.captions(captioned_scenes(30, seed=1))[20:] == words.captions(
        captioned_scenes(10, seed=1, start=20)
    )


def test_no_word_stands_for_two_things():
    kinds = [*words.SHAPE_WORDS.values(), *words.TEXTURE_WORDS.values(), *words.COLOURS]
    assert len(set(kinds)) == 24 + 16 + 8


def test_a_vocabulary_counts_words_and_leaves_unknown_ones_out():
    vocabulary = words.Vocabulary.of(["a striped heart", "A two-tone heart."])
    assert vocabulary.words == ("a", "heart", "striped", "two-tone")
    flat, starts = vocabulary.bags(["a golden heart", "crown", "Heart, striped!"])
    assert flat.tolist() == [0, 1, 1, 2] and starts.tolist() == [0, 2, 2]
    assert vocabulary.unknown("a crown or a golden crown") == ["crown", "or", "golden"]


@pytest.mark.parametrize("seed", [0, 1, 902])
def test_three_textures_of_every_shape_are_kept_back_and_half_of_the_pairs_are_new(seed):
    pairs = unseen_pairs(seed)
    assert len(set(map(tuple, pairs.tolist()))) == 72
    assert torch.bincount(pairs[:, 0]).tolist() == [3] * 24
    assert new_to_worldnet(pairs).sum() == 36
    assert not torch.equal(pairs, unseen_pairs(seed + 1))


def test_a_pair_is_new_to_worldnet_if_its_shape_or_its_texture_was_held_out():
    def number(shape, texture):
        return [world.SHAPES.index(shape), world.TEXTURES.index(texture)]

    pairs = [number("circle", "dots"), number("crown", "dots"), number("circle", "plaid")]
    assert new_to_worldnet(torch.tensor(pairs)).tolist() == [False, True, True]


def test_captioned_scenes_keep_to_their_pairs_and_leave_a_shape_out():
    kept_back = set(map(tuple, unseen_pairs(5).tolist()))
    for without in ("", "crown"):
        scenes = captioned_scenes(3_000, seed=5, without=without)
        shown = set(zip(scenes.shape.tolist(), scenes.texture.tolist(), strict=True))
        assert not shown & kept_back
        assert len(shown) == 24 * 13 - (13 if without else 0)


def test_scenes_of_given_pairs_come_pair_by_pair_and_differ_from_stream_to_stream():
    pairs = unseen_pairs(0)[:2]
    scenes = pair_scenes(pairs, 3, seed=0)
    assert torch.stack([scenes.shape, scenes.texture], 1).tolist() == [
        list(pair) for pair in pairs.tolist() for _ in range(3)
    ]
    assert not torch.equal(scenes.hue, pair_scenes(pairs, 3, seed=0, stream=3).hue)
