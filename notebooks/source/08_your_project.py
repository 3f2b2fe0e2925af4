# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 08 · Your own project
#
# Somebody at your place asks: "You have learnt about networks. Could one tell our good parts from the
# bad ones?" Next week you could answer "yes, 97 %". Would you let them stop looking at parts for
# that number?
#
# This lesson takes you from a folder of pictures to a number that somebody may rely on, with a card that
# says for what. The program is the one that you wrote in lessons 02, 03 and 06, plain PyTorch. New are
# checks that stand beside it and look for what usually goes wrong.
#
# **After this lesson you have**
# - a network on pictures of your own, with the numbers that belong beside it;
# - a test that was looked at once;
# - a file that answers for new pictures, and a model card that was written from the run;
# - a checklist, for this project and for the next ones.
#
# *Time: 30 minutes for the worked example, two to four hours for your own pictures.*
#
# **How to use it.** Run it once as it stands: it works through a clinic's chest X-rays (phantoms, as in
# lesson 06), so that you see where everything goes. Then name your folder below and go through it again,
# slowly, changing what does not fit your question. Every choice that you have to make is in CAPITALS.

# %%
import copy
import csv
import json
import math
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from IPython.display import Markdown, display
from matplotlib import pyplot as plt
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from course_lib import review, show, style
from course_lib.questions import Bands, expectations, judge, mine_or_ours
from course_lib.see import picture_grid
from course_lib.widgets.selfcheck import ask, predict

quick = os.environ.get("COURSE_QUICK") == "1"  # fewest pictures, for tests

# %%
MY_FOLDER = os.environ.get("COURSE_FOLDER")  # or "~/pictures/leaves", one sub-folder for each class
READY = MY_FOLDER is None  # your own project: write True when all is decided, and not before

# %% [markdown]
# No folder at hand? A **torch data set** goes in as well: give it `samples`, a list of (file, label), as
# `ImageFolder` has it, or write its pictures to a folder once. One of the **course's tasks**:
# `load_task("fractals")` has pictures and labels to write out, as cell 2 below does it with X-rays; so has an **array**:
# `Image.fromarray(picture).convert("RGB").save(folder / names[label] / f"{k:05}.png")` for each of them. Only the
# checks, `review`, come from this course; everything else you can take along as it stands.
#
# ## 1. The question, before the pictures
#
# A colleague trains for a week, gets 91 %, and only then asks whether 91 % is good. By now every answer
# sounds right. (And where one class is rare, "always the other" is right nearly always. Then count AUC, lesson 06: write
# `METRIC = "AUC"` below. Every choice, table and interval then counts it.)
#
# **Picture it.** A bet is a bet only if it was made before the race.
#
# Write down four things now. Who will use the answer, and for what? What does a mistake cost, of either
# kind? Which number counts? From which value on would you use it? The model card will quote you.

# %%
QUESTION = {
    "question": "Is there an opacity in this chest X-ray?",
    "for whom": "a children's clinic, to decide which picture is read first",
    "not for": "a diagnosis; adults; other clinics, until it was measured there",
    "what counts": "accuracy (both classes are about equally frequent), with the children as units",
    "good enough": "clearly above a linear model of the pixels, and no worse with another seed",
}
if MY_FOLDER is not None:
    QUESTION = dict.fromkeys(QUESTION, "(not said yet)")  # yours
METRIC = "accuracy"  # or "AUC": two classes, one of them rare
MISS, FALSE_ALARM = (
    5.0,
    1.0,
)  # two classes: what it costs to overlook the second, to raise it falsely

# %% [markdown]
# ## 2. Pictures on a disk
#
# One sub-folder for each class. For the worked example the next cell writes phantoms to such a folder; each
# child has two to four pictures, and the file names tell whose they are.


# %%
def write_x_rays(folder, many, seed, scanner="A"):
    """Phantom chest X-rays as PNG files: folder/clear/child007_1.png."""
    from course_lib.world import phantoms

    found = phantoms.radiographs(many, seed=seed, scanner=scanner)
    for number, (picture, label, child) in enumerate(
        zip(found.pictures, found.labels.tolist(), found.patient.tolist(), strict=True)
    ):
        place = folder / ("clear", "opacity")[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(
            place / f"child{child:03}_{number}.png"
        )
    return folder


if MY_FOLDER is None:
    place = tempfile.TemporaryDirectory()  # gone when this notebook is closed
    FOLDER = write_x_rays(Path(place.name) / "x-rays", 168 if quick else 450, seed=8)
    PROJECT = Path(place.name) / "project"
else:
    FOLDER = Path(MY_FOLDER).expanduser()
    PROJECT = Path("my_project")  # what this notebook writes: runs, answers, net and card
PROJECT.mkdir(parents=True, exist_ok=True)

files = ImageFolder(FOLDER)  # finds files and classes; opens no picture yet
classes, labels = files.classes, np.array(files.targets)
shown = np.random.default_rng(0).permutation(len(files))[:12]
with style():
    pictures = [v2.functional.resize(files[k][0], [96, 96]) for k in shown]
    show(
        picture_grid(
            torch.stack([v2.functional.pil_to_tensor(one) for one in pictures]),
            [classes[labels[k]] for k in shown],
        ),
        alt="Twelve labelled pictures of the project: "
        + ", ".join(classes[labels[k]] for k in shown),
    )
print({name: int((labels == k).sum()) for k, name in enumerate(classes)})

# %% [markdown]
# Look longer than that. Open a hundred of your pictures, and ask of each: could *I* say it? Is the label
# right? Is there anything in it that gives the answer away, a ruler, a border, a date?
#
# ## 3. Three piles that share nothing
#
# Your `hold_out` of lesson 06 keeps groups together. What is a group here? Whatever comes back: the child, the
# cow, the roof, the day, the film. `group_of` reads it from the file's name.


# %%
def group_of(path):
    """Which pictures belong together: those of one child. Yours will differ; the path: not known."""
    return Path(path).stem.rsplit("_", 1)[0] if MY_FOLDER is None else str(path)


hold_out = mine_or_ours("06-split")
paths = [path for path, _ in files.samples]
groups = np.array([group_of(path) for path in paths])
joined = review.join_copies(files, groups)  # near-duplicates come into one group
print(f"{len(paths)} pictures, {len(set(groups))} groups, "
      f"{len(set(joined))} when pictures that are nearly the same count as one group")  # fmt: skip


def deal(groups, seed=0):
    """Rows of the three piles, about 60, 20 and 20 %, no group in two of them."""
    outside = hold_out(groups, 0.2, seed=seed)
    inside = np.flatnonzero(~outside)
    later = hold_out(groups[inside], 0.25, seed=seed + 1)
    return {
        "train": inside[~later],
        "validation": inside[later],
        "test": np.flatnonzero(outside),
    }


def uneven(rows):
    """By how much the share of a class differs between two piles, at most."""
    shares = [
        np.bincount(labels[found], minlength=len(classes)) / len(found) for found in rows.values()
    ]
    return np.ptp(shares, axis=0).max()


rows = min((deal(joined, seed) for seed in range(20)), key=uneven)  # nothing is learnt yet
truth = {name: labels[found] for name, found in rows.items()}
parts = {name: Subset(files, found.tolist()) for name, found in rows.items()}
group_lists = {name: joined[found].tolist() for name, found in rows.items()}
print({name: len(found) for name, found in rows.items()})
rarest = np.bincount(truth["validation"], minlength=len(classes)).min()
if len(classes) == 2 and rarest < 30:
    print(f"Only {rarest} validation pictures of the rarer class: see the text below.")

# %% [markdown]
# **How many of the rarer class?** A score moves by what happens to a few of its pictures. With fewer than about thirty in
# the validation pile hardly any two settings can be told apart, and a rule such as "the simplest that is not clearly worse"
# picks the simplest whatever it is worth. Then let every labelled picture validate once (cross-validation:
# `sklearn.model_selection.StratifiedGroupKFold`), or take what is known of pictures like yours, lesson 06 for X-rays,
# and say in the card that it was not decided here.
#
# **The first check.** Is any file, any near-duplicate, any group in two piles? Is every class in every pile?
# (Near-duplicates: thumbnails of 16 by 16 grey pixels whose *edges* agree more than is usual among your
# pictures. It finds scaled, compressed, mirrored and slightly cropped copies. Closer crops escape it, for which there is
# a second look in section 5, and so does the next frame of a film in which everything moved. Groups are for that.)

# %%
print(review.told(review.leaks(parts, group_lists)))
print(review.told(review.balance(truth, classes)))

# %% [markdown]
# A check that never rings is worth nothing. So here is the mistake: the same pictures, dealt out one by one.

# %%
careless = deal(np.arange(len(paths)))
careless_parts = {name: Subset(files, found.tolist()) for name, found in careless.items()}
names_of = {name: groups[found].tolist() for name, found in careless.items()}
print(review.told(review.leaks(careless_parts, names_of if MY_FOLDER is None else None)))

# %% [markdown]
# ## 4. A network, and what it expects to see
#
# Which network? Lesson 06: by what the place allows, then by a new head on your pictures. The cell needs five
# facts: the net, where its head is, how its pictures were prepared, and with which rates to begin.
#
# | you have | write |
# |---|---|
# | torchvision | `net, HEAD = resnet18(weights=weights), "fc"`; `weights.transforms()` |
# | timm | `net = timm.create_model(name, pretrained=True)`; `HEAD` is what `net.get_classifier()` prints; `timm.data.create_transform(**timm.data.resolve_model_data_config(net))` |
# | a file of weights | `state = torch.load(file, weights_only=True)`, drop the old head's names (lesson 02), `print(net.load_state_dict(state, strict=False))`: only the head may be missing (`.safetensors`: `safetensors.torch.load_file(file)`). `EXPECTED = {"size": 160, "mean": (...), "std": (...)}` from whoever trained it; if it was converted from another library, ask how its convolutions pad |
# | your own | any `nn.Module` whose head is one `nn.Linear` |

# %%
if MY_FOLDER is None:
    from course_lib import load_backbone

    worldnet = load_backbone("worldnet")  # 64 x 64 pixels, drawn objects
    SOURCE, HEAD, EXPECTED = worldnet.net, "fc", worldnet.transform
    HEAD_RATE, RATIOS = 1e-2, (10.0, 100.0)  # it forgives: smaller ratios than for photographs
else:
    from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

    weights = MobileNet_V2_Weights.DEFAULT  # 224 x 224 pixels, photographs; 14 MB, once
    SOURCE, HEAD, EXPECTED = mobilenet_v2(weights=weights), "classifier.1", weights.transforms()
    HEAD_RATE, RATIOS = 3e-3, (30.0, 300.0)  # lesson 03: photographs; X-rays and drawings: 10, 30
expected = review.prepared(EXPECTED)
print(
    f"{type(SOURCE).__name__}: {expected.size[0]} pixels, mean {expected.mean}, std {expected.std}"
)

# %% [markdown]
# **Prepare the pictures.** Scale, cut, numbers from 0 to 1, mean and standard deviation of the *pretraining*. Augment
# in between, the training pictures only, and only by changes that leave the class alone. (A mirrored chest has
# its heart on the wrong side, so here nothing is mirrored.) Are your pictures much smaller than those of the pretraining?
# Enlarge them, to the size of the pretraining or to half of it if that is too slow, and let validation decide.

# %%
SIZE = expected.size[0]
VIEWS = [v2.RandomAffine(5, translate=(0.05, 0.05), scale=(0.95, 1.05))]
if MY_FOLDER is not None:
    VIEWS = [
        v2.RandomHorizontalFlip(),  # out with it, where left and right matter: X-rays, letters, signs
        v2.RandomAffine(10, (0.05, 0.05), (0.9, 1.1)),
    ]


def preparation(views=()):
    return v2.Compose([
        v2.PILToTensor(), v2.Resize(SIZE), v2.CenterCrop(SIZE), *views,
        v2.ToDtype(torch.float32, scale=True), v2.Normalize(expected.mean, expected.std),
    ])  # fmt: skip


print(review.told(review.preprocessing(preparation(), EXPECTED)))
forgot = v2.Compose([v2.PILToTensor(), v2.Resize((SIZE, SIZE)), v2.ToDtype(torch.float32)])
print("and without the last steps:", review.told(review.preprocessing(forgot, EXPECTED)), sep="\n")

# %% [markdown]
# The check gives both transforms a black, a white, a red, a green and a blue picture and compares what comes
# out. So it works for any transform, whoever wrote it.
#
# ## 5. Your program
#
# From lessons 02 and 03, for any network: two groups of parameters for the head, two for everything else. New is
# `note`: every run leaves a line in `runs.csv`. In three weeks you will not know any more what you tried, and
# the test column tells how often you looked.

# %%
from sklearn.metrics import roc_auc_score

learning_mode, scale, adabn = map(mine_or_ours, ("02-mode", "03-schedule", "05-adabn"))
SEEN = preparation()


def loader(name, views=(), shuffle=False, seed=0):
    data = ImageFolder(FOLDER, preparation(views) if views else SEEN)
    order = torch.Generator().manual_seed(seed)
    return DataLoader(Subset(data, rows[name].tolist()), 16, shuffle=shuffle, generator=order)


def new_net(pretrained=True):
    """A copy of the net with a new head; without `pretrained` all weights are random."""
    net = copy.deepcopy(SOURCE)
    if not pretrained:
        for module in net.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    parent, _, last = HEAD.rpartition(".")
    old = net.get_submodule(HEAD)
    setattr(net.get_submodule(parent), last, nn.Linear(old.in_features, len(classes)))
    return net


def parameter_groups(net, head_rate, ratio, frozen=()):
    """Head and backbone, each with and without weight decay. frozen: how names begin that stay."""
    held = {(True, True): [], (True, False): [], (False, True): [], (False, False): []}
    for name, parameter in net.named_parameters():
        new = name.startswith(f"{HEAD}.")
        if not name.startswith(tuple(frozen)):
            held[new, parameter.ndim > 1].append(parameter)
        else:
            parameter.requires_grad_(False)
    return [
        {"params": some, "lr": head_rate / (1 if new else ratio), **({} if matrix else {"weight_decay": 0.0})}
        for (new, matrix), some in held.items() if some
    ]  # fmt: skip


def train(head_rate, ratio, views=(), frozen=(), pretrained=True, seed=0, epochs=2 if quick else 8):
    torch.manual_seed(seed)
    net, data = new_net(pretrained), loader("train", views, shuffle=True, seed=seed)
    optimizer = torch.optim.AdamW(parameter_groups(net, head_rate, ratio, frozen))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: scale(step, epochs * len(data))
    )
    for epoch in range(epochs):
        learning_mode(net) if pretrained else net.train()  # from scratch batch norm has to follow
        for pictures, truth in data:
            loss = F.cross_entropy(net(pictures), truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    if not pretrained:  # its statistics limp behind weights that moved far: measure them anew
        adabn(net, (pictures for pictures, _ in data))
    print(f"(training loss of the last batch {loss.item():.2f})", end=" ")
    return net


def logits_of(net, data):
    net.eval()
    with torch.no_grad():
        return torch.cat([net(pictures) for pictures, _ in data])


def body_of(net):
    """The net without its head: what it gives are features."""
    body = copy.deepcopy(net)
    parent, _, last = HEAD.rpartition(".")
    setattr(body.get_submodule(parent), last, nn.Identity())
    return body


features = {name: logits_of(body_of(SOURCE), loader(name)) for name in rows}  # once, for all heads


def train_head(head_rate, seed=0, epochs=30):
    """A new head on the frozen net. Its features are there already, so thirty passes cost nothing."""
    torch.manual_seed(seed)
    net, answers = new_net(), torch.as_tensor(truth["train"])
    head = net.get_submodule(HEAD)
    optimizer = torch.optim.AdamW(head.parameters(), lr=head_rate)
    steps = epochs * -(-len(answers) // 16)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: scale(step, steps))
    for epoch in range(epochs):
        for some in torch.randperm(len(answers)).split(16):
            loss = F.cross_entropy(head(features["train"][some]), answers[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net


def score_of(outputs, truth):
    """What counts, of logits or probabilities (n, classes): accuracy, or AUC of the second class."""
    outputs = np.asarray(outputs)
    if METRIC == "AUC":
        two = len(set(truth)) == 2
        return roc_auc_score(truth, outputs[:, 1] - outputs[:, 0]) if two else math.nan
    return (outputs.argmax(1) == truth).mean()


def drawn_anew(value_of, units, draws=400):
    """value_of(rows) when whole groups are drawn anew: pictures of one group vote alike."""
    names, at = np.unique(units, return_inverse=True)
    members = [np.flatnonzero(at == k) for k in range(len(names))]
    random = np.random.default_rng(0)
    picks = random.integers(len(names), size=(draws, len(names)))
    return np.array([value_of(np.concatenate([members[k] for k in pick])) for pick in picks])


def note(name, kind, validation, test=None):
    """A line for each run; kinds that are baselines: majority, pixels, scratch, head."""
    file = PROJECT / "runs.csv"
    begin = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        if begin:
            table.writerow(("name", "kind", "validation", "test"))
        table.writerow((name, kind, f"{validation:.4f}", "" if test is None else f"{test:.4f}"))
    print(f"{name}: {METRIC} {validation:.1%} on the validation pictures")


# %% [markdown]
# **A second look for copies**, with the network's eyes: of all pairs that lie in *different* piles, those whose features
# point most nearly the same way (the mean taken off). No label is looked at.

# %%
pile = np.repeat(list(rows), [len(some) for some in rows.values()])
number = np.concatenate(list(rows.values()))
every = torch.cat(list(features.values()))
every = F.normalize(every - every.mean(0), dim=1)
alike = (every @ every.T).masked_fill(torch.as_tensor(pile[:, None] == pile[None]), -1).triu()
pairs = [divmod(k, len(pile)) for k in alike.flatten().topk(6).indices.tolist()]
looked = [k for side in zip(*pairs, strict=True) for k in side]
with style():
    small = [v2.functional.resize(files[number[k]][0].convert("RGB"), [96, 96]) for k in looked]
    titles = [f"{pile[k]}\ncosine {alike[pairs[n % 6]]:.2f}" for n, k in enumerate(looked)]
    show(
        picture_grid(
            torch.stack([v2.functional.pil_to_tensor(one) for one in small]), titles, columns=6
        ),
        alt="Six pairs of pictures from different piles that the network finds most alike, below each other.",
    )

# %% [markdown]
# Below each other: one and the same picture, cut differently? The same animal a second later? Then they belong in one
# group: `joined[joined == joined[b]] = joined[a]` for their numbers a and b, and deal again. Two different children whose
# chests look alike are no copies.
#
# ## 6. What the least costs
#
# **Picture it.** A weather service that always says "like today" is right most days. A forecast that costs
# a million has to beat *that*.
#
# Four numbers before the first clever one: always the most frequent class, a linear model of small pictures, grey or in
# colour (a flower is told by its colour, too), the network from random weights, and a new head on the frozen backbone.
#
# **Predict.** How far is the best network above the pixels, on validation pictures?

# %%
GAP = Bands((0, 5, 15), "points")
predict("l08-gap", "The best network minus the pixels:", GAP.choices)

# %%
from sklearn.linear_model import LogisticRegression

commonest = np.bincount(truth["train"]).argmax()
always = {name: np.eye(len(classes))[[commonest] * len(found)] for name, found in rows.items()}
majority = score_of(always["validation"], truth["validation"])
note(f"always {classes[commonest]}", "majority", majority)


def tiny(name, kind):
    small = [np.asarray(files[k][0].convert(kind).resize((16, 16))).ravel() for k in rows[name]]
    return np.stack(small) / 255


linear = {}  # (score, kind, strength) -> the model
for kind in ("L", "RGB"):
    inputs = {name: tiny(name, kind) for name in ("train", "validation")}
    for strength in (0.01, 0.1, 1.0):
        line = LogisticRegression(C=strength, max_iter=300).fit(inputs["train"], truth["train"])
        said = line.predict_proba(inputs["validation"])
        linear[score_of(said, truth["validation"]), kind, strength] = line, said
(pixels, kind, _), (line, said) = max(linear.items())
note(f"pixels ({kind}), logistic regression", "pixels", pixels)

validation = loader("validation")
nets, outputs_of, found, settings = {}, {"pixels": said}, {}, {}


def attempt(name, kind, how, **setting):
    """Train by `train` or `train_head` with this setting; keep the net, what it says and its score."""
    settings[name], nets[name] = (how, setting), how(**setting)
    outputs_of[name] = logits_of(nets[name], validation).numpy()
    found[name] = score_of(outputs_of[name], truth["validation"])
    note(name, kind, found[name])


for rate in (1e-3, 4e-3):  # scratch may choose its rate, as its rivals do
    attempt(
        f"scratch, rate {rate:g}", "scratch", train, head_rate=rate, ratio=1.0, pretrained=False
    )
attempt("head alone", "head", train_head, head_rate=HEAD_RATE)
heads = [found["head alone"]]  # a head is cheap, so let it show how much a seed does
heads += [
    score_of(logits_of(train_head(HEAD_RATE, seed), validation), truth["validation"])
    for seed in (1, 2)
]
print("three seeds of it:", ", ".join(f"{score:.1%}" for score in heads))

# %% [markdown]
# **Frozen, really?** The check compares weights and batch-norm statistics before and after. It must be silent here;
# and it has to ring when a single batch passes in training mode.

# %%
print(review.told(review.frozen(SOURCE, nets["head alone"], learns=[HEAD])))
drifted = copy.deepcopy(nets["head alone"]).train()
with torch.no_grad():
    drifted(next(iter(validation))[0])
print("after one batch in training mode:",
      review.told(review.frozen(SOURCE, drifted, learns=[HEAD])), sep="\n")  # fmt: skip

# %% [markdown]
# ## 7. Strategy and rates, chosen on validation pictures
#
# Now let the backbone learn: a careful ratio and a bold one. If the careful one is better, go on in that direction
# (a ratio ten times larger, or freeze the first stages: `frozen=("conv1", "layer1")`, as their names begin); if the bold
# one is, in the other. And how many passes? Until the training loss lies near zero and validation rises no more.
#
# **Predict.** Which of these has the best validation score?

# %%
LANES = ("scratch", "head alone", *(f"everything, ratio {ratio:g}" for ratio in RATIOS))
predict("l08-winner", "Best on validation:", LANES)

# %%
for ratio in RATIOS:
    attempt(f"everything, ratio {ratio:g}", "fine-tuning", train, head_rate=HEAD_RATE, ratio=ratio)
leader = max(found, key=found.get)
judge(
    "l08-winner",
    "scratch" if leader.startswith("scratch") else leader,
    ", ".join(f"{name}: {score:.0%}" for name, score in found.items()) + ".",
)

# %%
gap = 100 * (max(found.values()) - pixels)
judge("l08-gap", GAP.of(gap), f"{gap:+.0f} points.")

# %% [markdown]
# **Augment.** The best once more, with views, and half as many passes again, since every pass now brings other pictures; and
# the better of the two fine-tunings, if it is another. Then the swing: the leader again, with another seed. A difference
# between two settings that is smaller than the difference between two seeds is no difference yet.

# %%
tuned = max((name for name in found if name.startswith("everything")), key=found.get)
more = {"views": VIEWS, "epochs": 3 if quick else 12}
for name in dict.fromkeys((leader, tuned)):
    how, setting = settings[name]
    if how is train:  # the head's features were kept, and views need new ones
        attempt(f"{name}, augmented", "augmented", how, **setting, **more)
leader = max(found, key=found.get)
how, setting = settings[leader]
second = score_of(logits_of(how(**setting, seed=1), validation), truth["validation"])
note(f"{leader}, another seed", "seed", second)


def behind(name):
    """By how much a run is behind the leader, and the standard error of that on the same pictures."""

    def gap(some):
        ours, theirs = (
            score_of(outputs_of[k][some], truth["validation"][some]) for k in (leader, name)
        )
        return ours - theirs

    units = joined[rows["validation"]]
    return gap(np.arange(len(units))), np.nanstd(drawn_anew(gap, units))


gaps = {name: behind(name) for name in outputs_of}
with style():
    fig, ax = plt.subplots(figsize=(6.4, 3.4))
    ax.barh(
        ["pixels"], [pixels], color="#999999", xerr=[gaps["pixels"][1]], ecolor="#333333", capsize=3
    )
    ax.barh(list(found), list(found.values()), color="#0072B2",
            xerr=[gaps[name][1] for name in found], ecolor="#333333", capsize=3)  # fmt: skip
    ax.axvline(majority, color="#555555", ls=":")
    ax.text(majority, len(found) + 0.75, " always the same class", fontsize=8.5, va="center")
    ax.set_xlabel(f"validation {METRIC} (whiskers: standard error of the gap to the best)")
    ax.set_xlim(0, 1)
    ax.set_ylim(len(found) + 1.1, -0.6)
    show(
        fig,
        alt=f"Validation {METRIC} of all runs: pixels {pixels:.2f}, "
        + ", ".join(f"{name} {score:.2f}" for name, score in found.items())
        + "; with the standard error of each one's gap to the best.",
    )

# %%
swing = max(abs(second - found[leader]), np.ptp(heads))  # between seeds of the same setting
within = [
    name for name, (lag, error) in gaps.items() if lag <= max(error, swing) and name != leader
]
display(Markdown(
    f"**What it means.** {leader} is best, {METRIC} {found[leader]:.0%} on {len(rows['validation'])} pictures. "
    + f"Another seed gave {100 * (second - found[leader]):+.0f} points. "
    + (f"Behind it by no more than that swing, or than one standard error picture by picture: "
       f"{', '.join(within)}. Nobody can tell these apart here. " if within else
       "Every other run is behind it by more than that swing, and than one standard error. ")
    + ("Scratch is among them: nobody can say here that pretraining helped. "
       if any(name.startswith("scratch") for name in within) and not leader.startswith("scratch") else "")
    + ("Pretraining on other pictures did not pay here: that happens where they are very different and labels "
       "are not few (lesson 02). Nobody would know without this baseline. "
       if leader.startswith("scratch") else "")
    + ("A linear model of the pixels cannot be told apart from it either. Look for a mistake in the network's "
       "preparation first (section 4); if there is none, take the pixels, or more labels, or say that it is open."
       if "pixels" in within else
       f"Beside the pixels, {pixels:.0%}, the best network is worth {100 * (found[leader] - pixels):.0f} points.")
))  # fmt: skip

# %% [markdown]
# ## 8. Choose
#
# One network, by validation, and by what you wrote under 1. If the head alone cannot be told apart from the best,
# take the head alone: it is cheaper, steadier and forgets nothing. From here on nothing changes any more.

# %%
CHOSEN = "head alone" if "head alone" in within else leader
net = nets[CHOSEN].eval()
print("chosen:", CHOSEN)
print(review.told(review.tried(PROJECT / "runs.csv", len(rows["validation"]))))

# %% [markdown]
# ## 9. Probabilities and a threshold, still on validation pictures
#
# Lesson 06: divide the logits by a temperature that makes the validation pictures likeliest, then choose the threshold
# for what mistakes cost.
#
# Both hold for the share of each class that the training pictures have. If one in ten will be ill where it is used, and
# six in ten were ill here, the ranking may still be right, but every probability is too high. Where you know the share
# *there*, move the second class's logit, after the temperature, by the difference of the log odds:
# `logits = outputs / T; logits[:, 1] += math.log(there / (1 - there)) - math.log(here / (1 - here))`.

# %%
outputs = logits_of(net, validation)
grid = torch.logspace(-1, 1, 81)
validated = torch.as_tensor(truth["validation"])
T = min(grid.tolist(), key=lambda t: F.cross_entropy(outputs / t, validated).item())
probabilities = (outputs / T).softmax(1)
threshold = None
if len(classes) == 2:
    cheapest = mine_or_ours("06-threshold")
    threshold = float(cheapest(probabilities[:, 1].numpy(), truth["validation"], MISS, FALSE_ALARM))
    print(f"temperature {T:.2f}; '{classes[1]}' from a probability of {threshold:.2f} on")
else:
    print(f"temperature {T:.2f}")

# %% [markdown]
# ## 10. The test, once
#
# **Picture it.** The sealed envelope at the end of a bet. You may open it once; after that it is paper.
#
# What is opened with it was named before: the chosen network, and beside it the baselines, as they are.
#
# **Predict.** How does the score on test pictures compare with that on validation pictures?

# %%
MOVED = ("more than 3 points lower", "within 3 points", "more than 3 points higher")
predict("l08-test", "The test score is:", MOVED)

# %%
PART = "test" if READY else "validation"  # not ready: rehearse on validation pictures
if not READY:
    print("The envelope stays closed. These are validation pictures again.")
outputs = logits_of(net, loader(PART))
p = (outputs / T).softmax(1).numpy()
answers, told = p.argmax(1), truth[PART]
right = answers == told
units = joined[rows[PART]]
score = score_of(p, told)
again = drawn_anew(lambda some: score_of(p[some], told[some]), units, draws=1_000)
low, high = np.nanquantile(again, (0.025, 0.975))
if READY:
    note(CHOSEN, "chosen", found[CHOSEN], score)
print(f"{PART}: {METRIC} {score:.1%} on {len(right)} pictures of {len(set(units))} groups, "
      f"95 % interval {low:.1%} to {high:.1%}")  # fmt: skip
print(f"on the same pictures: pixels {score_of(line.predict_proba(tiny(PART, kind)), told):.1%}, "
      f"always {classes[commonest]} {score_of(always[PART], told):.1%}")  # fmt: skip
print(review.told(review.tested(PROJECT / "runs.csv")))
moved = 100 * (score - found[CHOSEN])
outcome = MOVED[0] if moved < -3 else MOVED[2] if moved > 3 else MOVED[1]
judge("l08-test", outcome, f"{moved:+.1f} points.")

# %% [markdown]
# **What it means.** A few points lower is usual: the validation pictures chose the network and flatter it. Much lower, or
# higher, with an interval that does not reach, is a reason to look for a difference between the piles. Whatever it is: it
# is the number. If you now change anything because of it, you need new test pictures.
#
# **Do the probabilities hold?**

# %%
sure = review.sureness(p, told, units)
print(f"expected calibration error {sure.error:.3f}; right probabilities would show up to "
      f"{sure.luck:.3f} on {sure.pictures} pictures\nmean probability minus accuracy "
      f"{sure.gap:+.3f} (95 % interval {sure.low:+.3f} to {sure.high:+.3f})")  # fmt: skip
print(review.told(review.calibration(p, told, units)))

# %% [markdown]
# ## 11. Look at the mistakes
#
# Numbers say how many. Only the pictures say why. Look at every one, the surest first: is the label wrong? Is it a kind of
# picture of its own, another camera, another pose?

# %%
wrong = np.flatnonzero(~right)
wrong = wrong[np.argsort(-p[wrong].max(1), kind="stable")][:8]
if len(wrong):
    with style():
        small = [v2.functional.resize(files[rows[PART][k]][0], [96, 96]) for k in wrong]
        show(
            picture_grid(
                torch.stack([v2.functional.pil_to_tensor(one.convert("RGB")) for one in small]),
                [
                    f"{classes[told[k]]}, said\n{classes[answers[k]]} {p[k].max():.0%}"
                    for k in wrong
                ],
            ),
            alt="The surest mistakes: "
            + "; ".join(f"{classes[told[k]]}, named {classes[answers[k]]}" for k in wrong)
            + ".",
        )
by_class = {name: right[told == k].mean() for k, name in enumerate(classes) if (told == k).any()}
print({name: f"{share:.0%}" for name, share in by_class.items()})

# %% [markdown]
# **Groups.** The mean hides whom it fails. Take whatever your file names tell, camera, site, season, and count apart. In
# the worked example: is it wrong about a few children, or a little about all?

# %%
names, at = np.unique(units, return_inverse=True)
shares = np.bincount(at, right) / np.bincount(at)
print(f"{(shares == 1).sum()} groups all right, {(shares == 0).sum()} all wrong, "
      f"{((shares > 0) & (shares < 1)).sum()} in between")  # fmt: skip

# %% [markdown]
# ## 12. Elsewhere, and what was before
#
# **Will it be used where these pictures were not made?** Then measure there: another camera, another place, as many labels
# as you can get, fifty are better than none. `AWAY` is a folder with the same classes. (For X-rays: new children, another
# scanner.)
#
# **Must the network still do its old job?** Then count that, too, before and after, and read lesson 04. Here nobody asks
# WorldNet for shapes any more.

# %%
AWAY = None
if MY_FOLDER is None:
    AWAY = write_x_rays(Path(place.name) / "away", 60 if quick else 120, seed=80, scanner="B")
away_told = "not measured"
if AWAY is not None and READY:
    elsewhere = ImageFolder(AWAY, SEEN)
    assert elsewhere.classes == classes, "the same classes, in the same order"
    there = score_of(logits_of(net, DataLoader(elsewhere, 32)), elsewhere.targets)
    away_told = f"{METRIC} {there:.1%} on {len(elsewhere)} pictures"
    print(f"another scanner: {away_told}; at home {score:.1%}")

# %% [markdown]
# ## 13. Keep it, use it
#
# Weights, classes, preparation, temperature, threshold: one file. Then read it back as somebody would who has only the file
# and PyTorch. (Elsewhere `other` is made by torchvision's `mobilenet_v2(num_classes=...)`, as in lesson 03's program. What you
# changed in the architecture itself, a padding, say, is in no file of weights: it has to be done again there.)

# %%
kept = {
    "weights": net.state_dict(),
    "network": type(SOURCE).__name__,
    "head": HEAD,
    "classes": classes,
    "size": SIZE, "mean": list(expected.mean), "std": list(expected.std),
    "temperature": T,
    "threshold": threshold,
}  # fmt: skip
torch.save(kept, PROJECT / "net.pt")

back = torch.load(PROJECT / "net.pt", weights_only=True)
other = new_net(pretrained=False)
other.load_state_dict(back["weights"])
other.eval()
prepare = v2.Compose([
    v2.PILToTensor(), v2.Resize(back["size"]), v2.CenterCrop(back["size"]),
    v2.ToDtype(torch.float32, scale=True), v2.Normalize(back["mean"], back["std"]),
])  # fmt: skip
row = rows[PART][0]
with torch.no_grad():
    one = (other(prepare(files[row][0])[None]) / back["temperature"]).softmax(1)[0]
print({name: round(float(chance), 3) for name, chance in zip(back["classes"], one, strict=True)})
print("in truth:", classes[labels[row]], "| the same as before:", np.allclose(one, p[0], atol=1e-4))

# %% [markdown]
# ## 14. The model card
#
# One page for whoever uses it without you. It is written from the run: what is not known stands there as not known.

# %%
with (PROJECT / "runs.csv").open(encoding="utf-8") as opened:
    runs = list(csv.DictReader(opened))
lines = [
    f"# {QUESTION['question']}", "",
    f"**For** {QUESTION['for whom']}. **Not for** {QUESTION['not for']}.", "",
    f"**Result.** {METRIC} {score:.1%} on {len(right)} {PART} pictures (95 % interval {low:.1%} to {high:.1%}, "
    f"{len(set(units))} groups drawn anew). By class: "
    + ", ".join(f"{name} {share:.0%}" for name, share in by_class.items())
    + f" right. Elsewhere: {away_told}.", "",
    f"**Wanted.** {QUESTION['what counts']}; {QUESTION['good enough']}.", "",
    "| tried | kind | validation | test |", "|---|---|--:|--:|",
    *(f"| {run['name']} | {run['kind']} | {float(run['validation']):.3f} | "
      f"{float(run['test']):.3f} |" if run["test"] else
      f"| {run['name']} | {run['kind']} | {float(run['validation']):.3f} | |" for run in runs), "",
    f"**Pictures.** {len(files)} in {len(set(joined))} groups; "
    + ", ".join(f"{len(found_rows)} {name}" for name, found_rows in rows.items())
    + ("; no group in two piles." if len(set(groups)) < len(paths) else
       "; which pictures belong together is not known, copies apart."), "",
    f"**Network.** {kept['network']}, {CHOSEN}; {SIZE} x {SIZE} pixels, mean {kept['mean']}, std "
    f"{kept['std']}; temperature {T:.2f}"
    + (f"; '{classes[1]}' from {threshold:.2f} on" if threshold is not None else "") + ".", "",
    f"**Probabilities.** Calibration error {sure.error:.3f} where luck alone gives up to "
    f"{sure.luck:.3f}.", "",
    "**Known mistakes.** "
    + (", ".join(f"{classes[told[k]]} taken for {classes[answers[k]]} ({p[k].max():.0%} sure)"
                 for k in wrong[:3]) or "none among these pictures") + ".",
]  # fmt: skip
card = "\n".join(lines) + "\n"
(PROJECT / "card.md").write_text(card, encoding="utf-8")
display(Markdown(card.replace("# ", "### ", 1)))

# %% [markdown]
# ## 15. Somebody else looks
#
# The same checks, from files alone: whoever has the folder can run `course review my_project`, also on what a script
# without this course has written. `docs/project.md` has the columns.

# %%
with (PROJECT / "pictures.csv").open("w", newline="", encoding="utf-8") as opened:
    table = csv.writer(opened)
    table.writerow(("file", "part", "label", "group"))
    for name, found_rows in rows.items():
        table.writerows(
            (Path(paths[k]).resolve(), name, classes[labels[k]], joined[k]) for k in found_rows
        )
with (PROJECT / "answers.csv").open("w", newline="", encoding="utf-8") as opened:
    table = csv.writer(opened)
    table.writerow(("label", "group", *(f"p({name})" for name in classes)))
    table.writerows(
        (classes[k], unit, *chances)
        for k, unit, chances in zip(told, units, p.tolist(), strict=True)
    )
facts = {"size": SIZE, "mean": kept["mean"], "std": kept["std"]}
says = {"size": expected.size[0], "mean": list(expected.mean), "std": list(expected.std)}
(PROJECT / "preprocessing.json").write_text(json.dumps({"used": facts, "weights": says}))

findings, missing = review.review_folder(PROJECT)
print(review.told(findings))
print("not checked, since the file is not there:", ", ".join(missing) or "nothing")

# %% [markdown]
# ## The second worked example: photographs
#
# The same cells with `MY_FOLDER` set, on photographs of ants and bees and a MobileNetV2 with ImageNet weights. They do
# not come with the course; this is what the notebook wrote into `runs.csv`. Look at scratch: photographs are what this
# net was pretrained on. Below the table stands, for these and for
# photographs of flowers, how many pictures are left when near-duplicates count as one.

# %%
from course_lib.claims.photographs import projects_table

display(Markdown(projects_table()))

# %% [markdown]
# **Read it like a reviewer.** Compare the two seeds of the best setting with its lead over the head alone. How many pictures
# does that lead come to? Would you have opened the envelope for it? (Nobody knew of the copies among the flowers before
# the check; a split by picture would have parted many of them.)

# %% [markdown]
# ## Is it good? The rubric
#
# Grade yourself before somebody else does; your instructor has the same lines in the graded quiz of this lesson, where the
# card is handed in.
#
# | | one point for |
# |---|---|
# | question | Says who uses the answer, what it is not for, and which number counts, before any result. |
# | piles | Splits by what comes back, and shows that no file, near-duplicate or group is in two piles. |
# | baselines | Shows the majority, pixels, scratch and the head alone beside the result. |
# | choice | Chooses strategy, rates and augmentation on validation pictures, with every run in the table. |
# | preparation | Prepares pictures as the weights expect, and has checked it. |
# | test | Looked at the test pictures once, and gives an interval that respects groups. |
# | probabilities | Says whether probabilities hold on so many pictures, or that this cannot be told. |
# | mistakes | Has looked at mistakes one by one, by class and by group, and says what they have in common. |
# | use | Keeps weights, classes, preparation and threshold together, and has read the file back. |
# | limits | Says where it was not measured, and what should be watched in use. |
#
# ## What you can now say
#
# - Question, metric and costs come before the first picture is learnt from.
# - Split by what comes back, near-duplicates included; then check it.
# - Baselines, then settings, on validation pictures; the simplest within a standard error.
# - The test is an envelope. An interval, by groups, goes with its number.
# - Look at every mistake; write the card from the run.
#
# **Which of your expectations held?**

# %%
expectations()

# %%
ask("p08-question", "p08-copies", "p08-simplest", "p08-envelope", "p08-interval", "p08-scratch",
    "p08-luck", "p08-card", "p08-fifty")  # fmt: skip

# %% [markdown]
# ## To go on
#
# [Model cards](https://arxiv.org/abs/1810.03993) (Mitchell et al. 2019), [data sheets for data
# sets](https://arxiv.org/abs/1803.09010) (Gebru et al. 2018), [leakage in published
# studies](https://arxiv.org/abs/2207.07048) (Kapoor and Narayanan 2022), [near-duplicates in
# CIFAR](https://arxiv.org/abs/1902.00423) (Barz and Denzler 2019).
#
# You are done. The next network is yours.
