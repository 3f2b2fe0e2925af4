"""What is in a picture of the image world, said in words.

Every caption names texture and shape. Half of them name the colour, and half of them size or place
where there is something to say. Which words a picture gets depends only on its seed and number.
"""

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from course_lib.world import SHAPES, Scenes
from course_lib.world.random import choice, uniform

SHAPE_WORDS = {name: name for name in SHAPES}
TEXTURE_WORDS = {
    "plain": "plain",
    "stripes": "striped",
    "checker": "checkered",
    "dots": "dotted",
    "grid": "latticed",
    "zigzag": "zigzag",
    "rings": "concentric",
    "bricks": "bricked",
    "blobs": "blotchy",
    "rays": "radiant",
    "halves": "two-tone",
    "hollow": "hollow",
    "waves": "wavy",
    "honeycomb": "honeycomb",
    "plaid": "plaid",
    "spiral": "spiralled",
}
COLOURS = ("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink")
SMALL, LARGE = 0.49, 0.63  # half the width of an object: below it "small", from it on "large"
ASIDE = 0.12  # how far from the middle a place is worth a word

TEMPLATES = (
    "{a} {size} {colour} {texture} {shape} {place}",
    "a picture of {a} {size} {colour} {texture} {shape} {place}",
    "{size} {colour} {texture} {shape} {place}",
    "here is {a} {size} {colour} {shape}, {texture}, {place}",
    "{place} {a} {size} {shape}, {texture} and {colour}",
)


def captions(scenes: Scenes) -> list[str]:
    """A caption for each of n scenes, such as "a small red striped heart on the left"."""

    def named(what: str) -> list[bool]:
        return (uniform(scenes.seed, scenes.index, f"caption {what}") < 0.5).tolist()

    template = choice(scenes.seed, scenes.index, "caption template", len(TEMPLATES)).tolist()
    said = {what: named(what) for what in ("size", "colour", "place")}
    words = factor_words(scenes)
    return [
        phrase(
            TEMPLATES[template[i]],
            shape=words["shape"][i],
            texture=words["texture"][i],
            **{what: words[what][i] if said[what][i] else "" for what in said},
        )
        for i in range(len(scenes))
    ]


def factor_words(scenes: Scenes) -> dict[str, list[str]]:
    """For each factor the word of each of n scenes; "" where a size or place is worth none."""
    shapes, textures = list(SHAPE_WORDS.values()), list(TEXTURE_WORDS.values())
    sizes = ["small" if s < SMALL else "large" if s >= LARGE else "" for s in scenes.size.tolist()]
    return {
        "shape": [shapes[k] for k in scenes.shape.tolist()],
        "texture": [textures[k] for k in scenes.texture.tolist()],
        "colour": [COLOURS[k] for k in colour_numbers(scenes).tolist()],
        "size": sizes,
        "place": [_place(x, y) for x, y in zip(scenes.x.tolist(), scenes.y.tolist(), strict=True)],
    }


def colour_numbers(scenes: Scenes) -> Tensor:
    """(n,) int64, which of COLOURS the object of each scene has: eight equal parts of the hues."""
    return (scenes.hue * len(COLOURS)).long().clamp(max=len(COLOURS) - 1)


def phrase(template: str, **words: str) -> str:
    """A template filled in; words that are "" fall out, and so do joints that are left over."""
    text = template.format(a="{a}", **{"size": "", "colour": "", "place": "", **words})
    text = re.sub(r"\s*(,|and)\s*$", "", re.sub(r"\s+", " ", text).strip())
    text = re.sub(r"\{a\} (\w)", lambda m: f"{'an' if m[1] in 'aeiou' else 'a'} {m[1]}", text)
    return text.replace(" ,", ",")


def _place(x: float, y: float) -> str:
    if max(abs(x), abs(y)) < ASIDE:
        return ""
    if abs(x) > abs(y):
        return "on the left" if x < 0 else "on the right"
    return "at the bottom" if y < 0 else "at the top"


def split_words(caption: str) -> list[str]:
    """The words of a caption in small letters, without punctuation; a hyphen joins two."""
    return re.findall(r"[a-z]+(?:-[a-z]+)*", caption.lower())


class Vocabulary:
    """The words of some captions, each with a number. Other words are unknown and left out."""

    def __init__(self, words: Iterable[str]):
        self.words = tuple(sorted(set(words)))
        self._number = {word: number for number, word in enumerate(self.words)}

    @classmethod
    def of(cls, captions: Iterable[str]) -> "Vocabulary":
        return cls(word for caption in captions for word in split_words(caption))

    def __len__(self) -> int:
        return len(self.words)

    def unknown(self, caption: str) -> list[str]:
        """The words of a caption that no caption had, in their order, each once."""
        return list(dict.fromkeys(w for w in split_words(caption) if w not in self._number))

    def bags(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Captions as nn.EmbeddingBag takes them.

        Gives the numbers of all known words in a row, int64 (words,), and where each caption begins
        among them, int64 (captions,).
        """
        rows = [[self._number[w] for w in split_words(c) if w in self._number] for c in captions]
        starts = torch.tensor([0, *(len(row) for row in rows)]).cumsum(0)[:-1]
        return torch.tensor([k for row in rows for k in row], dtype=torch.int64), starts
