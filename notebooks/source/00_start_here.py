# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 00 · Start here
#
# A beekeeper wants a camera at her hives to tell bees from wasps. She has ten photographs of each,
# and this evening. "You need thousands", says the internet. She doesn't. A network that has already
# looked at a million photographs of other things can be had for nothing. She takes it, and adds one
# small layer of her own. That is **transfer learning**, and in a quarter of an hour you will have
# done it.
#
# **How this course works.** You *predict* what will happen, you *run* it here, on your machine, and
# you read what it means, in words that depend on what came out. From lesson 01 on you write the
# decisive lines yourself, in plain PyTorch.
#
# **After this lesson you can**
# - say in one sentence what a backbone and a head are;
# - make a classifier from ten pictures per class, on our pictures and on your own;
# - write the same in a dozen lines of plain PyTorch;
# - say what the drawn pictures of this course cannot show you.
#
# *Time: 15 minutes.*
#
# ## Is everything in place?
#
# Click into the next cell and press **Shift + Enter**; the number in the brackets changes when it
# is done. Go on from top to bottom; *Run → Run All Cells* does them all. The list says what your
# machine offers. Where something is missing, the bold text says how to mend it.

# %%
import os

import torch
from IPython.display import Markdown, display
from torch import nn
from torch.nn import functional as F

from course_lib import CourseError, doctor, fit, load_backbone, load_task, show, style
from course_lib import predict as answer
from course_lib import strategies as S
from course_lib.data.samples import sample_folder
from course_lib.questions import Bands, expectations, judge
from course_lib.see import picture_grid
from course_lib.widgets.checkup import Checkup
from course_lib.widgets.selfcheck import predict

Checkup(doctor.examine(doctor.LESSON))

# %% [markdown]
# `course doctor`, typed in a terminal, tells more.
#
# ## An eye and names
#
# **Picture it.** An illustrator who has drawn birds for twenty years needs ten examples to learn
# your mushrooms. A newborn needs ten years. The newborn must first learn to see: edges, surfaces,
# what belongs together. The illustrator has an *eye* for all that, and only has to learn new
# *names*.
#
# A network that names pictures can be cut in the same way. All of it but the last layer is the eye,
# called the **backbone**: it turns a picture into a few hundred numbers, the *features*. The last
# layer is the names, called the **head**: it turns features into classes. Keep the backbone as it
# is (one says *frozen*), throw the head away, and train a new one.
#
# ```
#   picture ──► backbone, trained by somebody else ──► features ──► head, yours ──► bee or wasp
#               millions of weights, kept                           a thousand weights, learnt
# ```
#
# **In symbols.** The features of a picture $x$ are $\phi(x)$. The head is one linear layer, with a
# matrix $W$ and a vector $b$, and the class with the largest result is the answer:
#
# $$ \text{scores} = W \, \phi(x) + b $$
#
# With 512 features and two classes, $W$ has $2 \cdot 512$ numbers and $b$ two: 1,026 numbers learn,
# and millions stay as they are. Ten pictures can be enough because in these 512 numbers pictures of one
# kind already lie close together: the head only has to draw a line between heaps. (That few numbers
# learn does not do it alone: wait for the newborn below, whose head is as small.)
#
# ## A classifier in a minute
#
# First, an eye. The best one for photographs is a network that was trained on a million
# photographs: a *ResNet-18*, 47 MB to download, once. Where it cannot be had (no network, no space,
# or `False` below), we take **WorldNet**, which is part of this course and was trained on drawings,
# and drawn pictures with it. The cell says which it is.

# %%
PHOTOGRAPHS = os.environ.get("COURSE_TRACK") != "world"  # False: nothing is downloaded

# %%
backbone, why, missing = None, "you asked for them", ""
if PHOTOGRAPHS:
    try:
        backbone = load_backbone("resnet18")
        task = load_task(f"folder:{sample_folder(pieces=100)}", train=20, size=160)
        print("You see photographs, pieces of two that scikit-learn brings, and use a ResNet-18.")
    except CourseError as problem:
        why = "the photographs' network is not here and could not be fetched"
        missing = f"<details><summary>What is missing, and how to get it</summary>\n\n{problem}\n\n</details>"
if backbone is None:
    backbone, task = load_backbone("worldnet"), load_task("new-shapes", train=60, seed=0)
    print(f"We take drawings and WorldNet, since {why}. All goes the same way.")
    display(Markdown(missing))
classes, chance = len(task.classes), 1 / len(task.classes)
print(f"{len(task.train.labels)} pictures to learn from: {', '.join(task.classes)}")

with style():
    names = [task.classes[k] for k in task.train.labels[:24]]
    show(
        picture_grid(task.train.pictures[:24], names),
        alt=f"Labelled pictures of the task: {', '.join(task.classes)}.",
    )

# %% [markdown]
# Ten of each. The network has never been trained to name these classes.
#
# **Predict.** Ten labelled pictures per class, a few seconds of training. How many of the pictures
# that it has not seen will it name correctly?

# %%
SHARE = Bands((40, 60, 85), "%")
predict("l00-share", f"Right on new pictures (guessing gives {chance:.0%}):", SHARE.choices)

# %% [markdown]
# **Run.** Without the choosing and the printing it is five lines:
#
# ```python
# backbone = load_backbone("resnet18")
# task = load_task("folder:my-pictures")
# run = fit(backbone, task, S.FEATURE_EXTRACTION, epochs=10)  # a new head, ten passes over the pictures
# run.test                                                    # the share of new pictures named correctly
# predict(run.model, pictures)                                # what it says to others
# ```

# %%
run = fit(backbone, task, S.FEATURE_EXTRACTION, epochs=10, seed=0)
said = answer(run.model, task.test.pictures[:24]).argmax(1)
print(f"{run.test:.0%} right, after {run.seconds:.1f} seconds of training "
      f"{run.trainable_parameters:,} numbers")  # fmt: skip
judge("l00-share", SHARE.of(100 * run.test), f"{run.test:.0%} are right.")

# %% [markdown]
# Never trust a number alone: look at what it says.

# %%
right = (said == task.test.labels[:24]).tolist()
with style():
    show(
        picture_grid(task.test.pictures[:24], [task.classes[k] for k in said], right),
        alt=f"Test pictures with the new head's answers; {sum(right)} of {len(right)} are right.",
    )

# %% [markdown]
# ## The same in plain PyTorch
#
# `fit` is not magic. Here is the core of it, for any network whose head is called `fc` (`fit` also deals
# the pictures out in batches, and lets its rate rise and fall). The loop is the heart of every training script: how wrong are we (`loss`), forget the last step
# (`zero_grad`), who is to blame (`backward`), correct a little (`step`). Lesson 02 takes it apart;
# for now, read it once.


# %%
def share_right(net):
    """Train a new head on the features of a network; the share of test pictures it gets right."""
    net.eval()
    net.fc = nn.Identity()  # the old head is gone: what comes out are the features
    with torch.no_grad():
        features, new = (
            torch.cat([net(part) for part in backbone.prepare(p.pictures).split(100)])
            for p in (task.train, task.test)  # 100 at a time: large batches need much memory
        )

    head = nn.Linear(features.shape[1], classes)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
    for step in range(100):
        loss = F.cross_entropy(head(features), task.train.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (head(new).argmax(1) == task.test.labels).float().mean().item()


torch.manual_seed(0)
pretrained = share_right(backbone.copy().net)
apart = 100 * abs(pretrained - run.test)
display(Markdown(
    f"The dozen lines: **{pretrained:.0%}**; `fit`: **{run.test:.0%}**. "
    + ("The same kind of result; what is left comes from the order of the pictures and from the "
       "number of steps." if apart < 8 else
       f"They lie {apart:.0f} points apart: with so few pictures, order and number of steps matter.")
))  # fmt: skip

# %% [markdown]
# Now take the twenty years away. The same lines, the same head, the same pictures, but a backbone
# with random weights: the newborn.
#
# **Predict.** How many points does the newborn lose against the illustrator? (From 90 % to 70 % are
# 20 points.)

# %%
LOSS = Bands((10, 30, 50), "points")
predict("l00-newborn", "With a backbone that has learnt nothing:", LOSS.choices)

# %%
torch.manual_seed(0)
newborn = share_right(backbone.fresh(seed=0).net)
lost = 100 * (pretrained - newborn)
judge("l00-newborn", LOSS.of(lost), f"{newborn:.0%} against {pretrained:.0%}.")

# %%
display(Markdown(
    "**What it means.** "
    + (f"The architecture is the same, so the {lost:.0f} points come from what the weights have "
       "learnt, on *other* pictures. " if lost >= 10 else
       "Random features do nearly as well here: these classes can be told apart by colour and "
       "brightness alone, which any features pass on. An easy task flatters every method, so always "
       "run this comparison. ")
    + (f"And the newborn is better than guessing ({chance:.0%}), since random features are features "
       "too. " if newborn > chance + 0.1 else "")
    + "*Why* it works is the question of lesson 01; *how much* it brings, and when, that of lesson 02."
))  # fmt: skip

# %% [markdown]
# > **Take away.** Somebody else's backbone, a new head: a few labels and a few seconds are enough
# > for a first classifier.
#
# ## Your own pictures
#
# Make a folder with one sub-folder for each class, put a dozen pictures or more into each, and
# write its path here. Your cat against your dog, your handwriting against a friend's. Until you do,
# the cell takes the pieces of two photographs.

# %%
MY_FOLDER = None  # for example "C:/Users/me/pictures/pets" or "~/pets"

# %%
folder = sample_folder() if MY_FOLDER is None else MY_FOLDER
print("pieces of two photographs" if MY_FOLDER is None else f"your folder {folder}", "with",
      "the ResNet-18" if backbone.name == "resnet18" else "WorldNet, trained on drawings")  # fmt: skip
own = load_task(f"folder:{folder}", size=160 if backbone.name == "resnet18" else 64)
for note in own.notes:
    print(note)
own_run = fit(backbone, own, S.FEATURE_EXTRACTION, epochs=20)
said = answer(own_run.model, own.test.pictures[:16]).argmax(1)
right = (said == own.test.labels[:16]).tolist()
with style():
    show(
        picture_grid(own.test.pictures[:16], [own.classes[k] for k in said], right),
        alt=f"Test pictures from the folder with the new head's answers; {sum(right)} are right.",
    )
print(f"{own_run.test:.0%} of {len(own.test.labels)} test pictures are right, after training on "
      f"{len(own.train.labels)}")  # fmt: skip

# %% [markdown]
# With so few test pictures this is a rough number: one picture more moves it by several points. And
# pieces of one photograph are not new photographs: what was learnt from one piece is seen again in
# the next. Lesson 06 is about such leaks.
#
# ## Where the drawn world ends
#
# Most experiments of this course use drawings: a shape and a texture, such as "striped fish", lit
# from somewhere, on some ground. Why not photographs? Because we *know* what is in every drawing
# (colour, angle, size, place), so "what does this layer know?" has an exact answer. Because there
# is any number of them, so "how much data is enough?" can be measured. And because everything runs
# on your laptop, offline.
#
# > **Read this before you believe us.** Drawings have clean outlines and one main object. There are
# > no people, no fur, no clutter of a real kitchen. They are an instrument, not the evidence. What
# > we find with them is checked on real pictures, failures included. Here is WorldNet on tasks that
# > it was not made for, against the same network trained from random weights:

# %%
rows = [row for row in load_backbone("worldnet").card["transfer"] if "views" not in row["target"]]
lines = ["| pictures | labels | everything from random weights | a new head on WorldNet |",
         "|---|--:|--:|--:|"]  # fmt: skip
ahead = behind = 0
for row in rows:
    scratch, head = (row["scores"][name]["mean"] for name in ("scratch", "feature extraction"))
    ahead, behind = ahead + (head > scratch + 0.02), behind + (head < scratch - 0.02)
    lines.append(f"| {row['target']} | {row['labels']} | {scratch:.2f} | {head:.2f} |")
display(Markdown("\n".join(lines)))
display(Markdown(
    "*Held-out* shapes are drawings whose shape WorldNet never saw; *phantoms* are drawn radiographs. The "
    "number is the share of new pictures named correctly; for radiographs and X-rays it is how often a "
    "sick one gets a higher score than a healthy one (0.5 is guessing). By more than 2 points the new "
    f"head is ahead in {ahead} of {len(rows)} rows and behind in {behind}"
    + (". Where it is behind, the old features do not fit, and with enough labels learning new ones pays. "
       "That is what lessons 01 to 03 are about." if behind else ".")
))  # fmt: skip

# %% [markdown]
# Some lessons run on photographs too: `COURSE_TRACK=photos make lab`, or `tracks.choose("photos")`
# in the first cell of lesson 02, 03 or 05. Before anything is downloaded you are told its size and
# licence.
#
# ## The map
#
# | lesson | question | time |
# |---|---|---|
# | **00 Start here** | what is transfer learning, and does it run here? | 15 min |
# | [01 Feature hierarchies](01_feature_hierarchies.ipynb) | why does it work? which stage knows what? | 45 min |
# | [02 Three strategies](02_three_strategies.ipynb) | freeze, fine-tune or scratch? | 60 min |
# | [03 Learning rates](03_learning_rates.ipynb) | one rate for all layers? | 40 min |
# | [04 Forgetting](04_forgetting.ipynb) | what does fine-tuning erase? | 45 min |
# | [05 Domain adaptation](05_domain_adaptation.ipynb) | other pictures, no labels? | 60 min |
# | [06 Production](06_production.ipynb) | can I trust this number? | 65 min |
# | [07 Everywhere](07_everywhere.ipynb) | and with words, boxes, giants? | 60 min |
# | [08 Your own project](08_your_project.ipynb) | all of it, with your own pictures | an afternoon |
#
# In each you fill in a few lines. `check(...)` tells at once whether they work, and names the
# mistake if it knows it; hints and a full solution are folded below. Nobody sees those. Graded
# quizzes are notebooks of their own that your instructor hands out and collects. The [lab
# book](90_lab_book.ipynb) holds every measured claim with its rule and its numbers.
#
# ## What you can now say
#
# - A *backbone* turns a picture into features, a *head* turns features into classes.
# - With a pretrained backbone, a new head needs few labels and few seconds.
# - Compare with a random backbone, or an easy task will flatter you.
# - Drawn pictures are an instrument; the evidence is what holds on real ones too.
#
# **Which of your expectations held?**

# %%
expectations()
