# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 02 · Three strategies
#
# A botanist has a hundred labelled photographs of leaves and a laptop. She finds a network on the
# internet that was trained on a million pictures of other things. Which part of it should learn
# from her leaves: all of it, a bit of it, or only its last layer?
#
# In this lesson you write the program that answers her. It is plain PyTorch, about thirty lines,
# and it is the same whether it trains a toy or a network with a billion weights.
#
# **After this lesson you can**
# - write a training loop, and say what each of its lines is for;
# - put a new head on any network and freeze the rest correctly, batch norm included;
# - choose between feature extraction, fine-tuning, full fine-tuning and scratch, and say what each
#   costs and when it pays;
# - tell learning from learning by heart;
# - fine-tune a torchvision network on a folder of your own photographs, save it and use it.
#
# *Time: 60 minutes.*

# %%
import copy

import torch
from IPython.display import Markdown, display
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from course_lib import show, style, tracks
from course_lib.claims import run_claim, show_claim
from course_lib.questions import Bands, check, expectations, help_for, judge
from course_lib.see import picture_grid
from course_lib.widgets.selfcheck import ask, predict

track = tracks.choose()  # drawn pictures and WorldNet; "photos": photographs and a ResNet-18
backbone = track.load_backbone()
task = track.load_task("similar", train=60, seed=0)

with style():
    names = [task.classes[k] for k in task.train.labels[:12]]
    show(
        picture_grid(task.train.pictures[:12], names),
        alt=f"Twelve labelled pictures of the task: {', '.join(task.classes)}.",
    )

# %% [markdown]
# Sixty pictures, six shapes, ten of each. The network has never seen these shapes. `backbone.net`
# is a plain `nn.Module` with torchvision's names: `conv1`, `bn1`, `layer1` to `layer4`, and the
# head `fc`. A `DataLoader` deals the pictures out in shuffled hands of sixteen, called *batches*.


# %%
def loader(part, shuffle=False, most=300):
    """Batches of prepared pictures and their labels, the first `most` of them."""
    data = TensorDataset(backbone.prepare(part.pictures[:most]), part.labels[:most])
    return DataLoader(data, batch_size=16, shuffle=shuffle)


train, test = loader(task.train, shuffle=True), loader(task.test)
for pictures, labels in train:
    print("a batch:", tuple(pictures.shape), "labels:", labels.tolist())
    break

# %% [markdown]
# ## The loop that everything is made of
#
# Every training script that you will ever read is this loop with things hung onto it. When a run
# goes wrong at work, you will look for the reason in these five lines.
#
# **Picture it.** You learn to throw darts blindfolded. You throw (*forward*). A friend says how far
# off you were (*loss*) and in which direction each finger should have moved (*backward*). You
# forget what was said about the throw before (*zero_grad*). You correct each finger a little
# (*step*). Again.
#
# ```
#   pictures ──► net ──► guesses ──► loss: how wrong?
#                 ▲                       │ backward: who is to blame, weight by weight
#                 └──── step: move ◄──────┘
# ```
#
# **In symbols.** With weights $\theta$, loss $L$ and learning rate $\eta$, one step is
#
# $$ \theta \leftarrow \theta - \eta \, \frac{\partial L}{\partial \theta} $$
#
# A weight of 0.50 whose gradient is 2.0 becomes $0.50 - 0.01 \cdot 2.0 = 0.48$ at a rate of 0.01:
# if growing makes things worse, shrink. The loss is *cross-entropy*, $-\log p$ of the right class:
# 0.1 when the network is fairly sure and right ($p = 0.9$), 2.3 when it gave the right class one
# chance in ten. (AdamW, which we use, divides each gradient by its usual size, so that every weight
# moves by about the rate.)
#
# **Write it.** One pass over the pictures is an *epoch*. The first line is there: `net.train()`
# tells the layers that they are being trained, since some behave differently then: *dropout*, which
# many networks have before the head, switches features off at random. Inside, four lines:
# `F.cross_entropy(net(pictures), labels)`, and the three calls of the drawing.


# %%
def train_one_epoch(net, loader, optimizer):
    net.train()
    for pictures, labels in loader:
        raise NotImplementedError  # replace this line by four: loss, zero_grad, backward, step


check("02-loop", train_one_epoch)

# %%
help_for("02-loop")

# %% [markdown]
# **And measure it.** The share of pictures whose highest score (a score before it becomes a
# probability is called a *logit*) belongs to the right class. Two things to get right: the network
# must be in *evaluation mode*, or dropout goes on switching features off while you measure; and no
# gradients are needed.


# %%
def accuracy(net, loader):
    raise NotImplementedError  # replace this line; net.eval(), torch.no_grad(), argmax(1)


check("02-accuracy", accuracy)

# %%
help_for("02-accuracy")

# %% [markdown]
# When both are right, the rest of this lesson runs *your* functions. Until then it runs ours, so
# that you can read on.

# %%
from course_lib.questions import mine_or_ours

train_one_epoch, accuracy = mine_or_ours("02-loop"), mine_or_ours("02-accuracy")

# %% [markdown]
# ## Starting from nothing
#
# The honest beginning: the same architecture with random weights, and all of it learns. Everybody's
# first question is "does it learn?". Ask the second one as well: "does it learn *the subject*?"
#
# **Picture it.** A student who gets the same sixty exam questions again and again will answer all
# sixty. Whether she understood anything shows on question sixty-one.
#
# **Predict.** We go on until it knows nearly all sixty by heart. How many of the *test* pictures does it
# name then? (Guessing gets one in six.)

# %%
SHARE = Bands((25, 40, 70), "%")
predict("l02-scratch", "A network from random weights, test accuracy:", SHARE.choices)

# %%
torch.manual_seed(0)
scratch = backbone.fresh(seed=0).net
scratch.fc = nn.Linear(scratch.fc.in_features, len(task.classes))
optimizer = torch.optim.AdamW(scratch.parameters(), lr=2e-3)
some = loader(task.test, most=100)
seen, new = [], []
while len(seen) < 45 and not (seen and seen[-1] > 0.97):
    train_one_epoch(scratch, train, optimizer)
    seen.append(accuracy(scratch, train))
    new.append(accuracy(scratch, some))

by_heart, from_scratch = seen[-1], accuracy(scratch, test)
with style():
    fig, ax = plt.subplots(figsize=(6.4, 3))
    passes = range(1, len(seen) + 1)
    ax.plot(passes, seen, color="#D55E00", label="pictures it trains on")
    ax.plot(passes, new, "--", color="#0072B2", label="new pictures")
    ax.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1))
    ax.legend()
    show(fig, alt=f"Accuracy over {len(seen)} epochs: on training pictures up to {by_heart:.2f}, "
                  f"on new ones {new[-1]:.2f} at the end.")  # fmt: skip
print(f"right on {by_heart:.0%} of the pictures it trained on, {from_scratch:.0%} of new ones")
judge("l02-scratch", SHARE.of(100 * from_scratch), f"{from_scratch:.0%} of new pictures.")

# %% [markdown]
# **What it means.** The distance between the two curves is what was learnt by heart. That is
# *overfitting*: 2.8 million weights can store sixty pictures without understanding any. A high
# training accuracy proves nothing. Only pictures that took no part in any decision can say what was
# learnt, and that is why we keep three piles: *training* pictures to learn from, *validation*
# pictures to make choices with, *test* pictures to look at once, at the very end. (Here in the course
# you will see test numbers often. You guess before you look, and nothing is chosen by them.)
#
# **Write it.** Deal `n` pictures out to the three piles: 60 %, 20 % and 20 % of a shuffled row of
# numbers. `torch.randperm(n)` shuffles; cut at `n * 3 // 5` and `n * 4 // 5`, so that what does not divide
# goes somewhere. (Where several pictures show the same leaf or the same patient, shuffle the leaves or the
# patients instead, or a pile will recognise what another has learnt: lesson 06.)


# %%
def split(n):
    raise NotImplementedError  # replace this line; return three lists of numbers below n


check("02-split", split)

# %%
help_for("02-split")

# %% [markdown]
# ## A new head on an old body
#
# Now the botanist's idea: keep what somebody else's network has learnt about pictures, replace only
# the part that names things.
#
# **Picture it.** The illustrator of lesson 00 again: twenty years of birds, and now your mushrooms.
# She keeps her *eye*, the backbone, and learns new *names*, the head. Freezing means: the eye is not
# touched.
#
# **In symbols.** The frozen backbone turns a picture $x$ into features $\phi(x)$, here 256 numbers.
# The head is one linear layer, $\text{logits} = W \phi(x) + b$. With six classes it has $256 \cdot
# 6 + 6 = 1542$ weights: those are all that learn.
#
# **Write it.** Every parameter has a switch, `requires_grad`; with `False` it gets no gradient and
# stays as it is. `module.requires_grad_(False)` turns it off for a whole module. `freeze(net)` is
# given a network whose `fc` is already the new head. It shall turn all switches off but the head's, and
# leave the network in evaluation mode, as one leaves a room: lights out.


# %%
def freeze(net):
    raise NotImplementedError  # replace this line: switches first, then evaluation mode


check("02-freeze", freeze)

# %%
help_for("02-freeze")

# %% [markdown]
# Then let us be sure. One epoch of your loop with a frozen backbone, and a look at everything that the
# network holds, before and after.
#
# **Predict.** Which of the backbone's tensors have changed?

# %%
MOVED = ("none: it is frozen", "statistics of batch norm", "weights of the last stage")
predict("l02-moved", "After one epoch there have changed:", MOVED)

# %%
freeze = mine_or_ours("02-freeze")
torch.manual_seed(0)
net = copy.deepcopy(backbone.net)
net.fc = nn.Linear(net.fc.in_features, len(task.classes))
freeze(net)
train_one_epoch(net, train, torch.optim.AdamW(net.fc.parameters(), lr=1e-2))
moved = [
    name
    for name, value in backbone.net.state_dict().items()
    if not name.startswith("fc.") and not torch.equal(value, net.state_dict()[name])
]
print(f"{len(moved)} of {len(backbone.net.state_dict()) - 2} have changed, such as", *moved[:3])
weights = any(name.endswith(("weight", "bias")) for name in moved)
judge("l02-moved", MOVED[2] if weights else MOVED[1] if moved else MOVED[0])

# %% [markdown]
# **The trap.** Parameters are not all that a network remembers. *Batch norm* brings the numbers inside a
# network to mean 0 and spread 1, and for that keeps a running mean and variance of whatever passes
# through it. It updates them whenever it is in training mode, gradients or not. Your loop begins with
# `net.train()`, which puts *every* layer into training mode, whatever `freeze` did before. Most frozen
# networks on this planet drift like that, and nobody told their owners. (ViT and ConvNeXt have no batch
# norm, and nothing to drift.)
#
# **Write it.** The cure is one function; the loop will call it in place of `net.train()`: everything into
# training mode, then each `nn.BatchNorm2d` among `net.modules()` back into evaluation mode.
#
# And when the backbone learns, should its batch norm? With few pictures and batches of sixteen the
# mean of a batch is a poor guess at the mean of the world, so the safe choice is to leave the
# statistics of the pretraining alone, together with a small rate (lesson 03 shows why the two belong
# together). With thousands of pictures that look quite different (grey scans, night) let them follow;
# lessons 04 and 05 measure both. Only one thing is plainly wrong: `learning_mode` on a network from
# *random* weights, whose statistics are still 0 and 1.


# %%
def learning_mode(net):
    raise NotImplementedError  # replace this line by a call and a loop


check("02-mode", learning_mode)

# %%
help_for("02-mode")

# %%
learning_mode = mine_or_ours("02-mode")


def train_one_epoch(net, loader, optimizer):
    learning_mode(net)  # was: net.train()
    for pictures, labels in loader:
        loss = F.cross_entropy(net(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# %% [markdown]
# **Predict.** The same sixty pictures, twenty passes, and only 1,542 weights learn. How many points
# better or worse is it on new pictures than the network from scratch?

# %%
GAP = Bands((0, 15, 40), "points better")
predict("l02-own-gap", "The new head on the frozen backbone:", GAP.choices)

# %%
torch.manual_seed(0)
net = copy.deepcopy(backbone.net)
net.fc = nn.Linear(net.fc.in_features, len(task.classes))
freeze(net)
optimizer = torch.optim.AdamW(net.fc.parameters(), lr=1e-2)
for epoch in range(20):
    train_one_epoch(net, train, optimizer)

frozen = accuracy(net, test)
unchanged = all(
    torch.equal(value, net.state_dict()[name])
    for name, value in backbone.net.state_dict().items()
    if not name.startswith("fc.")
)
print(f"frozen backbone, new head: {frozen:.0%} of new pictures; from scratch: {from_scratch:.0%}")
print("every weight and statistic of the backbone is as it was:", unchanged)
gap = 100 * (frozen - from_scratch)
judge("l02-own-gap", GAP.of(gap), f"{gap:+.0f} points.")

# %% [markdown]
# That was one draw of sixty pictures. Here is the same comparison over many draws of the labels, both
# sides given the same choice of rates, judged by a rule that was written down before.

# %%
c06 = run_claim("C06")
show_claim("C06", c06)

# %%
baselines = {
    name: c06.rows.query("strategy == @name")["test"].mean() for name in c06.rows["strategy"]
}
display(Markdown(
    f"**What it means.** A linear classifier stands at the end of all four. What differs is what it "
    f"reads: raw pixels ({baselines['pixel logistic regression']:.0%} in your run), the features of a "
    f"*random* network ({baselines['random frozen backbone']:.0%}), features made from these few "
    f"pictures ({baselines['scratch']:.0%}), features made from many thousands of *other* pictures "
    f"({baselines['feature extraction']:.0%}). What the last gains over the random network comes from "
    "the pretrained weights, not from the architecture."
))  # fmt: skip

# %% [markdown]
# > **Take away.** With few labels of a similar kind, freeze the backbone and train a head first. It
# > is the cheapest thing you can try, and the number that everything else must beat.
#
# ## Your loop, with frozen stages computed once
#
# A frozen backbone gives the same features in every epoch. So compute them **once** and keep them:
# then an epoch costs a linear layer.

# %%
import time

body = copy.deepcopy(net)
body.fc = nn.Identity()  # what comes out now is what the head used to read
began = time.perf_counter()
with torch.no_grad():
    kept = [(body.eval()(pictures), labels) for pictures, labels in train]
once = time.perf_counter() - began
head = nn.Linear(net.fc.in_features, len(task.classes))
optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
began = time.perf_counter()
for epoch in range(20):
    train_one_epoch(head, kept, optimizer)
print(f"once through the backbone: {once:.2f} s; twenty epochs of the head: "
      f"{time.perf_counter() - began:.2f} s")  # fmt: skip
whole = nn.Sequential(body, head)
print(f"{accuracy(whole, test):.0%} of new pictures")

# %% [markdown]
# That is the one trick in `course_lib.fit`, which the rest of the course uses so that you need not wait.
# Otherwise it is your loop: `same_as_fit` trains with both, same new head, same batches, same rates, and
# tells the largest difference between two weights.

# %%
from course_lib.train.comparing import same_as_fit

print(f"{same_as_fit(train_one_epoch, freeze, backbone, task):.1e}")

# %% [markdown]
# **Predict.** Without that trick the frozen layers are computed in every epoch; only their
# gradients are not. How long does such an epoch take, compared with one in which everything learns?

# %%
TIME = Bands((10, 30, 60), "% of the time")
predict("l02-share", "Frozen, but computed each time:", TIME.choices)

# %%
c10 = run_claim("C10")
show_claim("C10", c10)

# %%
seconds = c10.rows.groupby(["strategy", "cache"])["epoch"].mean()
plain = 100 * seconds["feature extraction", False] / seconds["full fine-tuning", False]
kept = 100 * seconds["feature extraction", True] / seconds["full fine-tuning", False]
judge("l02-share", TIME.of(plain), f"{plain:.0f} %; with features kept {kept:.1f} %.")

# %% [markdown]
# **What it means.** Backward costs about twice as much as forward, so skipping it for the frozen
# part saves up to two thirds, and nearly all of the memory that backward needs. Keeping the
# features saves the rest.
#
# ## Between the two: how much should learn?
#
# | strategy | what learns | usual advice |
# |---|---|---|
# | **feature extraction** | a new head; the backbone is frozen | little data, similar pictures |
# | **fine-tuning** | the head and the last stage | more data, or less similar |
# | **full fine-tuning** | everything, the backbone at a far smaller rate than the head | much data |
# | **scratch** | everything, from random weights | the comparison that is often forgotten |
#
# **A clash of words.** Some books call it "fine-tuning" when the last layers learn, others when all
# do. Ask what learns, and at which rate; lesson 03 is about the rates.
#
# **Picture it.** Freezing is renting a furnished flat: quick, cheap, and you hang your own
# pictures. Fine-tuning is repainting a room. Full fine-tuning is renovating with the furniture
# inside: much can be gained, and much can be broken. Scratch is building a house.
#
# **Head first, then unfreeze.** A new head knows nothing, so its first gradients point anywhere. Train the
# head alone until it makes sense, then let the last stage join, both at small rates. Papers call it
# *LP-FT*, linear probe, then fine-tuning. The first half you have: `net` above has a trained head. Here
# is the second; and as a fair rival, the head alone for just as long.

# %%
rival = copy.deepcopy(net)
net.layer4.requires_grad_(True)
optimizer = torch.optim.AdamW([
    {"params": net.fc.parameters(), "lr": 1e-3},  # no longer new: a tenth of its first rate
    {"params": net.layer4.parameters(), "lr": 1e-4},
])  # fmt: skip
alone = torch.optim.AdamW(rival.fc.parameters(), lr=1e-3)
for epoch in range(5):
    train_one_epoch(net, train, optimizer)
    train_one_epoch(rival, train, alone)
print(f"after the head: {frozen:.0%}; five more passes of it: {accuracy(rival, test):.0%}; "
      f"with the last stage: {accuracy(net, test):.0%} of new pictures")  # fmt: skip

# %% [markdown]
# **Predict**, then press **Train all**. Four lanes, the same pictures, the same number of passes.
# The axis is seconds of training on your machine.

# %%
LANES = ("scratch", "feature extraction", "fine-tuning", "full fine-tuning")
predict("l02-winner", "Which lane has the best validation accuracy at the end?", LANES)

# %%
from course_lib.widgets.race import Race

race = Race(train=100, epochs=4)
race

# %% [markdown]
# Move *Frozen stages* while it trains, take labels away, give it 2,000. Where no page can show
# buttons, the next cell presses it for you.

# %%
race.run(40)  # at most so many seconds; it ends when all lanes have
ends = {row["lane"]: row["validation"] for row in race.results() if row["test"] is not None}
if len(ends) < len(race.results()):
    print("Some lanes are still under way: press Train all, or run this cell again.")
else:
    winner = max(ends, key=ends.get)
    told = ", ".join(f"{name} {value:.2f}" for name, value in ends.items())
    display(judge("l02-winner", winner, told + "."))

# %% [markdown]
# How often the curves come in this order is in [C07 of the lab book](90_lab_book.ipynb#C07).
# The frozen lane ends early because its passes are over, not because it can do no more: in the seconds
# that full fine-tuning takes, it could make a hundred of them.
#
# ## When labels are few
#
# A hospital will label 24 pictures for you by Friday, 150 by Christmas. Is it worth waiting?
#
# **Picture it.** A newcomer to town and a taxi driver are told the same three street names. To the driver
# they say everything. The newcomer needs three hundred. But somebody who knows nothing cannot know less:
# at the very left, scratch merely guesses.
#
# **Predict.** In the study, from the most labels (1,000) to the fewest (24): how many points does
# *scratch* lose?

# %%
LOSS = Bands((15, 30, 50), "points")
predict("l02-loss", "What scratch loses from 1,000 labels to 24:", LOSS.choices)

# %%
c08 = run_claim("C08")
show_claim("C08", c08)

# %%
from course_lib.claims import stored_result

study = stored_result("C08").rows.groupby(["strategy", "train"])["test"].mean()
scratch_at, head_at = study["scratch"], study["feature extraction"]
loss = 100 * (scratch_at.iloc[-1] - scratch_at.iloc[0])
judge(
    "l02-loss",
    LOSS.of(loss),
    f"{loss:z.0f} points from {scratch_at.index[-1]:,.0f} labels to {scratch_at.index[0]:,.0f}.",
)

# %%
most = c08.rows["train"].max()
few, later = head_at.index[0], min(head_at.index, key=lambda n: abs(n - 150))
as_good = [n for n, score in scratch_at.items() if score >= head_at[few]]
told = ", ".join(
    f"{100 * points:.0f} points with {train:,.0f} labels"
    for train, points in (head_at - scratch_at).items()
)
display(Markdown(
    "**What it means.** The axis is logarithmic: each step to the right costs a multiple of the "
    "labelling. The vertical gap is what the pretrained backbone is worth in accuracy: " + told + ". The "
    "*horizontal* gap, from a point on the scratch curve to the same height on the frozen one, is what "
    "it is worth in labels.\n\n"
    f"The vertical gap is widest at {(head_at - scratch_at).idxmax():,.0f} labels. Further left scratch has "
    "little left to lose, while the head still loses. "
    + (f"Your own run, with {most:,.0f} labels at most, sees only that left part, where more labels widen the "
       "gap: that is why its verdict may be the opposite of the study's.\n\n" if most < 150 else "\n\n") +
    f"**The hospital.** With {few:,.0f} labels the frozen backbone with a new head reaches "
    f"{head_at[few]:.0%}, with {later:,.0f} {head_at[later]:.0%}: that is what waiting buys. "
    + (f"And what it does with {few:,.0f}, scratch does only with {as_good[0]:,.0f}: the backbone is "
       f"worth {as_good[0] / few:.0f} times the labels here."
       if as_good else f"What it does with {few:,.0f}, scratch does not reach in this study at all.")
))  # fmt: skip

# %% [markdown]
# ## How much data, and how similar?
#
# The rule of thumb that most courses teach is a plane: labels to the right, similarity upwards.
# Choose a case, click, or move the sliders. Below the advice stands what was *measured* in the
# nearest cell of our table; where the two disagree, the advisor says so. (A still picture shows them in
# colour: who won, and by how many points over the next.)

# %%
from course_lib.widgets.advisor import Advisor

Advisor()

# %% [markdown]
# Texts that say "large" often mean over 100,000 pictures, "small" under 1,000; for a new head on a
# good backbone 50 to 100 pictures per class can be enough. A rule of thumb is a first guess. The
# measurement costs minutes: train the head, fine-tune, compare on validation pictures. All cells
# with their draws: [C09](90_lab_book.ipynb#C09).
#
# ## More pictures from the same pictures
#
# A shape stays what it is when it is mirrored or shifted, turned or brought nearer. So show it
# mirrored and shifted: *augmentation*. It is the cheapest remedy against learning by heart. It has one
# price: every new view has features of its own, so they cannot be computed once. (For a frozen backbone there is a
# way between: keep the features of half a dozen views of each picture, and draw among them.)
#
# **Picture it.** You teach a child "chair" in front of one chair, always from the door. Walk around
# it.
#
# **Predict.** Your loop, 24 labels, everything learns from the pretrained start. Does it help on
# new pictures to mirror and shift the training pictures at random?

# %%
AUGMENT = ("more than 3 points better", "about the same", "more than 3 points worse")
predict("l02-augment", "With augmentation:", AUGMENT)

# %%
from torchvision.transforms import v2

few = track.load_task("similar", train=24, seed=0)
views = v2.Compose([
    v2.RandomHorizontalFlip(),
    v2.RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1)),
])  # fmt: skip


def tuned(view, seed, epochs=8):
    """Your loop over 24 pictures, each seen through `view`; test accuracy at the end."""
    torch.manual_seed(seed)
    net = copy.deepcopy(backbone.net)
    net.fc = nn.Linear(net.fc.in_features, len(few.classes))
    slow = [p for name, p in net.named_parameters() if not name.startswith("fc.")]
    optimizer = torch.optim.AdamW(
        [{"params": net.fc.parameters(), "lr": 1e-2}, {"params": slow, "lr": 1e-3}]
    )
    pictures, labels = few.train.pictures, few.train.labels
    for epoch in range(epochs):
        seen = backbone.prepare(torch.stack([view(one) for one in pictures]))
        batches = torch.randperm(len(labels)).split(12)
        train_one_epoch(net, [(seen[rows], labels[rows]) for rows in batches], optimizer)
    return accuracy(net, test)


plain = [tuned(lambda one: one, seed) for seed in (0, 1)]
augmented = [tuned(views, seed) for seed in (0, 1)]
gain = 100 * (sum(augmented) - sum(plain)) / 2
for name, scores in (("plain", plain), ("augmented", augmented)):
    print(f"{name:10}", ", ".join(f"{score:.0%}" for score in scores))
outcome = AUGMENT[0] if gain > 3 else AUGMENT[2] if gain < -3 else AUGMENT[1]
judge("l02-augment", outcome, f"{gain:+.1f} points, mean of two seeds.")

# %% [markdown]
# **What it means.** With two seeds don't read much into a few points. Which changes leave the class
# alone depends on the pictures: a mirrored leaf is a leaf, a mirrored "b" is a "d",
# a mirrored chest has its heart on the wrong side. The test pictures stay as they are: they stand for
# what will come. (The next rung is `v2.TrivialAugmentWide()`, which draws one of many changes for each
# picture, colours among them. Ask of each whether it could change the class.)
#
# With a folder of your own, augment the *training* pictures only, and before they are normalised.
# Open the folder twice and split both by the same rows:
#
# ```python
# augmented = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomResizedCrop(256, (0.7, 1)),
#                         weights.transforms()])
# learn = Subset(ImageFolder(folder, augmented), rows)           # seen anew in every epoch
# choose = Subset(ImageFolder(folder, weights.transforms()), other_rows)
# ```
#
# ## Photographs, with torchvision's own network
#
# Now the real thing: a ResNet-18 that was trained on 1.3 million photographs, and your own folder.
# Two lines matter more than they look. `weights.transforms()`
# resizes and normalises *exactly as in pretraining*; with other numbers the network sees pictures
# that it has never seen. And `ImageFolder` takes the names of the sub-folders as classes.

# %%
MY_FOLDER = None  # for example "~/pictures/leaves", with one sub-folder for each class

# %%
from course_lib.data.samples import sample_folder

folder = sample_folder() if MY_FOLDER is None else MY_FOLDER
print(
    "pictures from", "two sample photographs, cut into pieces" if MY_FOLDER is None else MY_FOLDER
)

# %%
from pathlib import Path

from torch.utils.data import Subset
from torchvision.datasets import ImageFolder
from torchvision.models import ResNet18_Weights, resnet18

weights = ResNet18_Weights.DEFAULT
data = ImageFolder(Path(folder).expanduser(), transform=weights.transforms())
try:
    photo_net = resnet18(weights=weights)  # 47 MB, once
except Exception as problem:  # no network, no space: everything else goes on
    photo_net = None
    print(f"The weights could not be had ({type(problem).__name__}). What they give, measured "
          "before, is shown below; run this cell again when you are online.")  # fmt: skip

# %% [markdown]
# The next cell is your program, with nothing but torch, torchvision and the functions that you wrote:
# new head, freeze, loop, accuracy. (The sample folder holds pieces of two photographs; pieces of one
# picture in training and test make the task easier than any real one.)

# %%
split = mine_or_ours("02-split")
if photo_net is not None:
    torch.manual_seed(0)
    learn, choose, look = (Subset(data, rows) for rows in split(len(data)))
    photo_net.fc = nn.Linear(photo_net.fc.in_features, len(data.classes))
    freeze(photo_net)
    optimizer = torch.optim.AdamW(photo_net.fc.parameters(), lr=3e-3)
    for epoch in range(5):
        train_one_epoch(photo_net, DataLoader(learn, batch_size=16, shuffle=True), optimizer)
        print(f"epoch {epoch + 1}: {accuracy(photo_net, DataLoader(choose, 16)):.0%} of the "
              "validation pictures")  # fmt: skip
    print(f"test pictures, looked at once: {accuracy(photo_net, DataLoader(look, 16)):.0%}")

# %% [markdown]
# What this gives on real photographs, measured with the same strategies on a MobileNetV2 with
# ImageNet weights, few labels, draw by draw (points above the head alone, with the standard error):

# %%
from course_lib.claims import photographs_table

display(Markdown(photographs_table()))

# %% [markdown]
# **What it means.** ImageNet knows insects and flowers well, so the head alone is hard to beat
# there. (*Gradual unfreezing* lets one stage more join every few epochs; *layer-wise decay* gives early
# stages smaller rates, and is lesson 03's.) With WorldNet on X-rays fine-tuning gains several points over
# the head; that is another network, so take it as a hint and measure.
#
# **Another network.** Only two lines change: which network, and where its head is. `print(net)` shows
# it at the end; torchvision and timm call it
#
# | network | new head |
# |---|---|
# | ResNet, ResNeXt, RegNet | `net.fc = nn.Linear(net.fc.in_features, n)` |
# | MobileNet, EfficientNet, ConvNeXt, VGG | `net.classifier[-1] = nn.Linear(net.classifier[-1].in_features, n)` |
# | DenseNet | `net.classifier = nn.Linear(net.classifier.in_features, n)` |
# | vision transformer (ViT) | `net.heads.head = nn.Linear(net.heads.head.in_features, n)` |
# | anything from timm | `timm.create_model(name, pretrained=True, num_classes=n)`, then `net.get_classifier()` |
#
# In `freeze` and in the optimizer write the same name in place of `net.fc`. Weights that come as a
# file bring the head of their old task along. Drop it first, or PyTorch refuses the whole file
# (`strict=False` forgives missing names, never wrong shapes):
#
# ```python
# state = torch.load(file, weights_only=True)
# state = {name: value for name, value in state.items() if not name.startswith("fc.")}
# print(net.load_state_dict(state, strict=False))  # missing: the head's two names, and no others
# ```
#
# If no name fits, print a few: those that begin with `module.` come from `DataParallel`; cut that off.
#
# **Save it, use it.** What you keep is the `state_dict`, the names of the classes and the
# preprocessing: three things, and the third is the one that gets lost. For torchvision's weights
# their name says it all: `str(weights)`, and `torchvision.models.get_weight(name).transforms()` back.

# %%
import tempfile

with tempfile.TemporaryDirectory() as place:
    kept = {
        "weights": net.state_dict(),
        "classes": list(task.classes),
        "prepared by": repr(backbone.transform),
    }
    torch.save(kept, Path(place) / "shapes.pt")

    back = torch.load(
        Path(place) / "shapes.pt", weights_only=True
    )  # never unpickle what you were sent
again = backbone.fresh(seed=1).net
again.fc = nn.Linear(again.fc.in_features, len(back["classes"]))
again.load_state_dict(back["weights"])
again.eval()
with torch.no_grad():
    chances = again(backbone.prepare(task.test.pictures[:1])).softmax(1)[0]
print("made for pictures prepared by", back["prepared by"])
print({name: round(float(p), 2) for name, p in zip(back["classes"], chances, strict=True)})
print("in truth:", task.classes[task.test.labels[0]])

# %% [markdown]
# ## What you can now say
#
# - A training step is forward, loss, zero_grad, backward, step. An evaluation is eval mode and no
#   gradients.
# - *Freeze* means no gradients **and** batch norm in eval mode.
# - A pretrained backbone with a new head is the first thing to try; scratch on few pictures learns
#   by heart.
# - Augmentation is the cheapest remedy against learning by heart; which one is allowed depends on the
#   pictures.
# - Test pictures are looked at once.
#
# **Which of your expectations held?**

# %%
expectations()

# %%
ask("p02-step", "p02-optimizer", "p02-evaluation", "p02-overfitting", "p02-piles",
    "p02-extraction", "p02-words", "p02-batch-norm", "p02-cache", "p02-small-similar", "p02-large-different", "p02-race",
    "p02-augment", "p02-preprocessing", "p02-saving", "p02-baselines")  # fmt: skip

# %% [markdown]
# ## More, one sentence each
#
# The lab book has a page for each, with rule, rows and verdict.
#
# - [C07](90_lab_book.ipynb#C07): the race, over many draws.
# - [C11](90_lab_book.ipynb#C11): head first, then unfreeze (LP-FT, [Kumar et al.
#   2022](https://arxiv.org/abs/2202.10054)), and what it does when pictures shift.
# - [C12](90_lab_book.ipynb#C12): pretraining does not always help ([He et al.
#   2019](https://arxiv.org/abs/1811.08883)).
# - [C13](90_lab_book.ipynb#C13): tune the block that the shift is in ([Lee et al.
#   2023](https://arxiv.org/abs/2210.11466)).
# - [C35](90_lab_book.ipynb#C35): all networks fit their training pictures; which of them carry it over
#   to new ones?
# - [C36](90_lab_book.ipynb#C36): how deep to freeze.
#
# **To go deeper.** PyTorch's [transfer-learning
# tutorial](https://docs.pytorch.org/tutorials/beginner/transfer_learning_tutorial.html),
# [torchvision's weights and transforms](https://docs.pytorch.org/vision/stable/models.html),
# [timm's documentation](https://huggingface.co/docs/timm), [fast.ai's
# course](https://course.fast.ai), the [Hugging Face course](https://huggingface.co/learn).
#
# **Next:** [03 Learning rates](03_learning_rates.ipynb): how large may a step be when the backbone
# joins?
