"""Which pairs of shape and texture are captioned, and scenes of given pairs."""

from dataclasses import replace

import torch
from torch import Tensor

from course_lib import world
from course_lib.world import HELD_OUT_SHAPES, SHAPES, SOURCE_TEXTURES, TEXTURES, Scenes
from course_lib.world.random import choice


def unseen_pairs(seed: int) -> Tensor:
    """(72, 2) int64 pairs of shape and texture that no caption of this draw will have, in order.

    For every shape three textures: two of those that WorldNet was trained on, one of the others.
    """
    generator = torch.Generator().manual_seed(seed)
    known = len(SOURCE_TEXTURES)
    pairs = []
    for shape in range(len(SHAPES)):
        old = torch.randperm(known, generator=generator)[:2]
        new = known + torch.randint(len(TEXTURES) - known, (1,), generator=generator)
        pairs += [(shape, texture) for texture in torch.cat([old, new]).sort().values.tolist()]
    return torch.tensor(pairs)


def new_to_worldnet(pairs: Tensor) -> Tensor:
    """(k,) bool: whether WorldNet's pretraining lacked the shape or the texture. pairs: (k, 2)."""
    old_shape = pairs[:, 0] < len(SHAPES) - len(HELD_OUT_SHAPES)
    return ~(old_shape & (pairs[:, 1] < len(SOURCE_TEXTURES)))


def captioned_scenes(n: int, seed: int, start: int = 0, without: str = "") -> Scenes:
    """n scenes whose pairs are captioned in this draw: all pairs but `unseen_pairs(seed)`.

    start: number of the first scene, as for `world.sample`. without: a shape that no scene shows.
    """
    open_ = torch.ones(len(SHAPES), len(TEXTURES), dtype=torch.bool)
    shapes, textures = unseen_pairs(seed).T
    open_[shapes, textures] = False
    if without:
        open_[SHAPES.index(without)] = False
    pairs = open_.nonzero()
    scenes = world.sample(n, seed=_stream(seed, 1), start=start)
    which = choice(scenes.seed, scenes.index, "captioned pair", len(pairs))
    return replace(scenes, shape=pairs[which, 0], texture=pairs[which, 1])


def pair_scenes(pairs: Tensor, each: int, seed: int, stream: int = 2) -> Scenes:
    """`each` scenes of every pair, pair by pair. Another stream, other scenes of the same draw."""
    scenes = world.sample(len(pairs) * each, seed=_stream(seed, stream))
    shape, texture = pairs.repeat_interleave(each, 0).T
    return replace(scenes, shape=shape, texture=texture)


def _stream(seed: int, stream: int) -> int:
    """A seed of the image world that no other part of the course draws from."""
    return 31_000_000 + 100 * seed + stream
