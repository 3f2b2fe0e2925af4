"""Naming pictures by prompts, and finding pictures by words: nothing learns here."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.joint.towers import TwoTowers
from course_lib.joint.words import SHAPE_WORDS, TEMPLATES, TEXTURE_WORDS, phrase


def zero_shot(pictures: Tensor, texts: Sequence[Tensor], scale: float = 20.0) -> Tensor:
    """(n, classes) probabilities that each picture belongs to each class; rows sum to one.

    pictures: (n, d), of any length. texts: for each class the vectors of its prompts, (prompts, d).
    Every vector is made unit length, the prompts of a class are averaged and the mean is made unit
    length again (Radford et al. 2021, section 3.1.4).
    """
    classes = [F.normalize(F.normalize(t, dim=1).mean(0), dim=0) for t in texts]
    cosines = F.normalize(pictures, dim=1) @ torch.stack(classes).T
    return (scale * cosines).softmax(1)


def prompts_for(pairs: Tensor, templates: Sequence[str] = TEMPLATES) -> list[list[str]]:
    """For each pair (shape, texture) of (k, 2) one prompt per template, without other words."""
    shapes, textures = list(SHAPE_WORDS.values()), list(TEXTURE_WORDS.values())
    return [
        [phrase(t, shape=shapes[shape], texture=textures[texture]) for t in templates]
        for shape, texture in pairs.tolist()
    ]


def class_vectors(towers: TwoTowers, prompts: Sequence[Sequence[str]]) -> Tensor:
    """(classes, d): the unit mean of the unit vectors of each class's prompts."""
    flat = towers.embed_texts([prompt for group in prompts for prompt in group])
    parts = flat.split([len(group) for group in prompts])
    return F.normalize(torch.stack([part.mean(0) for part in parts]), dim=1)


def nearest(towers: TwoTowers, pictures: Tensor, caption: str, most: int) -> tuple[Tensor, Tensor]:
    """The pictures nearest to a caption: their numbers, int64 (most,), and cosines, nearest first.

    pictures: (n, d) unit vectors. A caption without a known word is as near to all as a bag of no
    words: ask `towers.vocabulary.unknown` first.
    """
    cosines = pictures @ towers.embed_texts([caption])[0]
    found = cosines.topk(min(most, len(pictures)))
    return found.indices, found.values
