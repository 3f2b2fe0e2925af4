"""Towers that know a few words, trained for a moment on a small random net: for tests of pages."""

from functools import cache

from course_lib import world
from course_lib.joint import TwoTowers, captioned_scenes, captions, tower_features, train_towers
from tests.fakes import small_backbone


@cache
def toy_towers() -> TwoTowers:
    """No caption of theirs has the word crown."""
    scenes = captioned_scenes(300, seed=0, without="crown")
    features = tower_features(small_backbone(), world.render(scenes))
    return train_towers(features, captions(scenes), epochs=3)
