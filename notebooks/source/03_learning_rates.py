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
# You unfroze the backbone. Now every step of training changes what took days to learn. How large
# may a step be, and must it be the same for every layer?
#
# | the usual advice | in numbers |
# |---|---|
# | one rate for everything | "the commonest mistake" |
# | a normal rate for the head, far less for the backbone | ratio 100, or 10; ULMFiT 2.6 per layer |
# | layer-wise decay: each layer below learns more slowly | 0.9; BEiT, MAE and ELECTRA 0.65 to 0.9 |
# | train the head first, then unfreeze from the top | one more stage per epoch |
#
# Four pieces of advice, and they are usually handed on as facts. Here they are measured.
#
# **After this lesson you can**
# - give each stage of a network its own rate, and check that the optimizer really uses it;
# - say what one large rate does within the first batches, and why;
# - find a rate to begin with, and tune the ratio and the decay instead of believing them;
# - unfreeze gradually, and say what that bought you.
#
# *Time: 45 minutes. Each experiment takes about half a minute on two cores.*

# %%
from dataclasses import replace

from course_lib import CourseError, prepare_run, show, style, tracks
from course_lib import strategies as S
from course_lib.claims import run_claim, stored_result
from course_lib.questions import check, hint, judge, solution
from course_lib.see import picture_grid
from course_lib.widgets.selfcheck import ask, predict

track = tracks.choose()  # the image world; "photos": an ImageNet backbone and photographs
backbone = track.load_backbone()
task = track.load_task("digits", train=100, seed=0)

with style():
    names = [task.classes[k] for k in task.train.labels[:16]]
    show(
        picture_grid(task.train.pictures[:16], names),
        alt="Sixteen labelled pictures of the task, handwritten digits: " + ", ".join(names) + ".",
    )

# %% [markdown]
# The pretrained network has never seen handwriting. It has to change more than for new shapes, so
# the rates matter here.

# %% [markdown]
# ## Parameter groups
#
# An optimizer takes *groups* of parameters, each with an `lr` of its own. A strategy of this course
# says which rate each stage gets; `fit` writes those numbers into the groups at every step.

# %%
careful = replace(S.FULL_FINE_TUNING, name="careful", head_lr_ratio=100, layer_decay=0.65)
S.print_table(backbone, careful)

# %%
run = prepare_run(backbone, task, careful, epochs=5)
next(tick for tick in run.ticks() if tick.kind == "train")  # one step
for group in run.optimizer.param_groups:
    print(f"{group['name']:8} {len(group['params']):3} tensors at lr = {group['lr']:.2e}")

# %% [markdown]
# The second table comes from the optimizer itself. Its numbers are smaller than those of the first,
# in the same proportions: in the first tenth of a run the rates *warm up* to their peaks.
#
# > **A trap.** Some libraries store a factor beside `lr`, such as `lr_scale`, for a scheduler of
# > their own to read. Any other scheduler overwrites `lr` and ignores the factor, and nobody tells
# > you. PyTorch keeps unknown keys of a group without a word. Print the groups while it trains.

# %%
ask("p03-one-rate", "p03-group")

# %% [markdown]
# ## Your turn: build the groups
#
# `net` has torchvision's names. Give `fc` the `head_rate`, `layer4` a rate `ratio` times smaller,
# and each stage before it `decay` times the rate of the stage after it: `layer3`, `layer2`,
# `layer1`, then `conv1` and `bn1` together. Return a list of groups for `torch.optim`.


# %%
def parameter_groups(net, head_rate, ratio, decay):
    raise NotImplementedError  # replace this line


check("03-groups", parameter_groups)

# %%
hint("03-groups")

# %%
solution("03-groups")

# %% [markdown]
# ## Question 1: what does one large rate do?
#
# A fresh head needs a large rate: it starts from random numbers. Give that rate, 0.01, to the whole
# network, from the first step on. We watch two things at every step: how far each stage has moved
# from its pretrained weights, and whether the network still knows its *old* task when it gets its
# old head back.

# %%
predict(
    "p03-when",
    "When has the network lost half of its accuracy on the old task?",
    ["within 2 batches", "within 8 batches", "later", "never"],
)

# %%
c14 = run_claim("C14")
c14.show()

# %%
from course_lib.claims.trials.rates import half_lost

lost, steps = half_lost(c14.rows)
outcome = (
    "never" if lost is None
    else "within 2 batches" if lost <= 2
    else "within 8 batches" if lost <= 8
    else "later"
)  # fmt: skip
judge("p03-when", outcome, f"The readings were taken at steps {steps}.")

# %% [markdown]
# **What we saw.** The gradients of the first batches come from a head that knows nothing: they say
# which way to push the features so that *random* weights would be right by luck. A large rate
# follows them at once. AdamW divides each gradient by its own size, so even a tiny one moves its
# weight by about the full rate per step; that is why the damage is so quick.
#
# The right-hand panels have a logarithmic axis: how far the first and the last stage have moved, in
# lengths of their pretrained weights. Since AdamW moves every weight by about as much, the stages
# with the smallest weights drift most in proportion: here the late ones.
#
# **Takeaway.** A rate that suits a new head can be ruinous for pretrained weights. If you may turn
# only one knob, turn the backbone's rate *down*.

# %% [markdown]
# ## Question 2: is a ratio of 100 essential?

# %%
predict(
    "l03-ratio",
    "Every ratio may choose its own head rate on validation pictures. Which one does best on the "
    "new task?",
    ["1", "10", "100"],
)

# %%
c15 = run_claim("C15")
c15.show()

# %%
from course_lib.claims.trials.rates import best_value

judge(
    "l03-ratio",
    f"{best_value(c15.rows, 'head_lr_ratio'):g}",
    "With few draws the order of close ones is luck; look at the band.",
)

# %% [markdown]
# **What we saw.** Two questions hide in one. *At a fixed large head rate* the ratio decides between
# learning and ruin. *When the rate is tuned as well*, a small ratio with a small rate can treat the
# backbone as gently as a large ratio with a large one; the black line says what then remains of the
# advantage. The panel on the right shows what the new task does not pay for: the old one.
#
# Look at the dotted line before you celebrate any of them: on clean, centred digits logistic
# regression on the *pixels* is a strong rival, and with few labels a network must be tuned well to
# beat it. That is why it stands in every figure.
#
# The same question at full size, when its rows are stored (five draws, five ratios, three rates):


# %%
def show_stored(tag):
    """The stored full-size run of a claim, or how to make one."""
    try:
        stored_result(tag).show()
    except CourseError as missing:
        print(missing)


show_stored("C15")

# %%
ask("p03-ratio", "p03-decay")

# %% [markdown]
# ## Where to begin: the learning-rate finder
#
# Raise the rate a little at every step and watch the loss: it falls, levels out, explodes. A rate
# on the steep part is a place to begin. The finder works on a prepared run and puts everything
# back, bit by bit, so the run can start as if nothing had happened.

# %%
from matplotlib import pyplot as plt

from course_lib import find_rate

searches = {
    name: find_rate(prepare_run(backbone, task, replace(S.FULL_FINE_TUNING, head_lr_ratio=ratio)))
    for name, ratio in {"ratio 1": 1.0, "ratio 100": 100.0}.items()
}
with style():
    fig, ax = plt.subplots(figsize=(7.2, 3.6))
    looks = (("#D55E00", "-"), ("#009E73", ":"))
    for (name, search), (color, dash) in zip(searches.items(), looks, strict=True):
        ax.plot(search.rates, search.losses, dash, color=color, label=name)
        at = search.losses[search.rates.index(search.steepest)]
        ax.plot(search.steepest, at, "o", color=color)
        ax.annotate(
            f"steepest: {search.steepest:.0e}", (search.steepest, at), xytext=(-9, -4),
            textcoords="offset points", color=color, ha="right",
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlabel("head rate")
    ax.set_ylabel("smoothed training loss")
    ax.set_title("Learning-rate finder")
    ax.legend()
    words = "; ".join(
        f"{name}: steepest at {s.steepest:.1e}, lowest at {10 * s.tenth:.1e}"
        for name, s in searches.items()
    )
    show(fig, alt=f"Training loss against a rising head rate. {words}.")

# %% [markdown]
# The finder looks at the *training* loss of the first dozens of steps. It cannot see what is being
# forgotten: a rate that it likes may still cost the old task everything. Use it to find the order
# of magnitude, then let validation decide.

# %% [markdown]
# ## Question 3: layer-wise decay
#
# With `decay` each stage learns more slowly than the stage after it. Five stages and 0.9 give the
# first stage two thirds of the last one's rate; with 0.65 it is less than a fifth.

# %%
predict(
    "l03-decay",
    "At a head rate of 0.01, which decay does best on the new task?",
    ["0.5", "0.9", "1 (no decay)"],
)

# %%
c16 = run_claim("C16")
c16.show()

# %%
best = best_value(c16.rows, "layer_decay")
judge("l03-decay", "1 (no decay)" if best == 1 else f"{best:g}", "Read the intervals above, too.")

# %% [markdown]
# **What we saw.** 0.9 is quoted for transformers with twelve or more layers, where the first layer
# then learns at less than a third of the last one's rate. Counted in the five *stages* of a small
# residual network it is a mild setting, and the verdict above says whether these draws can tell it
# from no decay at all. Look at the right-hand panel, too: a stronger decay protects the old task at
# the same head rate. The direction travels between networks (general layers slow, specific layers
# fast); the number does not.

# %%
show_stored("C16")

# %% [markdown]
# ## Question 4: unfreeze gradually
#
# Gradual unfreezing lets the head learn alone for an epoch, then opens one more stage per epoch,
# the last one first. Here is what that means in each epoch:

# %%
for epoch in (0, 1, 3):
    S.print_table(backbone, S.GRADUAL_UNFREEZING, epoch)
    print()

# %%
predict(
    "p03-gradual",
    "At equal epochs and rates, on the new task, gradual unfreezing is ...",
    ["better than all at once", "about as good", "worse"],
)

# %%
c17 = run_claim("C17")
c17.show()

# %%
words = {"holds": "better than all at once", "does not hold here": "worse"}
found = words.get(c17.verdict, "about as good")
judge("p03-gradual", found, c17.verdict.capitalize() + ", see above.")

# %% [markdown]
# **What we saw.** "About as good" stands for *undecided*: the difference lies within the spread of
# the draws. A schedule that protects early stages for a few epochs does by a timetable what a small
# rate does by its size; when the rates are tuned already, little may be left for it to do. It is
# cheaper in seconds, though: while stages are locked, what they compute is kept.

# %%
ask("p03-unfreeze", "p03-drift")

# %% [markdown]
# ## The rate explorer
#
# Turn the sliders: the bars follow at once. Press **Train** and watch both accuracies and the drift
# of each stage. Sliders also act while it trains. Earlier runs stay as faint lines.
#
# *Try this:* ratio 1 at a head rate of 0.01; then ratio 100. Then find a setting that learns the
# new task and keeps over 80 % of the old one.

# %%
from course_lib.widgets.rates import RateExplorer

explorer = RateExplorer()
explorer

# %% [markdown]
# Without a page (or when you choose *Run All*) the same can be run in a cell:

# %%
explorer.run(6)

# %% [markdown]
# ## Recap
#
# - **Groups**: one dictionary per stage with a real `lr`; print them while it trains.
# - **One large rate** follows the gradients of an untrained head and can erase years of pretraining
#   in a handful of steps. You have watched it, stage by stage.
# - **The ratio** matters most when the head's rate is large and fixed. Ask of every quoted ratio
#   whether its rivals were allowed to choose their rate, and what became of the *old* task.
# - **Decay and gradual unfreezing** protect what is general. Their quoted numbers belong to other
#   networks: measure yours.
#
# ## Going further
#
# - `run_claim("C15", train=200, seeds=(0, 1, 2, 3, 4))` takes other settings;
#   `course claims run C15` measures a claim at full size.
# - The stored runs of the other claims:

# %%
show_stored("C14")
show_stored("C17")

# %% [markdown]
# **Now with photographs.** Write `tracks.choose("photos")` into the first cell and run the lesson
# again: the coding cells then work on a ResNet-18 with ImageNet weights and on MNIST's digits
# (downloaded once, size and licence are told first). The experiments stay with WorldNet and say so.
#
# **Graded quiz.** Your instructor hands out
# [quizzes/release/lesson03](../quizzes/release/lesson03/lesson03.ipynb); `course quiz build` makes
# it.
#
# **Next:** [04 Catastrophic forgetting](04_forgetting.ipynb), where the old task becomes the
# question.
