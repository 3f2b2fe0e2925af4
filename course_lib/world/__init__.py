"""The image world: procedural pictures with known factors, and two other domains."""

from course_lib.world.scenes import (
    BACKGROUNDS,
    DOMAINS,
    HELD_OUT_SHAPES,
    HELD_OUT_TEXTURES,
    SHAPES,
    SIZE,
    SOURCE_SHAPES,
    SOURCE_TEXTURES,
    TEXTURES,
    Scenes,
    render,
    sample,
)

__all__ = [
    "BACKGROUNDS",
    "DOMAINS",
    "HELD_OUT_SHAPES",
    "HELD_OUT_TEXTURES",
    "SHAPES",
    "SIZE",
    "SOURCE_SHAPES",
    "SOURCE_TEXTURES",
    "TEXTURES",
    "Scenes",
    "render",
    "sample",
]
