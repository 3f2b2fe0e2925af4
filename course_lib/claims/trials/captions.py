"""Pictures and words in one space: what captions teach, and what they cannot."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from course_lib import world
from course_lib.backbones import Backbone
from course_lib.claims.trials import transfer
from course_lib.joint import words
from course_lib.joint.features import LATE, WITH_STEM, tap, tower_features
from course_lib.joint.naming import class_vectors, prompts_for
from course_lib.joint.pairs import captioned_scenes, new_to_worldnet, pair_scenes, unseen_pairs
from course_lib.joint.towers import PictureTower, TwoTowers, optimise, train_towers, training
from course_lib.joint.words import COLOURS, SHAPE_WORDS, TEMPLATES, TEXTURE_WORDS, Vocabulary
from course_lib.lab import cache
from course_lib.lab.looks import PIXELS, RANDOM
from course_lib.train.baselines import adapt_batch_norm

CAPTIONS = "captions, WorldNet frozen"
STEM = "captions, the stem's features too"
LABELS = "factor labels, WorldNet frozen"
SCRATCH = "captions, the whole net from scratch"

# Chosen on draws of their own, seeds 900 to 902, by benchmarks/captions.py, then kept.
SETTINGS = {
    CAPTIONS: {"epochs": 8, "rate": 3e-3},
    STEM: {"epochs": 8, "rate": 3e-3},
    LABELS: {"epochs": 8, "rate": 3e-3},
    SCRATCH: {"epochs": 16, "rate": 3e-3},
    RANDOM: {"epochs": 30, "rate": 3e-3},
    PIXELS: {"epochs": 15, "rate": 1e-3},
}
ALL_PAIRS = torch.cartesian_prod(torch.arange(len(world.SHAPES)), torch.arange(len(world.TEXTURES)))


# ---- what a draw consists of ---------------------------------------------------------------------


class Captioned(NamedTuple):
    """Scenes with their captions and pictures, uint8 (n, 3, 64, 64)."""

    scenes: world.Scenes
    captions: list[str]
    pictures: Tensor


@lru_cache(maxsize=2)
def captioned(seed: int, pictures: int, without: str = "") -> Captioned:
    """The captioned pictures of a draw. without: a shape whose pictures are left out."""
    if without:
        everything = captioned(seed, pictures)
        rows = kept_rows(everything.scenes, without)
        said = [everything.captions[i] for i in rows.tolist()]
        return Captioned(everything.scenes[rows], said, everything.pictures[rows])
    scenes = captioned_scenes(pictures, seed)
    return Captioned(scenes, words.captions(scenes), world.render(scenes))


def kept_rows(scenes: world.Scenes, without: str) -> Tensor:
    """Numbers of the scenes that do not show this shape."""
    return (scenes.shape != world.SHAPES.index(without)).nonzero()[:, 0]


@lru_cache(maxsize=1)
def tested(seed: int, each: int) -> tuple[world.Scenes, Tensor]:
    """Scenes and pictures of the pairs that no caption of a draw names, `each` of every pair."""
    scenes = pair_scenes(unseen_pairs(seed), each, seed)
    return scenes, world.render(scenes)


@cache.kept(maxsize=4)
def reader(name: str, seed: int, pictures: int) -> Callable[[Tensor], Tensor]:
    """What turns pictures into the features of this name; a random net is one for each draw."""
    if name == PIXELS:
        return lambda shown: adaptive_avg_pool2d(shown / 255, 16).flatten(1)
    net, grids = transfer.backbone(), WITH_STEM if name == STEM else LATE
    if name == RANDOM:
        net = net.fresh(seed)
        adapt_batch_norm(net, captioned(seed, pictures).pictures)
    return lambda shown: tower_features(net, shown, grids)


def features_of(name: str, seed: int, pictures: int, each: int = 0, without: str = "") -> Tensor:
    """Features, as a way of learning reads them, of a draw's test pictures, `each` of a pair, or of
    its captioned ones where `each` is 0."""
    if without:
        rows = kept_rows(captioned(seed, pictures).scenes, without)
        return features_of(name, seed, pictures, each)[rows]
    if name in (RANDOM, PIXELS):
        return _features_of(name, seed, pictures, each)
    found = _features_of(STEM, seed, pictures, each)
    return found if name == STEM else found[:, -late_numbers() :]


@cache.kept(maxsize=8)
def _features_of(name: str, seed: int, pictures: int, each: int) -> Tensor:
    shown = tested(seed, each)[1] if each else captioned(seed, pictures).pictures
    return reader(name, seed, pictures)(shown)


@cache.kept(maxsize=1)
def late_numbers() -> int:
    """How many of STEM's features are those of the late stages, which stand last."""
    shown = torch.zeros(1, 3, world.SIZE, world.SIZE, dtype=torch.uint8)
    return tower_features(transfer.backbone(), shown).shape[1]


# ---- training ------------------------------------------------------------------------------------


class WholeNet(nn.Module):
    """The picture tower of the scratch rival: a net, its taps and what stands on them elsewhere.

    Takes uint8 pictures (n, 3, 64, 64).
    """

    def __init__(self, net: Backbone):
        super().__init__()
        self.net, self.tower = net, PictureTower(late_numbers())

    def forward(self, pictures: Tensor) -> Tensor:
        return self.tower(tap(self.net, self.net.prepare(pictures)))


@cache.kept(maxsize=2)
def towers_of(
    name: str, seed: int, pictures: int, epochs: int, rate: float, without: str = ""
) -> TwoTowers:
    """Two towers trained on a draw's captions: on frozen features, or with a whole net of their
    own."""
    said = captioned(seed, pictures, without)
    if name != SCRATCH:
        features = features_of(name, seed, pictures, without=without)
        return train_towers(features, said.captions, epochs, rate, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        towers = TwoTowers(WholeNet(transfer.backbone().fresh(seed)), Vocabulary.of(said.captions))
        for _ in training(towers, said.pictures, said.captions, epochs, rate):
            pass
    return towers.eval()


def classified(trial: dict, labels: list[Tensor], sizes: list[int]) -> list[Tensor]:
    """Log-probabilities of some factors for the test pictures, (n, size) each, by one net that
    learns their labels where others learn captions, of as many layers; of one for PIXELS.

    labels: int64 (n,) for each factor, of the captioned pictures.
    """
    name, seed, pictures = (trial[key] for key in ("tower", "seed", "pictures"))
    train = features_of(name, seed, pictures)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: nn.Sequential = PictureTower(train.shape[1])
        net[-1] = nn.Linear(net[-1].in_features, sum(sizes))
        if name == PIXELS:
            net = nn.Sequential(net[0], nn.Linear(train.shape[1], sum(sizes)))

        def loss_of(rows: Tensor) -> Tensor:
            outputs = net(train[rows]).split(sizes, 1)
            pairs = zip(outputs, labels, strict=True)
            return torch.stack([F.cross_entropy(out, known[rows]) for out, known in pairs]).sum()

        for _ in optimise(net, len(train), loss_of, trial["epochs"], trial["rate"]):
            pass
    test = features_of(name, seed, pictures, trial["each"])
    with torch.no_grad():
        return [part.log_softmax(1) for part in net.eval()(test).split(sizes, 1)]


# ---- the trial of C31, C31b and C31c -------------------------------------------------------------


def trials_of(size: dict, ways: list[tuple[str, str]]) -> list[dict]:
    """Trials of some (tower, whether the draw's word is left out), draw by draw.

    Those that cost most, with a net of their own, come last and in the first draws only.
    """
    costly = {SCRATCH: size["scratch_draws"], RANDOM: size["random_draws"]}
    asked = [(seed, *way) for seed in size["seeds"] for way in ways if way[0] not in costly]
    asked += [(seed, name, "") for name, _ in ways for seed in size["seeds"][: costly.get(name, 0)]]
    return [
        {"tower": name, "without": word_of(seed) if without else "", "seed": seed,
         "pictures": size["pictures"], "each": size["each"], **settings(name, size)}
        for seed, name, without in asked
    ]  # fmt: skip


def settings(name: str, size: dict) -> dict:
    """Epochs and rate of a way of learning, unless the size has settings for all of them."""
    return {**SETTINGS[name], **size.get("settings", {})}


def joint_space(trial: dict) -> dict:
    """What two towers, or a rival, make of a draw's test pictures.

    trial: tower (one of the names above), without (a shape that is never captioned, or ""), seed,
    pictures, each (test pictures of a pair), epochs, rate.

    Gives unseen: how often a picture of a never captioned pair gets the right one of the 72; new:
    of those new to WorldNet too, among themselves; all: of the 72, among all 384; colour: how often
    the object's colour is named, of eight; seconds of training, features not counted. Where frozen
    WorldNet learns captions, also named: how often pictures of the draw's word get it, among the 24
    shapes; instead: what they are called otherwise.
    """
    name, seed = trial["tower"], trial["seed"]
    scenes, shown = tested(seed, trial["each"])
    colours = words.colour_numbers(scenes)
    if name in (LABELS, PIXELS):
        known = captioned(seed, trial["pictures"]).scenes
        features_of(name, seed, trial["pictures"])  # so that only training is timed
        begin = time.process_time()
        sizes = [len(world.SHAPES), len(world.TEXTURES)]
        shape, texture = classified(trial, [known.shape, known.texture], sizes)
        seconds = time.process_time() - begin
        scores = shape[:, ALL_PAIRS[:, 0]] + texture[:, ALL_PAIRS[:, 1]]
        (colour,) = classified(trial, [words.colour_numbers(known)], [len(COLOURS)])
        return {**named_pairs(scores, trial), **named_colours(colour, colours), "seconds": seconds}
    how = (seed, trial["pictures"])
    if name != SCRATCH:
        features_of(name, *how, without=trial["without"])
    begin = time.process_time()
    both = towers_of(name, *how, trial["epochs"], trial["rate"], trial["without"])
    seconds = time.process_time() - begin
    test = shown if name == SCRATCH else features_of(name, *how, trial["each"])
    vectors = both.embed_pictures(test)
    return {
        **named_pairs(vectors @ class_vectors(both, prompts_for(ALL_PAIRS)).T, trial),
        **named_colours(vectors @ class_vectors(both, colour_prompts()).T, colours),
        **(named_word(both, trial) if name == CAPTIONS else {}),
        "seconds": seconds,
    }


def share(right: Tensor) -> float:
    return right.float().mean().item()


def named_pairs(scores: Tensor, trial: dict) -> dict:
    """scores: (n, 384), of all pairs for the test pictures."""
    unseen = unseen_pairs(trial["seed"])
    columns = unseen[:, 0] * len(world.TEXTURES) + unseen[:, 1]
    labels = torch.arange(len(unseen)).repeat_interleave(trial["each"])
    new = new_to_worldnet(unseen)
    of_new, place = new[labels], new.cumsum(0) - 1
    return {
        "unseen": share(scores[:, columns].argmax(1) == labels),
        "new": share(scores[of_new][:, columns[new]].argmax(1) == place[labels[of_new]]),
        "all": share(scores.argmax(1) == columns[labels]),
    }


def named_colours(scores: Tensor, colours: Tensor) -> dict:
    """scores: (n, 8), of the colours for the test pictures."""
    return {"colour": share(scores.argmax(1) == colours)}


def colour_prompts() -> list[list[str]]:
    """For each colour a prompt of it with every pair, so that no shape or texture favours one."""
    pairs = [(s, t) for s in SHAPE_WORDS.values() for t in TEXTURE_WORDS.values()]
    return [
        [words.phrase(TEMPLATES[0], colour=colour, shape=s, texture=t) for s, t in pairs]
        for colour in COLOURS
    ]


def word_of(seed: int) -> str:
    """The shape that a draw can leave out: one new to WorldNet, crown first, or one known to it."""
    new, old = world.HELD_OUT_SHAPES, world.SOURCE_SHAPES
    if seed % 2 == 0:
        return new[(new.index("crown") + seed // 2) % len(new)]
    return old[(5 * (seed // 2)) % len(old)]


def named_word(both: TwoTowers, trial: dict) -> dict:
    """What pictures of the draw's word, in all textures, are called among the 24 shapes."""
    shape, textures = world.SHAPES.index(word_of(trial["seed"])), len(world.TEXTURES)
    pairs = ALL_PAIRS[ALL_PAIRS[:, 0] == shape]
    shown = world.render(pair_scenes(pairs, trial["each"], trial["seed"], stream=3))
    vectors = both.embed_pictures(reader(CAPTIONS, trial["seed"], trial["pictures"])(shown))
    prompts = [prompt for (prompt,) in prompts_for(ALL_PAIRS, TEMPLATES[:1])]
    groups = [prompts[k : k + textures] for k in range(0, len(prompts), textures)]
    named = (vectors @ class_vectors(both, groups).T).argmax(1)
    others = named[named != shape]
    instead = world.SHAPES[int(others.mode().values)] if len(others) else ""
    return {"named": share(named == shape), "instead": instead}


NEVER, AS_USUAL = "never captioned", "captioned"


def by_caption(rows: pd.DataFrame) -> pd.DataFrame:
    """A column more: captions, whether the draw's word was captioned, in words."""
    return rows.assign(captions=np.where(rows["without"] == "", AS_USUAL, NEVER))


def with_rivals(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns more: whether the draw has the scratch tower, and a random net; only some have."""

    def has(tower: str) -> pd.Series:
        return rows["seed"].isin(rows.loc[rows["tower"] == tower, "seed"])

    return rows.assign(**{"beside scratch": has(SCRATCH), "beside random": has(RANDOM)})
