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
# You have a pretrained network and a few labelled pictures of your own. What should be allowed to
# learn?
#
# | strategy | what learns | usual advice |
# |---|---|---|
# | **feature extraction** | a new head; the backbone is frozen | little data, similar pictures |
# | **fine-tuning** | the head and the last stages, at a small rate | more data |
# | **full fine-tuning** | everything, early stages at very small rates | much data |
# | **scratch** | everything, from random weights | the comparison that is often forgotten |
#
# **A clash of words.** Some books call it "fine-tuning" when the last layers learn, others when
# all layers do; some quote a backbone rate 10 times smaller than the head's, some 100 times. In
# this course *fine-tuning* means the last stage and the head, *full fine-tuning* means everything.
#
# **After this lesson you can**
# - freeze a backbone correctly, batch norm included;
# - say what each strategy costs: parameters, seconds, memory;
# - say from your own measurements what a pretrained start is worth with little data, and where
#   that ends;
# - place a problem of your own on the plane of size and similarity, and name the advice, its reason
#   and how well it was measured to work;
# - tell memorising from learning.
#
# *Time: 60 minutes. The experiments run here, live; each takes under half a minute on two cores.
# Where a full-size study is shown beside your run, its rows were stored, and the text says so.*

# %%
from IPython.display import Markdown, display

from course_lib import CourseError, show, style, tracks
from course_lib import strategies as S
from course_lib.claims import run_claim, stored_result
from course_lib.questions import Bands, check, hint, judge, solution
from course_lib.see import picture_grid
from course_lib.widgets.selfcheck import ask, predict

track = tracks.choose()  # the image world; "photos": an ImageNet backbone and photographs
backbone = track.load_backbone()
task = track.load_task("similar", train=100, seed=0)

with style():
    names = [task.classes[k] for k in task.train.labels[:16]]
    show(
        picture_grid(task.train.pictures[:16], names),
        alt=f"Sixteen labelled pictures of the task: {', '.join(task.classes)}.",
    )


# %%
def stored(tag):
    """The stored full-size study of a claim; without one, how to make it."""
    try:
        stored_result(tag).show()
    except CourseError as missing:
        display(Markdown(f"*{missing}*"))


# %% [markdown]
# ## What happens to the weights
#
# Six steps lead from somebody else's network to yours. Go through the tabs (arrow keys work): the
# shapes are those of the real net, and the tensors that *moved* were compared before and after a
# real training step.

# %%
from course_lib.widgets.weights_flow import WeightsFlow

WeightsFlow(backbone, classes=len(task.classes))

# %% [markdown]
# A strategy is plain data: which stage learns, at which rate. The rates are peaks, which the
# schedule scales over time.


# %%
def strategy_table(strategy):
    """A strategy as a table: stage, parameters, learning rate, state."""
    lines = ["| stage | parameters | learning rate | state |", "|---|--:|--:|---|"]
    for row in S.table(backbone, strategy):
        rate = f"{row.rate:.0e}" if row.rate else "–"
        state = "locked" if row.state == "locked" else f"**{row.state}**"
        lines.append(f"| {row.stage} | {row.parameters:,} | {rate} | {state} |")
    display(Markdown(f"**{strategy.name}**\n\n" + "\n".join(lines)))


for strategy in (S.FEATURE_EXTRACTION, S.FINE_TUNING, S.FULL_FINE_TUNING):
    strategy_table(strategy)

# %% [markdown]
# ## Your turn: freeze a backbone
#
# Before you use ours, write it yourself. `net` is a network with torchvision's names (`conv1`,
# `bn1`, `layer1` to `layer4`, `fc`). Make a training step change **nothing but the head `fc`**.
# There is a trap: parameters are not all that a network remembers.


# %%
def freeze(net):
    raise NotImplementedError  # replace this line


check("02-freeze", freeze)

# %%
hint("02-freeze")

# %%
solution("02-freeze")

# %% [markdown]
# ## Question 1: what is a pretrained backbone worth with 100 labels?
#
# **Predict.** The new head on the frozen backbone reaches a certain test accuracy. A net of the
# same architecture, trained from scratch on the same 100 pictures with the same effort to choose
# its rate, reaches less. How much less?

# %%
GAP = Bands((10, 30, 60), "points")
predict("l02-gap", "The gap between the frozen backbone and scratch, 100 labels:", GAP.choices)

# %% [markdown]
# **Run.** Three draws of 100 labels. Each strategy tries the same number of learning rates and
# keeps the one that does best on validation pictures; the test pictures are looked at once. Two
# baselines stand beside them: logistic regression on the pixels, and on the features of a *random*
# backbone.

# %%
c06 = run_claim("C06")
c06.show()


# %%
def average(result, strategy, key="test"):
    return result.rows.loc[result.rows["strategy"] == strategy, key].mean()


gap = 100 * (average(c06, "feature extraction") - average(c06, "scratch"))
judge("l02-gap", GAP.of(gap), f"To be exact, {gap:z.0f} points.")

# %% [markdown]
# **What we saw.** The four numbers have one thing in common: a linear classifier at the end. What
# differs is what it reads: raw pixels, random features, features made from 100 pictures, features
# made from many thousands of *other* pictures. A random backbone is no backbone: what is gained
# over it comes from the pretrained weights, not from the architecture.
#
# **Takeaway.** With few labels of a similar kind, freeze the backbone and train a head first. It
# is the cheapest thing you can try, and the baseline that everything else must beat.

# %% [markdown]
# ## Question 2: the race
#
# Four strategies, the same pictures, the same number of passes. The axis is *seconds of training
# on your machine*: each lane's clock counts its own compute only.
#
# **Predict.**

# %%
LANES = ("scratch", "feature extraction", "fine-tuning", "full fine-tuning")
predict("l02-winner", "Which lane has the best validation accuracy at the end?", LANES)

# %% [markdown]
# Press **Train all**. Then play: move *Frozen stages* while it trains, take labels away, give it
# 2,000. A lane that a slider concerns starts anew; its old curve stays as a faint one.

# %%
from course_lib.widgets.race import Race

race = Race(train=100, epochs=6)
race

# %% [markdown]
# The next cell presses the button for you and trains for at most 12 seconds, also where no page
# can show buttons. A race that is over is only drawn.

# %%
race.run(12)

# %% [markdown]
# One race is an anecdote. Three draws, judged by a rule:

# %%
c07 = run_claim("C07")
c07.show()

# %%
ends = {name: average(c07, name, "final") for name in LANES}
winner = max(ends, key=ends.get)
judge("l02-winner", winner, ", ".join(f"{name} {ends[name]:.2f}" for name in LANES) + ".")

# %% [markdown]
# **What we saw.** The usual story has four parts, and each of them is judged on its own above: the
# story holds only if all four do. The frozen net is nearly done before the others have found their
# feet: its features are computed once and kept, so an epoch costs next to nothing.
#
# **Takeaway.** Train the head first. Unfreeze when you see it flatten *and* have a validation set
# that tells you whether it helped.

# %% [markdown]
# ## Question 3: less and less data
#
# **Predict.** Take most of the labels away. How many points does *scratch* lose from the most
# labels to the fewest?

# %%
LOSS = Bands((5, 15, 40), "points")
predict("l02-loss", "What scratch loses when labels become few:", LOSS.choices)

# %%
c08 = run_claim("C08")
c08.show()


# %%
def scratch_at(train):
    return c08.rows.query("strategy == 'scratch' and train == @train")["test"].mean()


sizes = sorted(c08.rows["train"].unique())
loss = 100 * (scratch_at(sizes[-1]) - scratch_at(sizes[0]))
judge("l02-loss", LOSS.of(loss), f"{loss:z.0f} points from {sizes[-1]} labels to {sizes[0]}.")

# %% [markdown]
# **What we saw.** The axis is logarithmic: each step to the right costs a multiple of the
# labelling work. The vertical gap is what the pretrained backbone is worth in accuracy; the
# *horizontal* gap, from a point on the scratch curve to the same height on the frozen one, is what
# it is worth in labels.
#
# "Scratch falls fastest" is told of almost every data set. Check the verdict above before you
# repeat it: nothing can fall below guessing, and a net that has many weights to fine-tune can lose
# more than one that only has a head. That *more* labels bring scratch closer is the same story,
# read from the right.

# %% [markdown]
# ## Question 4: how much data, and how similar?
#
# The rule of thumb that most courses teach is a plane: labels to the right, similarity upwards.
# Place a problem on it, by a button, a click or the sliders. Below the advice stands what was
# *measured* in the nearest cell of our table.

# %%
from course_lib.widgets.advisor import Advisor

Advisor()

# %% [markdown]
# **Predict** one corner of it, the one in which books disagree most: few labels, very different
# pictures (phantom chest radiographs; 30 labels).

# %%
predict("l02-corner", "Few labels, different pictures: which strategy does best?", LANES)

# %%
c09 = run_claim("C09")
c09.show()


# %%
from course_lib.claims.trials.advice import cells

corner = next(cell for cell in cells(c09.rows) if cell.similarity == "different")
told = ", ".join(f"{name} {value:.2f}" for name, value in corner.means.items())
judge("l02-corner", corner.best, f"AUC: {told}.")

# %% [markdown]
# Two draws cannot decide much, and the verdict says so. The full-size study has more draws, and up
# to 10,000 labels:

# %%
stored("C09")

# %% [markdown]
# **What we saw.** Read it cell by cell. Where a cell is *undecided*, the strategies lie so close
# together that the draw of the labels matters more than the choice between them: then take the
# cheapest. "Large" in texts means over 100,000 pictures; ours ends at 10,000, since the table must
# be measurable on a laptop.
#
# **Takeaway.** A rule of thumb is a first guess. The measurement costs minutes: train the head,
# fine-tune, compare on validation pictures.

# %% [markdown]
# ## Question 5: what does it cost?
#
# **Predict.** Without any trick, the frozen layers still have to be computed in every epoch; only
# their gradients are not. How long does an epoch of feature extraction take then, compared with
# one of full fine-tuning?

# %%
SHARE = Bands((10, 30, 60), "% of the time")
predict("l02-share", "Feature extraction, frozen layers computed each time:", SHARE.choices)

# %%
c10 = run_claim("C10")
c10.show()


# %%
def seconds(strategy, cache):
    return c10.rows.query("strategy == @strategy and cache == @cache")["epoch"].mean()


share = 100 * seconds("feature extraction", False) / seconds("full fine-tuning", False)
kept = 100 * seconds("feature extraction", True) / seconds("full fine-tuning", False)
judge("l02-share", SHARE.of(share), f"{share:.0f} %; with features kept {kept:.1f} %.")

# %% [markdown]
# **What we saw.** Skipping gradients saves a good part of the time and most of the memory. The
# large factor comes from elsewhere: frozen layers give the same features in every epoch, so
# compute them **once and keep them**. That is all the "cache" of this course is. (It ends where
# augmentation begins: a new view of a picture has new features, so K kept views cost K times as
# much.) In the race you can switch it off.

# %% [markdown]
# ## The loop itself
#
# Nothing is hidden: `fit` is one loop in `course_lib/train/loop.py`. Called by hand it can be
# stopped at every step, which is how the race drives its lanes.

# %%
from course_lib import prepare_run

run = prepare_run(backbone, task, S.FINE_TUNING, epochs=3)
for tick in run.ticks():
    if tick.kind == "train" and tick.step % 4 == 1:
        print(f"epoch {tick.epoch + 1}  step {tick.step:3}  loss {tick.loss:.3f}")
print(f"test accuracy {run.test:.3f}; still right on {run.source_accuracy():.1%} of its old task")

# %% [markdown]
# The last line is a preview of lesson 04: the old head is kept beside the new one, so we can ask
# what fine-tuning made the network *forget*.

# %% [markdown]
# ## Going further
#
# ### Does scratch fail because it cannot learn the pictures?
#
# **Predict** how good the net from scratch is at the end on the 100 pictures that it *trains* on.

# %%
FITTED = Bands((40, 70, 95), "%")
predict("l02-fitted", "Training accuracy of scratch:", FITTED.choices)

# %%
c35 = run_claim("C35")
c35.show()

# %%
fitted = 100 * average(c35, "scratch", "train_accuracy")
judge("l02-fitted", FITTED.of(fitted), f"{fitted:.0f} % in the last pass.")

# %% [markdown]
# On the left the pictures that each net trained on, on the right new ones. The distance between the
# two bars is what was memorised. All three nets have the same architecture, and two of them train
# every weight; only the start differs. A pretrained start works as a *regulariser*: among the many
# weights that fit 100 pictures, training ends near ones that already made sense for many
# thousands.
#
# ### How deep to freeze?
#
# From nothing frozen to everything: parameters, seconds per epoch (features kept), accuracy. These
# are the stored rows; `run_claim("C36").show()` measures yours.

# %%
stored("C36")

# %% [markdown]
# ### The same at full size
#
# Your runs above had two or three draws, few passes and two rates to choose from. The stored
# studies had more of each; where verdicts differ, trust these.

# %%
for tag in ("C06", "C07", "C08", "C10", "C35"):
    try:
        study = stored_result(tag)
        display(Markdown(f"**{tag}: {study.verdict}.** {study.sentence}"))
    except CourseError as missing:
        display(Markdown(f"*{missing}*"))

# %% [markdown]
# ### Three claims from papers
#
# Their full-size runs take longer than you want to wait here. Each can be run live in a small
# size: `run_claim("C11").show()`, and so on.
#
# **Head first, then unfreeze** (LP-FT; Kumar et al. 2022): a new random head sends wild gradients
# into good features, so train it alone first. The paper's point is what happens *under shift*.

# %%
stored("C11")

# %% [markdown]
# **Pretraining does not always help** (He et al. 2019): on plain handwritten digits the curves of
# scratch and of the pretrained start come together, or not, as labels grow.

# %%
stored("C12")

# %% [markdown]
# **Tune the block the shift is in** (Lee et al. 2022): take a net that knows the task, blur its
# pictures, turn their colours, or rename its classes; then let one block learn.

# %%
stored("C13")

# %% [markdown]
# ## Recap
#
# - **Freeze correctly**: `requires_grad = False` for the parameters *and* eval mode for batch norm.
# - **Cost**: a head has a thousandth of the parameters; without gradients an epoch is cheaper;
#   with kept features it is almost free.
# - **Little data**: you have measured the gap between frozen and scratch, and where it closes.
# - **Size and similarity**: the rule of thumb is a first guess, and the table says where it held.
# - **Memorising**: high training accuracy proves nothing; the distance to new pictures does.
#
# **Check yourself.**

# %%
ask("p02-extraction", "p02-small-similar", "p02-large-different", "p02-race", "p02-baselines")

# %% [markdown]
# **Now with photographs.** Write `tracks.choose("photos")` into the first cell and run the lesson
# again: backbone and task are then a ResNet-18 with ImageNet weights and photographs of pets, and
# C06, C07, C10 and C35 are measured with them (downloaded once, size and licence are told first).
# What needs known factors or thousands of labels stays in the image world and says so.
#
# **Graded quiz.** Your instructor hands out
# [quizzes/release/lesson02](../quizzes/release/lesson02/lesson02.ipynb); `course quiz build` makes
# it from the bank.
