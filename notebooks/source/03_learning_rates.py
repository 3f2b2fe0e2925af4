# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 03 · Differential learning rates
#
# The botanist's head works. Now she lets the backbone join, at the rate that was so good for the
# head. After ten steps the loss has jumped, after a hundred the network is worse than the head
# alone was. She has made the commonest mistake in transfer learning: one rate for everything.
#
# **After this lesson you can**
# - give each layer of a network its own rate, and check that the optimizer really uses it;
# - say what one large rate does within the first batches, and why;
# - write a schedule with warm-up, and find a rate to begin with;
# - say why a network of photographs needs another ratio than WorldNet, and tune yours instead of
#   believing a number;
# - hold in your hands the whole program: a torchvision network, fine-tuned on a folder of pictures.
#
# *Time: 40 minutes.*

# %%
import copy
import math

import torch
from IPython.display import Markdown, display
from torch import nn
from torch.nn import functional as F

from course_lib import show, style, tracks
from course_lib.claims import run_claim, show_claim
from course_lib.questions import check, expectations, help_for, judge, mine_or_ours
from course_lib.see import picture_grid
from course_lib.widgets.selfcheck import ask, predict

track = tracks.choose()  # drawn pictures and WorldNet; "photos": MNIST and a ResNet-18
backbone = track.load_backbone()
task = track.load_task("digits", train=100, seed=0)
pictures, labels = backbone.prepare(task.train.pictures), task.train.labels
accuracy, learning_mode = mine_or_ours("02-accuracy"), mine_or_ours("02-mode")

with style():
    names = [task.classes[k] for k in labels[:12]]
    show(
        picture_grid(task.train.pictures[:12], names),
        alt="Twelve labelled pictures of the task, handwritten digits: " + ", ".join(names) + ".",
    )

# %% [markdown]
# The network has never seen handwriting, so it has to change more than for new shapes. How much it
# may change is what this lesson is about.
#
# ## What one large rate does
#
# **Picture it.** A piano is to play a new song. After every bar the tuner turns *every* peg by the
# same small amount, each in the direction that would have made that bar sound better. If the amount is
# tiny, the piano slowly takes to the song. If it is large, after ten bars no string fits any other,
# however good the tuner's ear is. AdamW is such a tuner: the gradient says in which direction a weight
# moves, the *rate* how far.
#
# **In symbols.** AdamW divides each gradient by its own usual size. So whatever the gradient is, a
# weight moves by about the rate in each step: with $\eta = 0.01$ ten steps can move it by 0.1. What that
# means depends on how large the weight was:
#
# $$ \frac{|\theta - \theta_\text{pre}|}{|\theta_\text{pre}|} \approx \frac{10 \cdot 0.01}{|\theta_\text{pre}|} $$

# %%
for name in ("conv1", "layer1", "layer2", "layer3", "layer4"):
    weights = torch.cat(
        [p.detach().flatten() for p in getattr(backbone.net, name).parameters() if p.ndim != 1]
    )
    usual = weights.square().mean().sqrt()
    print(
        f"{name:7} a usual weight is {usual:.3f}: ten steps move it up to {0.1 / usual:4.1f} times that"
    )

# %% [markdown]
# **Predict.** The rate of a new head, 0.01, for the whole network, from the first step on. We give
# the network its *old* head back after every few steps and ask for its old task. When has it lost
# half of it?

# %%
WHEN = ("within 2 batches", "within 8 batches", "later", "never")
predict("l03-when", "Half of the old task is lost ...", WHEN)

# %%
c14 = run_claim("C14")
show_claim("C14", c14)

# %%
from course_lib.claims.trials.rates import apart, best_value, half_lost

lost, readings = half_lost(c14.rows)
outcome = WHEN[3] if lost is None else WHEN[0] if lost <= 2 else WHEN[1] if lost <= 8 else WHEN[2]
judge("l03-when", outcome, f"Readings were taken at steps {readings}.")

# %% [markdown]
# The old task is gone. What of the new one? A good mechanic changes one thing at a time and looks which
# one it was. Two suspects: the *head*, which began at random and so gave the backbone senseless orders;
# and *batch norm*, whose mean and variance we hold still while the weights in front of it run away.
#
# **Predict.** The same rate of 0.01 for everything, to the end of the run. Which change alone saves the
# new task?

# %%
SAVES = ("a head that was trained first", "batch norm that learns along", "either", "neither")
predict("l03-saves", "The new task is saved by ...", SAVES)

# %%
from course_lib.claims import stored_result
from course_lib.claims.trials.rates import DIFFERENTIAL, HEAD_TRAINED, LARGE, LEARNING, new_task

reached = new_task(stored_result("C14").rows)
saved = [reached[name] > reached[LARGE] + 0.2 for name in (HEAD_TRAINED, LEARNING)]
outcome = SAVES[{(True, False): 0, (False, True): 1, (True, True): 2, (False, False): 3}[*saved]]
judge("l03-saves", outcome)
told = {
    LARGE: "0.01 for everything",
    HEAD_TRAINED: "the same, the head trained first",
    LEARNING: "the same, batch norm learns along",
    DIFFERENTIAL: "0.01 for the head, 0.0001 for the rest",
}
display(
    Markdown(
        "| | right on new digits at the end |\n|---|--:|\n"
        + "\n".join(f"| {text} | {reached[name]:.0%} |" for name, text in told.items())
    )
)

# %%
head, norm = saved
display(
    Markdown(
        "**What it means.** "
        + (
            "The head is not the culprit: where it had been trained before, the same rate ruins the "
            "network all the same. A better head points in better directions; it does not make the "
            "steps smaller. "
            if not head
            else "A trained head helps here: its first orders make sense. "
        )
        + (
            "What ruins it is this rate *with batch norm held still*: the weights move, the "
            "statistics that belonged to them stay behind, and from layer to layer the numbers drift "
            "further from what the next layer expects. Let batch norm learn along, and the same rate "
            f"reaches {reached[LEARNING]:.0%} on the new task. "
            if norm
            else "Batch norm that learns along does not save it here. "
        )
        + "Wherever everything had the rate of 0.01, saved or not, the old head can no longer read the "
        "features, as the chart shows; lesson 04 asks what of the old task is lost and what can be had back. So two settings belong together: "
        "*statistics held still* is the safe choice at a *small* backbone rate."
    )
)

# %% [markdown]
# > **Take away.** If you may turn only one knob, turn the backbone's rate *down*.
#
# ## Groups: a rate for each layer
#
# **Picture it.** In a renovation not everybody works at the same pace. The foundations (first
# layers: edges, colours) serve every house; touch them last and least. The top floor was made for
# the previous owner; change it more. The furniture (the head) is new anyway.
#
# **In symbols.** The head learns at $\eta$, the last stage at $\eta / r$ ($r$ is the *ratio*), and
# every stage below it at $d$ times the rate of the stage above ($d$ is *layer-wise decay*). With
# $\eta = 0.01$, $r = 10$ and $d = 0.5$:
#
# | head | layer4 | layer3 | layer2 | layer1 | conv1, bn1 |
# |---|---|---|---|---|---|
# | 0.01 | 0.001 | 0.0005 | 0.00025 | 0.000125 | 0.0000625 |
#
# **Write it.** An optimizer takes a list of *groups*, dictionaries with `params` and an `lr`. One
# habit more: weight decay pulls weights towards zero, which is good for matrices and pointless for
# biases and the scales of batch norm. So make two groups for the head `fc` and for each stage below it,
# `layer4` down to `layer1` and last `conv1`, whose rate `bn1` shares; give the parameters with fewer than
# two dimensions `weight_decay` 0. An empty group does no harm. Return the list; forget no parameter, for
# what is in no group never learns.


# %%
def parameter_groups(net, head_rate, ratio, decay):
    raise NotImplementedError  # replace this line; a list of dictionaries


check("03-groups", parameter_groups)

# %%
help_for("03-groups")

# %% [markdown]
# > **A trap.** Some libraries store a factor beside `lr`, such as `lr_scale`, for a scheduler of
# > their own to read. Any other scheduler overwrites `lr` and ignores the factor, and nobody tells
# > you. PyTorch keeps unknown keys of a group without a word. Print the groups while it trains.
#
# ## A schedule: gently in, gently out
#
# **Picture it.** You do not pull away in fourth gear, and you do not brake at the kerb. Rates rise
# for the first tenth of a run (*warm-up*: AdamW knows no gradient's usual size yet, and the head
# knows nothing), then fall along half a cosine, so that the last steps only polish.
#
# ```
#   rate │  ╭──╮
#        │ ╱    ╲
#        │╱       ╲___        share of the peak: 0.5 at a twentieth of the run,
#        └──────────────      1 at a tenth, 0.5 at 55 %, 0 at the end
# ```
#
# **In symbols.** At the share $t$ of the run, $0 \le t \le 1$, every rate is multiplied by $t /
# 0.1$ while $t < 0.1$, and by $\tfrac12 (1 + \cos(\pi \frac{t - 0.1}{0.9}))$ after that. At $t =
# 0.55$ that is $\tfrac12(1 + \cos \tfrac{\pi}{2}) = 0.5$.
#
# **Write it.** Step number `step` of `steps` in all, counted from 0, stands at $t = (\text{step} +
# 0.5) / \text{steps}$.


# %%
def scale(step, steps, warmup=0.1):
    raise NotImplementedError  # replace this line; math.cos, math.pi


check("03-schedule", scale)

# %%
help_for("03-schedule")

# %% [markdown]
# Now your loop grows by one line. `LambdaLR` multiplies every group's own rate by your function:
# the ratios stay.

# %%
parameter_groups, scale = mine_or_ours("03-groups"), mine_or_ours("03-schedule")


def train_one_epoch(net, loader, optimizer, schedule):
    learning_mode(net)
    for pictures, labels in loader:
        loss = F.cross_entropy(net(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()  # new


def tune(head_rate, ratio, decay=1.0, epochs=6, size=16):
    """A net fine-tuned with your groups, your schedule and your loop."""
    torch.manual_seed(0)
    net = copy.deepcopy(backbone.net)
    net.fc = nn.Linear(net.fc.in_features, len(task.classes))
    steps = epochs * math.ceil(len(labels) / size)
    optimizer = torch.optim.AdamW(parameter_groups(net, head_rate, ratio, decay))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: scale(step, steps))
    for epoch in range(epochs):
        batches = torch.randperm(len(labels)).split(size)
        train_one_epoch(net, [(pictures[b], labels[b]) for b in batches], optimizer, schedule)
    return net


held_out = [(backbone.prepare(task.test.pictures[:600]), task.test.labels[:600])]
for ratio in (1, 100):
    print(f"ratio {ratio:3}: {accuracy(tune(1e-2, ratio), held_out):.0%} of new digits")

# %% [markdown]
# That was your program with two settings. One draw and one rate; the question deserves more.
#
# ## Is a ratio of 100 essential?
#
# "Ten times smaller", says one book; "a hundred times", another. ULMFiT divides by 2.6 at *every* layer,
# which is a hundred and more after five. They were measured on different networks, and most did not
# let the rivals choose their own rate.
#
# **Picture it.** Two ways to drive carefully: a fast car with a strong brake (large rate, large
# ratio), or a slow car (small rate, small ratio). Ask which is safer, and you have to say how fast
# each was going.
#
# **Predict.** Every ratio has the head rate that suited it best on validation pictures, of other
# draws. Which one is best on the new task?

# %%
RATIOS = ("1", "10", "100", "1000", "none that can be told from the others")
predict("l03-ratio", "Best when every ratio may choose its rate:", RATIOS)

# %%
c15 = run_claim("C15")
show_claim("C15", c15)

# %%
studied = stored_result("C15").rows
best, gap = best_value(studied, "head_lr_ratio"), apart(studied, "head_lr_ratio")
sure = stored_result("C15").judged[0]
judge(
    "l03-ratio",
    RATIOS[-1] if sure.told_apart or gap < 0.03 else f"{best:g}",
    f"In the study the mean of ratio {best:g} was best, {100 * gap:.1f} points above the worst. "
    + (f"But {sure.part.name}: {sure.interval} points. They cannot be told apart."
       if sure.told_apart else ""),
)  # fmt: skip

# %% [markdown]
# (If your own run says otherwise: it has fewer labels and fewer passes than the study, and a rate that was
# chosen for more of both need not suit it. One more reason to choose rates on pictures of your own.)
#
# A ratio is a fraction, and a fraction hides two numbers. The backbone never sees the ratio. It sees its
# *own* rate, the head's rate divided by the ratio. So let us draw all runs of the study over that.

# %%
from matplotlib import pyplot as plt

from course_lib.claims.trials.rates import by_own_rate

own = by_own_rate(studied)
with style():
    fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
    ax.plot(own["own"], own["test"], "o", color="#0072B2", label="new task")
    ax.plot(own["own"], own["source"], "s", color="#D55E00", label="old task, old head")
    ax.set(xscale="log", ylim=(0, 1), xlabel="the backbone's own rate", ylabel="accuracy")
    ax.legend(loc="center left")
    points = "; ".join(
        f"own rate {run.own:.1e} (ratio {run.ratio:g}): new {run.test:.2f}, old {run.source:.2f}"
        for run in own.itertuples()
    )
    show(fig, alt=f"New and old task over the backbone's own rate. {points}.")
display(
    Markdown(
        "| ratio | head's rate | backbone's own | new task | old task |\n|--:|--:|--:|--:|--:|\n"
        + "\n".join(
            f"| {run.ratio:g} | {run.rate:.2g} | {run.own:.1e} | {run.test:.0%} | {run.source:.0%} |"
            for run in own.itertuples()
        )
    )
)

# %%
forgets = own[own["source"] < 0.5]["own"].min()
dearer = own["test"].max() - own[own["source"] >= 0.5]["test"].max()
display(
    Markdown(
        "**What it means.** Ratios of 1, 10 and 100 that were free to choose came to lie on nearly the "
        "same rate *of the backbone*, and there they end nearly alike. "
        "The ratio is not the knob; the backbone's own rate is. (Which ratio is best on the new task, "
        f"each at its own rate, is by the rule above: *{stored_result('C15').verdict}*.) And read both lines: from about {forgets:.0e} on "
        f"the old task is gone. The last {100 * dearer:.0f} points on the new task are paid for with "
        "nearly all of the old one: what a large ratio buys at the usual rate of the head is a backbone "
        "that still knows its old task, and not a better result on the new one. If you need both, stay below; if you need the new one alone, let "
        "validation choose."
        "\n\nWorldNet forgives a lot: it is small, and was trained on pictures that resemble its new "
        "ones. Does a network of photographs?"
    )
)

# %%
from course_lib.claims import ratios_table

display(Markdown(ratios_table()))

# %% [markdown]
# **Why the rate depends on the network.** A step is large or small *compared with the weights that
# it changes*, as you have computed above, and with how much their change matters downstream. A likely
# reason, which we have not measured: a deep network multiplies small changes layer by layer. For
# torchvision's nets we tried head rates of 0.001, 0.003 and 0.01 with ratios of 30, 100 and 300, with
# *one* net (MobileNetV2) on a hundred photographs of insects and of flowers, on draws that were used
# for nothing else. We took 0.003 and 300, where fine-tuning never cost more than a point against the
# head alone. It is the careful choice for pictures that ImageNet knows well: the backbone hardly moves.
# For pictures unlike ImageNet's (X-rays, satellites, microscopes) begin at ratio 30, then try 10.

# %%
from course_lib import load_backbone
from course_lib import strategies as S

S.print_table(load_backbone("worldnet"), S.FULL_FINE_TUNING)
print()
S.print_table(load_backbone("resnet18", pretrained=False), S.FULL_FINE_TUNING)

# %% [markdown]
# ## Where to begin: the rate finder
#
# Raise the rate a little at every step and watch the training loss: it falls, levels out, explodes.
# A rate on the steep part is a place to begin. It is your loop with one line that turns the knob.

# %%
torch.manual_seed(0)
net = copy.deepcopy(backbone.net)
net.fc = nn.Linear(net.fc.in_features, len(task.classes))
optimizer = torch.optim.AdamW(parameter_groups(net, head_rate=1e-5, ratio=10, decay=1.0))
learning_mode(net)
rates, losses = [], []
while len(rates) < 75 and (len(losses) < 9 or losses[-1] < 2 * min(losses)):
    rows = torch.randperm(len(labels))[:32]
    loss = F.cross_entropy(net(pictures[rows]), labels[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    rates.append(optimizer.param_groups[0]["lr"])
    losses.append(0.8 * losses[-1] + 0.2 * loss.item() if losses else loss.item())  # smoother
    for group in optimizer.param_groups:
        group["lr"] *= 1.2  # the knob
best = rates[losses.index(min(losses))]
with style():
    fig, ax = plt.subplots(figsize=(6.4, 3.2))
    ax.plot(rates, losses)
    ax.axvline(best / 10, color="#777777", ls=":")
    ax.set_xscale("log")
    ax.set_xlabel("head rate")
    ax.set_ylabel("smoothed training loss")
    ax.set_title(f"Lowest at {best:.0e}; a tenth of it is a careful beginning")
    show(fig, alt=f"Training loss against a rising rate, lowest at {best:.1e}, then it rises.")

# %% [markdown]
# (`course_lib.find_rate` does the same, and puts the net back.) It looks at the *training* loss of a
# few dozen steps and cannot see what is being forgotten: a
# rate that it likes may still cost everything that was learnt before. Use it for the order of
# magnitude; then let validation pictures decide.
#
# ## The rate explorer
#
# Turn the sliders, press **Train**, and watch both accuracies and how far each stage drifts. *Try
# this:* ratio 1 at a head rate of 0.01; then ratio 100. Then find a setting that learns the digits
# and keeps over 80 % of the old task.

# %%
from course_lib.widgets.rates import RateExplorer

explorer = RateExplorer()
explorer

# %%
explorer.run(5)

# %% [markdown]
# ## The whole program
#
# Your functions of lessons 02 and 03, put one below the other. It needs torch and torchvision and
# nothing of this course. Keep it: copy the cell into a file `finetune.py` and call `python
# finetune.py FOLDER`, with one sub-folder of pictures for each class.

# %%
# @program
"""Fine-tune a network on your own pictures: python finetune.py FOLDER"""

import math
import sys

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import ImageFolder
from torchvision.models import ResNet18_Weights, resnet18


def split(n):
    order = torch.randperm(n).tolist()
    return order[: n * 3 // 5], order[n * 3 // 5 : n * 4 // 5], order[n * 4 // 5 :]


def learning_mode(net):
    net.train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def parameter_groups(net, head_rate, ratio, decay):
    rates, rate = {"fc": head_rate}, head_rate / ratio
    for stage in ("layer4", "layer3", "layer2", "layer1", "conv1"):
        rates[stage], rate = rate, rate * decay
    rates["bn1"] = rates["conv1"]
    groups = []
    for name, rate in rates.items():
        held = list(getattr(net, name).parameters())
        groups.append({"lr": rate, "params": [p for p in held if p.ndim > 1]})
        groups.append({"lr": rate, "params": [p for p in held if p.ndim < 2], "weight_decay": 0.0})
    return groups


def scale(step, steps, warmup=0.1):
    t = (step + 0.5) / steps
    return t / warmup if t < warmup else (1 + math.cos(math.pi * (t - warmup) / (1 - warmup))) / 2


def train_one_epoch(net, loader, optimizer, schedule):
    learning_mode(net)
    for pictures, labels in loader:
        loss = nn.functional.cross_entropy(net(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def accuracy(net, loader):
    net.eval()
    with torch.no_grad():
        right = torch.cat([net(pictures).argmax(1) == labels for pictures, labels in loader])
    return right.float().mean().item()


def main(folder, test=False, epochs=10, head_rate=3e-3, ratio=300.0, decay=1.0, size=16, seed=1):
    weights = ResNet18_Weights.DEFAULT
    net, data = resnet18(weights=weights), ImageFolder(folder, weights.transforms())
    torch.manual_seed(0)  # the same three piles, whatever the seed
    learn, choose, look = (Subset(data, rows) for rows in split(len(data)))
    torch.manual_seed(seed)
    net.fc = nn.Linear(net.fc.in_features, len(data.classes))
    loader = DataLoader(learn, size, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = optim.AdamW(parameter_groups(net, head_rate, ratio, decay))
    schedule = optim.lr_scheduler.LambdaLR(optimizer, lambda k: scale(k, epochs * len(loader)))
    for epoch in range(epochs):
        train_one_epoch(net, loader, optimizer, schedule)
        print(f"epoch {epoch + 1}: {accuracy(net, DataLoader(choose, size)):.3f} on validation")
    torch.save({"weights": net.state_dict(), "classes": data.classes, "of": str(weights)}, "net.pt")
    print("test:", accuracy(net, DataLoader(look, size)) if test else "kept for the end")


if __name__ == "__main__" and "ipykernel" not in sys.modules:
    main(sys.argv[1], test="--test" in sys.argv)

# %% [markdown]
# (`"of"` keeps the name of the weights, and with it their preprocessing.)
#
# **How to use it.** First the head alone, the number to beat: `from finetune import main`, then
# `main(folder, ratio=math.inf)`, which gives the backbone a rate of 0. Then two or three settings, such
# as `ratio=300`, `ratio=30`, and `head_rate=1e-3, ratio=10`. Keep the one that validates best, and only
# then call it with `test=True`, once. In a hundred test pictures one standard error (the usual swing
# from luck alone) is 3 points when 90 are right, so a gain of one point is no gain yet: change the seed
# and look at validation again. The piles stay what they are, so that no test picture is ever trained on.
#
# **What you add when it gets serious.** Each is a few lines of plain PyTorch:
#
# ```python
# # a graphics card: the net once, and in both loops every batch
# device = "cuda" if torch.cuda.is_available() else "cpu"
# net.to(device)
# pictures, labels = pictures.to(device), labels.to(device)
#
# # the best epoch instead of the last: `best = 0` before the loop, and in it, in place of the save below
# now = accuracy(net, DataLoader(choose, size))
# if now > best:
#     best = now
#     torch.save({"weights": net.state_dict(), "classes": data.classes, "of": str(weights)}, "net.pt")
#
# # nothing forgotten, nothing twice: each parameter is in exactly one group
# held = [id(p) for group in optimizer.param_groups for p in group["params"]]
# assert sorted(held) == sorted(map(id, net.parameters()))
#
# # each class in each pile, in place of `split`: deal every class out on its own
# piles = [[], [], []]
# for k in range(len(data.classes)):
#     rows = torch.tensor(data.targets).eq(k).nonzero().flatten()
#     for pile, part in zip(piles, split(len(rows))):
#         pile += rows[part].tolist()
# learn, choose, look = (Subset(data, rows) for rows in piles)
#
# # random views, for the training pile alone (lesson 02): a second ImageFolder, the same rows
# views = v2.Compose([v2.RandomResizedCrop(224, scale=(0.6, 1)), v2.RandomHorizontalFlip(),
#                     v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
#                     v2.Normalize(weights.transforms().mean, weights.transforms().std)])
# learn = Subset(ImageFolder(folder, views), learn.indices)
#
# # accuracy of each class: 90 % may be the majority alone
# pairs = DataLoader(look, size)
# right = torch.cat([net(pictures).argmax(1) == labels for pictures, labels in pairs])
# labels = torch.tensor([data.targets[row] for row in look.indices])
# for k, name in enumerate(data.classes):
#     print(name, right[labels == k].float().mean().item())
# ```
#
# And to name a new photograph, in a program of its own:
#
# ```python
# import torch
# from PIL import Image
# from torch import nn
# from torchvision.models import get_weight, resnet18
#
# saved = torch.load("net.pt", weights_only=True)
# net = resnet18()
# net.fc = nn.Linear(net.fc.in_features, len(saved["classes"]))
# net.load_state_dict(saved["weights"])
# net.eval()
# transform = get_weight(saved["of"]).transforms()
# with torch.no_grad():
#     p = net(transform(Image.open("photo.jpg").convert("RGB"))[None]).softmax(1)[0]
# print(saved["classes"][p.argmax()], f"{p.max():.0%}")
# ```
#
# Lesson 08 puts all of it together, with a split by group and a model card. (Why not the head first, as in
# lesson 02? With AdamW that gives the first steps a better direction and not a smaller size; look at the
# column *LP-FT* in lesson 02's table. If you like, train with `ratio=math.inf` for an epoch and go on.)
#
# **Another network** has other names. Replace `fc` by its head (the table of lesson 02) and the stages
# by blocks of its own. A MobileNetV2 or an EfficientNet has one list of blocks, `features`:
#
# ```python
# rates, rate = [(net.classifier, head_rate)], head_rate / ratio
# for block in reversed(net.features):
#     rates.append((block, rate))
#     rate = rate * decay               # 19 blocks: 0.9 is much, 0.5 is nearly frozen
# groups = ...                          # as before: two for each (block, rate)
# inside = sum(len(group["params"]) for group in groups)
# assert inside == len(list(net.parameters())), "a parameter is in no group: it would not learn"
# ```
#
# **What to change when it fails**
#
# | you see | likely reason | turn |
# |---|---|---|
# | validation below what the head alone reached | backbone's rate too large | ratio up, or `head_rate` down |
# | training loss hardly falls | rate too small, or nothing learns | `head_rate` up; print the groups |
# | training fits, validation does not | too few pictures for what learns | freeze more; augment; stop early |
# | loss becomes `nan` | rate far too large | a tenth of it |
# | good here, bad on new photographs | preprocessing differs, or test pictures were trained on | `weights.transforms()`; `split` |
#
# ## What you can now say
#
# - Groups give every stage its own `lr`; print them while it trains.
# - With AdamW every weight moves by about the rate in each step, however good the head is.
# - Batch norm held still goes with a small backbone rate; the two belong together.
# - Ask of every quoted ratio: which rate did the *backbone* have, on which network, and could its
#   rivals choose theirs?
# - Warm up, then let the rates fall.
#
# **Which of your expectations held?**

# %%
expectations()

# %%
ask("p03-one-rate", "p03-first-batches", "p03-group", "p03-vectors", "p03-ratio", "p03-tuned",
    "p03-network", "p03-warm-up", "p03-cosine", "p03-finder", "p03-decay", "p03-unfreeze",
    "p03-drift")  # fmt: skip

# %% [markdown]
# ## More, one sentence each
#
# - [C16](90_lab_book.ipynb#C16): layer-wise decay. 0.9 is quoted for transformers with twelve and more
#   layers ([BEiT](https://arxiv.org/abs/2106.08254), [ELECTRA](https://arxiv.org/abs/2003.10555));
#   five stages are not twelve layers.
# - [C17](90_lab_book.ipynb#C17): gradual unfreezing, the last stage first ([Howard and Ruder
#   2018](https://arxiv.org/abs/1801.06146)). In equally many passes the early stages learn for fewer of
#   them. On digits in front of clutter it lost; on photographs of flowers it did best, one comparison of
#   ten (README).
#
# **To go deeper.** [torch.optim, per-parameter
# options](https://docs.pytorch.org/docs/stable/optim.html#per-parameter-options), [timm's
# optimizers and `layer_decay`](https://huggingface.co/docs/timm), fast.ai's
# [`fine_tune`](https://docs.fast.ai/callback.schedule.html#learner.fine_tune), a recipe in six
# readable lines.
#
# **Next:** [04 Catastrophic forgetting](04_forgetting.ipynb): what did fine-tuning cost the old
# task?
