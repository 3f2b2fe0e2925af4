# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 05 · Domain adaptation
#
# A parcel service reads house numbers with a network. It learnt them from clean scans, which clerks
# had typed in over the years: thousands of labelled pictures. Now cameras hang above a moving belt.
# The same numbers lie there over cardboard, tape and printed landscapes, and nobody has the time to
# label a single one. The network that was right on scans is wrong on every second parcel.
#
# | | source: scans | target: the belt |
# |---|---|---|
# | pictures | yes | yes, as many as you like |
# | labels | **yes** | **no** |
#
# It is the same with pictures from a game engine for a car on a real street, with day and night, with
# the scanner of another hospital. Fine-tuning needs target labels. *Unsupervised domain adaptation*
# makes do with target pictures.
#
# **After this lesson you can**
# - say how much there is to gain before you try to gain it;
# - write gradient reversal and a domain head, and train with them in your own loop (DANN);
# - give a network the target's batch-norm statistics in eight lines (AdaBN), and say when that fails;
# - explain CORAL, MMD, TENT, self-training and translation in a picture, a formula and a line each;
# - tell which shifts such methods can mend, and which ones they cannot see.
#
# *Time: 60 minutes.*

# %%
import copy
import math

import torch
from IPython.display import Markdown, display
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F

from course_lib import load_backbone, show, style, tracks
from course_lib.adaptation import adapt, lenet, load_domains, methods
from course_lib.claims import run_claim, show_claim, stored_result
from course_lib.measure.intervals import over_draws
from course_lib.questions import Bands, check, expectations, help_for, judge, mine_or_ours
from course_lib.widgets.selfcheck import ask, predict

track = tracks.choose()  # drawn over photographs; "photos": MNIST in place of scikit-learn's digits
domains = track.load_domains("digits", 1_000)


def two_rows(first, second, titles, alt):
    """Eight pictures of each kind, one kind per row."""
    with style():
        fig = plt.figure(figsize=(8.6, 2.6), layout="constrained")
        for row, pictures, title in zip(fig.subfigures(2), (first, second), titles, strict=True):
            row.suptitle(title, x=0.01, ha="left", fontsize=10)
            for ax, picture in zip(row.subplots(1, 8), pictures[:8], strict=True):
                ax.imshow(picture.permute(1, 2, 0).numpy())
                ax.axis("off")
        show(fig, alt=alt)


two_rows(
    domains.source.pictures,
    domains.target,
    ("source: labelled", "target: nobody has labelled these"),
    "Above eight white digits on black, below eight digits over pieces of photographs.",
)

# %% [markdown]
# Source: real handwritten digits, white on black. Target: the same handwriting over pieces of
# photographs, as the absolute difference of patch and digit. Over a dark patch the digit stays light;
# over a bright one it turns **dark on light**. Nothing in the source looks like that. (It is the
# construction of MNIST-M in [Ganin et al. 2016](https://arxiv.org/abs/1505.07818), with scikit-learn's
# digits and photographs. No region of a photograph serves both training and test. The digits do not say who
# wrote them; they come in blocks, and training and test take different blocks.)
#
# ## How much is there to gain?
#
# **Picture it.** Before you repair a roof you want to know two heights: where the water stands now, and
# where it would stand under a new roof. *Source only*, trained on scans and set before the belt, is the
# first. The *oracle* is the second: it cheats and trains on the target's labels. A method lives between.
#
# ```
#   source only        a method                            oracle
#       ├─────────────────┼──────────────────────────────────┤
#      0.55             0.65                               0.95        accuracy on the target
# ```
#
# **In symbols.** What a method is worth is the *share of the gap that it closes*:
#
# $$ \frac{\text{method} - \text{source only}}{\text{oracle} - \text{source only}}
#    = \frac{0.65 - 0.55}{0.95 - 0.55} = 25\,\% $$
#
# Two rules keep it honest. All have the same labelled source, the same unlabelled target pictures, the
# same network and as many steps. And no target label is used for training **or for choosing**; the
# target's test labels are looked at once, at the end.
#
# Here is your loop of lesson 02 with a small network that starts from nothing, a
# [LeNet](https://en.wikipedia.org/wiki/LeNet), on the source alone.

# %%
reader = lenet()  # the network with its preprocessing; reader.net is a plain nn.Module
digits, labels = reader.prepare(domains.source.pictures), domains.source.labels
belt = reader.prepare(domains.target)
accuracy, scale = mine_or_ours("02-accuracy"), mine_or_ours("03-schedule")
held_out = [(reader.prepare(domains.source_validation.pictures), domains.source_validation.labels)]
tested = [(reader.prepare(domains.test.pictures), domains.test.labels)]
steps, size = 200, 32


def train(net, extra=None, more=(), draw=0):
    """Your loop. extra: what joins the loss of a step; it gets the network, the batch of the source
    and the share of the run that is over. more: further parameters that learn."""
    torch.manual_seed(draw)
    optimizer = torch.optim.AdamW([*net.parameters(), *more], lr=4e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: scale(step, steps))
    for step in range(steps):
        net.train()
        rows = torch.randint(len(labels), (size,))
        loss = F.cross_entropy(net(digits[rows]), labels[rows])
        if extra is not None:
            loss = loss + extra(net, digits[rows], step / steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net


source_only = train(copy.deepcopy(reader.net))
print(f"scans {accuracy(source_only, held_out):.0%}, belt {accuracy(source_only, tested):.0%}")

# %%
ask("p05-setting", "p05-oracle")

# %% [markdown]
# ## Make the two look alike: an adversary
#
# **Picture it.** An actor wants to lose her accent, and there is no teacher for it. So she hires a
# doorman who bets from which of two villages a speaker comes. He listens to her and to others and gets
# better at it; she changes whatever gives her away. When he can do no more than toss a coin, there is
# nothing left in her speech that tells the villages apart. What she says has to stay understandable all
# the while. The actor is the body of the network, her speech the features, the doorman a small *domain
# head*.
#
# ```
#                               ┌──► head ────────────► which digit?    source: labelled
#   picture ──► body ──► features
#                               └──► ⟲ ──► doorman ──► which domain?   both: no labels needed
#                                    │
#                     gradient reversal: forwards nothing, backwards times −λ
# ```
#
# The doorman shall get *better*, the body shall make him *worse*: a minimum and a maximum in one loss.
# The trick is a layer between them that does nothing on the way forwards and turns the gradient round on
# the way back. Then one call of `loss.backward()` serves both.
#
# **In symbols.** $R(x) = x$, and backwards $\frac{\partial L}{\partial x} = -\lambda
# \frac{\partial L}{\partial R}$. If the doorman's loss falls by 0.4 for each unit of a feature, and
# $\lambda = 0.5$, the gradient there is $-0.4$ and the body is told $+0.2$: its step makes the feature smaller.
# The strength
#
# $$ \lambda(p) = \frac{2}{1 + e^{-10p}} - 1 $$
#
# grows from 0 to 1 over the run ($p$ is the share that is over): at $p = 0.1$ it is
# 0.46. To make features alike that mean nothing yet does harm.
#
# **Write it.** A `torch.autograd.Function` has a forward and a backward of its own.


# %%
import torch


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(context, x, strength):
        raise NotImplementedError  # replace this line

    @staticmethod
    def backward(context, gradient):
        raise NotImplementedError  # and this one


def reverse(x, strength):
    return Reverse.apply(x, strength)


check("05-reversal", reverse)

# %%
help_for("05-reversal")

# %% [markdown]
# Now the doorman's question. `doorman` gives one number for each row of features: above 0 means "from
# the source". His loss is cross-entropy with two answers, over both batches together.


# %%
def domain_loss(doorman, source, target):
    raise NotImplementedError  # replace this line; F.binary_cross_entropy_with_logits


check("05-doorman", domain_loss)

# %%
help_for("05-doorman")

# %% [markdown]
# Put together it is one function that joins the loss of your loop. Note the two separate calls of
# `features`: **each domain is normalised by its own batch-norm statistics**. (`torch.cat` before the
# network would mix them; it is easily done by accident, and [C24](90_lab_book.ipynb#C24) has the price.)

# %%
reverse, domain_loss = mine_or_ours("05-reversal"), mine_or_ours("05-doorman")
net = copy.deepcopy(reader.net)


def features(net, pictures):
    return net.conv2(net.conv1(pictures))  # aligned early: the place matters, see the lab book


with torch.no_grad():
    width = features(net.eval(), digits[:1]).shape[1]
doorman = nn.Sequential(nn.Linear(width, 300), nn.ReLU(), nn.Linear(300, 1))


def adversary(net, pictures, over):
    strength = 2 / (1 + math.exp(-10 * over)) - 1
    source = features(net, pictures)
    target = features(net, belt[torch.randint(len(belt), (size,))])
    return domain_loss(doorman, reverse(source, strength), reverse(target, strength))


dann = train(net, adversary, doorman.parameters())
print(
    f"your DANN on the belt: {accuracy(dann, tested):.0%}, source only {accuracy(source_only, tested):.0%}"
)

# %% [markdown]
# One thing is missing. While it trained, batch norm's running averages saw scans and belt in turn and
# belong to neither. They have to be computed anew on target pictures, and that is a method of its own.
#
# ## The cheapest method: the target's own statistics (AdaBN)
#
# **Picture it.** A colleague comes from a sunny country to a dark one. He is no worse a photographer; his
# light meter is set for the sun. Turn the meter until the middle of *his new* pictures is grey again,
# and all he knows is of use.
#
# **In symbols.** Batch norm gives on $\gamma \frac{x - \mu}{\sigma} + \beta$. AdaBN
# ([Li et al. 2016](https://arxiv.org/abs/1603.04779)) replaces $\mu$ and $\sigma$ by those of target
# pictures, and nothing else. A channel that was 4 on average by day and is 1 at night, with a spread of 2
# by day and 0.5 at night: an answer of 1.5 at night was $(1.5 - 4)/2 = -1.25$ to the old network, hardly
# there. It is $(1.5 - 1)/0.5 = 1$ to the new one: clearly there.
#
# **Write it.** PyTorch does it if you ask in the right way: reset each batch norm, set its `momentum` to
# `None` (which means: the plain mean over all batches), put *it alone* into train mode, and show it the
# pictures without gradients. Dropout has to stay asleep.


# %%
def adabn(net, batches):
    raise NotImplementedError  # replace this line; changes the net, returns nothing


check("05-adabn", adabn)

# %%
help_for("05-adabn")

# %%
adabn = mine_or_ours("05-adabn")
after = {}
for name, one in (("source only", source_only), ("your DANN", dann)):
    before = accuracy(one, tested)
    adabn(one, belt.split(250))
    after[name] = accuracy(one, tested)
    print(f"{name:12} belt {before:.0%}, with the belt's statistics {after[name]:.0%}")

# %%
longer = stored_result("C22").rows["steps"].max() / steps
ahead = 100 * (after["your DANN"] - after["source only"])
display(
    Markdown(
        f"With the same statistics your adversary is worth {ahead:+z.0f} points. "
        + (
            "That is next to nothing yet: "
            if ahead < 3
            else "And it has only begun to bargain with the body: "
        )
        + f"the runs of the study below are {longer:.0f} times as long as yours."
    )
)

# %% [markdown]
# ## How much of the gap?
#
# Ganin's own run on MNIST-M, far longer than ours, closed 56 % of the gap between source only and
# oracle.
#
# **Predict.** Two draws, 200 steps each; the oracle too.

# %%
SHARE = Bands((10, 30, 56), "percent")
predict("l05-share", "How much of the gap does DANN close in a short run?", SHARE.choices)

# %%
c22 = run_claim("C22")
show_claim("C22", c22)


# %%
def mean(result, method, key="test"):
    rows = result.rows
    return rows[rows["method"] == method][key].mean()


def by_draw(result):
    """Test accuracy on the target in per cent: a line per draw, a column per method."""
    return 100 * result.rows.pivot_table(index="seed", columns="method", values="test")


def shares(result):
    """Per cent of the gap between source only and oracle: a line per draw, a column per method."""
    test = by_draw(result)
    low, high = test["source only"], test["oracle"]
    return 100 * test.sub(low, axis=0).div(high - low, axis=0)


def closed(result, method):
    """Per cent of the gap between source only and oracle, mean over draws."""
    return shares(result)[method].mean()


judge(
    "l05-share",
    SHARE.of(closed(c22, "DANN")),
    f"To be exact, {closed(c22, 'DANN'):.0f} percent. It works with the target's statistics, and these "
    f"alone (AdaBN) close {closed(c22, 'AdaBN'):.0f} percent.",
)

# %%
from course_lib.claims.trials.digits import by_gap_and_band

full = stored_result("C22")
parts = {one.part.name: one.estimate.value for one in (*full.judged, *full.details)}
far = {
    name: 100 * parts[f"{name}: share of the gap closed"]
    for name in ("AdaBN", "CORAL", "MMD", "DANN", "self-training", "DANN + self-training")
}
by_method = shares(full)
added = {
    name: over_draws((by_method[name] - by_method["AdaBN"]).dropna().to_numpy())
    for name in ("DANN", "CORAL", "MMD")
}
open_yet = [name for name, one in added.items() if one.low <= 0 <= one.high]
bright = by_gap_and_band(full.rows).groupby("method")["bright"].mean()
names = ("source only", "AdaBN", "CORAL", "MMD", "DANN", "DANN + self-training")
over_bright = ", ".join(f"{name} {bright[name]:.0%}" for name in names)
display(
    Markdown(
        "**What it means.** In the long runs of the study "
        + ", ".join(f"{name} closes {share:.0f} %" for name, share in list(far.items())[:-1])
        + ". "
        + (
            "(Whether DANN's share is above one half for certain stays undecided: the draws lie far apart.) "
            if full.verdict == "undecided"
            else ""
        )
        + "Each of them works with the target's statistics, as AdaBN does. What aligning adds to AdaBN's "
        "share, on the same draws: "
        + ", ".join(
            f"{name} {one.value:+z.0f} points ({one.low:+z.0f} to {one.high:+z.0f})"
            for name, one in added.items()
        )
        + ". "
        + (
            f"An interval with 0 in it decides nothing: whether {' or '.join(open_yet)} adds anything stays open. "
            if open_yet
            else ""
        )
        + "Look at the panels by patch. Over *dark* patches the digit is light on dark as in the "
        "source, and all do well. Over *bright* ones it is dark on light, and the network takes the "
        f"background for the stroke: {over_bright} are right there. All of them make the two clouds of "
        'features *alike*. Nothing in "alike" says that a dark 3 belongs to the light 3s and not to '
        "the light 8s. "
        + (
            "The adversary finds the right pairing for some; CORAL and MMD are no better over bright "
            "patches than source only. "
            if max(bright["CORAL"], bright["MMD"]) <= bright["source only"] < bright["DANN"]
            else ""
        )
        + "Self-training on top makes what is solved the teacher of what is not: together with DANN it "
        f"closes {far['DANN + self-training']:.0f} %. And be fair to the cheap one: the "
        f"{far['AdaBN']:.0f} % of AdaBN cost no training at all."
    )
)

# %% [markdown]
# ### What may be hoped for
#
# How often can the belt's digits be read wrongly? At most as often as three things add up to: how badly
# the network reads *scans*, how different the two *look*, and how far they *contradict* each other. In symbols, for
# any network $h$ ([Ben-David et al. 2010](https://link.springer.com/article/10.1007/s10994-009-5152-4)):
#
# $$ \underbrace{\varepsilon_T(h)}_{\text{target error}} \;\le\; \underbrace{\varepsilon_S(h)}_{\text{source error}} +
#    \underbrace{d(S, T)}_{\text{how well they can be told apart}} +
#    \underbrace{e^*}_{\text{error of the best joint network}} $$
#
# Were they 0.01, 0.20 and 0.05, the belt's error would be 0.26 at most. The labels of the scans shrink the first
# term. The second is what AdaBN, CORAL, MMD and the doorman work on. The third asks for one network that is right on *both*, and
# nobody can measure it without target labels. For the pictures it is small, as a 3 is a 3 on scan and belt. For
# *features* it may grow: where dark 3s are laid on light 8s, no head tells them apart. That is why alignment can
# harm: it may buy the second term with the third. And how small does the second become?

# %%
doormen = {one.part.name: one.estimate.value for one in stored_result("C24").judged}
fooled = doormen["a domain classifier's accuracy after DANN"]
told = fooled + doormen["a domain classifier's accuracy, source-only minus DANN"]
display(
    Markdown(
        f"DANN trains against one doorman. A *fresh* one, trained on the finished features, still tells the domains apart: it is "
        f"right {fooled:.0%} of the time, against {told:.0%} on source only and 50 % by tossing a coin. "
        f"That adaptation makes the domains alike to any doorman: *{stored_result('C24').verdict}* "
        "([C24](90_lab_book.ipynb#C24))."
    )
)

# %% [markdown]
# > **Take away.** Equal clouds are what these methods ask for. Right classes are a hope beyond that.
#
# ### See it move
#
# Every point is a picture, placed by its features. It opens on a network that has seen the source only.
# *Try this:* set λ to 0 and press **Train live**: a new network learns, and the belt's points go where they
# like. Set λ to 1 and train again. The path *stored: DANN* is the same at full length. Colour by *digit*: clouds that lie on top of each other can still have the classes in
# the wrong heaps.

# %%
from course_lib.widgets.embedding import Embedding

Embedding()

# %% [markdown]
# ## The family: other ways to say "alike"
#
# **CORAL** ([Sun and Saenko 2016](https://arxiv.org/abs/1607.01719)). *Picture:* two swarms of bees; turn
# and stretch one until both have the same shape. *Formula:* $\lVert C_s - C_t \rVert^2 / 4d^2$, the
# difference of the covariances; with one feature whose variance is 2 in the one and 4 in the other,
# $(2-4)^2/4 = 1$. *Code:* `(torch.cov(s.T) - torch.cov(t.T)).square().sum() / (4 * d * d)`. *Fails:* two
# swarms of the same shape can have the bees in other places.
#
# **MMD** ([Long et al. 2015](https://arxiv.org/abs/1502.02791)). *Picture:* everybody at a party asks
# around: are those near me from my own village? If near ones are from both alike, the villages have
# mixed. *Formula:* mean nearness within the source, plus within the target, minus twice that across,
# where nearness is $e^{-\text{distance}^2/w}$: two points one apart, with $w = 2$, are 0.61 near. *Code:*
# `k(s, s).mean() + k(t, t).mean() - 2 * k(s, t).mean()`. CORAL compares covariances, MMD whole
# distributions: with this nearness, and pictures without end, it is 0 only where the two are the same, in every
# moment. *Fails:* if $w$ does not fit the distances, everybody is near or nobody is.
#
# **TENT** ([Wang et al. 2021](https://arxiv.org/abs/2006.10726)). *Picture:* a witness who is asked until
# she is sure. *Formula:* make the entropy of the answers small, by batch norm's $\gamma$ and $\beta$ alone:
# answers of (0.5, 0.5) have 0.69, of (0.9, 0.1) 0.33. Batch norm takes the target's statistics meanwhile, so
# that TENT begins where AdaBN ends. *Code:* `-(logits.softmax(1) * logits.log_softmax(1)).sum(1).mean()`.
# *Fails:* sure is not right.
#
# **Self-training** ([French et al. 2018](https://arxiv.org/abs/1706.05208)). *Picture:* a pupil marks her
# own homework, but only the answers she would bet on, and learns from these in another handwriting.
# *Formula:* cross-entropy against the own answer where its probability is above 0.9. *Code:*
# `(F.cross_entropy(net(other_view), answer, reduction="none") * sure).mean()`. *Fails:* what she is sure of and wrong about, she
# learns by heart.
#
# In the study each has the same network, steps and pictures. In the course's library each is a line:

# %%
from dataclasses import replace

mine = replace(methods.DANN, name="mine", terms={"adversary": 0.3, "coral": 3.0})
run = adapt(lenet(), domains, mine, steps=60, progress=False)
print(f"{run.method.name}: {run.test:.0%} on the belt after {len(run.history)} steps")

# %%
ask("p05-reversal", "p05-coral", "p05-tent")

# %% [markdown]
# ## From day to night
#
# Another shift: the image world at night, dark, blue and noisy. WorldNet, fine-tuned on labelled **day**
# pictures of shapes that it had not seen, is to work at night.

# %%
night = load_domains("night")
two_rows(
    night.source.pictures,
    night.target,
    ("source: day, labelled", "target: night, unlabelled"),
    "Above eight drawn objects by day, below eight other ones at night: dark, blue and noisy.",
)

# %% [markdown]
# **Predict.** AdaBN changes no weight. It only computes each batch norm's mean and spread anew.

# %%
NIGHT_SHARE = Bands((25, 50, 75), "percent")
predict("l05-adabn", "Share of the gap that AdaBN closes at night:", NIGHT_SHARE.choices)

# %%
c23 = run_claim("C23")
show_claim("C23", c23)

# %%
judge(
    "l05-adabn",
    NIGHT_SHARE.of(closed(c23, "AdaBN")),
    f"To be exact, {closed(c23, 'AdaBN'):.0f} percent.",
)

# %%
nights = stored_result("C23")
over = over_draws((by_draw(nights)["AdaBN"] - by_draw(nights)["oracle"]).to_numpy())
kept = mean(nights, "feature extraction") > mean(nights, "source only")
pretrained = over_draws(
    (by_draw(nights)["continued pretraining"] - by_draw(nights)["source only"]).to_numpy()
)
display(
    Markdown(
        "**What it means.** Night changes brightness, contrast and colour of the whole picture: the "
        "mean and spread of every channel, which is just what batch norm holds. A shift of *statistics* "
        "is mended by statistics. The belt changed *which way round* a digit is drawn, and no mean can "
        "undo that. "
        + f"AdaBN minus the oracle is {over.value:+.1f} points ({over.low:+.1f} to {over.high:+.1f}): "
        + (
            "they cannot be told apart, and a share above 100 % in a run says no more than that. "
            if over.low <= 0 <= over.high
            else "the oracle is a reference and no ceiling; it learns from night pictures, which are dark and noisy. "
            if over.low > 0
            else "a little is left to gain. "
        )
        + (
            "And look at *feature extraction*, a new head on an untouched body: it loses less at night "
            "than source only. Part of the gap was made by our own fine-tuning (lesson 04 calls it "
            "forgetting). "
            if kept
            else ""
        )
        + "**Continued pretraining**, where the body first learns on unlabelled night pictures by guessing "
        f"how far each was turned, changed the result by {pretrained.value:+.1f} points "
        f"({pretrained.low:+.1f} to {pretrained.high:+.1f}): "
        + (
            "here it harms."
            if pretrained.high < 0
            else "here it helps."
            if pretrained.low > 0
            else "no gain is seen, and whether it harms stays open."
        )
    )
)

# %% [markdown]
# ### When the cheap method fails
#
# Your `adabn` asks for unlabelled pictures, and pictures of the target are cheap. Any pictures?
#
# **Predict.** The network was fine-tuned by day. In the first night only *one* kind of thing came past the
# camera, fifty pictures of it. You compute the statistics on these. What is left of the gain that fifty
# pictures of *all* kinds bring?

# %%
KINDS = (
    "nearly as good as with all kinds",
    "about half of the gain is left",
    "a third of the gain at most, or a loss",
)
predict("l05-one-kind", "With statistics of one kind only, the network at night is ...", KINDS)

# %%
by_day = adapt(
    load_backbone(), night, methods.SOURCE_ONLY, steps=24, lr=1e-2, head_lr_ratio=10, batch=32,
    progress=False,
).model  # fmt: skip
dark = by_day.prepare(night.target)
at_night = [(by_day.prepare(night.test.pictures[:200]), night.test.labels[:200])]
kind = night.oracle_labels  # used to build the trap, not to train
draws = [torch.randperm(len(dark), generator=torch.Generator().manual_seed(k)) for k in range(6)]
chosen = {
    "none: statistics of the day": [None],
    f"all {len(night.classes)} kinds, {len(dark)} pictures": [dark],
    "all kinds, 50 pictures": [dark[order[:50]] for order in draws[:3]],
    "any 4 pictures": [dark[order[:4]] for order in draws],
    "one kind, about 50 pictures": [dark[kind == k] for k in range(len(night.classes))],
}
reached = {}
for name, several in chosen.items():
    reached[name] = found = []
    for shown in several:
        copied = copy.deepcopy(by_day.net)
        if shown is not None:
            adabn(copied, shown.split(150))
        found.append(accuracy(copied, at_night))
    apart = f", {min(found):.0%} to {max(found):.0%}" if len(found) > 1 else ""
    print(f"{name:32} {sum(found) / len(found):.0%} at night{apart}")
by_kind = dict(zip(night.classes, found, strict=True))
print("one kind:", ", ".join(f"{name} {right:.0%}" for name, right in by_kind.items()))

# %%
plain, full_gain, fifty, four, single = (sum(one) / len(one) for one in reached.values())
left = (single - plain) / (fifty - plain) if fifty > plain else 0.0
judge(
    "l05-one-kind",
    KINDS[0] if left > 0.75 else KINDS[1] if left > 1 / 3 else KINDS[2],
    f"{100 * left:z.0f} percent of the gain with fifty pictures of all kinds, on average over "
    f"{len(by_kind)} kinds.",
)

# %%
few = [100 * (right - plain) for right in reached["any 4 pictures"]]
worse = [name for name, right in by_kind.items() if right < plain]
display(
    Markdown(
        "**What it means.** "
        + f"Fifty pictures of all kinds bring {100 * (fifty - plain):+z.0f} points, all {len(dark)} of them "
        f"{100 * (full_gain - plain):+z.0f}: "
        + (
            "fifty are nearly enough. "
            if fifty - plain > 0.75 * (full_gain - plain)
            else "the number counts, too. "
        )
        + f"As many of one kind change {100 * (single - plain):+z.0f} points on average"
        + (
            f"; for {len(worse)} of {len(by_kind)} kinds ({', '.join(worse)}) the network is then worse than "
            "with the statistics of the day. "
            if worse
            else ". "
        )
        + (
            "The light is put right, and something else is put wrong. "
            if left < 0.75
            else "Here one kind is nearly enough; with others it need not be. "
        )
        + f"Any four pictures change {100 * (four - plain):+z.0f} points on average, from {min(few):+z.0f} to "
        f"{max(few):+z.0f} by luck of the draw"
        + (
            ": too few for a mean and a spread."
            if four - plain < (full_gain - plain) / 2
            else "; other draws of four may do worse."
        )
    )
)

# %% [markdown]
# A channel that answers to arrows is loud when all pictures show arrows. AdaBN takes the
# mean away, and with it the arrow. Statistics do not know what belongs to the *light* and what to the
# *things*; they equal out both. So look before you adapt: is the mix of classes about the same as in
# training, and are there enough pictures? A ward with many more ill people than the training set, a camera
# in front of an empty street, a batch of four: there the cheap method takes away what it should keep. (The
# same holds for CORAL, MMD and DANN, which equal out whole clouds.) Adapting that leaves you worse off than
# before is called *negative transfer*, and without target labels nothing tells you. Lesson 06 meets another
# likely cause: a network whose last stage learnt under *borrowed* statistics counts on just these.
#
# Shifts have names, and each name says what is of use:
#
# | what changed | its name | here | what can be done |
# |---|---|---|---|
# | the look of pictures; a 3 is a 3 still | covariate shift | day to night, scans to belt | statistics, alignment, translation |
# | how often each class comes | label shift (prior shift) | one kind only; a ward with more ill people | no alignment: it equals out the mix as well; correct by the shares (lessons 06 and 08) |
# | what the label means | concept shift | "ill" after a new guideline | new labels; pictures alone cannot show it |
#
# > **Take away.** Target statistics first: they are free. But only over a mix like the one you trained on.

# %%
ask("p05-statistics", "p05-mix", "p05-fair")

# %% [markdown]
# ## Turn the pictures instead
#
# Instead of features, change the *pictures*. **Picture it:** two translators, one into night and one back.
# Nobody has pairs to learn from. But what goes there and back again must come out as it went in, and what
# comes out of the first must pass for night with someone who knows nights. A **CycleGAN** ([Zhu et al.
# 2017](https://arxiv.org/abs/1703.10593)) learns both from unpaired pictures. Translate the labelled day
# pictures, keep the labels, train on those. *Fails:* where a translator may change what a label depends
# on, it will; on a scan it can draw a tumour or take one away.

# %%
from course_lib.widgets.translation import Translation

Translation()

# %% [markdown]
# The stored translator has learnt for some thousand steps; **Train** shows the first hundred of another one.
# Whether training on translated pictures helps, and how near they come to the true night, is
# [C25](90_lab_book.ipynb#C25).
#
# ## Choosing without labels
#
# Every method has settings, and no target label to choose them by. Good accuracy on the source says
# little: nearly all candidates have it. Rules that look at the target's answers (are they certain, do they
# lie in tight groups?) can be fooled by a network that is certain and wrong. [C26](90_lab_book.ipynb#C26)
# measures three such rules. So three habits: fix the settings once, on *another* pair of domains; label
# fifty target pictures and use them for nothing but choosing, and say so; and distrust a paper's "best epoch
# on the target". (Plainly: network, step size and picture size of our own study were tried with an eye on
# the target, for all methods at once.)
#
# ## What you can now say
#
# - Source only and oracle frame every result; a method is worth the share of the gap that it closes.
# - Gradient reversal makes one loss serve a doorman who learns and a body that learns to fool him.
# - Statistics of the target come first: free, and enough for light, contrast and colour. They need a
#   mix of classes like the one in training.
# - Alignment makes clouds alike; whether the classes match is another question. Look at *where* the
#   errors are.
# - Whoever chose by target labels has used target labels.
#
# **Which of your expectations held?**

# %%
expectations()

# %%
ask("p05-alike", "p05-order", "p05-choose")

# %% [markdown]
# ## More, one sentence each
#
# - [C24](90_lab_book.ipynb#C24): can a fresh classifier still tell the domains apart after DANN, and what
#   mixed batches cost.
# - [C25](90_lab_book.ipynb#C25): translation; since this world can draw the *same scene* at night, one can
#   measure how near it came.
# - [C26](90_lab_book.ipynb#C26): three rules for choosing without labels.
#
# **With photographs and your own pictures.** Write `tracks.choose("photos")` into the first cell: your own
# cells then go from MNIST to MNIST over photographs (downloaded once), and `track.load_domains("house
# numbers", 1_000)` has street numbers as the target. The studies stay in the image world and say so. Your
# `adabn`, `reverse` and `domain_loss` are plain PyTorch and take any network: for a torchvision ResNet the
# features are `net.avgpool(...)`, or what a forward hook catches (lesson 01).
#
# **To go deeper.** [Transfer Learning Library](https://github.com/thuml/Transfer-Learning-Library) and
# [pytorch-adapt](https://github.com/KevinMusgrave/pytorch-adapt) have these methods and thirty more;
# [WILDS](https://wilds.stanford.edu) has shifts between real hospitals, cameras and countries, where
# most methods gain less than on digits.
#
# **Next:** [06 From notebook to production](06_production.ipynb): what breaks a good model on its way to
# its users?
