# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 07 · Transfer learning everywhere

# %%
import math
from dataclasses import replace

import torch
from IPython.display import Markdown, display
from matplotlib import pyplot as plt

from course_lib import show, style
from course_lib.claims import run_claim, show_claim
from course_lib.questions import check, help_for, judge, mine_or_ours
from course_lib.text import (
    fine_tune,
    hide,
    load_language_model,
    load_text_task,
    tokens_of,
    words,
)
from course_lib.widgets.selfcheck import ask, predict

model = load_language_model()
task = load_text_task("libraries", train=200, seed=0)
for text, label in zip(task.train.texts[:3], task.train.labels[:3], strict=True):
    print(f"{task.classes[label]}: {text}\n")

# %% [markdown]
# ## A text is its own teacher
#
# A help desk has two hundred letters that somebody has sorted, and twenty years of letters that
# nobody has. Sorting costs a minute each. Reading costs a computer nothing. Can it learn from
# letters that nobody has sorted how to sort?
#
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
many = replace(load_text_task("libraries", train=400, seed=0), validation=task.validation)
runs = {
    "200 labels, 8 passes": fine_tune(model, task, rate=2e-3, epochs=8, watch=True, test=False),
    "400 labels, 4 passes": fine_tune(model, many, rate=2e-3, epochs=4, watch=True, test=False),
}
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
few = runs["200 labels, 8 passes"].history
gain = few[-1].validation - few[3].validation
outcome = GAINS[0] if gain > 0.03 else GAINS[2] if gain < -0.03 else GAINS[1]
judge("l07-overfit", outcome, f"It changed by {100 * gain:+.1f} points.")

# %%
stop = min(range(len(few)), key=lambda k: few[k].validation_loss)
more = runs["400 labels, 4 passes"].history[-1].validation - few[-1].validation
stopped = few[stop].validation - few[-1].validation
display(
    Markdown(
        f"**What it means.** The training loss went down to {few[-1].loss:.2f}. The validation loss "
        f"was lowest after pass {stop + 1} ({few[stop].validation_loss:.2f}) and ended at "
        f"{few[-1].validation_loss:.2f}. **Early stopping** there would have changed the accuracy by "
        f"{100 * stopped:+.1f} points. "
        + (
            "The loss turns before the accuracy does: stop by the number that you will report, and "
            "by the loss where probabilities matter. "
            if stopped < 0
            else "It saves the other passes and keeps the model from being too sure of itself. "
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
