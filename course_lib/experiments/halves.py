"""Small nets trained on one half of the image world: general or specific? (C03, C38)

Half A and half B share no shape and no texture, so what a net of one half knows about objects is
of no direct use in the other. The nets are WorldNet at half its width and learn to name the shape.
"""

from functools import lru_cache

import numpy as np

from course_lib.experiments.study import Claim, Finding, Row, select
from course_lib.measure.statistics import above, mean, points, together, with_spread
from course_lib.train import strategies as S

HALVES = {"A": 0, "B": 1}
WIDTHS = (16, 32, 64, 128)
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
BASE = "base"  # trained on B from random weights: what the others are measured against
# Yosinski et al. 2014: first stages from a net of A or of B, frozen or (+) learning with the rest.
KINDS = ("AnB", "BnB", "AnB+", "BnB+")
LINES = {
    "AnB": ("#D55E00", "-", "o", "first n stages from A, frozen"),
    "BnB": ("#0072B2", "-", "s", "first n from B, frozen"),
    "AnB+": ("#CC79A7", "--", "^", "from A, all fine-tuned"),
    "BnB+": ("#56B4E9", "--", "v", "from B, all fine-tuned"),
}


# ---------------------------------------------------------------- nets and tasks of a half


def small_net(side: int = 64):
    """WorldNet at half the width with random weights, for pictures of `side` pixels."""
    from dataclasses import replace

    from course_lib.backbones.architectures import ARCHITECTURES
    from course_lib.backbones.backbone import Backbone
    from course_lib.backbones.loading import DEFAULT_MEAN, DEFAULT_STD
    from course_lib.backbones.preprocessing import Normalise
    from course_lib.backbones.worldnet import WorldNet

    class SmallWorldNet(WorldNet):
        widths = WIDTHS

    like = replace(ARCHITECTURES["worldnet"], build=SmallWorldNet, size=side)
    net = SmallWorldNet(len(half_shapes("A")))
    return Backbone(net, like, Normalise(side, DEFAULT_MEAN, DEFAULT_STD)).eval()


def half_shapes(half: str) -> tuple[str, ...]:
    from course_lib import world

    return world.SOURCE_SHAPES[HALVES[half] :: 2]


def half_task(half: str, pictures: int, seed: int, side: int, test: int = 1_000):
    """Name the shape: `pictures` drawn shapes and textures of one half, `side` pixels wide."""
    from course_lib.data.recipes import TEST_SEED, TRAIN_SEED, VALIDATION_SEED
    from course_lib.data.task import Task

    return Task(
        f"half {half}",
        f"Shapes of half {half}",
        half_split(half, pictures, TRAIN_SEED + seed, side),
        half_split(half, 100, VALIDATION_SEED, side),
        half_split(half, test, TEST_SEED, side),
        half_shapes(half),
        "accuracy",
        "similar",
        "rendered by course_lib.world",
    )


@lru_cache(maxsize=16)
def half_split(half: str, n: int, seed: int, side: int):
    """n pictures of one half and the numbers of their shapes."""
    import torch
    from torch.nn.functional import avg_pool2d

    from course_lib import world
    from course_lib.data.split import Split

    shapes, textures = half_shapes(half), world.SOURCE_TEXTURES[HALVES[half] :: 2]
    place = {world.SHAPES.index(name): number for number, name in enumerate(shapes)}
    scenes = world.sample(n, seed, shapes=shapes, textures=textures)
    drawn = avg_pool2d(world.render(scenes).float(), world.SIZE // side)
    labels = torch.tensor([place[kind] for kind in scenes.shape.tolist()])
    return Split(drawn.round().to(torch.uint8), labels)


@lru_cache(maxsize=12)
def half_net(half: str, seed: int, pictures: int, epochs: int, side: int):
    """A small net trained on one half from random weights: the run."""
    from course_lib import fit

    task = half_task(half, pictures, seed, side)
    return fit(small_net(side), task, S.SCRATCH, epochs, seed=seed, **_QUIETLY)


_QUIETLY = {"batch_size": 64, "validate_every": 0, "test": False, "progress": False}


# ---------------------------------------------------------------- C03: transplants


def c03_trials(size: dict) -> list[dict]:
    common = {key: size[key] for key in ("pictures", "epochs", "side")}
    return [
        {"kind": kind, "stages": stages, "seed": seed, **common}
        for seed in size["seeds"]
        for kind in (BASE, *size["kinds"])
        for stages in ((0,) if kind == BASE else size["stages"])
    ]


def transplanted(trial: dict) -> dict:
    """Put the first stages of a trained net under fresh ones, train on half B, and test there."""
    from course_lib import fit
    from course_lib.see import transplant

    kind, seed, stages = trial["kind"], trial["seed"], trial["stages"]
    settings = {key: trial[key] for key in ("pictures", "epochs", "side")}
    if kind == BASE:
        run = half_net("B", seed, **settings)
        return {"test": run.test, "seconds": run.seconds}
    donor = half_net(kind[0], seed, **settings).model
    net = transplant(donor, donor.fresh(seed + 100), stages)
    learn = "all" if kind.endswith("+") else len(STAGES) - stages
    strategy = S.Strategy(
        kind, trainable=learn, lr=S.SCRATCH.lr, head_lr_ratio=1.0, batch_norm="train"
    )
    task = half_task("B", trial["pictures"], seed, trial["side"])
    run = fit(net, task, strategy, trial["epochs"], seed=seed, **_QUIETLY)
    return {"test": run.test, "seconds": run.seconds}


def _drops(rows: list[Row], kind: str, stages: int) -> np.ndarray:
    """What a transplant lost against the base net of the same seed, one value per seed."""

    def by_seed(chosen):
        return np.array([r["test"] for r in sorted(chosen, key=lambda r: r["seed"])])

    return by_seed(select(rows, kind=BASE)) - by_seed(select(rows, kind=kind, stages=stages))


def _depths(rows: list[Row]) -> list[int]:
    return sorted({row["stages"] for row in rows} - {0})


def c03_judge(rows: list[Row]) -> Finding:
    first, *_, last = _depths(rows)
    specific = {n: _drops(rows, "AnB", n) - _drops(rows, "BnB", n) for n in (first, last)}
    parts = {
        f"the first {first if first > 1 else 'stage'} serves B nearly as well as B's own":
            above(0.05 - specific[first]),
        "all of A's stages serve B clearly worse than B's own": above(specific[last], 0.05),
    }  # fmt: skip
    sentence = (
        f"The base net named {with_spread([r['test'] for r in select(rows, kind=BASE)])} of B's "
        f"shapes. With A's {'stem' if first == 1 else f'first {first} stages'} frozen it lost "
        f"{points(mean(_drops(rows, 'AnB', first)))}, with all {last} of A's frozen "
        f"{points(mean(_drops(rows, 'AnB', last)))}; with its own frozen "
        f"{points(mean(_drops(rows, 'BnB', first)))} and {points(mean(_drops(rows, 'BnB', last)))}."
    )
    if any(row["kind"] == "AnB+" for row in rows):
        gains = np.mean([-_drops(rows, "AnB+", n) for n in _depths(rows)], 0)
        parts["fine-tuned transplants from A beat the base net"] = above(gains)
        sentence += (
            f" Fine-tuned instead of frozen, A's stages gained {points(mean(gains))} over the base "
            "net on average over depths."
        )
    sentence += " Part by part: " + "; ".join(f"{k}: {v}" for k, v in parts.items()) + "."
    alt = "Test accuracy on half B against number of transplanted stages. " + "; ".join(
        f"{kind}: "
        + ", ".join(
            f"{mean([r['test'] for r in select(rows, kind=kind, stages=n)]):.2f} at {n}"
            for n in _depths(rows)
        )
        for kind in LINES
        if any(row["kind"] == kind for row in rows)
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def c03_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 3.9))
    base = [row["test"] for row in select(rows, kind=BASE)]
    ax.axhspan(min(base), max(base), color="#777777", alpha=0.15, lw=0)
    ax.axhline(mean(base), color="#555555", lw=1.2)
    depths = _depths(rows)
    ax.annotate("base net, from random weights", (depths[0], mean(base)), xytext=(0, 4),
                textcoords="offset points", fontsize=8.5, color="#555555")  # fmt: skip
    for kind, (color, dash, marker, title) in LINES.items():
        if not any(row["kind"] == kind for row in rows):
            continue
        values = np.array([[r["test"] for r in select(rows, kind=kind, stages=n)] for n in depths])
        ax.fill_between(depths, values.min(1), values.max(1), color=color, alpha=0.13, lw=0)
        ax.plot(depths, values.mean(1), color=color, ls=dash, marker=marker,
                label=f"{kind}  {title}")  # fmt: skip
    ax.set_xticks(depths, [f"{n}\n{STAGES[n - 1]}" for n in depths])
    ax.set_xlabel("transplanted stages, and the last of them")
    ax.set_ylabel("test accuracy on half B")
    ax.set_title("Transplants: which stages serve another task?")
    ax.legend(fontsize=9, loc="lower left")
    return fig


# ---------------------------------------------------------------- C38: two unrelated sources

SAME, OTHER, UNTRAINED = "same source", "other source", "untrained"
PAIRS = {
    SAME: ("#0072B2", "-", "s", "two nets of half A"),
    OTHER: ("#D55E00", "-", "o", "a net of A and one of B"),
    UNTRAINED: ("#777777", ":", "x", "two untrained nets"),
}


def c38_trials(size: dict) -> list[dict]:
    common = {key: size[key] for key in ("pictures", "epochs", "side")}
    return [{"pair": pair, "seed": seed, **common} for pair in PAIRS for seed in size["seeds"]]


def compared(trial: dict) -> dict:
    """CKA of every stage of two nets with the same stage of the other, on pictures of both halves;
    and how oriented the first filters of the second net are."""
    from course_lib import world
    from course_lib.see import first_filters, orientation_selectivity, stage_cka
    from course_lib.train.baselines import adapt_batch_norm

    settings = {key: trial[key] for key in ("pictures", "epochs", "side")}
    seed, pair = trial["seed"], trial["pair"]
    pictures = world.render(world.sample(400, seed=660_000 + seed))
    if pair == UNTRAINED:
        nets = [small_net(trial["side"]).fresh(seed + k) for k in (0, 100)]
        for net in nets:
            adapt_batch_norm(net, pictures)
    else:
        other = ("A", seed + 10) if pair == SAME else ("B", seed)
        nets = [half_net(*which, **settings).model for which in (("A", seed), other)]
    return {
        "cka": stage_cka(*nets, pictures).diag().tolist(),
        "selectivity": orientation_selectivity(first_filters(nets[1])).mean().item(),
    }


def _cka(rows: list[Row], pair: str) -> np.ndarray:
    chosen = sorted(select(rows, pair=pair), key=lambda row: row["seed"])
    return np.array([row["cka"] for row in chosen])  # (seeds, stages)


def c38_judge(rows: list[Row]) -> Finding:
    gap = _cka(rows, SAME) - _cka(rows, OTHER)
    oriented = {
        pair: np.array([r["selectivity"] for r in select(rows, pair=pair)]) for pair in PAIRS
    }
    parts = {
        "in the stem two sources are as alike as two seeds, to within 0.1": above(0.1 - gap[:, 0]),
        "in the last stage they are less alike by over 0.05": above(gap[:, -1], 0.05),
        "the first filters are more oriented than untrained ones":
            above(oriented[OTHER] - oriented[UNTRAINED]),
    }  # fmt: skip
    sentence = (
        f"CKA of the stems was {with_spread(_cka(rows, OTHER)[:, 0])} between sources and "
        f"{with_spread(_cka(rows, SAME)[:, 0])} between seeds of one source; of the last stages "
        f"{with_spread(_cka(rows, OTHER)[:, -1])} and {with_spread(_cka(rows, SAME)[:, -1])}. Two "
        f"*untrained* stems reached {mean(_cka(rows, UNTRAINED)[:, 0]):.2f}, so a high value there "
        f"says little by itself. Mean orientation selectivity of the first filters: "
        f"{mean(oriented[SAME]):.2f} (half A), {mean(oriented[OTHER]):.2f} (half B), "
        f"{mean(oriented[UNTRAINED]):.2f} untrained. Part by part: "
        + "; ".join(f"{name}: {verdict}" for name, verdict in parts.items())
        + "."
    )
    alt = "CKA per stage. " + "; ".join(
        f"{title}: " + ", ".join(f"{value:.2f}" for value in _cka(rows, pair).mean(0))
        for pair, (*_, title) in PAIRS.items()
    )
    return Finding(together(list(parts.values())), sentence, alt + ".")


def c38_draw(rows: list[Row]):
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    places = np.arange(len(STAGES))
    for pair, (color, dash, marker, title) in PAIRS.items():
        values = _cka(rows, pair)
        ax.fill_between(places, values.min(0), values.max(0), color=color, alpha=0.15, lw=0)
        ax.plot(places, values.mean(0), color=color, ls=dash, marker=marker, label=title)
    ax.set_xticks(places, STAGES)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("linear CKA (1: alike)")
    ax.set_title("Do unrelated sources give the same features?")
    ax.legend(fontsize=9, loc="lower left")
    return fig


_LIVE = {"pictures": 1_200, "epochs": 5, "side": 32, "seeds": (0, 1)}
_QUICK = {"pictures": 120, "epochs": 2, "side": 32, "seeds": (0, 1)}
_FULL = {"pictures": 2_000, "epochs": 5, "side": 64, "seeds": (0, 1, 2)}

CLAIMS = (
    Claim(
        tag="C03",
        lesson="01",
        statement="Early stages are general, late ones specific: A's first stages serve task B, "
        "A's last ones do not.",
        rule="A's frozen stages are set against B's own frozen stages at the same depth (paired by "
        "seed, 95 % intervals): within 5 points at the first depth; over 5 points worse at the "
        "last; and, where it is run, fine-tuned transplants beat the base net on average.",
        trials=c03_trials,
        measure=transplanted,
        judge=c03_judge,
        draw=c03_draw,
        live={**_LIVE, "stages": (1, 3, 5), "kinds": ("AnB", "BnB")},
        quick={**_QUICK, "stages": (1, 5), "kinds": ("AnB", "BnB")},
        full={**_FULL, "stages": (1, 2, 3, 4, 5), "kinds": KINDS},
    ),
    Claim(
        tag="C38",
        lesson="01",
        statement="Unrelated sources give the same early layers.",
        rule="CKA on pictures of both halves, paired by seed, 95 % intervals: in the stem two "
        "sources are within 0.1 of two seeds of one source; in the last stage over 0.05 below; and "
        "the first filters are more oriented than untrained ones. All three: holds; some: holds in "
        "part.",
        trials=c38_trials,
        measure=compared,
        judge=c38_judge,
        draw=c38_draw,
        live=_LIVE,
        quick=_QUICK,
        full=_FULL,
    ),
)
