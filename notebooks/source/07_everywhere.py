# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 07 · Transfer learning everywhere
#
# The botanist's programme has been running for a year. Now the zoologists want one for beetles, the
# press office one that sorts letters, the archive wants to find "a brass telescope on a table" among
# forty thousand photographs that nobody has labelled. She does not start again. All these programs
# have the same shape: somebody has pretrained a large network once, and she changes it a little, many
# times.
#
# ```
#                     pretrained once, at great cost          adapted often, for little
#   pictures          classes of photographs ·············►   head, stages, a small adapter
#   text              the next word, the hidden word ·····►   head, adapter, prompt
#   pictures + words  captions from the web ··············►   no training at all: a prompt
#   boxes             everyday things in scenes ··········►   new box and class heads
# ```
#
# **After this lesson you can**
# - adapt a network by learning a hundredth of its numbers (LoRA), written by yourself, take the change
#   off again, and say what an adapter forgets to carry along;
# - say how a network learns from text that nobody has labelled, and see why a training loss of zero
#   means nothing;
# - make a classifier out of words alone, and tell what such a classifier cannot do, and why;
# - change the head of a detector, fine-tune BERT and call CLIP with the libraries that everybody uses;
# - say what BERT, GPT, CLIP, DINO and SAM were pretrained on, what they are used for, where they fail.
#
# *Time: three evenings of 30 minutes: LoRA, text, pictures and words.*

# %%
import copy

import torch
from IPython.display import Markdown, display
from torch import nn
from torch.nn import functional as F

from course_lib import tracks, world
from course_lib.claims import run_claim, show_claim
from course_lib.extras import real
from course_lib.questions import Bands, check, expectations, help_for, judge, mine_or_ours
from course_lib.widgets.selfcheck import ask, predict

track = tracks.choose()  # drawn pictures and WorldNet; "photos": MNIST and a ResNet-18
backbone = track.load_backbone()
task = track.load_task("digits", train=100, seed=0)
pictures, labels = backbone.prepare(task.train.pictures), task.train.labels

# %% [markdown]
# ## A change that fits on a slip of paper
#
# Ten departments want ten versions of one network. Ten times full fine-tuning means ten copies with
# all their weights, ten files to store, to load, to keep safe. With a language model each copy is a
# disk full. Yet the versions hardly differ from each other. Can one keep the network once, and for
# each department only what is *different*?
#
# **Picture it.** A printed road atlas, and a new by-pass. You don't print the atlas anew. You put a
# sheet of tracing paper on the page, with a few strokes on it. Another traveller lays another sheet
# on the same atlas. Take the sheet off, and the page is what it was.
#
# The strokes are few because the sheet may only draw in a certain way: everything passes through a
# bottleneck. A layer takes, say, 1,000 numbers and gives 1,000. The correction beside it squeezes the
# 1,000 into 4 (*down*), and makes 1,000 out of the 4 (*up*).
#
# ```
#            ┌──────────── the pretrained layer, frozen ────────────┐
#   x ───────┤                                                      ├──(+)──► y
#            └── down: 1,000 → 4 ──── up: 4 → 1,000 ── × α/r ───────┘
# ```
#
# This is **LoRA**, low-rank adaptation ([Hu et al. 2022](https://arxiv.org/abs/2106.09685)). 4 is its
# *rank* $r$.
#
# **In symbols.** With $W$ the frozen weights (outputs × inputs), $A$ the *down* matrix ($r$ ×
# inputs) and $B$ the *up* matrix (outputs × $r$):
#
# $$ y = W x + \frac{\alpha}{r} B A x \;=\; \Big(W + \frac{\alpha}{r} B A\Big)\, x $$
#
# The layer has 1,000 × 1,000 = 1,000,000 weights, the correction of rank 4 has 4 × 1,000 + 1,000 ×
# 4 = 8,000. The right-hand side says that it can be *merged* into the weights when you are done: then
# it costs no time at all. $\alpha$ is only a volume knob, and dividing by $r$ keeps the volume alike
# when you try another rank.
#
# $A$ starts random and $B$ at **zero**. So nothing changes before the first step. Were both zero,
# neither would ever get a gradient; were both random, you would start from a damaged network.
#
# **Write it.** The layer is an `nn.Linear`. Keep it as `self.layer` and freeze it. `self.down` and `self.up`
# are two more, without bias, the second with zeros. Forwards: what the layer gives, plus `alpha / rank`
# times what comes through both.


# %%
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, layer, rank, alpha):
        super().__init__()
        raise NotImplementedError  # replace this line; self.layer, self.down, self.up

    def forward(self, x):
        raise NotImplementedError  # replace this line


check("07-lora", LoRALinear)

# %%
help_for("07-lora")

# %% [markdown]
# And around a convolution: *down* looks around as the layer does (its kernel size, stride and
# padding) but has only `rank` channels; *up* mixes these at every place, with a kernel of 1 × 1. (A ResNet's
# convolutions have no dilation and no groups, so neither has yours.)


# %%
from torch import nn


class LoRAConv(nn.Module):
    def __init__(self, layer, rank, alpha):
        super().__init__()
        raise NotImplementedError  # replace this line; layer.kernel_size, layer.stride

    def forward(self, x):
        raise NotImplementedError  # replace this line


check("07-lora-conv", LoRAConv)

# %%
help_for("07-lora-conv")

# %% [markdown]
# What may learn, and in which mode? `only_adapters` is given a network in which your layers stand and whose
# head is `fc` (other networks call theirs `classifier` or `head`; a head that you forget to name stays
# frozen at random, and nobody tells you). Only `down`, `up` and `fc` may learn, and it returns these
# parameters as a list, for the optimizer. The network goes into train mode, but remember from lesson 02
# who changes without learning. And call it again after each look at validation: a plain `net.train()`
# would undo that.


# %%
def only_adapters(net):
    raise NotImplementedError  # replace this line; net.named_parameters()


check("07-lora-learns", only_adapters)

# %%
help_for("07-lora-learns")

# %% [markdown]
# Now your loop, with your layers. `set_submodule` puts a module where another one stood, by its
# name. Here a LoRA goes around every convolution of the last two stages. The rate is larger than for
# fine-tuning, since *up* has all its way to go from zero; $\alpha$ stays equal to the rank, so that there is
# one knob to tune and not two.

# %%
LoRALinear, LoRAConv = mine_or_ours("07-lora"), mine_or_ours("07-lora-conv")
only_adapters, scale = mine_or_ours("07-lora-learns"), mine_or_ours("03-schedule")
accuracy = mine_or_ours("02-accuracy")


def with_lora(net, names, rank, alpha):
    """A copy of a network, with a LoRA around each linear layer and convolution below these names."""
    net = copy.deepcopy(net)
    for name, layer in list(net.named_modules()):
        kind = {nn.Linear: LoRALinear, nn.Conv2d: LoRAConv}.get(type(layer))
        if kind and name.startswith(tuple(names)):
            net.set_submodule(name, kind(layer, rank, alpha))
    return net


def train(net, rate, epochs=8, size=16):
    learn = only_adapters(net)
    optimizer = torch.optim.AdamW(learn, lr=rate)
    steps = epochs * -(-len(labels) // size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: scale(step, steps))
    for epoch in range(epochs):
        for rows in torch.randperm(len(labels)).split(size):
            loss = F.cross_entropy(net(pictures[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return sum(p.numel() for p in learn)


held_out = [(backbone.prepare(task.test.pictures[:400]), task.test.labels[:400])]
for what, names in (("head alone", ()), ("and a LoRA of rank 1", ("layer3", "layer4"))):
    torch.manual_seed(0)
    net = with_lora(backbone.net, names, rank=1, alpha=1) if names else copy.deepcopy(backbone.net)
    net.fc = nn.Linear(net.fc.in_features, len(task.classes))
    learnt = train(net, rate=1e-2)
    print(f"{what:22} {learnt:7,} numbers learnt, {accuracy(net, held_out):.0%} of new digits")
print(f"{'the whole network':22} {sum(p.numel() for p in backbone.parameters()):7,} numbers")

# %% [markdown]
# **Keep it, load it.** The file holds what has learnt and nothing else. To load it, build the same network
# again, *wrap its layers and change its head first*, and then fill in; `strict=False` allows what the file
# lacks, so ask yourself whether it has something for which there is no place.
#
# **Merge it.** For a linear layer $BA$ is a product of two matrices. A convolution's kernels become
# matrices by `flatten(1)`, and the product takes the kernel's shape again.

# %%
adapter = {name: p.detach() for name, p in net.named_parameters() if p.requires_grad}

loaded = with_lora(backbone.net, ("layer3", "layer4"), rank=1, alpha=1)
loaded.fc = nn.Linear(net.fc.in_features, len(task.classes))
unexpected = loaded.load_state_dict(adapter, strict=False).unexpected_keys
numbers = [sum(t.numel() for t in part.values()) for part in (adapter, net.state_dict())]
print(f"kept {numbers[0]:,} of {numbers[1]:,} numbers, no place for {unexpected}")
with torch.no_grad():
    want = net.eval()(pictures)
    print("loaded, its outputs differ by", (loaded.eval()(pictures) - want).abs().max().item())
    for name, module in list(loaded.named_modules()):
        if type(module) in (LoRALinear, LoRAConv):
            product = module.up.weight.flatten(1) @ module.down.weight.flatten(1)
            module.layer.weight += 1 / 1 * product.view_as(module.layer.weight)  # alpha / rank
            loaded.set_submodule(name, module.layer)
    print(f"merged, by {(loaded(pictures) - want).abs().max().item():.0e}: rounding")

# %% [markdown]
# **Take it off.** The frozen layers are still there, inside yours.

# %%
before = backbone.net.state_dict()
for name, module in list(net.named_modules()):
    if type(module) in (LoRALinear, LoRAConv):
        net.set_submodule(name, module.layer)
after = net.state_dict()
same = sum(torch.equal(after[name], before[name]) for name in before if not name.startswith("fc."))
print(f"{same} of {len(before) - 2} tensors below the head are those of before, bit for bit")

# %% [markdown]
# **Does this work for any network?** For every layer that the network *calls*. PyTorch's own
# `nn.TransformerEncoderLayer` doesn't always: in eval mode it reads `linear1.weight` itself and trips over your
# layer, until you say `torch.backends.mha.set_fastpath_enabled(False)`; and `nn.MultiheadAttention` keeps the
# weights of query, key and value in one parameter, which is no layer that could be wrapped. The BERT of
# `transformers` (below) has them as three linear layers, and there your LoRA fits.
#
# ## How much does the slip of paper hold?
#
# **Predict.** Between the head alone and full fine-tuning, which may move every weight, lies a gap.
# How much of it does a LoRA of rank 1 close, with well under a hundredth of the numbers?

# %%
CLOSED = Bands((25, 50, 75), "% of the way")
predict("l07-rank", "A LoRA of rank 1 goes ...", CLOSED.choices)

# %%
c32 = run_claim("C32")
show_claim("C32", c32)

# %%
from course_lib import CourseError
from course_lib.claims import stored_result


def study_of(tag, mine=None):
    """Rows of the full-size study, or of your own run where it is not measured yet."""
    try:
        return stored_result(tag).rows
    except CourseError:
        return mine.rows


def way_of(rows):
    """How far rank 1 goes from the head alone to full fine-tuning, and how many points that is."""
    test = rows[rows["task"] == "digits"].groupby("method")["test"].mean()
    gap = test["full fine-tuning"] - test["feature extraction"]
    return (test["LoRA, rank 1"] - test["feature extraction"]) / gap, gap


(way, gap), (here, _) = way_of(study_of("C32", c32)), way_of(c32.rows)
told = f"The study says {way:.0%} of {100 * gap:.1f} points; your short run, {here:.0%}."
judge("l07-rank", CLOSED.of(100 * way), told)

# %%
by = c32.rows[c32.rows["task"] == "digits"].groupby("method")[["test", "loaded"]].mean()
drifting = by.loc["LoRA, rank 4, batch norm in train mode"]
lost = 100 * (drifting.test - drifting.loaded)
display(
    Markdown(
        "**What it means.** "
        + (
            "Most of what full fine-tuning brings does not need a free choice of every weight. A new "
            "task needs the old features in other proportions, and that is a change of low rank. "
            if way > 0.5
            else "The adapter stayed closer to the head than to full fine-tuning: this task needs more "
            "than a change of low rank. "
        )
        + "Higher ranks have more to learn with and gain little more on so few labels.\n\n"
        "**The trap.** One adapter of the run above was trained with batch norm in train mode. In its "
        f"own network it reached {drifting.test:.0%}. Saved as one saves an adapter (*down*, *up* and "
        f"the head) and loaded on a fresh copy of the network, it reached {drifting.loaded:.0%}: "
        f"{lost:.0f} points lost. The statistics of batch norm had drifted along with the training, and "
        "they are in no adapter. Your `only_adapters` keeps them still. Networks with layer norm, such "
        "as transformers, don't have this trap."
    )
)

# %% [markdown]
# **Does it forget less?** That is often said ([Biderman et al. 2024](https://arxiv.org/abs/2405.09673)
# found it for language models). Taken off, it has forgotten nothing at all. *On*, the network is
# another one, and its old task suffers like after any fine-tuning; how much depends on the task and
# on the rate. The lower panel of the study shows both tasks; its verdicts are folded below the chart.
#
# > **Take away.** Keep the network once and the difference many times. Start *up* at zero, divide by
# > the rank, hold batch norm still.

# %% [markdown]
# ## A text is its own teacher
#
# A help desk has two hundred letters that somebody has sorted, and twenty years of letters that
# nobody has. Sorting costs a minute each. Reading costs a computer nothing. Can it learn from
# letters that nobody has sorted how to sort?

# %%
import math
import os
from dataclasses import replace

from matplotlib import pyplot as plt

from course_lib import show, style
from course_lib.text import (
    fine_tune,
    hide,
    load_language_model,
    load_text_task,
    tokens_of,
    words,
)

model = load_language_model()
task = load_text_task("libraries", train=200, seed=0)
for text, label in zip(task.train.texts[:3], task.train.labels[:3], strict=True):
    print(f"{task.classes[label]}: {text}\n")

# %% [markdown]
# **Picture it.** In a language course you got sentences with gaps: "She ___ to school every day."
# Whoever fills them well knows words, grammar and something of the world, and the teacher needs no
# key: the word that was cut out is the key. Do this with every text that you can get, and you have
# more exercises than anybody could ever mark. That is BERT's pretraining
# ([Devlin et al. 2019](https://arxiv.org/abs/1810.04805)): *the labels are the text*.
#
# ```
#   text      plot  the  mean  of  each  column
#   read      plot  the [MASK] of  each  column
#   asked                 ▲
#                     mean? sum? values? ...   a score for each of 4,000 tokens
# ```
#
# Our model in miniature has three layers and 1.1 million weights (BERT: 12 and 110 million). It has
# read the English in the docstrings of the libraries that this course needs, none of it labelled.
# Above you see our letters: 45 words each. Which of eight libraries do they describe? Names and code
# are masked, and the letters on which we measure come from files that it has *never* read.
#
# Words first become *tokens*, numbers between 0 and 3,999. A frequent word is one token, a rare one
# is put together from pieces, marked ##.

# %%
tokens = tokens_of(model, task.train)
print(words(model.tokenizer, tokens[0, :24]))
read, hidden = hide(tokens, 4_000, torch.Generator().manual_seed(0))
print(words(model.tokenizer, read[0, :24]))

# %% [markdown]
# The second line is what the model reads: 15 % of the tokens are to be guessed; most of these became
# `[MASK]`, a few another word, a few stayed, so that it can trust none.
#
# **In symbols.** Let $M$ be the hidden places. The loss is the cross-entropy of lesson 02, with
# 4,000 classes, over the hidden places only:
#
# $$ L = -\frac{1}{|M|} \sum_{i \in M} \log p(\text{token}_i \mid \text{what can be read}) $$
#
# Whoever knows nothing gives each token $p = 1/4000$, a loss of $\ln 4000 = 8.3$. At $p = 1/2$ it is
# 0.7. A loss of $L$ is like guessing among $e^L$ equally good words.
#
# **Write it.** `scores` (batch, length, 4000) are what the model says of every place, `tokens`
# (batch, length) what stood there, `hidden` (batch, length) is True where it could not read it.


# %%
def masked_loss(scores, tokens, hidden):
    raise NotImplementedError  # replace this line; one number, as a tensor


check("07-masked-loss", masked_loss)

# %%
help_for("07-masked-loss")

# %% [markdown]
# Now use it: your loss for the model that has read, for one that has not, and for one that learns
# with your loss for twenty-five steps on these two hundred passages.

# %%
masked_loss = mine_or_ours("07-masked-loss")


def loss_of(body, tokens, seed):
    """Hide, read, score, ask: one step of pretraining up to the loss."""
    read, hidden = hide(tokens, 4_000, torch.Generator().manual_seed(seed))
    return masked_loss(body.scores(body(read)), tokens, hidden)


torch.manual_seed(0)
newborn = load_language_model(pretrained=False).body
held_out = tokens_of(model, task.test)[:32]
with torch.no_grad():
    losses = {
        "newborn": loss_of(newborn, held_out, 1),
        "pretrained": loss_of(model.body, held_out, 1),
    }
optimizer = torch.optim.AdamW(newborn.parameters(), lr=3e-3)
for step in range(25):
    loss = loss_of(newborn, tokens[torch.randperm(len(tokens))[:16]], step + 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    losses["after your steps"] = loss_of(newborn, held_out, 1)
for name, loss in losses.items():
    print(f"{name:20} loss {loss:.2f}, like guessing among {math.exp(loss):,.0f} words")

# %% [markdown]
# In twenty-five steps it has learnt which tokens are frequent. The long way from there to the pretrained
# model is what the reading of a few million words has brought.
#
# ## Play
#
# Write a sentence about programming with a gap (`___`). *Try this:* put "an" in place of "the" before
# the gap, or another subject behind it. Where does it know grammar, where the subject, where does it
# only sound well?

# %%
from course_lib.text import fill_in
from course_lib.widgets.fill_in import FillIn

FillIn()

# %%
for guess in fill_in("The shortest ___ between two nodes of the graph.")[0]:
    print(f"{guess.word:12} {guess.probability:.0%}")

# %% [markdown]
# ## Does having read help to sort?
#
# The body stays, and a new head goes on top: the mean of the last layer's states, then a linear
# layer with eight outputs. That is lesson 02 once more, with words. Its rivals: the same network
# without having read (*scratch*), and **TF-IDF**, a bag of words in which rare ones count more, with
# a logistic regression. It knows no order and no grammar, needs half a second, and has humbled many
# a neural network. Never report a language model without it.
#
# **Predict.** One hundred labelled passages. Who sorts new ones best?

# %%
METHODS = ("pretrained, fine-tuned", "pretrained, head only", "scratch", "counted words")
predict("l07-text", "With 100 labels the best is ...", METHODS)

# %%
c33 = run_claim("C33")
show_claim("C33", c33)

# %%
means = c33.rows.groupby("method")["test"].mean()
names = dict(
    zip(("pretrained", "pretrained, head only", "scratch", "TF-IDF"), METHODS, strict=True)
)
best = means.idxmax()
judge("l07-text", names[best], f"It sorted {means[best]:.0%} of new passages rightly.")

# %%
read_best = best.startswith("pretrained")
display(
    Markdown(
        "**What it means.** "
        + (
            'Scratch and the counted words have to learn from a hundred passages that "column" and '
            '"index" belong together. Who has read knows.'
            if read_best
            else "In your few draws a rival was ahead of the models that have read. Draws of a hundred "
            "passages differ: trust the study, which has more of them."
        )
        + " The more labels there are, the less the reading is worth: look how the lines of the "
        "full-size study come closer."
    )
)

# %% [markdown]
# **And where single words give it away?** The same passages, another question: is this from the
# description, the list of parameters, or the notes? Here the study says:

# %%
show_claim("C33b")

# %% [markdown]
# > **Take away.** Text teaches without labels, and what was learnt from it saves labels later. How
# > many it saves you find out beside a baseline that costs half a second.
#
# ## Training loss zero, and nothing gained
#
# "We fine-tuned BERT on 50,000 reviews. After three epochs the training loss is near zero, and the
# validation F1 has been flat at 0.71 since the first. What now?" This is one of the commonest
# questions in forums, so let us have the case in front of us.
#
# **Picture it.** The pupil of the course who has done the same two hundred exercises eight times. She
# recites the answers before she has read the questions. In the exam she is no worse than after the
# fourth time, but she now says *everything* with total conviction, the wrong answers too.
#
# **In symbols.** A wrong answer given with $p = 0.6$ for some other class and 0.3 for the right one
# costs $-\ln 0.3 = 1.2$. The same wrong answer with 0.98 and 0.01 costs 4.6. Accuracy counts both
# alike; the loss does not. So the *validation loss rises while the accuracy stands still*.
#
# **Predict.** 200 labels, eight passes. Validation accuracy from the fourth pass to the last:

# %%
GAINS = ("rises by more than 3 points", "stays within 3 points", "falls by more than 3 points")
predict("l07-overfit", "From the fourth pass to the last it ...", GAINS)

# %%
passes = 6 if os.environ.get("COURSE_QUICK") == "1" else 8  # fewer in the tests
many = replace(load_text_task("libraries", train=400, seed=0), validation=task.validation)
watched = {"rate": 2e-3, "watch": True, "test": False}
runs = {
    f"200 labels, {passes} passes": fine_tune(model, task, epochs=passes, **watched),
    f"400 labels, {passes // 2} passes": fine_tune(model, many, epochs=passes // 2, **watched),
}
few, fresh = (run.history for run in runs.values())
with style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for (name, run), colour, dash in zip(
        runs.items(), ("#D55E00", "#0072B2"), ("-", "--"), strict=True
    ):
        share = [100 * (k + 1) / len(run.history) for k in range(len(run.history))]
        left.plot(share, [e.loss for e in run.history], ":", color=colour)
        left.plot(share, [e.validation_loss for e in run.history], dash, color=colour, label=name)
        right.plot(share, [e.validation for e in run.history], dash, color=colour, label=name)
    left.set(
        xlabel="% of the steps", title="Loss: validation, and training (dotted)", ylim=(0, None)
    )
    right.set(xlabel="% of the steps", title="Validation accuracy", ylim=(0, 1))
    left.legend()
    right.legend()
    told = "; ".join(
        f"{name}: training loss ends at {run.history[-1].loss:.2f}, validation loss goes from its "
        f"lowest {min(e.validation_loss for e in run.history):.2f} to "
        f"{run.history[-1].validation_loss:.2f}, validation accuracy ends at "
        f"{run.history[-1].validation:.2f}"
        for name, run in runs.items()
    )
    show(fig, alt=f"Losses and validation accuracy over training. {told}.")

# %%
gain = few[-1].validation - few[3].validation
outcome = GAINS[0] if gain > 0.03 else GAINS[2] if gain < -0.03 else GAINS[1]
judge("l07-overfit", outcome, f"It changed by {100 * gain:+.1f} points.")

# %%
stop = min(range(len(few)), key=lambda k: few[k].validation_loss)
more = fresh[-1].validation - few[-1].validation
stopped = few[stop].validation - few[-1].validation
display(
    Markdown(
        f"**What it means.** The training loss went down to {few[-1].loss:.2f}. The validation loss "
        f"was lowest after pass {stop + 1} ({few[stop].validation_loss:.2f}) and ended at "
        f"{few[-1].validation_loss:.2f}. **Early stopping** there "
        + (
            f"would have cost {-100 * stopped:.1f} points of accuracy: the loss turns before the "
            "accuracy does. Stop by the number that you will report, and by the loss where "
            "probabilities matter. "
            if stopped <= -0.005
            else (
                "costs no accuracy" if stopped < 0.005 else f"gives {100 * stopped:.1f} points more"
            )
            + ", saves the other passes and keeps the model from being too sure of itself. "
        )
        + f"**More labels** in place of more passes, with the same number of steps: {100 * more:+.1f} "
        "points. A run that has learnt its texts by heart asks for more or better labels, not for "
        "more passes."
    )
)

# %% [markdown]
# What else to try, in this order: *read fifty wrong answers* (wrong labels, texts cut off at the
# longest length); tune rate and passes together, and keep the pass that validates best; dropout and
# weight decay; a frozen body; a body that has read texts more like yours. And for F1, *set the
# threshold on validation scores*: a flat 0.71 may be a ranking that is good and a threshold that is
# not (lesson 06).
#
# > **Take away.** Near-zero training loss is not a success, it is the end of what these labels can
# > teach. Watch the validation loss to see when, and the accuracy to see what it cost.

# %%
ask("p07-labels", "p07-piece", "p07-baseline", "p07-flat")

# %% [markdown]
# ## Pictures and words on one map
#
# A museum has scanned forty thousand photographs. Nobody will ever label them, and tomorrow somebody
# will ask for "a brass telescope on a table". The day after it will be something else. There is no
# list of classes to train a head for.
#
# **Picture it.** Two people who share no language arrange a very large floor. One lays down
# photographs, the other slips of paper with captions. After each round they learn only which slip
# belonged to which photograph. So each moves what belongs together a little closer and what does
# not a little apart. After enough rounds the striped hearts lie together, and around them the slips
# that say *heart* or *striped*. Now somebody writes a slip that neither of them has ever seen. The
# second person lays it down where it belongs, and the photographs around it are the answer.
#
# That is [CLIP](https://arxiv.org/abs/2103.00020): a *picture tower* and a *text tower*, which give
# vectors of the same length. Four hundred million captioned pictures from the web took the place of
# labels. Ours is the same in miniature: drawn pictures, and captions that name texture and shape,
# and sometimes size, colour or place.

# %%
from textwrap import fill

from course_lib import load_backbone
from course_lib.joint import (
    COLOURS,
    TwoTowers,
    Vocabulary,
    captioned_scenes,
    captions,
    pair_scenes,
    prompts_for,
    tower_features,
    unseen_pairs,
)
from course_lib.joint.towers import PictureTower
from course_lib.joint.words import SHAPE_WORDS, TEXTURE_WORDS, colour_numbers
from course_lib.see import picture_grid

backbone = load_backbone("worldnet")  # frozen: it only looks
scenes = captioned_scenes(4_000, seed=7, without="crown")  # no picture and no caption of a crown
pictures, said = world.render(scenes), captions(scenes)
features = tower_features(backbone, pictures)

with style():
    show(
        picture_grid(pictures[:7], [fill(caption, 15) for caption in said[:7]]),
        alt="Seven drawn pictures with their captions: " + "; ".join(said[:7]) + ".",
    )
print(f"{len(said):,} captioned pictures; each becomes {features.shape[1]} numbers")

# %% [markdown]
# The picture tower is transfer learning as you know it. WorldNet stays frozen and tells 832
# numbers of each picture (from `layer2`, `layer3` and `layer4`); on top of them a small network
# learns to put the picture into the joint space. The text tower is small too: a vector for each
# word, their mean, two linear layers. It does not even know the order of the words.
#
# **In symbols.** Both towers end in vectors of length one, $p_i$ for a picture and $t_j$ for a
# caption. Their product is the cosine of the angle between them: 1 for the same direction, 0 for
# nothing in common. In a batch of $n$ pairs each picture is a small exam with $n$ choices: which of
# these captions is mine?
#
# $$ L = \tfrac12 \Big( -\tfrac1n \sum_i \log \frac{e^{s\, p_i t_i}}{\sum_j e^{s\, p_i t_j}}
#    \;-\; \tfrac1n \sum_j \log \frac{e^{s\, p_j t_j}}{\sum_i e^{s\, p_i t_j}} \Big) $$
#
# The first half lets pictures choose among captions, the second captions among pictures. The scale
# $s$ (one over the *temperature*) is learned: cosines lie between -1 and 1, too close together for
# a clear answer. With two pairs, cosine 1 with one's own and 0 with the other, and $s = 2$, every
# choice has the probability $e^2 / (e^2 + e^0) = 0.88$ of being right, and the loss is
# $-\log 0.88 = 0.127$. That is a cross-entropy like any other, whose classes are the rest of the
# batch:

# %%
cosines = torch.eye(2)  # row i: picture i with caption 0 and with caption 1
print(F.cross_entropy(2.0 * cosines, torch.arange(2)))

# %% [markdown]
# **Write it**, for both directions. `pictures` and `texts` are unit vectors (n, d), row i of both belongs
# together; return one number.


# %%
def contrastive_loss(pictures, texts, scale):
    raise NotImplementedError  # replace this line; torch.arange, F.cross_entropy


check("07-contrastive", contrastive_loss)

# %%
help_for("07-contrastive")

# %% [markdown]
# Now your loop once more, with your loss. Three textures of *each* shape are kept back: no caption
# names these 72 pairs, and no picture shows them. Half of the 72 were not in WorldNet's pretraining
# either.

# %%
contrastive_loss = mine_or_ours("07-contrastive")

torch.manual_seed(0)
towers = TwoTowers(PictureTower(features.shape[1]), Vocabulary.of(said))
optimizer = torch.optim.AdamW(towers.parameters(), lr=3e-3)
for epoch in range(10):
    towers.train()
    for rows in torch.randperm(len(said)).split(256):
        words = towers.vocabulary.bags([said[i] for i in rows])
        seen, read = towers(features[rows], *words)  # unit vectors of pictures and of captions
        loss = contrastive_loss(seen, read, towers.scale)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        print(f"epoch {epoch + 1}: loss {loss:.2f}, scale {towers.scale:.0f}")
print(f"{sum(p.numel() for p in towers.parameters()):,} weights learnt, none of WorldNet's")

# %% [markdown]
# ## A classifier made of words
#
# **Picture it.** To name a picture, write a slip for every class ("a striped heart", "a wavy key"),
# lay the slips on the floor, and see which one is nearest. No picture of the class was ever
# labelled. This is called *zero-shot* classification. And since one slip may fall oddly, write
# several for each class and take the middle of them (a *prompt ensemble*).
#
# **In symbols.** The vector of a class is the mean of its prompts' unit vectors, made unit length
# again; the probabilities of the classes are $\text{softmax}(s \cdot \text{cosines})$.
#
# There is one way to do it right and there are three to do it nearly right. *Without unit length* a
# long vector wins whatever its direction. *Averaging before normalising* lets the longest prompt
# decide. *Softmax over the wrong axis* makes pictures compete for a class. All three run without an
# error.
#
# **Write it.** `pictures` are vectors (n, d) of any length, `texts` is a list with one tensor (prompts, d) for
# each class; return the probabilities (n, classes).


# %%
def zero_shot(pictures, texts, scale):
    raise NotImplementedError  # replace this line; F.normalize(x, dim=1)


check("07-zero-shot", zero_shot)

# %%
help_for("07-zero-shot")

# %% [markdown]
# **Predict.** 360 new pictures of the 72 pairs that no caption had. Guessing is right in one of 72.
# What share does your classifier name?

# %%
SHARE = Bands((10, 40, 70), "%")
predict("l07-unseen", "Pictures of never captioned pairs that are named:", SHARE.choices)

# %%
zero_shot = mine_or_ours("07-zero-shot")
scale = towers.scale.item()

pairs = unseen_pairs(7)
new_pictures = world.render(pair_scenes(pairs, each=5, seed=7))
seen = towers.embed_pictures(tower_features(backbone, new_pictures))  # in eval mode, from here on
texts = [towers.embed_texts(prompts) for prompts in prompts_for(pairs)]
named = zero_shot(seen, texts, scale).argmax(1)
right = named == torch.arange(len(pairs)).repeat_interleave(5)
share = right.float().mean().item()

shapes, textures = list(SHAPE_WORDS.values()), list(TEXTURE_WORDS.values())
names = [f"{textures[t]}\n{shapes[s]}" for s, t in pairs.tolist()]
look = torch.arange(2, 360, 45)
with style():
    titles = [names[named[i]] for i in look]
    show(
        picture_grid(new_pictures[look], titles, right[look].tolist(), columns=8),
        alt="Eight pictures of never captioned pairs and what they are called: "
        + "; ".join(f"{n.replace(chr(10), ' ')}, {'right' if r else 'wrong'}"
                    for n, r in zip(titles, right[look].tolist(), strict=True)) + ".",
    )  # fmt: skip
judge("l07-unseen", SHARE.of(100 * share), f"{share:.0%} of 360 pictures, guessing {1 / 72:.1%}.")

# %% [markdown]
# **Your own classes.** Here is a classifier that exists only in words. Change the prompts, add
# some, take classes away (the names on the left must be shapes of the image world, so that we know
# the answers), and run the cell again. One of these prompts fails. Why, and what mends it? (For textures
# in place of shapes ask `world.TEXTURES` and `mine.texture`; what captions call them says `TEXTURE_WORDS`.)

# %%
MY_CLASSES = {
    "heart": ["a heart", "a small plain heart"],
    "key": ["a key", "here is a key, striped"],
    "umbrella": ["umbrella"],
    "fish": ["an animal that swims"],
}

mine = world.sample(200, seed=77, shapes=list(MY_CLASSES), textures=world.TEXTURES)
answers = torch.tensor([list(MY_CLASSES).index(world.SHAPES[k]) for k in mine.shape])
seen_mine = towers.embed_pictures(tower_features(backbone, world.render(mine)))
texts = [towers.embed_texts(prompts) for prompts in MY_CLASSES.values()]
guess = zero_shot(seen_mine, texts, scale).argmax(1)
for k, (name, prompts) in enumerate(MY_CLASSES.items()):
    unknown = ", ".join(towers.vocabulary.unknown(" ".join(prompts))) or "none"
    print(
        f"{name:10} {(guess[answers == k] == k).float().mean():4.0%}   words not known: {unknown}"
    )
print(f"in all     {(guess == answers).float().mean():4.0%} of 200 pictures")

# %% [markdown]
# A word that no caption had is left out, and what is left of the prompt lies anywhere on the floor. CLIP has
# read four hundred million captions and knows that fish swim; a part number of your company it doesn't know
# either. What towers don't know, they don't tell you: they always name *some* class.

# %% [markdown]
# One draw, one training. The study repeats it with other pictures and other pairs, and puts rivals
# beside it: a network of the same size that learns shapes and textures from *labels*, and raw
# pixels; at full size also a random frozen network and a whole network trained from scratch on the
# same captions.

# %%
c31 = run_claim("C31")
show_claim("C31", c31)

# %%
from course_lib.claims.trials.captions import CAPTIONS, LABELS, SCRATCH

means = study_of("C31", c31).groupby("tower")[["unseen", "new"]].mean()
behind = 100 * (means["unseen"][LABELS] - means["unseen"][CAPTIONS])
display(Markdown(
    f"**What it means.** Words are learnt one by one and put together anew: {means['unseen'][CAPTIONS]:.0%} "
    f"of the pictures of never captioned pairs are named, and {means['new'][CAPTIONS]:.0%} of those that "
    "WorldNet had not met either (there are fewer of these to choose from, so do not compare the two). "
    + (f"Labels for shape and texture would have given {behind:.0f} points more: captions teach nearly as "
       "well, and they cost nobody any work. " if 1 <= behind < 8 else
       f"Labels for shape and texture would have given {behind:.0f} points more: that is what it costs to "
       "learn from sentences alone. " if behind >= 8 else
       "Labels for shape and texture would have given no more: a caption is a label, and more. ")
    + (f"The same captions without a pretrained network gave {means['unseen'][SCRATCH]:.0%}. The words are "
       "cheap; the eye is what was transferred." if SCRATCH in means.index else "")
))  # fmt: skip

# %% [markdown]
# > **Take away.** Put pictures and words into one space, and every sentence is a classifier. Make
# > vectors unit length before you average or compare them.
#
# ## What words cannot do
#
# Half of our captions name a colour. **Predict.** Eight colours, so guessing is right in one of
# eight. How often does a prompt such as "a red plain key" name the right one?

# %%
COLOUR = Bands((20, 40, 70), "%")
predict("l07-colour", "The colour is named right in:", COLOUR.choices)

# %%
scenes_now = pair_scenes(pairs, each=5, seed=7)
texts = [
    towers.embed_texts([f"a {colour} {t} {s}" for s in shapes for t in textures])
    for colour in COLOURS
]
guess = zero_shot(seen, texts, scale).argmax(1)
coloured = (guess == colour_numbers(scenes_now)).float().mean().item()
judge("l07-colour", COLOUR.of(100 * coloured), f"{coloured:.0%}, and guessing gives 12 %.")

# %%
show_claim("C31b")

# %%
from course_lib.claims.trials.captions import PIXELS, STEM

colour = study_of("C31b").groupby("tower")["colour"].mean()
display(Markdown(
    "**What it means.** Remember lesson 01: what a late stage has thrown away, no new head brings back. A "
    "caption is no different. WorldNet learnt that a red fish and a blue fish are both fish. Where colour is "
    "gone, two thousand captions that name one describe something that the tower cannot see: prompts name "
    f"{colour[CAPTIONS]:.0%} of the colours, where guessing names 12 %. "
    + (f"Give it the numbers of the stem as well, and the same captions begin to work: {colour[STEM]:.0%}. "
       if colour[STEM] > colour[CAPTIONS] + 0.05 else
       f"Here the numbers of the stem did not bring it back either: {colour[STEM]:.0%}. ")
    + f"(A classifier of raw pixels, told every colour, has {colour[PIXELS]:.0%}.) So ask of every pretrained "
    "encoder what its training told it to ignore. Real CLIP reads colours well and counts badly; its authors "
    "say so ([section 6](https://arxiv.org/abs/2103.00020))."
))  # fmt: skip

# %% [markdown]
# **A word that was never said.** We left out every crown. The towers have seen no picture of one
# with a caption, and the word stands in none.

# %%
crowns = world.sample(100, seed=78, shapes=["crown"], textures=world.TEXTURES)
seen_crowns = towers.embed_pictures(tower_features(backbone, world.render(crowns)))
texts = [towers.embed_texts([f"a {t} {s}" for t in textures]) for s in shapes]
guess = zero_shot(seen_crowns, texts, scale).argmax(1)
called = [shapes[k] for k in guess.tolist()]
crowned = called.count("crown") / len(called)
often = max(set(called), key=called.count)
print(f"words not known: {towers.vocabulary.unknown('a striped crown')}")
print(f"of 100 crowns {crowned:.0%} are called crown; most often they are called {often}")

others = torch.cat([seen_crowns[1:], seen])  # 99 crowns, and 360 pictures of which few are crowns
alike = (others @ seen_crowns[0]).topk(12).indices
print(f"of the 12 pictures nearest to one crown {int((alike < 99).sum())} are crowns")

# %%
show_claim("C31c")

# %% [markdown]
# Compare the two numbers. Where one crown finds other crowns, the tower sees them; what is missing
# is the word. A classifier made of words knows what somebody once wrote beside a picture, and no
# more. Ask that of CLIP before you rely on it for a rare disease, a new product or the part numbers
# of your company.
#
# ## Search by caption
#
# The museum's question, answered by the towers that you have just trained. Type a caption; the
# twelve nearest of 1,000 fresh pictures come back, and words that no caption had are crossed out.
# *Try* "a crown", then a colour, then a place: what do the towers know, and what did they never see?

# %%
from course_lib.widgets.captions import CaptionSearch

search = CaptionSearch(towers, backbone)
search

# %%
search.find("a two-tone fish")  # one of the 72 pairs that no caption had

# %% [markdown]
# ## A prompt, a few labels, or both
#
# **Picture it.** A new colleague has read everything about mushrooms and seen none (the prompt).
# Another has seen three of each kind and read nothing (a probe: a linear head on the picture
# vectors, trained from zero). Whom do you send into the wood? And what of a third, who has read
# first and then looked at three?
#
# **In symbols.** A linear head computes $W p + b$. Zero-shot classification *is* a linear head: the
# rows of $W$ are the vectors of the prompts, times the scale, and $b = 0$. So the third colleague
# costs one line: start the head there instead of at zero, and train as usual.
#
# **Predict.** 36 pairs that neither captions nor WorldNet ever had. From how many labelled pictures
# *per class* on is the probe better than the prompt?

# %%
LABELLED = ("1", "2 to 4", "8 to 16", "32 or never")
predict("l07-overtakes", "The probe overtakes the prompt at:", LABELLED)

# %%
c34 = run_claim("C34")
show_claim("C34", c34)

# %%
from course_lib.claims.trials.prompts import PROBE, PROMPT, STARTED, overtakes

rows = study_of("C34", c34)
first = overtakes(rows)
outcome = LABELLED[3 if first is None or first > 16 else 2 if first > 4 else 1 if first > 1 else 0]
judge("l07-overtakes", outcome, f"The study says: {'never, up to 32' if first is None else first}.")

# %%
score = rows.groupby(["method", "labels"])["test"].mean()
fewest, most = score[PROBE].index.min(), score[PROBE].index.max()
gain = 100 * (score[STARTED] - score[PROMPT].iloc[0])
display(Markdown(
    f"**What it means.** The prompt names {score[PROMPT].iloc[0]:.0%} without a label. From zero, the probe "
    f"has {score[PROBE][fewest]:.0%} with {fewest} and {score[PROBE][most]:.0%} with {most} labels per class: "
    + ("it has to learn from pictures what the words already said. " if score[PROBE][fewest] <
       score[PROMPT].iloc[0] - 0.02 else "here even one label says as much as the words. ")
    + (f"The head that starts from the prompt gains {gain.min():.1f} to {gain.max():.1f} points over it: "
       "labels come on top of words, so there is no number of labels at which one has to choose."
       if gain.min() > -1 else
       f"The head that starts from the prompt loses up to {-gain.min():.1f} points: even a good start "
       "can be trained away, so keep the prompt's score beside it.")
))  # fmt: skip

# %% [markdown]
# > **Take away.** Few labels are no reason to throw the words away. Start the head at the prompts,
# > and keep the prompt's own score beside every result.

# %%
ask("p07-one-space", "p07-cosine", "p07-unseen", "p07-blind", "p07-few")

# %% [markdown]
# ## The real ones
#
# What you wrote by hand, libraries do in a line. The cells below are the programs that a person
# writes at work. They need large downloads, and two of them packages that this course does not
# install, so they are off. Each says what it did *not* do. Nothing smaller is put in its place.

# %%
REAL = False  # True: download and use the real weights, where there is a network

# %% [markdown]
# **Finding things: a detector.** A shop wants to find its own three tools on photographs of a bench.
# [Faster R-CNN](https://arxiv.org/abs/1506.01497) has learnt on 118,000 photographs of everyday
# scenes (COCO) to say where *something* is, and which of its classes it is. The first half is worth
# gold for tools too. The second is a head, and heads you know how to change. One class more than
# yours: 0 is the background, since most places hold nothing.

# %%
# @real detection


def detector(classes, weights="DEFAULT", **settings):
    """Faster R-CNN with a head for new classes; class 0 is the background."""
    from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor

    net = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=weights, weights_backbone=None, **settings
    )  # with weights, batch norm is frozen already
    inputs = net.roi_heads.box_predictor.cls_score.in_features
    net.roi_heads.box_predictor = FastRCNNPredictor(inputs, classes + 1)
    return net


def train_detector(net, pictures, targets, steps=60, rate=5e-3):
    """targets: for each picture its boxes (n, 4) in pixels, left, top, right, bottom, and labels."""
    optimizer = torch.optim.SGD(
        [p for p in net.parameters() if p.requires_grad], lr=rate, momentum=0.9
    )
    net.train()
    for step in range(steps):
        rows = torch.randperm(len(pictures))[:4].tolist()
        losses = net([pictures[r] for r in rows], [targets[r] for r in rows])
        loss = sum(losses.values())  # is there something? where? what is it? where exactly?
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name: round(one.item(), 2) for name, one in losses.items()}


# %%
def boxed(n, seed, kinds=("crown", "key", "heart")):
    """Drawn pictures (3, 64, 64) from 0 to 1, and for each its box and the number of its class."""
    scenes = world.sample(n, seed=seed, shapes=kinds)
    middle = 32 * torch.stack([1 + scenes.x, 1 - scenes.y], 1)
    corners = torch.cat([middle - 32 * scenes.size[:, None], middle + 32 * scenes.size[:, None]], 1)
    numbers = [1 + kinds.index(world.SHAPES[k]) for k in scenes.shape]
    targets = [
        {"boxes": corners[None, i].clamp(0, 64).float(), "labels": torch.tensor([numbers[i]])}
        for i in range(n)
    ]
    return list(world.render(scenes).float() / 255), targets


finder = real("Faster R-CNN from COCO, 74 MB", lambda: detector(3), wanted=REAL)
if finder is not None:
    print(train_detector(finder, *boxed(60, seed=0)))
    shown, wanted = boxed(4, seed=1)
    with torch.no_grad():
        for found, want in zip(finder.eval()(shown), wanted, strict=True):
            best = found["scores"].argmax() if len(found["scores"]) else None
            print(want, "found:", "nothing" if best is None else found["boxes"][best].round())

# %% [markdown]
# [SSDlite](https://docs.pytorch.org/vision/stable/models.html#object-detection) and
# [DETR](https://arxiv.org/abs/2005.12872) change their heads in the same place of the story, under
# other names. torchvision's [tutorial](https://docs.pytorch.org/tutorials/intermediate/torchvision_tutorial.html)
# goes on to masks.
#
# **Sorting texts: BERT with LoRA.** The press office and its letters. `peft` does to the layers
# called *query* and *value* what your `LoRALinear` does. The new head must be named: what is not
# listed stays frozen at its random numbers, and nobody tells you.

# %%
# @real text


def load_bert(classes, name="google-bert/bert-base-uncased", rank=4):
    """(tokenizer, BERT with a new head and a LoRA in each layer)."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name)
    net = AutoModelForSequenceClassification.from_pretrained(name, num_labels=classes)
    how = LoraConfig(
        r=rank,
        lora_alpha=rank,
        target_modules=["query", "value"],
        modules_to_save=["classifier"],
    )
    return tokenizer, get_peft_model(net, how)


def train_text(tokenizer, net, texts, labels, epochs=3, rate=1e-3, size=8):
    """Your loop; only the reading of the texts is new. Gives the last loss."""
    read = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=rate)
    net.train()
    for epoch in range(epochs):
        for rows in torch.randperm(len(texts)).split(size):
            logits = net(**{name: part[rows] for name, part in read.items()}).logits
            loss = F.cross_entropy(logits, labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return loss.item()


# %%
letters = ["The train was late again.", "Thank you, the staff were kind.", "Nobody answers the phone.",
           "A wonderful exhibition.", "My parcel arrived broken.", "I will come again."]  # fmt: skip
moods = torch.tensor([0, 1, 0, 1, 0, 1])
loaded = real("BERT, 440 MB", lambda: load_bert(2), wanted=REAL, needs=("transformers", "peft"))
if loaded is not None:
    tokenizer, reader = loaded
    reader.print_trainable_parameters()
    print(f"loss after three passes: {train_text(tokenizer, reader, letters, moods):.2f}")

# %% [markdown]
# **Naming without labels: CLIP.** One network that puts pictures and another that puts words into
# the same space. A class is a sentence.

# %%
# @real zero-shot


def name_pictures(clip, pictures, classes, templates=("a photo of a {}", "a close-up of a {}")):
    """Probabilities (n, classes) for pictures of any size, float from 0 to 1; by your `zero_shot`."""
    from torchvision.transforms.functional import to_pil_image

    net, transform, tokenizer = clip
    ready = torch.stack([transform(to_pil_image(picture)) for picture in pictures])
    with torch.no_grad():
        read = [net.encode_text(tokenizer([t.format(c) for t in templates])) for c in classes]
        return zero_shot(net.encode_image(ready), read, net.logit_scale.exp())


def load_clip(name="ViT-B-32", pretrained="laion2b_s34b_b79k"):
    """(network, its preprocessing, its tokenizer)."""
    import open_clip

    net, _, transform = open_clip.create_model_and_transforms(name, pretrained=pretrained)
    return net.eval(), transform, open_clip.get_tokenizer(name)


# %%
clip = real("CLIP ViT-B/32, 605 MB", load_clip, wanted=REAL, needs=("open_clip",))
if clip is not None:
    kinds = ("crown", "key", "heart")
    shown, wanted = boxed(12, seed=2)
    sure = name_pictures(clip, shown, kinds, ("a drawing of a {}", "a picture of a {}"))
    right = sum(int(s.argmax()) + 1 == int(w["labels"]) for s, w in zip(sure, wanted, strict=True))
    print(f"{right} of 12 drawn pictures named rightly, without a labelled one")

# %% [markdown]
# <details><summary>No network? A tiny random CLIP shows that your program runs</summary>
#
# ```python
# import json, pathlib, tempfile
# import open_clip
#
# tiny = {
#     "embed_dim": 16,
#     "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
#     "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
# }
# folder = pathlib.Path(tempfile.mkdtemp())
# (folder / "tiny-clip.json").write_text(json.dumps(tiny))
# open_clip.add_model_config(folder)
# clip = load_clip("tiny-clip", pretrained=None)
# ```
#
# It names at random, of course; the shapes, the preprocessing and your loop are the real ones'.
# </details>
#
# ## A map of foundation models
#
# A network that was pretrained on very much and very mixed data, and that others adapt to tasks which
# its makers did not have in mind, is called a *foundation model*
# ([Bommasani et al. 2021](https://arxiv.org/abs/2108.07258)). The name says what it is for: one
# builds on it. It also says what happens when it has a crack: everything above it has it too.
#
# | model | pretrained on | used for | how you adapt it |
# |---|---|---|---|
# | ResNet and the like | 1.3 million labelled photographs (ImageNet) | classes of pictures; the backbone of much else | new head, fine-tuning (lessons 02, 03) |
# | Faster R-CNN | boxes in 118,000 scenes (COCO) | finding and counting things | new box and class heads |
# | [DINOv2](https://arxiv.org/abs/2304.07193) | 142 million photographs, no labels: two views of one picture should give the same features | features for classes, depth, retrieval | head alone; its makers advise fine-tuning last |
# | [CLIP](https://arxiv.org/abs/2103.00020) | 400 million captioned pictures | naming and searching by words | prompt; head that starts from the prompt |
# | [SAM](https://arxiv.org/abs/2304.02643) | 1.1 billion outlines in 11 million photographs | the outline of whatever you click on | click, box; LoRA for X-rays, cells, fields |
# | [BERT](https://arxiv.org/abs/1810.04805) | 3.3 billion words, some hidden | sorting and marking texts, search | new head, LoRA |
# | [GPT](https://arxiv.org/abs/2005.14165) | web texts, word after word: guess the next one | writing, answering, code | prompt with examples; LoRA; instructions and ratings by people |
#
# | model | weights to adapt | what pretraining took | licence of the weights | where it fails |
# |---|---|---|---|---|
# | ResNet-50 | 26 million | 8 GPUs by torchvision's recipe | code BSD-3; torchvision leaves the terms of the data to you | views, styles, devices that ImageNet lacks |
# | Faster R-CNN | 19 to 44 million | 8 GPUs by torchvision's recipe | as above | things that are not in COCO's scenes; very small ones |
# | DINOv2 | 21 million to 1.1 billion | 22,000 GPU hours (A100) for the largest | Apache 2.0 | its card reports a bias towards rich Western households |
# | CLIP | 150 to 430 million | 256 GPUs (V100), 12 days, the largest ViT | MIT; its card calls any deployment out of scope | counting, fine classes; English only; what captions don't say |
# | SAM | 94 to 641 million | 256 GPUs (A100), 3 to 5 days | Apache 2.0; its pictures for research only | does not say *what* it outlines; fine structures |
# | BERT | 110 to 340 million | 4 days, 16 to 64 TPU chips | Apache 2.0 | 512 tokens; only understands, does not write; its languages |
# | GPT-2 | 124 million to 1.5 billion | not published | a modified MIT licence | does not tell fact from fiction, says its card |
#
# Sizes, costs and licences are those that papers and model cards give
# ([DINOv2](https://github.com/facebookresearch/dinov2/blob/main/MODEL_CARD.md),
# [CLIP](https://github.com/openai/CLIP/blob/main/model-card.md),
# [SAM](https://segment-anything.com),
# [GPT-2](https://github.com/openai/gpt-2/blob/master/model_card.md)); newer models
# of each family come with licences of their own. Read three things before you build on one: the
# licence of the weights, the model card, and what is known of the data.
#
# **Four questions to any of them.** *Has it seen anything like my pictures or texts?* (Lesson 01: what
# it threw away no head brings back.) *May I?* *Can I run it where I need it?* *What is my baseline?* A
# head on a small network, or counted words, is the number that a foundation model has to beat.
#
# ## What you can now say
#
# - Pretraining is paid once; adapting is cheap, from a prompt over a head to a LoRA and full
#   fine-tuning, in this order of effort.
# - A LoRA is a frozen layer with a bottleneck beside it. It starts at nothing, can be merged, and comes off
#   without a trace where batch norm was held still, since it does not carry batch norm's statistics.
# - Text is its own teacher: hide a word, guess it. Reading saves labels later, and counted words are
#   the baseline that says how many.
# - In a space of pictures and words every sentence is a classifier; what no caption said, no prompt can
#   ask for.
# - A detector or BERT is fine-tuned like everything in this course: new head, careful rates, your loop.
# - What a foundation model cannot do is decided by its data, and its licence by its makers.
#
# **Which of your expectations held?**

# %%
expectations()

# %%
ask("p07-zero", "p07-count", "p07-drift", "p07-merge", "p07-detector", "p07-licence")

# %% [markdown]
# **To go deeper.** [peft](https://huggingface.co/docs/peft), [Hugging Face's course on
# transformers](https://huggingface.co/learn), [open_clip](https://github.com/mlfoundations/open_clip),
# [timm](https://huggingface.co/docs/timm). In this course's own code `course_lib/train/lora.py` is
# your LoRA for any network, with *merge* and *take off*.
#
# **Next:** [08 Your own project](08_your_project.ipynb).
