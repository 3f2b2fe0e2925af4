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
# - tell memorising from learning.
#
# *Time: 45 minutes. All experiments run here, live; each takes under half a minute on two cores.*

# %%
from course_lib import load_backbone, load_task
from course_lib import strategies as S
from course_lib.exercises import check, hint
from course_lib.experiments import run_claim
from course_lib.figures import show, style
from course_lib.prediction import compare
from course_lib.see import picture_grid

backbone = load_backbone("worldnet")
task = load_task("new-shapes", train=100, seed=0)

with style():
    names = [task.classes[k] for k in task.train.labels[:16]]
    show(
        picture_grid(task.train.pictures[:16], names),
        alt=f"Sixteen labelled pictures of the task: {', '.join(task.classes)}.",
    )

# %% [markdown]
# ## What each strategy lets learn
#
# A strategy is plain data. Here is what three of them mean for this network: which stage learns, at
# which rate.

# %%
from IPython.display import Markdown, display


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

# %% [markdown]
# ## Question 1: what is a pretrained backbone worth with 100 labels?
#
# **Predict.** The new head on the frozen backbone reaches a certain test accuracy. A net of the
# same architecture, trained from scratch on the same 100 pictures with the same effort to choose
# its rate, reaches less. How much less? Write the *gap* as a share: 0.10 means ten points.

# %%
my_gap = None

# %% [markdown]
# **Run.** Three draws of 100 labels. Each strategy tries the same number of learning rates and
# keeps the one that does best on validation pictures; the test pictures are looked at once. Two
# baselines stand beside them: logistic regression on the pixels, and on the features of a *random*
# backbone.

# %%
c06 = run_claim("C06")
c06.show()


# %%
def average(strategy, key="test"):
    values = [row[key] for row in c06.rows if row["strategy"] == strategy]
    return sum(values) / len(values)


measured_gap = average("feature extraction") - average("scratch")
compare(my_gap, measured_gap, "gap between frozen and scratch")

# %% [markdown]
# **What we saw.** The four numbers have one thing in common: a linear classifier at the end. What
# differs is what it reads: raw pixels, random features, features made from 100 pictures, features
# made from many thousands of *other* pictures. A random backbone is no backbone: the gain comes
# from the pretrained weights, not from the architecture.
#
# **Takeaway.** With few labels of a similar kind, freeze the backbone and train a head first. It
# is the cheapest thing you can try, and the baseline that everything else must beat.

# %% [markdown]
# ## Question 2: does scratch fail because it cannot learn the pictures?
#
# **Predict.** On the 100 pictures that it *trains* on, how good is the net from scratch at the end?

# %%
my_training_accuracy = None

# %%
c35 = run_claim("C35")
c35.show()

# %%
scratch = [row["train_accuracy"] for row in c35.rows if row["strategy"] == "scratch"]
compare(my_training_accuracy, sum(scratch) / len(scratch), "training accuracy of scratch")

# %% [markdown]
# **What we saw.** Hollow circles are pictures it trained on, filled marks are new ones. The
# distance between them is what was memorised. All three nets have the same architecture, and two
# of them train every weight; only the start differs. A pretrained start works as a *regulariser*:
# among the many weights that fit 100 pictures, training ends near ones that already made sense for
# many thousands.

# %% [markdown]
# ## Question 3: the race
#
# Four strategies, the same pictures, the same number of passes. The axis below is not epochs but
# *seconds of training on your machine*.
#
# **Predict.** Which strategy has the best validation accuracy at the end? Write `"scratch"`,
# `"feature extraction"`, `"fine-tuning"` or `"full fine-tuning"`.

# %%
my_winner = None

# %%
c07 = run_claim("C07")
c07.show()

# %%
ends = {}
for row in c07.rows:
    if "clock" in row:  # the baselines have no curve
        ends.setdefault(row["strategy"], []).append(row["validation"][-1])
winner = max(ends, key=lambda name: sum(ends[name]))
compare(my_winner, winner, "winner of the race")

# %% [markdown]
# **What we saw.** The usual story has four parts, and the verdict above judges each of them on its
# own. The frozen net is nearly done before the others have found their feet: its features are
# computed once and kept, so an epoch costs next to nothing.
#
# **Takeaway.** Train the head first. Unfreeze when you see it flatten *and* have a validation set
# that tells you whether it helped.

# %% [markdown]
# ## Question 4: less and less data
#
# **Predict.** Take most of the labels away. How many points does *scratch* lose from the most
# labels to the fewest? Write it as a share.

# %%
my_loss = None

# %%
c08 = run_claim("C08")
c08.show()


# %%
def scratch_at(train):
    rows = [r for r in c08.rows if r["strategy"] == "scratch" and r["train"] == train]
    return sum(r["test"] for r in rows) / len(rows)


sizes = sorted({row["train"] for row in c08.rows})
compare(my_loss, max(0.0, scratch_at(sizes[-1]) - scratch_at(sizes[0])), "loss of scratch")

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
# ## Question 5: what does it cost?
#
# **Predict.** Without any trick, the frozen layers still have to be computed in every epoch; only
# their gradients are not. Which share of the time of a full fine-tuning epoch does feature
# extraction then take?

# %%
my_share = None

# %%
c10 = run_claim("C10")
c10.show()


# %%
def seconds(strategy, cache):
    rows = [r for r in c10.rows if r["strategy"] == strategy and r["cache"] == cache]
    return sum(r["epoch"] for r in rows) / len(rows)


share = seconds("feature extraction", False) / seconds("full fine-tuning", False)
compare(my_share, min(1.0, share), "share of a full fine-tuning epoch")

# %% [markdown]
# **What we saw.** Skipping gradients saves a good part of the time and most of the memory. The
# large factor comes from elsewhere: frozen layers give the same features in every epoch, so
# compute them **once and keep them**. That is all the "cache" of this course is. (It ends where
# augmentation begins: a new view of a picture has new features, so K kept views cost K times as
# much.)

# %% [markdown]
# ## The loop itself
#
# Nothing is hidden: `fit` is one loop in `course_lib/training.py`. Called by hand it can be
# stopped at every step, which is how the live widgets of this course will drive it.

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
# ## Recap
#
# - **Freeze correctly**: `requires_grad = False` for the parameters *and* eval mode for batch norm.
# - **Cost**: a head has a thousandth of the parameters; without gradients an epoch is cheaper;
#   with kept features it is almost free.
# - **Little data**: the gap between frozen and scratch is widest there, and you have measured it.
# - **Memorising**: high training accuracy proves nothing; the distance to new pictures does.
#
# **Now with photographs.** The same cells run on ImageNet backbones: `load_backbone("resnet18")`
# instead of `"worldnet"`, and `load_task("folder:...")` with your own pictures. That needs the
# weights, which are downloaded once.
