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
# A network that has learnt to name a few thousand pictures of one kind can learn to name pictures
# of another kind from a handful of examples, in seconds. That is **transfer learning**, and this
# course lets you watch it happen, measure it, and find out when it fails.
#
# **The deal.** Every claim in this course is an experiment. You *predict* the outcome, *run* it
# here, on your machine, and *read* an explanation whose numbers come from your run. No number in
# the text was typed in by hand.
#
# **After this lesson you can**
# - run a cell, and tell what your machine offers;
# - say in one sentence what a backbone and a head are;
# - train a new head on a pretrained network in seconds, on our pictures and on your own;
# - say what the pictures of this course cannot show you.
#
# *Time: 15 minutes. Nothing here needs a network connection or a GPU.*

# %% [markdown]
# ## How to run a cell
#
# Click into the next cell and press **Shift + Enter**. The number in the brackets changes when it
# is done. Run the cells from top to bottom; *Run → Run All Cells* does them all.

# %%
import torch

from course_lib import fit, load_backbone, load_task, predict, show, style
from course_lib import strategies as S
from course_lib.measure.hardware import machine
from course_lib.questions import Bands, expectations, judge
from course_lib.see import picture_grid, top_classes
from course_lib.widgets import selfcheck

for name, value in machine().items():
    print(f"{name:12} {value if value is not None else 'none: the CPU does everything'}")

# %% [markdown]
# Is everything in place? Most lines of this list come from the machine; the last two from this
# page: it tells the kernel that it is there, and the kernel answers. Where something is
# missing, the bold text says how to mend it.

# %%
from course_lib import doctor
from course_lib.widgets.checkup import Checkup

Checkup(doctor.examine(doctor.LESSON))

# %% [markdown]
# `course doctor`, typed in a terminal, says the same with more detail; it also looks at what an
# instructor needs, such as the sandbox in which answers are graded.
#
# ## A network that is really pretrained
#
# **WorldNet** is a small residual network. It learnt to name objects in a *drawn* world: a shape
# and a texture, such as "striped fish", lit from somewhere, on some ground. Here is what it has to
# say about a picture that it has never seen.

# %%
from course_lib import world

backbone = load_backbone("worldnet")
pictures = world.render(world.sample(16, seed=2026))
logits = predict(backbone, pictures)

with style():
    best = [backbone.source_classes[k] for k in logits.argmax(1)]
    chances = logits[0].softmax(0)
    show(
        top_classes(pictures[0], logits[0], backbone.source_classes),
        alt=f"A picture beside the network's most likely classes; the first is {best[0]}, "
        f"with probability {chances.max():.2f}.",
    )

# %% [markdown]
# And what it calls sixteen of them. A tick means that shape *and* texture are right.

# %%
scenes = world.sample(16, seed=2026)
truth = [
    f"{world.TEXTURES[t]} {world.SHAPES[s]}"
    for s, t in zip(scenes.shape, scenes.texture, strict=True)
]
right = [guess == name for guess, name in zip(best, truth, strict=True)]
with style():
    show(
        picture_grid(pictures, best, right),
        alt=f"Sixteen pictures with the network's name for each; {sum(right)} of 16 are right.",
    )

# %%
card = backbone.card
print(f"{card['parameters']:,} parameters, {len(card['classes'])} classes")
print(f"pretrained on {card['recipe']['pictures']:,} pictures, {card['steps']:,} steps")
print(
    f"right on {card['source_accuracy']['class']:.1%} of fresh pictures (chance: "
    f"{1 / len(card['classes']):.1%})"
)

# %% [markdown]
# ## Backbone and head
#
# Cut the network before its last layer. What is left, the **backbone**, turns a picture into 256
# numbers, its *features*. The last layer, the **head**, turns features into classes:
#
# $$\text{picture} \;\xrightarrow{\;\text{backbone}\;}\; 256 \text{ features}
# \;\xrightarrow{\;\text{head}\;}\; \text{classes}$$
#
# Transfer learning in its simplest form: keep the backbone, throw the head away, train a new head
# for *your* classes. Let's do it with shapes that the network has **never seen**.

# %%
task = load_task("new-shapes", train=60, seed=0)
print(task.title, "-", ", ".join(task.classes))
print(f"{len(task.train.labels)} pictures to learn from, {len(task.test.labels)} to test on")
with style():
    names = [task.classes[k] for k in task.train.labels[:24]]
    show(
        picture_grid(task.train.pictures[:24], names),
        alt=f"24 of the labelled pictures of the new task: {', '.join(task.classes)}.",
    )

# %% [markdown]
# **Predict.** Ten labelled pictures of each class, a head of a few hundred numbers, a few seconds
# of training. Which share of new pictures will it name correctly? (Guessing at random gives one in
# six, 17 %.)

# %%
SHARE = Bands((30, 60, 85), "%")
selfcheck.predict("l00-share", "Right on new pictures, ten labels for each class:", SHARE.choices)

# %% [markdown]
# **Run.**

# %%
run = fit(backbone, task, S.FEATURE_EXTRACTION, epochs=10, seed=0)
print(
    f"test accuracy {run.test:.3f} after {run.seconds:.1f} seconds of training "
    f"{run.trainable_parameters:,} numbers"
)
judge("l00-share", SHARE.of(100 * run.test), f"{run.test:.0%} are right.")

# %% [markdown]
# **Look at what it says.** Never trust a number alone: here are 24 test pictures and its answers.

# %%
answers = predict(run.model, task.test.pictures[:24]).argmax(1)
right = (answers == task.test.labels[:24]).tolist()
with style():
    show(
        picture_grid(task.test.pictures[:24], [task.classes[k] for k in answers], right),
        alt=f"24 test pictures with the new head's answers; {sum(right)} are right.",
    )

# %% [markdown]
# The backbone had never seen these shapes; still its 256 features tell them apart. *Why* that
# works is lesson 01, *how much* better it is than starting from nothing is lesson 02.
#
# ## Your own pictures
#
# Make a folder with one sub-folder for each class, put a dozen pictures or more into each, and
# write its path here. Anything goes: your cat against your dog, your handwriting against a
# friend's. Until you do, the cell makes such a folder itself, from pieces of the two photographs
# that scikit-learn brings.

# %%
MY_FOLDER = None  # for example "C:/Users/me/pictures/pets" or "~/pets"

# %%
import tempfile
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_sample_image

with tempfile.TemporaryDirectory() as made:
    folder = MY_FOLDER
    if folder is None:
        folder, generator = made, torch.Generator().manual_seed(0)
        for name in ("china", "flower"):
            photo = Image.fromarray(load_sample_image(f"{name}.jpg"))
            (Path(folder) / name).mkdir()
            for k in range(40):
                left, top = (int(torch.randint(0, m, (), generator=generator)) for m in (540, 330))
                piece = photo.crop((left, top, left + 96, top + 96))
                piece.save(Path(folder) / name / f"{k}.png")
    own = load_task(f"folder:{Path(folder).expanduser()}")

for note in own.notes:
    print(note)
own_run = fit(backbone, own, S.FEATURE_EXTRACTION, epochs=20)
answers = predict(own_run.model, own.test.pictures[:16]).argmax(1)
right = (answers == own.test.labels[:16]).tolist()
with style():
    show(
        picture_grid(own.test.pictures[:16], [own.classes[k] for k in answers], right),
        alt=f"Test pictures from the folder with the new head's answers; {sum(right)} are right.",
    )
print(
    f"test accuracy {own_run.test:.2f} on {len(own.test.labels)} pictures, "
    f"trained on {len(own.train.labels)} in {own_run.seconds:.1f} seconds"
)

# %% [markdown]
# With so few test pictures the accuracy is a rough number: one picture more or less right moves it
# by several points. And pieces of one photograph are not new photographs; lesson 06 is about such
# leaks.

# %% [markdown]
# ## What this image world lacks
#
# > **Read this before you believe us.** WorldNet learnt from drawings. They have clean outlines,
# > one main object, no people, no clutter of a real kitchen, no fur. Why use them at all? Because
# > here we *know* what is in every picture (hue, angle, size, place, light), so "what does this
# > layer know?" has an exact answer; because there is any amount of them, so "how much data is
# > enough?" can be measured; and because everything runs on your laptop, offline.
# >
# > It is an instrument, not the evidence. What we find here is checked against real pictures
# > (chest X-rays, photographs of insects, handwritten digits), failures included. The card of
# > WorldNet shows those rows:

# %%
from IPython.display import Markdown, display

from course_lib.worldnet.card import transfer_table

display(Markdown(transfer_table(card)))

# %% [markdown]
# ## Two tracks
#
# Everything above ran on the **world track**: WorldNet and drawn pictures, part of this package. On
# the **photos track** a ResNet-18 that was pretrained on ImageNet takes its place, and photographs,
# satellite pictures, X-rays and MNIST the place of the drawn pictures. What it needs is downloaded
# once, checked, and kept for all lessons; before that you are told how large it is and under which
# licence.

# %%
from course_lib import tracks

print(tracks.TRACKS["photos"].about("source", "similar", "different", "x-rays"))

# %% [markdown]
# To change tracks, start JupyterLab with `COURSE_TRACK=photos make lab`, or write
# `tracks.choose("photos")` into the first cell of lesson 02, 03 or 05. The other lessons say at
# their end what of them runs on photographs. Claims that need known factors or unlimited pictures
# stay in the image world and say so. Photographs cost time: a lesson takes minutes.

# %% [markdown]
# ## How quizzes and grades work
#
# Cells that begin with *Your turn* ask you to write a few lines; `check(...)` tells at once
# whether they work, and below it stand hints and our solution. Nobody sees what you do there.
# Graded quizzes are notebooks of their own that your instructor hands out and collects.
#
# ## What you expected
#
# A guess that you can be wrong about is what makes a number stick. Here is what you predicted in
# this lesson, beside what your run gave:

# %%
expectations()

# %% [markdown]
# ## Where to go next
#
# | lesson | question | time |
# |---|---|---|
# | **00 Start here** | what is transfer learning, and does it run here? | 15 min |
# | [01 Feature hierarchies](01_feature_hierarchies.ipynb) | which stage knows what? | 50 min |
# | [02 Three strategies](02_three_strategies.ipynb) | freeze, fine-tune or scratch? | 60 min |
# | [03 Learning rates](03_learning_rates.ipynb) | one rate for all layers? | 45 min |
# | [04 Forgetting](04_forgetting.ipynb) | what does fine-tuning erase? | 50 min |
# | [05 Domain adaptation](05_domain_adaptation.ipynb) | other pictures, no labels? | 60 min |
# | [06 Production](06_production.ipynb) | can I trust this number? | 60 min |
#
# **What you can now say**
# - A *backbone* turns a picture into features, a *head* turns features into classes.
# - With a pretrained backbone, a new head needs few labels and seconds of training.
# - These pictures are an instrument; the evidence is what holds on real ones too.
