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
# Fine-tuning makes a network good at your task. What happens to everything it could do before? This
# matters when you need both (a product that must still name the old classes), and also when you do
# not: what is forgotten can no longer help with pictures that look a little different from the few
# you trained on.
#
# **Causes** that are usually named: a rate that is too high, a new task that is too narrow,
# training for too long on too little. **Remedies**: small rates, a pull towards the start, replay
# of old pictures, distillation, averaging the weights of start and end.
#
# **After this lesson you can**
# - measure forgetting: old task, old head, before and after;
# - say what makes it worse, and by how much here;
# - compare remedies honestly, on the plane of both accuracies;
# - freeze a backbone so that it stays frozen, batch norm included;
# - walk between two networks in weight space.
#
# *Time: 50 minutes. Each experiment takes about half a minute on two cores.*

# %%
import os

import torch

from course_lib import CourseError, fit, load_backbone, load_task, show, style
from course_lib import strategies as S
from course_lib.claims import run_claim, stored_result
from course_lib.questions import check, hint, judge, solution
from course_lib.see import picture_grid
from course_lib.train.forgetting import (
    LwF,
    Replay,
    check_frozen,
    recompute_statistics,
    source_accuracy,
    source_pictures,
)
from course_lib.widgets.selfcheck import ask, predict

backbone = load_backbone("worldnet")
task = load_task("digits", train=100, seed=0)
old_task = source_pictures(backbone, 200)

with style():
    old = [backbone.source_classes[k] for k in old_task.labels[:8]]
    new = [f"digit {task.classes[k]}" for k in task.train.labels[:8]]
    both = torch.cat([old_task.pictures[:8], task.train.pictures[:8]])
    show(
        picture_grid(both, old + new),
        alt=f"Eight pictures of the old task ({', '.join(old)}) and eight of the new one "
        f"({', '.join(new)}).",
    )

# %% [markdown]
# ## Measuring it
#
# The head of the old task is cut off when a new one is put on; `fit` keeps it. To see what is left,
# send pictures of the *old* task through the *changed* backbone and the *old* head.

# %%
before = source_accuracy(backbone, backbone.head, old_task)
run = fit(backbone, task, S.FULL_FINE_TUNING, epochs=8, batch_size=16)
after = source_accuracy(run.model, run.source_head, old_task)
print(f"new task: test accuracy {run.test:.3f} after {run.step} steps")
print(f"old task: {before:.3f} before, {after:.3f} after: {1 - after / before:.0%} of it is gone")

# %%
ask("p04-measure", "p04-lost")

# %% [markdown]
# ## Question 1: what makes it worse?

# %%
predict(
    "p04-worst",
    "Higher rate, longer training, fewer classes in the new task: which of them makes forgetting "
    "clearly worse?",
    ["all three", "only the rate", "rate and length, not the number of classes", "none of them"],
)

# %%
c18 = run_claim("C18")
c18.show()

# %%
sweeps = ("rate", "epochs", "classes")  # each is a part of the claim
verdicts = {sweep: part.verdict for sweep, part in zip(sweeps, c18.judged, strict=True)}
worse = {sweep for sweep, verdict in verdicts.items() if verdict == "holds"}
outcome = (
    "all three" if len(worse) == 3
    else "none of them" if not worse
    else "only the rate" if worse == {"rate"}
    else "rate and length, not the number of classes" if worse == {"rate", "epochs"}
    else "another combination"
)  # fmt: skip
judge("p04-worst", outcome, "; ".join(f"{k}: {v}" for k, v in verdicts.items()) + ".")

# %% [markdown]
# **What we saw.** Rate and length both decide how far the weights travel. Narrowness decides what
# the new task still *needs*: features that no class asks for are free to be overwritten.
# "Undecided" in a part means that three draws were not enough to tell.
#
# **Takeaway.** Forgetting is no fate but a distance: the same new task can be learnt near the start
# or far away from it.


# %%
def show_stored(tag):
    """The stored full-size run of a claim, or how to make one."""
    try:
        stored_result(tag).show()
    except CourseError as missing:
        print(missing)


show_stored("C18")

# %%
ask("p04-causes")

# %% [markdown]
# ## Remedies
#
# Each adds a term to the loss, switched on by one argument of `fit`:
#
# | remedy | what it adds | needs |
# |---|---|---|
# | **L2-SP** | $\tfrac{\alpha}{2}\,\lVert w - w_0 \rVert^2$ | the start |
# | **EWC** | $\tfrac{\lambda}{2}\sum_i F_i (w_i - w_{0,i})^2$, stiff where needed | old pictures |
# | **LwF** | on new pictures the old head should say what it said | nothing old |
# | **replay** | the old loss on a few old pictures per step | old pictures |
# | **WiSE-FT** | afterwards: a mean of start and end | nothing |
#
# and what lesson 03 had: small rates, decay, gradual unfreezing.

# %%
mitigations = {
    "learning without forgetting": LwF(1.0),
    "replay": Replay(source_pictures(backbone, 200, split="train"), 0.3),
}
for name, mitigation in mitigations.items():
    kept = fit(backbone, task, S.FULL_FINE_TUNING, epochs=8, batch_size=16, mitigation=mitigation)
    left = source_accuracy(kept.model, kept.source_head, old_task)
    print(f"{name:28} new task {kept.test:.3f}, old task {left:.3f} ({kept.seconds:.1f} s)")
print(f"{'plain':28} new task {run.test:.3f}, old task {after:.3f} ({run.seconds:.1f} s)")

# %% [markdown]
# ## Question 2: is there a remedy that costs nothing?

# %%
predict(
    "p04-free",
    "How many of five remedies keep over 5 points more of the old task, at no cost on the new one "
    "(within a standard error)?",
    ["none", "one", "two or more"],
)

# %%
c19 = run_claim("C19")
c19.show()

# %%
from course_lib.claims.trials.forgetting import saved_for_nothing

free = saved_for_nothing(c19.rows)
words = ("none", "one", "two or more")
judge("p04-free", words[min(len(free), 2)], f"These do: {', '.join(free) or 'none'}.")

# %% [markdown]
# **What we saw.** A point up and to the right beats another in both. The points that no other one
# beats in both are the *Pareto front*. Plain fine-tuning is one choice on this plane, and the head
# alone another.
#
# Here is the full comparison: every remedy with three settings, one of them chosen without looking
# at test pictures, over five draws.

# %%
show_stored("C19")

# %%
ask("p04-l2sp", "p04-ewc")

# %% [markdown]
# ## Question 3: a frozen backbone that forgets
#
# `requires_grad = False` for every parameter of the backbone, and only a head learns. Nothing can
# be forgotten, can it?

# %%
predict(
    "p04-frozen",
    "The backbone has no gradients, but it is in train mode. After training a head in batches of "
    "2, the old task ...",
    ["is as good as before", "lost up to 10 points", "lost more than 10 points"],
)

# %%
c20 = run_claim("C20")
c20.show()

# %%
from course_lib.claims.trials.forgetting import TRAIN_MODE

small = c20.rows[(c20.rows["mode"] == TRAIN_MODE) & (c20.rows["batch"] == 2)]
lost = (small["before"] - small["source"]).mean()
outcome = (
    "is as good as before" if lost < 0.01
    else "lost up to 10 points" if lost <= 0.1
    else "lost more than 10 points"
)  # fmt: skip
judge("p04-frozen", outcome, f"It lost {100 * lost:z.0f} points.")

# %% [markdown]
# **What we saw.** Batch norm keeps two *buffers* per channel, a running mean and a running
# variance. In train mode every forward pass moves them towards the batch at hand; no gradient is
# needed. Small batches give noisy statistics, and they also mean more passes, so the buffers
# travel further: both work in the same direction here.
#
# The course's own check compares every number of the frozen part, buffers included:

# %%
naive = S.Strategy("no gradients, train mode", trainable=0, batch_norm="adapt")
for strategy in (S.FEATURE_EXTRACTION, naive):
    frozen = fit(backbone, task, strategy, epochs=2, batch_size=8)
    print(f"{strategy.name}: {check_frozen(backbone, frozen.model)}")

# %% [markdown]
# **When to adapt on purpose.** If the new pictures come from another camera or another light, the
# old statistics are the wrong ones, and adapting them *without any label* can help the new task:
# that is adaptive batch norm, lesson 05. The rule is: know which mode you are in. Eval mode to
# keep, train mode with large batches to adapt.

# %%
ask("p04-bn")

# %% [markdown]
# ## Your turn: between two networks
#
# WiSE-FT needs no training at all: go a share of the way from the start to the fine-tuned end.
# Write `interpolate(start, end, share)` for two state dicts. It returns a new one and changes
# neither. There is a trap: not every entry of a state dict is a real number.


# %%
def interpolate(start, end, share):
    raise NotImplementedError  # replace this line


check("04-interpolate", interpolate)

# %%
hint("04-interpolate")

# %%
solution("04-interpolate")

# %% [markdown]
# ## Question 4: what lies between start and end?

# %%
predict(
    "p04-between",
    "Half way between the start (with a trained head) and the fine-tuned net, the accuracy on the "
    "new task is ...",
    ["below both ends", "between the two", "above both ends"],
)

# %%
c21 = run_claim("C21")
c21.show()


# %%
def at(share):
    rows = c21.rows
    return rows[(rows["share"] == share) & (rows["statistics"] == "kept")]["test"].mean()


low, high = sorted((at(0), at(1)))
middle = at(0.5)
outcome = (
    "below both ends" if middle < low else "above both ends" if middle > high else "between the two"
)
told = f"{at(0):.2f} at the start, {middle:.2f} half way, {at(1):.2f} at the end."
judge("p04-between", outcome, told)

# %% [markdown]
# **What we saw.** A straight line between two networks that were trained apart usually leads over a
# ridge, where neither task works. Between a start and what was fine-tuned *from* it there often is
# none: they lie in one basin. That is why averaging them makes sense at all.

# %%
show_stored("C21")

# %% [markdown]
# ## The surface, in 3D
#
# Two runs start at the pretrained point, with backbone rates ten times apart. The height is the
# loss on the **old** task over the plane in which the two runs move; batch-norm statistics are
# recomputed at every place. Turn it with the mouse.

# %%
from course_lib.claims.trials.surface import surface
from course_lib.see import landscape

quick = os.environ.get("COURSE_QUICK") == "1"
size = {"points": 5, "pictures": 32, "epochs": 2} if quick else {"pictures": 96, "every": 14}
view = surface(**size)
landscape.show(view)

# %%
for path in view.paths:
    away = (path.at[-1] ** 2).sum() ** 0.5
    print(
        f"{path.name:20} ends {away:.2f} away; old loss {path.losses[0]:.2f} -> "
        f"{path.losses[-1]:.2f}"
    )
print(f"the plane holds {view.explained:.1%} of the two paths (in squared length)")

# %% [markdown]
# **What we saw.** The valley is wide: there is room to move without climbing. The careful run stays
# on its floor, the other one climbs its wall. A plane is a thin slice of a space with millions of
# directions, so take it as a picture, not as a proof; that is why the losses printed above are
# measured at the points of the paths themselves.
#
# There is one more thing to learn from it. The surface recomputes the batch-norm statistics; the
# accuracies of this lesson keep the old ones. Does that matter?

# %%
old_pictures = source_pictures(backbone, 200, split="train").pictures
again = source_accuracy(recompute_statistics(run.model, old_pictures), run.source_head, old_task)
print(
    f"old task after plain fine-tuning: {after:.3f} with the old statistics, {again:.3f} with "
    f"statistics of the changed weights; before: {before:.3f}"
)

# %% [markdown]
# What the second number gains on the first was not erased: the weights still tell the old classes
# apart, but two numbers per channel no longer fit them. (Recomputing needs old pictures, without
# labels.)
#
# A finer surface was stored:

# %%
from course_lib.claims.trials.surface import LANDSCAPE, stored_surface

if LANDSCAPE.exists() and not quick:
    landscape.show(stored_surface())
else:
    print("`python benchmarks/landscape.py` makes and stores it.")

# %% [markdown]
# ## The forgetting meter
#
# Both accuracies, live. The sliders act while it trains: start with a backbone rate of 1e-3 and
# watch the old task fall, then switch **replay** on, or the **penalty**, and see how much comes
# back.

# %%
from course_lib.widgets.forgetting import ForgettingMeter

meter = ForgettingMeter()
meter

# %%
meter.run(6)

# %% [markdown]
# ## Recap
#
# - **Measure** forgetting with the old head on old pictures; the new test score says nothing of it.
# - **Rate and length** set the distance travelled; narrowness sets what nobody protects.
# - **Remedies** differ in what they need. Compare them on the plane, tuned equally, and look for
#   those that cost nothing on the new task.
# - **Batch norm** in train mode changes a backbone without a single gradient.
# - **Between** start and end lies a whole line of networks, for free.
#
# ## Going further
#
# - `run_claim("C19", methods={"plain fine-tuning": (0.01,), "EWC": (10_000.0,)})` tries others.
# - Random directions instead of the runs' own: `surface(directions="random")`.
# - The stored run on batch norm, on two tasks:

# %%
show_stored("C20")

# %% [markdown]
# **Now with photographs.** `load_backbone("resnet18")` and your own pictures run through the same
# `fit(..., mitigation=L2SP(0.1))`. Measuring the old task needs pictures of ImageNet's classes,
# which this course does not ship; L2-SP, LwF and averaging need none of them to train.
#
# **Graded quiz.** Your instructor hands out
# [quizzes/release/lesson04](../quizzes/release/lesson04/lesson04.ipynb); `course quiz build` makes
# it.
