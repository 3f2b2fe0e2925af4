"""Pictures and words in one space: CLIP (Radford et al. 2021) in miniature.

    from course_lib.joint import captioned_scenes, captions, tower_features, train_towers
    scenes = captioned_scenes(4_000, seed=0)
    towers = train_towers(tower_features(backbone, world.render(scenes)), captions(scenes))
    towers.embed_texts(["a striped heart"])

`words` says what is in a picture, `pairs` which shapes and textures are captioned at all,
`features` what a frozen net tells of a picture. `towers` holds the two towers, their loss and their
training; `naming` names pictures by prompts, `few_shot` by prompts and some labels.
"""

from course_lib.joint.features import tower_features
from course_lib.joint.naming import nearest, prompts_for, zero_shot
from course_lib.joint.pairs import captioned_scenes, new_to_worldnet, pair_scenes, unseen_pairs
from course_lib.joint.towers import TwoTowers, contrastive_loss, train_towers
from course_lib.joint.words import COLOURS, SHAPE_WORDS, TEXTURE_WORDS, Vocabulary, captions

__all__ = [
    "COLOURS",
    "SHAPE_WORDS",
    "TEXTURE_WORDS",
    "TwoTowers",
    "Vocabulary",
    "captioned_scenes",
    "captions",
    "contrastive_loss",
    "nearest",
    "new_to_worldnet",
    "pair_scenes",
    "prompts_for",
    "tower_features",
    "train_towers",
    "unseen_pairs",
    "zero_shot",
]
