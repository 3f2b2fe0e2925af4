# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 04 · Catastrophic forgetting
#
# The till of a bakery knows its bread by camera. In December somebody fine-tunes the network on
# sixty pictures of Christmas biscuits, and it does them well. In January the biscuits go, the old
# head is put back on, and the till takes rye bread for a croissant. No line of the program said
# "forget the bread". None said "remember it".
#
# This matters when you need both, the old and the new. It also matters when you don't: what is
# forgotten cannot help with pictures that look a little different from your sixty.
#
# **After this lesson you can**
# - measure forgetting in your own training loop, after every epoch;
# - tell what a network has lost from what only no longer fits together, and get the second back;
# - say what makes forgetting worse;
# - write a pull towards the start (L2-SP) and replay, and say what weight decay, EWC, LwF and
#   WiSE-FT do instead, and when each fails;
# - compare such remedies fairly.
#
# *Time: 45 minutes.*

# %%
import copy
import itertools
import math

import torch
from IPython.display import Markdown, display
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F

from course_lib import load_backbone, load_task, show, style
from course_lib.claims import on_other_nets, run_claim, show_claim, stored_result
from course_lib.measure.intervals import over_draws
from course_lib.questions import Bands, check, expectations, help_for, judge, mine_or_ours
from course_lib.see import picture_grid
from course_lib.train.forgetting import source_pictures
from course_lib.widgets.selfcheck import ask, predict

backbone = load_backbone("worldnet")  # its old pictures can be had; those of ImageNet cannot
task = load_task("digits", train=60, seed=0)
pictures, labels = backbone.prepare(task.train.pictures), task.train.labels
accuracy, learning_mode = mine_or_ours("02-accuracy"), mine_or_ours("02-mode")
freeze = mine_or_ours("02-freeze")
parameter_groups, scale = mine_or_ours("03-groups"), mine_or_ours("03-schedule")


def batches_of(part, most):
    """Prepared pictures and labels in batches of 50, the first `most` of them."""
    found, names = backbone.prepare(part.pictures[:most]), part.labels[:most]
    return list(zip(found.split(50), names.split(50), strict=True))


seen = source_pictures(backbone, 100)
test, old_test = batches_of(task.test, 250), batches_of(seen, 100)

with style():
    names = [backbone.source_classes[k] for k in seen.labels[:4]]
    names += [f"digit {task.classes[k]}" for k in labels[:4]]
    show(
        picture_grid(torch.cat([seen.pictures[:4], task.train.pictures[:4]]), names),
        alt=f"Pictures of the old task and of the new one: {', '.join(names)}.",
    )

# %% [markdown]
# The *old task* (or source task) is what WorldNet was trained for: things drawn in many ways. The
# *new task* is sixty handwritten digits.
#
# ## Measuring it
#
# **Picture it.** A pianist spends a year on jazz. To find out what became of her Bach, don't ask
# how good her jazz is, and don't give her a month to practise Bach again. Put the old notes on the
# stand and listen.
#
# **In symbols.** The old head $h$ reads the features $\phi_\theta(x)$ of an old picture. Fine-tuning
# has changed $\theta$, and nobody has changed $h$:
#
# $$ \text{forgotten} = \text{acc}(h \circ \phi_{\theta_\text{pre}}) - \text{acc}(h \circ \phi_\theta) $$
#
# With 98 of 100 old pictures right before and 60 after, 38 points are forgotten.
#
# **Write it.** `net` is a network that you are training: a changed backbone (we also say *body*) with
# a new head, `net.fc`. Put the old head in, measure as in lesson 02 (you may call your `accuracy`),
# put the new head back: the training shall not notice.


# %%
def old_accuracy(net, old_head, loader):
    raise NotImplementedError  # replace this line: swap net.fc, measure, swap back, return


check("04-old", old_accuracy)

# %%
help_for("04-old")

# %% [markdown]
# Now your loop grows by two lines. One is the second evaluation, after each epoch. The other is a
# place for what comes later in this lesson: something that is added to the loss.

# %%
old_accuracy = mine_or_ours("04-old")
old_head = copy.deepcopy(backbone.net.fc)  # before the new head takes its place


def train_one_epoch(net, loader, optimizer, schedule, extra=None):
    learning_mode(net)
    for pictures, labels in loader:
        loss = F.cross_entropy(net(pictures), labels)
        if extra is not None:
            loss = loss + extra(net, pictures)  # new: for later
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def fine_tune(rate, extra=None, begin=None, epochs=6, size=16):
    """A net whose body learns at `rate`, its head at 0.01; and what was left of the old task.

    begin: a net to set out from (default: the pretrained body with a random head).
    """
    torch.manual_seed(0)
    net = copy.deepcopy(begin or backbone.net)
    if begin is None:
        net.fc = nn.Linear(net.fc.in_features, len(task.classes))
    steps = epochs * math.ceil(len(labels) / size)
    optimizer = torch.optim.AdamW(parameter_groups(net, 1e-2, 1e-2 / rate, 1.0))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: scale(step, steps))
    left = []
    for epoch in range(epochs):
        batches = torch.randperm(len(labels)).split(size)
        train_one_epoch(
            net, [(pictures[b], labels[b]) for b in batches], optimizer, schedule, extra
        )
        left.append(old_accuracy(net, old_head, old_test))  # new: the second evaluation
    net.zero_grad()  # old gradients take as much memory as the weights
    return net, left


before = old_accuracy(backbone.net, old_head, old_test)
tuned, left = fine_tune(1e-3)
print(f"new task: {accuracy(tuned, test):.0%} of new digits")
print(f"old task: {before:.0%} before, then", ", ".join(f"{value:.0%}" for value in left))

# %% [markdown]
# The digits are learnt, and nothing in the training told you of the price. What you do not measure,
# you do not see.
#
# ## What is gone, and what only no longer fits
#
# Has the network forgotten what a star looks like? Not so fast. There are two ways to lose an
# answer, and they need different cures.
#
# **Picture it.** A kitchen scale shows 300 g too much for everything. Is it broken? Perhaps only its
# zero is wrong: somebody changed the bowl. Press the button, and it weighs as well as ever. Or its
# spring is worn out; then no button helps. The *features* are the spring. *Batch norm* is the zero.
#
# **In symbols.** Batch norm makes each channel $a$ comparable before the next layer reads it. It
# subtracts a mean and divides by a spread:
#
# $$ y = \gamma \, \frac{a - \mu}{\sigma} + \beta $$
#
# $\mu$ and $\sigma$ are its *statistics*. They were measured in pretraining, with the weights of
# that time, and our loop leaves them alone. But training moves the weights, and with them $a$. Say a
# channel lay around $\mu = 2$ with $\sigma = 1$. Its weights change, and now it lies around 5 for the
# same pictures. $(5 - 2)/1 = 3$: the next layer, used to values around 0, is told "an extreme case"
# by every picture. The stars may still stand apart from the bottles; they all stand 3 too high.
#
# Pressing the button means: let old pictures pass once, measure $\mu$ and $\sigma$ anew, touch no weight.
# No label is needed.


# %%
def statistics_anew(net, pictures):
    """A copy of the net with the batch-norm statistics of these pictures; the same weights."""
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean of all that passes
            module.train()  # batch norm alone: a dropout layer would spoil what it measures
    with torch.no_grad():
        net(pictures)
    return net.eval()


other = source_pictures(backbone, 100, split="train")  # old pictures, none of them in old_test
old_pictures, old_labels = backbone.prepare(other.pictures), other.labels

# %% [markdown]
# A control first. On the network of before, nothing has moved, so the button must change next to
# nothing.

# %%
control = old_accuracy(statistics_anew(backbone.net, old_pictures), old_head, old_test)
print(f"old task before: {before:.0%}; with its statistics measured anew: {control:.0%}")

# %% [markdown]
# **Predict.** Your network above was fine-tuned with the body at a rate of 0.001. Of the old answers
# that it lost, what share comes back when the statistics are measured anew?

# %%
BACK = Bands((10, 50, 90), "% of it")
predict("l04-back", "Of what was lost at a rate of 0.001 comes back:", BACK.choices)

# %%
rates = (3e-4, 1e-3, 2e-3)
after, anew, new = {}, {}, {}  # the old task, the old task with statistics anew, the new task
for rate in rates:
    net = tuned if rate == 1e-3 else fine_tune(rate)[0]
    after[rate] = old_accuracy(net, old_head, old_test)
    anew[rate] = old_accuracy(statistics_anew(net, old_pictures), old_head, old_test)
    new[rate] = accuracy(net, test)

with style():
    fig, ax = plt.subplots(figsize=(7.2, 2.9), layout="constrained")
    rows = [f"rate {rate:g}" for rate in rates]
    kept = [100 * after[rate] for rate in rates]
    misfit = [100 * max(0.0, anew[rate] - after[rate]) for rate in rates]
    gone = [100 * max(0.0, before - max(anew[rate], after[rate])) for rate in rates]
    edge = [a + b for a, b in zip(kept, misfit, strict=True)]
    ax.barh(rows, kept, color="#0072B2", label="still right")
    ax.barh(rows, misfit, left=kept, color="#E69F00", hatch="//", label="lost: statistics")
    ax.barh(rows, gone, left=edge, color="#D55E00", hatch="xx", label="lost: features")
    for row, parts in enumerate(zip(kept, misfit, gone, strict=True)):
        for width, begin in zip(parts, (0, kept[row], edge[row]), strict=True):
            if width >= 4:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                ax.text(begin + width / 2, row, f"{width:.0f}", ha="center", va="center",
                        color="black", bbox=box)  # fmt: skip
    ax.set_xlim(0, 100)
    ax.invert_yaxis()  # the smallest rate on top
    ax.set_xlabel("of 100 old pictures")
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    told = "; ".join(
        f"at {rate:g} {a:.0f} % still right, {b:.0f} lost to statistics, {c:.0f} to features"
        for rate, a, b, c in zip(rates, kept, misfit, gone, strict=True)
    )
    show(fig, alt=f"What became of the old task at three rates of the body: {told}.")
print("new task:", ", ".join(f"{new[rate]:.0%} at {rate:g}" for rate in rates))
lost = before - after[1e-3]
back = max(0.0, anew[1e-3] - after[1e-3]) / lost if lost > 0 else 0.0
judge("l04-back", BACK.of(100 * back), f"{100 * lost:.0f} points were lost; {back:.0%} came back.")

# %%
worst = rates[-1]
display(Markdown(
    "**What it means.** "
    + (f"At 0.001 the network looked as if it had forgotten {100 * lost:.0f} points of its old "
       f"task. {back:.0%} of that was never erased. The features still tell the old classes apart; "
       "the numbers that stand between the layers are off. "
       if back > 0.5 else
       f"At 0.001 only {back:.0%} of the loss came back: here it is mostly the features that have "
       "changed, and no button brings those back. ")
    + (f"At {worst:g} {gone[-1]:.0f} points stay lost whatever you do about the statistics: the "
       f"features have changed, and not for the sake of the new task, which stands at {new[worst]:.0%}."
       if gone[-1] > 10 else
       f"Even at {worst:g} hardly any feature was lost for good.")
))  # fmt: skip

# %% [markdown]
# "Lost: features" says that the *old head* cannot read them any more. Perhaps they still tell old classes
# apart, in another language. Only a new head can find out, trained on old pictures with old labels. It has
# few to learn from, so don't set it against the old head, but against a new head on the network of before.

# %%
from sklearn.linear_model import LogisticRegression

more = source_pictures(backbone, 864, split="train", seed=1)  # four of every old class
lesson, asked = backbone.prepare(more.pictures), torch.cat([part for part, _ in old_test])


def read_anew(net):
    """Old pictures that a new head names right, when it reads the features of `net`."""
    body = statistics_anew(net, old_pictures)
    body.fc = nn.Identity()
    with torch.no_grad():
        known, unknown = (torch.cat([body(b) for b in part.split(200)]) for part in (lesson, asked))
    known, unknown = ((part - known.mean(0)) / (known.std(0) + 1e-6) for part in (known, unknown))
    head = LogisticRegression(C=0.05, max_iter=100).fit(known, more.labels)
    return head.score(unknown, torch.cat([names for _, names in old_test]))


fresh, reread = read_anew(backbone.net), read_anew(net)  # net: the one of the largest rate
unread, blurred = before - anew[worst], fresh - reread
display(Markdown(
    f"A new head names {fresh:.0%} of the old pictures on the network of before and {reread:.0%} on the one that "
    f"learnt at {worst:g}: {100 * blurred:.0f} points less, where the old head had lost {100 * unread:.0f}. "
    + ("So a good part of what looked erased was still there, in a form that the old head cannot read."
       if blurred < 0.7 * unread else
       "So what the old head could not read is gone indeed.")
))  # fmt: skip

# %% [markdown]
# > **Take away.** Before you say "it forgot", measure the statistics anew and look again. What comes
# > back then was out of tune. What does not, the old head can no longer read; whether it is gone, a new
# > head tells.
#
# ## A frozen network that forgets
#
# It works the other way round as well: the weights stay, and the statistics move. You met the trap
# in lesson 02. `requires_grad = False` on every parameter, only a head learns, and the loop begins
# with a plain `net.train()`.
#
# **Picture it.** Nobody opens the scale. But each customer, before weighing, presses the button with
# her own bowl on it.
#
# **In symbols.** In training mode every batch moves the running mean a tenth of the way towards its
# own: $\mu \leftarrow 0.9 \mu + 0.1 \mu_\text{batch}$. After ten batches $0.9^{10} = 35\,\%$ of the
# old mean is left, after forty 1 %. Small batches mean more of them, and noisier ones.
#
# **Predict.** A head is trained on digits in batches of 2, on the frozen body, with batch norm in
# training mode. How much of the old task is lost?

# %%
FROZEN = Bands((1, 10, 40), "points")
predict("l04-frozen", "Lost with a frozen body:", FROZEN.choices)

# %%
c20 = run_claim("C20")
show_claim("C20", c20)

# %%
damage = c20.rows[(c20.rows["mode"] == "train mode") & (c20.rows["batch"] == 2)]
points = 100 * (damage["before"] - damage["source"]).mean()
judge("l04-frozen", FROZEN.of(points), f"{points:z.0f} points, mean of {len(damage)} draws.")

# %% [markdown]
# **Is it the statistics and nothing else?** Your own loop with that one wrong line, and then the
# button.

# %%
torch.manual_seed(0)
net = copy.deepcopy(backbone.net)
net.fc = nn.Linear(net.fc.in_features, len(task.classes))
freeze(net)
optimizer = torch.optim.AdamW(net.fc.parameters(), lr=1e-2)
net.train()  # wrong: learning_mode(net)
for rows in torch.randperm(len(labels)).split(2):
    loss = F.cross_entropy(net(pictures[rows]), labels[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
same = all(
    torch.equal(value, dict(net.named_parameters())[name])
    for name, value in backbone.net.named_parameters()
    if not name.startswith("fc.")
)
drifted = old_accuracy(net, old_head, old_test)
healed = old_accuracy(statistics_anew(net, old_pictures), old_head, old_test)
print("every weight of the body is as it was:", same)
print(f"old task: {before:.0%} before, {drifted:.0%} after one epoch, {healed:.0%} once the "
      "statistics are measured anew")  # fmt: skip

# %%
stored = stored_result("C20")
study = stored.rows.query("mode == 'train mode'")
by_task = (study["before"] - study["source"]).groupby(study["task"]).mean().sort_values()
mild, harsh = by_task.index[0], by_task.index[-1]
digits = stored.rows.query("task == 'digits'").groupby(["batch", "mode"])["test"].mean().unstack()
cost = 100 * (digits["eval mode"] - digits["train mode"])  # of the new task, by the size of batches
mild_there = []  # the same on networks from other pretraining seeds
for name, one in on_other_nets.stored()["C20"].alone.items():
    if name != on_other_nets.SHIPPED:
        rows = one.rows[(one.rows["mode"] == "train mode") & (one.rows["task"] == mild)]
        mild_there.append(100 * (rows["before"] - rows["source"]).mean())
display(Markdown(
    "**What it means.** "
    + (f"It depends on whose pictures pass. In the study the old task lost {100 * by_task[harsh]:.0f} "
       f"points to *{harsh}* and {100 * by_task[mild]:.0f} to *{mild}*: pictures that resemble the old "
       "ones have nearly the same statistics, and moving towards them does little harm. "
       if by_task[harsh] > 2 * by_task[mild] else
       f"In the study it costs {100 * by_task.mean():.0f} points on average, whatever the pictures. ")
    + ("The claim speaks of any new task, and so it is refuted as it stands. "
       if stored.verdict == "does not hold here" else "")
    + f"(Two networks from other pretraining seeds lost {min(mild_there):.0f} and {max(mild_there):.0f} points to *{mild}*: how "
    "mild the mild case is depends on the network, too.) "
    + f"Nor did the new task gain: the digits lost {cost.min():.0f} to {cost.max():.0f} points by it, most with "
    f"batches of {cost.idxmax():.0f}. "
    "fast.ai lets the batch norms of a frozen body learn unless you say `train_bn=False`. That can be "
    "wise when the new pictures come from another camera: then the old zero is the wrong one, and it is "
    "moved *on purpose* (adaptive batch norm, lesson 05). Know which mode you are in."
))  # fmt: skip

# %% [markdown]
# > **Take away.** Frozen means no gradients *and* batch norm in evaluation mode.
#
# ## What makes it worse
#
# **Picture it.** Around your house you know every path. Long strides and many steps take you out of
# the neighbourhood. And if you are looking for one thing only, you take no care where you tread.
#
# **In symbols.** AdamW moves a weight by about the rate in each step, so the way is at most
# $\eta \cdot \text{steps}$. Sixty pictures in batches of sixteen are 4 steps an epoch: 24 steps at
# 0.001 move a weight by at most 0.024, about half of it with our schedule. As lesson 03 printed, that is
# as much as a usual weight of `layer4` is long, and next to nothing for one of `conv1`.
#
# **Predict.** A higher rate, more epochs, fewer classes in the new task (with as many pictures in
# all): which of them make forgetting worse?

# %%
WORSE = ("all three", "rate and epochs only", "the rate only", "another combination")
predict("l04-worse", "Clearly worse (by more than 5 points):", WORSE)

# %%
c18 = run_claim("C18")
show_claim("C18", c18)

# %%
sweeps = {"rate": max, "epochs": max, "classes": min}  # which end is the harsh one
fell = (c18.rows["before"] - c18.rows["source"]).groupby([c18.rows["sweep"], c18.rows["value"]])
fell = 100 * fell.mean()
change = {
    sweep: fell[sweep][harsh(fell[sweep].index)]
    - fell[sweep][(min if harsh is max else max)(fell[sweep].index)]
    for sweep, harsh in sweeps.items()
}
guilty = {sweep for sweep, points in change.items() if points > 5}
outcome = (
    WORSE[0] if len(guilty) == 3
    else WORSE[1] if guilty == {"rate", "epochs"}
    else WORSE[2] if guilty == {"rate"}
    else WORSE[3]
)  # fmt: skip
told = ", ".join(f"{sweep} {points:+.0f} points" for sweep, points in change.items())
judge("l04-worse", outcome, f"Harsh end against mild end: {told}.")

# %%
why = {
    "rate": "A higher **rate** makes longer strides.",
    "epochs": "More **epochs** make more of them.",
    "classes": "**Fewer classes** ask less of the features: what no class needs, nothing protects. "
    "Two digits can be told apart by a handful of features, and all others are free to be "
    "overwritten.",
}
c18_full = stored_result("C18")
verdicts = dict(zip(sweeps, (one.verdict for one in c18_full.judged), strict=True))
kept_by = c18_full.rows.pivot_table(index="seed", columns=["sweep", "value"], values="source")
open_steps = []  # neighbours in a sweep whose difference may be chance
for sweep in sweeps:
    for mild, more_of_it in itertools.pairwise(kept_by[sweep]):
        step = over_draws(100 * (kept_by[sweep][mild] - kept_by[sweep][more_of_it]).to_numpy())
        if step.low < 0 < step.high:
            open_steps.append(f"{sweep} {mild:g} and {more_of_it:g} lie {abs(step.value):.0f} points apart "
                              f"({step.low:.0f} to {step.high:.0f})")  # fmt: skip
display(Markdown(
    "**What it means.** "
    + " ".join(why[sweep] for sweep, verdict in verdicts.items() if verdict == "holds")
    + "".join(f" For *{sweep}* the study says: {verdict}."
              for sweep, verdict in verdicts.items() if verdict != "holds")
    + " Ends are compared here. "
    + (f"Steps between them are too small to tell with so few draws: {'; '.join(open_steps)}. "
       if open_steps else "")
    + "All of it is counted in answers under the old head, statistics and features together."
))  # fmt: skip

# %% [markdown]
# > **Take away.** Forgetting depends on how far you go, and in which direction. The same new task can be
# > learnt near the start or far away from it.
#
# ## Holding on: six remedies
#
# Nothing in the loss speaks of the old task. So either add something that does, or stay near the
# place where it worked.
#
# ### Weight decay, and a leash that is tied to the right post
#
# **Picture it.** *Weight decay* is a dog on a leash, and the leash is tied to a post in the middle of
# the town: zero. *L2-SP* ties it to your own front door: the pretrained weights, the **s**tarting
# **p**oint.
#
# **In symbols.** Decay adds $\tfrac{\alpha}{2} |\theta|^2$ to the loss (AdamW does it beside the
# loss), L2-SP adds
#
# $$ \frac{\alpha}{2} \, |\theta - \theta_\text{pre}|^2 $$
#
# A weight that was 0.50 and is now 0.48 costs $\tfrac{1}{2} \cdot 0.02^2 = 0.0002$ at $\alpha = 1$, and
# is pulled back with a force of 0.02. Decay would go on pulling it away from home, with a force of 0.48.
# (Forces as plain SGD feels them. AdamW divides each weight's force by its usual size: there a pull counts
# by how it compares with the gradient of the task.)
#
# **Write it.** `start` holds the pretrained parameters by name, without those of the head: a new
# head has no home. `net.named_parameters()` gives names and parameters. Return a tensor through
# which gradients flow.


# %%
def l2sp(net, start, strength):
    raise NotImplementedError  # replace this line; half the strength times the squared distance


check("04-l2sp", l2sp)

# %%
help_for("04-l2sp")

# %% [markdown]
# **Weight decay** is an argument: `AdamW(..., weight_decay=0.01)`. *When it fails:* here, since it was
# never meant for this. At a rate of 0.001 it takes $0.001 \cdot 0.01$ of a weight in each step, a
# fortieth of a percent in 24 steps; made strong it drags weights to zero, where the old task never
# worked. **L2-SP** fails when the leash is too short for the new task: then it learns less.
#
# ### EWC: a leash for every weight
#
# **Picture it.** You may rearrange a borrowed flat, but its owner must still feel at home there.
# Bearing walls stay, cushions may go anywhere. So hold each thing as firmly as the old life needs it.
#
# **In symbols.** *Elastic weight consolidation* gives every weight a stiffness $F_i$ of its own,
# $\tfrac{\lambda}{2} \sum_i F_i (\theta_i - \theta_{\text{pre},i})^2$. $F_i$ (the *Fisher
# information*) is the mean squared gradient of $\log p$ on old pictures, $p$ being the chance of an answer
# that is drawn by the network's own probabilities: how much its answers would change if you moved this
# weight. With
# $F = 4$ and $F = 0.01$ the same step costs 400 times as much in one weight as in the other.
#
# **Line of code.** Your L2-SP with one factor more:
# `(fisher[name] * (p - start[name]).square()).sum()`. *When it fails:* without old pictures to measure
# $F$ on; and it only knows the neighbourhood. Far from the start, $F$ says nothing.
#
# ### LwF: write down what you would have said
#
# **Picture it.** A woman has moved to France. Before French takes over, she writes down in her mother
# tongue what she sees around her: not home, but *the new things*. Later she practises against her notes.
#
# **In symbols.** *Learning without forgetting* takes the new pictures, asks the *old* network
# $p_\text{old}$, and keeps the new one under the old head from drifting away from it:
# $-\sum_k p_\text{old}(k) \log p(k)$. If the old network says 70 % bottle and the changed one only
# 10 %, that class alone costs $-0.7 \log 0.1 = 1.6$ instead of $-0.7 \log 0.7 = 0.25$.
#
# **Line of code.** The place in your loop is the same, `extra`:
#
# ```python
# def as_before(net, pictures):
#     with torch.no_grad():
#         said = teacher(pictures).softmax(1)      # teacher: the network of before, old head on
#     new_head, net.fc = net.fc, old_head
#     loss = F.cross_entropy(net(pictures), said)  # takes probabilities in place of labels, too
#     net.fc = new_head
#     return loss
# ```
#
# (The study softens both sides, as the paper does: logits divided by a temperature of 2 before the softmax.)
#
# *When it is said to fail:* when new pictures look nothing like old ones. What can the old network's
# words about a digit tell of bottles? The study below has just such digits; see what came out.
#
# ### Replay: keep practising
#
# **Picture it.** The pianist plays one old piece a day.
#
# **In symbols.** $L = L_\text{new} + \lambda \, L_\text{old}$, where $L_\text{old}$ is the loss of the old
# head on a handful of old pictures, drawn anew in each step. With $L_\text{new} = 0.9$, $L_\text{old} =
# 0.2$ and $\lambda = 1$ the loss is 1.1, and a step that helps the digits by 0.1 but hurts the old
# pictures by 0.3 leads uphill.
#
# **Write it.** The loss of the old head on old pictures, through the body as it is now. You know
# how to swap a head.


# %%
def replay(net, old_head, pictures, labels):
    raise NotImplementedError  # replace this line; a cross-entropy, net.fc as it was afterwards


check("04-replay", replay)

# %%
help_for("04-replay")

# %% [markdown]
# *When it fails:* when you may not keep old pictures (patients, customers), or have only a few:
# then they are learnt by heart, and you know that story.
#
# **WiSE-FT**, the sixth, comes afterwards and has a section of its own.
#
# ### A fair comparison
#
# A remedy that keeps everything and learns nothing is no remedy; freezing can do that. So two
# numbers count, and a plane shows them: the new task to the right, the old one upwards. A point that
# another one beats in both is out of the race; those that are left are called the *Pareto front*. And the
# rival is not fine-tuning at a careless rate. It is fine-tuning at a *smaller rate*, which costs
# nothing and needs nothing.
#
# **Predict.** Three ways, each at rates of 0.0003 and 0.001 for the body: nothing, your L2-SP and your
# replay, both at strength 1. Among all that come within 3 points of the best on the new task: which
# keeps most of the old one?

# %%
WAYS = ("nothing, only a small rate", "L2-SP", "replay")
predict("l04-remedy", "Most of the old task is kept by:", WAYS)

# %%
l2sp, replay = mine_or_ours("04-l2sp"), mine_or_ours("04-replay")
start = {
    name: value.detach()  # of the original, which is never trained; else add .clone()
    for name, value in backbone.net.named_parameters()
    if not name.startswith("fc.")
}


def pulled(net, pictures):
    return l2sp(net, start, 1.0)


def practised(net, pictures):
    rows = torch.randperm(len(old_labels))[:8]
    return replay(net, old_head, old_pictures[rows], old_labels[rows])


pair = (3e-4, 1e-3)
found = {WAYS[0]: {rate: (new[rate], after[rate]) for rate in pair}, WAYS[1]: {}, WAYS[2]: {}}
for way, extra in ((WAYS[1], pulled), (WAYS[2], practised)):
    for rate in pair:
        net, left = fine_tune(rate, extra)
        found[way][rate] = accuracy(net, test), left[-1]
        del net  # before the next one is made

with style():
    fig, ax = plt.subplots(figsize=(8.8, 4.2), layout="constrained")
    for way, color, marker in zip(WAYS, ("#CC79A7", "#D55E00", "#5D3A9B"), "oDh", strict=True):
        for rate, (x, y) in found[way].items():
            small = rate == pair[0]
            ax.plot(x, y, ls="", marker=marker, ms=9, color=color, mfc=color if small else "none",
                    mew=2, label=f"{way}, rate {rate:g}")  # fmt: skip
    ax.set_xlabel("accuracy on the new task")
    ax.set_ylabel("accuracy left on the old task")
    ax.set_title("Better on both: up and to the right")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    told = "; ".join(
        f"{way}: " + ", ".join(f"at {rate:g} {x:.2f} and {y:.2f}" for rate, (x, y) in at.items())
        for way, at in found.items()
    )
    show(fig, alt=f"Accuracy on the new task and on the old one. {told}.")

best = max(x for at in found.values() for x, _ in at.values())
close = {way: [y for x, y in at.values() if x >= best - 0.03] for way, at in found.items()}
winner = max((way for way in close if close[way]), key=lambda way: max(close[way]))
told = ", ".join(
    f"{way} {max(ys):.0%}" if ys else f"{way}: none so good" for way, ys in close.items()
)
judge(
    "l04-remedy", winner, f"Old task, where the new one is within 3 points of {best:.0%}: {told}."
)

# %% [markdown]
# That was one draw of sixty pictures, and a strength that nobody tuned. In the study every method, plain
# fine-tuning too, chose its rate and its strength on draws of its own: of all settings that came within a
# point of plain fine-tuning's best on the new task it took the one that forgets least. Then it was measured
# on draws that had no say in the choice.

# %%
show_claim("C19")

# %%
c19 = stored_result("C19")
fails = {
    "L2-SP": "the leash is too short for what the new task needs",
    "EWC": "no old picture is left to find out what is stiff",
    "LwF": "new pictures say too little of the old ones",
    "replay": "old pictures may not be kept, or there are only a few",
    "WiSE-FT": "start and end do not lie in one valley",
}
old, new_task = (
    c19.rows.pivot_table(index="seed", columns="method", values=column)
    for column in ("source", "test")
)
plain = "plain fine-tuning"
gains = {
    name: over_draws(100 * (old[name] - old[plain]).to_numpy()) for name in fails if name in old
}


def listed(names, word):
    """a, b and c"""
    return f" {word} ".join([*filter(None, [", ".join(names[:-1])]), *names[-1:]])


better = [name for name, gain in gains.items() if gain.low > 0]
worse = [name for name, gain in gains.items() if gain.high < 0]
others = [gain.value for name, gain in gains.items() if name != "WiSE-FT"]
display(Markdown(
    f"**What it means.** The verdict is *{c19.verdict}*: {c19.told.split('** ', 1)[-1]} Plain "
    f"fine-tuning that may choose its rate with forgetting in mind keeps {old[plain].mean():.0%} of the "
    f"old task and names {new_task[plain].mean():.0%} of the new one. Beside it:\n\n"
    + "\n".join(["| method | new task | old task kept | points above plain (95 % interval) | it fails when |",
                 "|---|--:|--:|--:|---|",
                 *(f"| {name} | {new_task[name].mean():.0%} | {old[name].mean():.0%} | "
                   f"{gain.value:+.1f} ({gain.low:+.1f} to {gain.high:+.1f}) | {fails[name]} |"
                   for name, gain in gains.items())])
    + "\n\n"
    + (f"More than plain fine-tuning is kept by {listed(better, 'and')}. " if better else
       "One by one, none keeps more than plain fine-tuning for certain. ")
    + ("A warning that did not come true: digits look nothing like the old pictures, and LwF kept more all "
       "the same. " if "LwF" in better else "")
    + "Five comparisons were made at once, so an interval that ends near 0 may be luck. "
    + (f"Less is kept by {listed(worse, 'and')}: settings were chosen on a few other draws, and what was best "
       "there is not best everywhere. " if worse else "")
    + f"The other four keep {sum(others) / len(others):+.1f} points on average: the mean in the rule counts WiSE-FT, too."
))  # fmt: skip

# %% [markdown]
# **Is it the net?** All of that is one pretrained network. Two more, pretrained from other seeds, got the
# same methods: once with the settings that had been chosen on the first network, once with settings chosen
# on each, by the same search. Each cell shows what is kept of the old task / what is right on the new one.


# %%
def on_three(key):
    """Of each network the means by method, old task and new, and how far the five lie above plain."""
    found = on_other_nets.stored()[key].alone.values()
    means = [one.rows.groupby("method")[["source", "test"]].mean() for one in found]
    return means, [one.judged[0] for one in found]


borrowed, _ = on_three("C19")
own, ahead = on_three("C19" + on_other_nets.TUNED_ANEW)
names = ("head only", plain, *fails)
cells = {
    name: [f"{one['source'][name]:.0%} / {one['test'][name]:.0%}"
           for one in (borrowed[0], *borrowed[1:], *own[1:])]
    for name in names
}  # fmt: skip
steady = [
    name for name in fails if all(one["source"][name] > one["source"][plain] + 0.03 for one in own)
]
display(Markdown(
    "| | this network | another, same settings | a third, same settings | another, its own | a third, its own |\n"
    "|---|--:|--:|--:|--:|--:|\n"
    + "\n".join(f"| {name} | " + " | ".join(told) + " |" for name, told in cells.items())
    + "\n\nWith *head only* nothing is lost: so much each network knew. Look along the line of plain fine-tuning. "
    f"The rate that is gentle here keeps {borrowed[0]['source'][plain]:.0%}; there the same rate keeps "
    + " and ".join(f"{one['source'][plain]:.0%}" for one in borrowed[1:])
    + ". With a rate of their own, chosen for the new task first, they keep "
    + " and ".join(f"{one['source'][plain]:.0%}" for one in own[1:])
    + ". The mean of the five methods lies above plain fine-tuning by "
    + ", ".join(f"{100 * one.estimate.value:.0f} ({one.interval})" for one in ahead)
    + " points on the three networks, everything tuned: *" + "*, *".join(one.verdict for one in ahead) + "*. "
    + ("So whether a method is worth its trouble depends on the network. "
       if len({one.verdict for one in ahead}) > 1 else "")
    + (f"What kept more than plain fine-tuning on all three, on the mean of the draws: {listed(steady, 'and')}. " if steady else "")
    + "\n\n> **Take away.** A rate that was chosen with forgetting in mind is the first rival: it needs nothing, and on "
    "one network it may be all you need. On the next it may not be. Try it beside "
    + (f"{listed(steady, 'or')}, " if steady else "one method, ")
    + "on *your* network, and judge both at equal accuracy on the new task."
))  # fmt: skip

# %% [markdown]
# ## WiSE-FT: what lies between
#
# The cheapest remedy needs no training. You have the weights of before and of after. What do the
# weights half way between them do?
#
# **Picture it.** Take two hikers in different countries: half way between them lies a mountain, or the
# sea. Take a hiker and the camp that she left this morning: half way lies this morning's path.
# Fine-tuning sets out from the pretrained weights, and start and end often lie in one valley.
#
# **In symbols.** $\theta_s = (1 - s) \, \theta_\text{pre} + s \, \theta$. A weight of 0.50 that became
# 0.48 is 0.49 at $s = 0.5$.
#
# **Write it.** For two state dicts, which share their names. Return a new one and change neither.
# There is a trap: batch norm counts its batches, and not every entry is a real number. Whole numbers come
# from `end`.


# %%
def interpolate(start, end, share):
    raise NotImplementedError  # replace this line


check("04-interpolate", interpolate)

# %%
help_for("04-interpolate")

# %% [markdown]
# **Predict.** The camp: the pretrained body with a trained head. From there the hiker sets out, fine-tuned
# as before, the body at 0.001. Half way, the accuracy on the *new* task is ...

# %%
BETWEEN = ("below both ends", "between the two", "above both ends")
predict("l04-between", "Half way, on the new task:", BETWEEN)

# %%
interpolate = mine_or_ours("04-interpolate")
torch.manual_seed(0)
camp = copy.deepcopy(backbone.net)
camp.fc = nn.Linear(camp.fc.in_features, len(task.classes))
freeze(camp)
optimizer = torch.optim.AdamW(camp.fc.parameters(), lr=1e-2)
still = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
for epoch in range(6):
    batches = torch.randperm(len(labels)).split(16)
    train_one_epoch(camp, [(pictures[b], labels[b]) for b in batches], optimizer, still)
hiker, _ = fine_tune(1e-3, begin=camp.requires_grad_(True))

net, walk = copy.deepcopy(camp), {}
for share in (0.0, 0.25, 0.5, 0.75, 1.0):
    net.load_state_dict(interpolate(camp.state_dict(), hiker.state_dict(), share))
    walk[share] = accuracy(net, test), old_accuracy(net, old_head, old_test)
    print(f"{share:4.0%} of the way: new task {walk[share][0]:.0%}, old task {walk[share][1]:.0%}")

low, high = sorted((walk[0.0][0], walk[1.0][0]))
half = walk[0.5][0]
outcome = BETWEEN[0] if half < low else BETWEEN[2] if half > high else BETWEEN[1]
judge("l04-between", outcome, f"{half:.0%}; the ends have {low:.0%} and {high:.0%}.")
chance = 196 * (2 * high * (1 - high) / 250) ** 0.5  # points, between two counts of 250 pictures

# %%
display(Markdown(
    "**What it means.** "
    + (f"Half way the new task is at {half:.0%}, no further below the ends than chance may make of 250 test "
       f"pictures ({chance:.0f} points): no mountain stands in the way. "
       if 100 * (low - half) < chance else
       "Here the way leads through a dip: start and end do not lie in one valley, and a mean of "
       "them is worth less than either. ")
    + f"The old task is at {walk[0.5][1]:.0%} there, and at {walk[1.0][1]:.0%} at the end. One fine-tuning gives a "
    "whole line of networks to choose from, by validation pictures. "
    + "*When it fails:* after a large rate, or a long one, when the end lies in another valley. Over "
    "more draws: [C21 of the lab book](90_lab_book.ipynb#C21)."
))  # fmt: skip

# %% [markdown]
# The valley can be looked at. Two fine-tunings start at the pretrained point, with rates ten times
# apart; the height is the loss on the *old* task, with statistics measured anew at every place, so
# what you see are the features. Turn it with the mouse; below, the same from above.

# %%
from course_lib.claims.trials.surface import stored_surface
from course_lib.see import landscape

view = stored_surface()
landscape.show(view)

# %%
with style():
    show(landscape.contour_figure(view), alt=landscape.describe(view))
for path in view.paths:
    away = (path.at[-1] ** 2).sum() ** 0.5
    print(f"{path.name}: ends {away:.1f} from the start, old loss {path.losses[0]:.2f} -> "
          f"{path.losses[-1]:.2f}")  # fmt: skip

# %% [markdown]
# ## The forgetting meter
#
# It opens on a stored run at 0.001 without any remedy. *Try this:* press **Train**
# and, when the old task has fallen, push **Replay** up while it trains. Then reset, and look for the
# setting that learns the digits and keeps 90 % of the old task, once with a remedy and once by the
# rate alone. Watch the dotted line: what is left once statistics are measured anew.

# %%
from course_lib.widgets.forgetting import ForgettingMeter

ForgettingMeter()

# %% [markdown]
# ## With photographs of your own
#
# Nobody has the 1.3 million pictures of ImageNet at hand to ask for its old classes. You rarely need
# to. Your old task is the one that *you* trained last: flowers in spring, ants and bees in autumn.
# Keep three things when you fine-tune for the first time, and everything above works with the program
# of lesson 03:
#
# ```python
# old_head = copy.deepcopy(net.fc)                     # knows the flowers
# start = {n: p.detach().clone() for n, p in net.named_parameters() if not n.startswith("fc.")}
# old_test = DataLoader(flowers_nobody_trained_on, 16) # about a hundred are enough
# ```
#
# One thing is different. A head that learnt flowers on a frozen ImageNet body learnt them with
# *ImageNet's* statistics. Measure those anew on flowers, and its features change although no weight
# has moved: the control from above fails. So don't replace the statistics, correct them by what has
# moved on the same flowers: $\mu + (\mu_\text{now} - \mu_\text{before})$, and the variance times
# $\sigma^2_\text{now} / \sigma^2_\text{before}$. Measured so, flowers first, then ants and bees:

# %%
from course_lib.claims import forgotten_table

display(Markdown(forgotten_table()))

# %% [markdown]
# A network without batch norm (a ViT, a ConvNeXt: they use *layer norm*, which measures every picture
# by itself) has no statistics that could drift. For it only the features are left to lose.
#
# ## What you can now say
#
# - Forgetting is measured with the old head on old pictures, inside the loop.
# - Some of what looks forgotten are statistics that no longer fit; measuring them anew brings it back.
# - Frozen means no gradients and batch norm in evaluation mode.
# - Strides, steps and narrowness decide how far you go from home.
# - A remedy is judged at equal accuracy on the new task, and a small rate is its first rival.
#
# **Which of your expectations held?**

# %%
expectations()

# %%
ask("p04-measure", "p04-lost", "p04-split", "p04-button", "p04-bn", "p04-momentum", "p04-causes",
    "p04-decay", "p04-l2sp", "p04-ewc", "p04-lwf", "p04-replay", "p04-fair", "p04-wise",
    "p04-layer-norm")  # fmt: skip

# %% [markdown]
# ## More, one sentence each
#
# - [C21](90_lab_book.ipynb#C21): between start and end lie weights that do well on both ([Wortsman et al.
#   2022](https://arxiv.org/abs/2109.01903)).
# - `surface(directions="random")` in `course_lib.claims.trials.surface`: the same landscape along
#   directions in which nobody trains ([Li et al. 2018](https://arxiv.org/abs/1712.09913)).
#
# **To go deeper.** [L2-SP](https://arxiv.org/abs/1802.01483), [EWC](https://arxiv.org/abs/1612.00796),
# [LwF](https://arxiv.org/abs/1606.09282), [replay](https://arxiv.org/abs/1811.11682); in
# `course_lib.train.forgetting` each is about ten lines, for `fit(..., mitigation=...)`.
# [Avalanche](https://avalanche.continualai.org) has them and many more.
#
# **Next:** [05 Domain adaptation](05_domain_adaptation.ipynb): the same classes, other pictures, and
# no labels.
