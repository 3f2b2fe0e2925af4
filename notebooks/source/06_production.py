# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 06 · From notebook to production
#
# On Friday the notebook says that the network finds pneumonia almost as well as the radiologist. On
# Monday it runs in the clinic, and answers "opacity" for every second healthy child. Nothing
# crashed, no weight changed. Between Friday and Monday lay only what nobody calls machine learning:
# how the pictures were split, prepared, cut into yes and no, and saved.
#
# **After this lesson you can**
# - split data so that the test set tells the truth, and say how sure a score is;
# - turn overconfident outputs into probabilities, and these into decisions that fit what mistakes
#   cost;
# - mend a probability for a place where fewer are ill, and let the unsure cases go to a person;
# - find out what a network cheats with;
# - name the mistakes that raise no error: preprocessing, mode, classes;
# - give a colour network grey pictures without losing anything;
# - save, check, export and watch a model, and choose the next one for a phone or a server.
#
# *Time: 65 minutes.*

# %%
import copy
import dataclasses
import os

import numpy as np
import torch
from IPython.display import Markdown, display
from torch import nn

from course_lib import CourseError, Split, decisions, fit, load_backbone, load_task, show, style
from course_lib import predict as logits_of
from course_lib import strategies as S
from course_lib.claims import run_claim, show_claim, stored_result
from course_lib.claims.lesson06 import FINE, SCRATCH, x_ray
from course_lib.claims.real_x_rays import home_and_away, stored_real
from course_lib.claims.trials.mistakes import with_losses
from course_lib.lab.memory import give_back
from course_lib.measure import case, intervals
from course_lib.questions import Bands, check, expectations, help_for, judge, mine_or_ours
from course_lib.see.saliency import cam_figure, grad_cam, guided_backprop, randomisation_check
from course_lib.widgets.advisor import PRESETS, advise
from course_lib.widgets.selfcheck import ask, predict
from course_lib.world import phantoms

backbone = load_backbone("worldnet")
quick = os.environ.get("COURSE_QUICK") == "1"  # fewest pictures, for tests
clinic = phantoms.radiographs(240 if quick else 840, seed=6)
patients, labels = clinic.patient.numpy(), clinic.labels.numpy()
with style():
    show(
        case.patients_figure(clinic),
        alt="Phantom chest radiographs, one row for each of four children, two to four pictures "
        "of the same chest in a row.",
    )
print(f"{len(labels)} pictures of {len(set(patients))} children; "
      f"{labels.mean():.0%} of the pictures show an opacity")  # fmt: skip

# %% [markdown]
# The case of this lesson: a children's clinic has some hundred labelled chest X-rays. Is there an
# **opacity** in the lungs, a shadow that may mean pneumonia, or are they **clear**? The pictures
# are *phantoms*: X-rays computed through random lungs, ribs and hearts. So the truth is known, and
# no child's picture is used. Rows measured on *real* X-rays stand beside them below. Each row is
# one child. A child comes back, so it has two to four pictures.
#
# Where only one child in twenty is ill, "all are well" is right in 95 % of the cases and useless.
# So we count **AUC**: the chance that an ill chest scores above a healthy one. If ill chests score
# 0.9 and 0.4, healthy ones 0.3 and 0.5, three of the four pairs are in order: AUC 0.75. Guessing
# gives 0.5, however many are ill.
#
# ## Split by whatever comes back
#
# A start-up reports 0.95. The hospital that buys the program finds far less, with the same machine
# and the same kind of children. Nobody lied. The pictures had been shuffled and dealt out, one by
# one.
#
# **Picture it.** A teacher writes an exam. Half of its questions are new. The other half are those
# of last week's homework with the numbers changed. Who has learnt the homework by heart looks
# clever. Two X-rays of one child are such a pair of questions: the same ribs, the same heart, and,
# since it is the child that is ill, the same answer. A network can learn the *child*.
#
# **In symbols.** Picture $i$ belongs to patient $g_i$. What must not meet are the patients, not the
# pictures:
#
# $$ \{g_i : i \in \text{train}\} \cap \{g_i : i \in \text{test}\} = \emptyset $$
#
# Say a child has three pictures, and half of all pictures become test pictures, by lot. A test
# picture has no sister in training only if both of them went to the test side too: $0.5 \cdot 0.5 =
# 0.25$. So three of four test pictures show a child that the network knows.
#
# **Write it.** Your `split` of lesson 02 deals out pictures. This one holds out a `share` of the
# *patients*: for each picture True if it is held out. Shuffle by the `seed`, with numpy.


# %%
def hold_out(patients, share, seed):
    raise NotImplementedError  # replace this line


check("06-split", hold_out)

# %%
help_for("06-split")

# %%
hold_out = mine_or_ours("06-split")
outside = hold_out(patients, 0.3, seed=0)  # test pictures
inside = np.flatnonzero(~outside)
later = hold_out(patients[inside], 0.45, seed=1)
rows = {"train": inside[~later], "validation": inside[later], "test": np.flatnonzero(outside)}


def known(test, train):
    """Share of the test pictures that show a child of the training pictures."""
    return np.isin(patients[test], patients[train]).mean()


mixed = np.random.default_rng(0).permutation(len(patients))
n = len(rows["test"])
print({name: len(found) for name, found in rows.items()})
print(f"test pictures of a child that is known: {known(rows['test'], rows['train']):.0%} with your "
      f"split; {known(mixed[:n], mixed[n:]):.0%} of as many dealt out one by one")  # fmt: skip

# %% [markdown]
# From here on everything in this lesson stands on your split.
#
# **Predict.** Two networks, the same 240 pictures, half of them to learn from. One half was dealt
# out by picture, the other by patient. How many points of AUC does the split by picture promise
# more than it keeps on new children?

# %%
FLATTERY = Bands((1, 4, 15), "points")
predict("l06-leak", "A split by picture flatters by:", FLATTERY.choices)

# %%
show_claim("C29b")

# %%
c29b = stored_result("C29b")
careless = c29b.rows[c29b.rows["split"] == "by picture"]
flattery = 100 * (careless["promised"] - careless["truth"]).mean()
judge("l06-leak", FLATTERY.of(flattery), f"{flattery:z.1f} points, mean of {len(careless)} draws.")

# %% [markdown]
# **What it means.** On new patients both networks are about equally good. What differs is what
# their test sets *promised*. With few patients either promise is a rough guess, hence the spread;
# but only one of the two is wrong in a *direction*. (The start-up's next mistake is to choose its
# network by that promise.)
#
# > **Take away.** Split by whatever comes back: patient, camera, day, author, film. Frames of one
# > video and crops of one photograph are one patient, too.
#
# ## The chest X-ray case: what is a pretrained start worth here?
#
# Texts on transfer learning love this story: about 5,000 chest X-rays, 0.70 from scratch, 0.92
# fine-tuned. Would you plan your project by it? An X-ray is no photograph: no objects, no
# colours, and the sign is a faint shadow.
#
# **Picture it.** The illustrator again, who has drawn shapes all her life. An X-ray is a strange
# page, but edges are edges. With a hundred examples her eye is a gift. With five thousand a newborn
# eye has had time to grow, for X-rays and nothing else.
#
# **Predict.** With 100 labels, how far is fine-tuning the last stage above scratch?

# %%
GAP = Bands((2, 10, 25), "points of AUC")
predict("l06-gap", "Fine-tuning minus scratch, 100 labels:", GAP.choices)

# %%
c29 = run_claim("C29")
show_claim("C29", c29)

# %%
few = c29.rows["train"].min()
mine = c29.rows[c29.rows["train"] == few].groupby("strategy")["auc"].mean()
gap = 100 * (mine["fine-tuning"] - mine["scratch"])
judge("l06-gap", GAP.of(gap), f"{gap:z.0f} points with {few} labels, in your run.")

# %%
stored = stored_result("C29")
ends = stored.rows.groupby(["train", "strategy"])["auc"].mean()
leads = {
    n: intervals.over_draws(
        100 * (x_ray(FINE, n) - x_ray(SCRATCH, n))(stored.claim.tidy(stored.rows))
    )
    for n in sorted(stored.rows["train"].unique())
}
least, *_, most = leads
equal = [f"{n:,}" for n, lead in leads.items() if lead.low <= 0 <= lead.high]


def with_interval(found, digits=0):
    """A number with its 95 % interval, in words."""
    return f"{found.value:+z.{digits}f} ({found.low:+z.{digits}f} to {found.high:+z.{digits}f})"


display(Markdown(
    "**What it means.** “Fine-tuned” is here whichever of the two fine-tunings, of the last stage or of "
    "everything, the validation pictures preferred, anew in each draw. Its lead over scratch in points of AUC, with "
    f"the 95 % interval over {leads[least].n} draws: "
    + "; ".join(f"with {n:,} labels {with_interval(lead)}" for n, lead in leads.items()) + ". "
    + (f"With {' and with '.join(equal)} labels so few draws cannot tell the two apart: that is not the same as equal. "
       if equal else "")
    + (f"A frozen backbone ends at {ends[most, 'feature extraction']:.2f}, below scratch with its "
       f"{ends[most, 'scratch']:.2f}: what its late stages threw away, no new head brings back. "
       if ends[most, "feature extraction"] < ends[most, "scratch"] - 0.05 else "")
    + "The right panel is another doubt, that of *one* score: "
    "how wide its interval is because the test patients are few. Compare that width with the gaps that "
    "you would like to claim."
))  # fmt: skip

# %% [markdown]
# **On real chest X-rays** (PneumoniaMNIST: children, 28 x 28 pixels, enlarged), measured with the
# same strategies by a script, since the pictures do not come with the course:

# %%
real = stored_real()
real.figure_with_alt()
display(Markdown(f"{real.told}\n\n{real.folded()}"))

# %% [markdown]
# **At home and away.** The *validation* pictures of this set are a tenth of the collection that it
# trains on, dealt out picture by picture, so a child may stand on both sides; the *test* pictures
# were set apart by those who made the collection. The first you may call home, the second away.
# (Nobody planned this comparison. It was noticed in stored rows, so take it as a question.)

# %%
display(Markdown(home_and_away(backbone.card)))

# %%
n, alike, why = PRESETS["X-rays"]
advice = advise(n, alike)
near = advice["measured"]
display(Markdown(f"**And the rule of thumb?** The advisor of lesson 02 says of {n} X-rays ({why}): "
                 f"*{advice['advice']}* {advice['caution']} “Nearby” are the stored rows of "
                 f"[C09](90_lab_book.ipynb#C09): {near['task']}, {near['train']} labels."))  # fmt: skip

# %% [markdown]
# > **Take away.** Where labels are few, the story's direction holds. Its numbers are those of one
# > data set. Measure a curve on *yours*, with scratch in it, before you quote anybody.
#
# ## How sure is a number?
#
# One model for the rest of this lesson, trained on your split by `fit` (your loop, with frozen
# stages computed once): the last stage and a new head learn, in twelve passes, since the training
# loss went on falling. Its score rests on some dozens of
# children. Ask at once how far it could be off.
#
# **Picture it.** You asked a hundred people on the street, but they were thirty families, and
# families vote alike. You asked thirty times.
#
# **In symbols.** Each ill chest scores above some share of the healthy ones; the AUC is the mean of
# these shares. Their standard deviation divided by $\sqrt{n}$ says how far that mean may wander,
# and two of these are the usual interval (DeLong et al. 1988). With a deviation of 0.2 and 100 ill
# chests that is $\pm 2 \cdot 0.02$; with 100 pictures of 33 children who each look like themselves
# it is nearer to $\pm 2 \cdot 0.035$. (The healthy chests add a part of their own. And since no AUC is
# above 1, the interval is laid out on the logit scale and carried back: its two arms differ.)

# %%
parts = {name: Split(clinic.pictures[found], clinic.labels[found]) for name, found in rows.items()}
template = load_task("radiographs", train=12)
study = dataclasses.replace(template, name="clinic", title="X-rays of a clinic", **parts)
run = fit(backbone, study, S.FINE_TUNING, epochs=2 if quick else 12, progress=False)
trained_head = copy.deepcopy(run.module.fc)
give_back()

outputs = {name: logits_of(run.model, part.pictures) for name, part in parts.items()}
ill = {name: part.labels.numpy() for name, part in parts.items()}
scores = outputs["test"].softmax(1)[:, 1].numpy()
low, high = decisions.auc_interval(scores, ill["test"], groups=patients[rows["test"]])
alone = decisions.auc_interval(scores, ill["test"])
print(f"test AUC {decisions.auc(scores, ill['test']):.3f}, 95 % interval {low:.3f} to {high:.3f} "
      "(on the logit scale)")  # fmt: skip
print(f"if each picture were a child of its own: {alone[0]:.3f} to {alone[1]:.3f}")

# %% [markdown]
# ## Probabilities that mean what they say
#
# The network says "opacity, 0.97". A doctor hears: wrong three times in a hundred. Is it?
#
# **Picture it.** A weather forecaster who says "70 % rain" should see rain on seven of ten such
# days. One who always says 0 or 100 may be right as often, but you cannot plan a picnic with her. A
# network is trained until it is right about its *training* pictures, and learns from them to be
# sure.
#
# **In symbols.** Divide the logits by one number $T$, the *temperature*, before the softmax:
#
# $$ p = \text{softmax}(z / T) $$
#
# Logits 4 and 0 give 0.98. With $T = 2$ they are 2 and 0, which gives 0.88. The order of the
# pictures stays, so the AUC does, too. $T$ is fitted on *validation* pictures: on those it trained
# on the network has every right to be sure.

# %%
T = decisions.temperature(outputs["validation"], ill["validation"])
calibrated = {name: (z / T).softmax(1)[:, 1].numpy() for name, z in outputs.items()}
with style():
    show(
        case.calibration_figure(
            {"as trained": scores, f"T = {T:.1f}": calibrated["test"]}, ill["test"]
        ),
        alt="Stated probability against observed share on test pictures, as trained and with "
        f"temperature {T:.2f}.",
    )
before, after = (
    decisions.calibration(p, ill["test"], bins=8).error for p in (scores, calibrated["test"])
)
display(Markdown(
    f"**What it means.** The temperature is {T:.1f}: the network was "
    + ("too sure. " if T > 1.1 else "too careful. " if T < 0.9 else "about as sure as it should be. ")
    + f"The mean gap between what was stated and what was true went from {before:.3f} to {after:.3f} on "
    + ("test pictures that played no part in it." if after < before else
       "test pictures: here validation pictures were too few to say how sure it should be.")
))  # fmt: skip

# %% [markdown]
# A temperature that lives in a notebook is forgotten on the way to the clinic. But the head is
# linear, so one division puts it *into the network*, and from now on its own softmax is the better
# calibrated one:

# %%
with torch.no_grad():
    run.module.fc.weight.copy_(trained_head.weight / T)
    run.module.fc.bias.copy_(trained_head.bias / T)


def chances(pictures):
    """Probability of an opacity, after the temperature, for each picture."""
    return logits_of(run.model, pictures).softmax(1)[:, 1].numpy()


scores_now = chances(parts["test"].pictures)
give_back()
print("the network itself says it now:", np.allclose(scores_now, calibrated["test"], atol=1e-5))

# %% [markdown]
# ## A threshold for a cost
#
# Somebody has to decide, and 0.5 is nobody's decision. A child that is sent home ill may be in
# danger by night. A healthy child that is looked at once more has lost ten minutes.
#
# **Picture it.** A smoke detector rings when you make toast. You could make it deaf enough for
# toast. You don't, because burnt toast costs little and a burnt house a lot.
#
# **In symbols.** Let a miss cost $m$ and a false alarm $a$. At probability $p$, silence costs $p
# \cdot m$ on the mean and an alarm $(1 - p) \cdot a$. Ring when the alarm is cheaper:
#
# $$ p \ge \frac{a}{a + m} $$
#
# If a miss costs as much as five false alarms, ring from $1 / (1 + 5) = 0.17$ on. This is why
# calibration comes *first*: the formula believes the probabilities.
#
# **Write it.** The other way trusts no formula: try each probability that occurs among the
# validation pictures as threshold (an alarm is $p \ge$ threshold), add up what its misses and false
# alarms cost, and take the cheapest. Try `np.inf`, no alarm at all, as well.


# %%
def cheapest(probabilities, labels, miss, false_alarm):
    raise NotImplementedError  # replace this line; return a threshold


check("06-threshold", cheapest)

# %%
help_for("06-threshold")

# %%
cheapest = mine_or_ours("06-threshold")
MISS, FALSE_ALARM = 5.0, 1.0
formula = FALSE_ALARM / (FALSE_ALARM + MISS)
who = {name: patients[found] for name, found in rows.items()}


def per_child(values, children):
    """The mean of each child's pictures: a child counts once, however often it was X-rayed."""
    place = np.unique(children, return_inverse=True)[1]
    return np.bincount(place, values) / np.bincount(place)


def prices(p, labels, threshold):
    """What the threshold costs with each picture."""
    alarm, sick = p >= threshold, labels == 1
    return MISS * (~alarm & sick) + FALSE_ALARM * (alarm & ~sick)


def bill(p, labels, children, threshold):
    """What it costs per 100 children."""
    return 100 * per_child(prices(p, labels, threshold), children).mean()


searched = float(cheapest(calibrated["validation"], ill["validation"], MISS, FALSE_ALARM))
print(f"formula: {formula:.2f}, your search: {searched:.2f}")

# %% [markdown]
# **Which of the two goes into the file?** Not the one that turns out cheaper on the test pictures:
# the cheapest of several looks cheaper than it is. So children decide who are neither test children
# nor those of the search: halve the validation children, fit temperature and search on one half,
# send the bill to the other, change sides, and repeat with other halves. The formula has nothing to
# fit, so it is the search that has to show that it is better.

# %%
z, y, seen = outputs["validation"].numpy(), ill["validation"], who["validation"]
paid = {name: np.zeros(len(y)) for name in ("everybody", "nobody", "formula", "your search")}
for seed in range(10):
    half = hold_out(seen, 0.5, seed)
    for a, b in ((half, ~half), (~half, half)):  # a decides, b pays
        p = torch.tensor(z / decisions.temperature(z[a], y[a])).softmax(1)[:, 1].numpy()
        found = cheapest(p[a], y[a], MISS, FALSE_ALARM)
        for name, t in zip(paid, (-np.inf, np.inf, formula, found), strict=True):
            paid[name][b] += prices(p[b], y[b], t) / 10
print("per 100 validation children that took no part: "
      + ", ".join(f"{name} {100 * per_child(paid[name], seen).mean():.0f}" for name in paid))  # fmt: skip
gain = intervals.over_draws(100 * per_child(paid["your search"] - paid["formula"], seen))
threshold = searched if gain.high < 0 else formula
print(f"your search minus formula: {with_interval(gain)}; the search has "
      f"{'' if gain.high < 0 else 'not '}shown that it is better, so the threshold is {threshold:.2f}")  # fmt: skip

# %% [markdown]
# The threshold is chosen; the test children only tell what it costs.
#
# **Predict.** The formula's threshold of 0.17, once on the outputs as trained, once on those after
# the temperature. Which is cheaper on test pictures?

# %%
CHEAPER = ("as trained", "after the temperature", "within a tenth of each other")
predict("l06-cost", "Cheaper at the formula's threshold:", CHEAPER)


# %%
def cost(probabilities, t):
    """What misses and false alarms cost per 100 test children."""
    return bill(probabilities, ill["test"], who["test"], t)


bills = {
    "an alarm for everybody": cost(scores_now, -np.inf),
    "an alarm for nobody": cost(scores_now, np.inf),
    "0.5": cost(scores_now, 0.5),
    "formula, as trained": cost(scores, formula),
    "formula, after the temperature": cost(scores_now, formula),
    "your search": cost(scores_now, searched),
}
listed = ", ".join(f"{name}: {value:.0f}" for name, value in bills.items()) + "."
with style():
    show(
        case.cost_figure(
            {"as trained": scores, f"T = {T:.1f}": scores_now}, cost, formula, searched
        ),
        alt="Cost per 100 test children against the threshold, as trained and after the "
        f"temperature; {listed}",
    )
raw, mended = bills["formula, as trained"], bills["formula, after the temperature"]
close = abs(raw - mended) <= 0.1 * max(raw, mended)
outcome = CHEAPER[2] if close else CHEAPER[0] if raw < mended else CHEAPER[1]
judge("l06-cost", outcome, listed)

# %%
everybody, nobody = bills["an alarm for everybody"], bills["an alarm for nobody"]


def against_everybody(t):
    """Its cost per 100 test children minus that of an alarm for everybody, child by child."""
    paid = [prices(scores_now, ill["test"], at) for at in (t, -np.inf)]
    return intervals.over_draws(100 * per_child(paid[0] - paid[1], who["test"]))


worth = against_everybody(threshold)
promised = bill(calibrated["validation"], ill["validation"], seen, searched)
display(Markdown(
    f"**What it means.** Two answers need no network: an alarm for everybody costs {everybody:.0f}, one for nobody "
    f"{nobody:.0f}. The threshold that we chose costs {cost(scores_now, threshold):.0f}; minus everybody, that is "
    f"{with_interval(worth)} with the 95 % interval over {worth.n} children. "
    + ("So much is the network worth here. " if worth.high < 0 else
       "These children cannot tell whether the network is worth anything at this price. "
       if worth.low <= 0 else "At this price the network is worse than no network. ")
    + f"The careless 0.5 costs {bills['0.5']:.0f}"
    + (", more than no network at all. " if bills["0.5"] > min(everybody, nobody) else ". ")
    + ("At the formula's threshold the outputs as trained were dearer: sure of too much, they put ill "
       "children far below it. " if outcome == CHEAPER[1] else
       "At the formula's threshold the temperature changed little, or for the worse: few misses decide, and one "
       "more or less moves the bill. ")
    + f"Your search, {searched:.2f}, had promised {promised:.0f} on the very pictures that it was fitted on, and costs "
    f"{bills['your search']:.0f} ({with_interval(against_everybody(searched))} beside everybody): it rests on the few ill children near "
    "the cut. "
    + f"And the lowest point of the curve, {min(cost(scores_now, t) for t in np.linspace(0, 0.6, 121)):.0f}, is "
    "no promise at all. It was found after looking."
))  # fmt: skip

# %% [markdown]
# ## The same network where illness is rare
#
# In the clinic about half of the pictures show an opacity. In a school it may be three in a hundred.
# Network and scores are as before, and its alarms have become useless, since there are so many
# healthy children to alarm for each ill one. A probability belongs to a *share of ill
# children*, that of the training pictures. Where you know the share, one line mends it (Bayes'
# rule): move the logit by the difference of the log odds. With 1 in 2 here and 1 in 33 there that
# is $\log \frac{1/32}{1} = -3.5$. (Lesson [08](08_your_project.ipynb), section 9, does it for your project.)


# %%
def log_odds(share):
    return np.log(share / (1 - share))


here = ill["train"].mean()
z = outputs["test"].numpy() / T
sick = ill["test"] == 1
lines = ["| ill | the logit | stated, on the mean | right, of 100 alarms | cost | everybody | nobody |",
         "|--:|---|--:|--:|--:|--:|--:|"]  # fmt: skip
found = {}
for there in (0.3, 0.03):
    for name, move in (("as saved", 0), ("moved", log_odds(there) - log_odds(here))):
        p = 1 / (1 + np.exp(-(z[:, 1] - z[:, 0] + move)))  # the one line
        price = 100 * prices(p, ill["test"], threshold)
        of_sick, of_healthy = (
            intervals.over_draws(per_child(price[group], who["test"][group]))
            for group in (sick, ~sick)
        )
        costs = there * of_sick.value + (1 - there) * of_healthy.value
        doubt = 1.96 * np.hypot(there * of_sick.error, (1 - there) * of_healthy.error)
        rates = decisions.rates(p, ill["test"], threshold)
        rings = (p >= threshold).any()
        right = 100 * decisions.precision_at(rates, there) if rings else np.nan
        stated = there * p[sick].mean() + (1 - there) * p[~sick].mean()
        found[there, name] = right, costs, stated, doubt
        lines.append(f"| {there:.0%} | {name} | {stated:.0%} | {right:.0f} | {costs:.0f} ± {doubt:.0f} | "
                     f"{100 * FALSE_ALARM * (1 - there):.0f} | {100 * MISS * there:.0f} |")  # fmt: skip
right, costs, stated, _ = found[0.03, "as saved"]
_, mended, told, doubt = found[0.03, "moved"]
quiet = 100 * MISS * 0.03
display(Markdown(
    "\n".join(lines)
    + "\n\nThe test children, weighted as if 30 or 3 in 100 were ill; costs per 100 children, ± for 95 %. The same threshold "
    f"that gives {found[0.3, 'as saved'][0]:.0f} right alarms of 100 where 30 are ill gives {right:.0f} where 3 are, and costs "
    f"{costs:.0f} there, when an alarm for nobody costs {quiet:.0f}. As saved the network states {stated:.0%} on "
    f"the mean, moved {told:.0%}" + (f", and then it costs {mended:.0f}" if mended < costs else "")
    + (": less than nobody's. " if mended + doubt < quiet else
       ". Whether that is better than an alarm for nobody, so few ill children cannot tell. ")
    + "All of it assumes that ill children look as ill there as here, and healthy ones as healthy."
))  # fmt: skip

# %% [markdown]
# ## When it should not answer
#
# A good trainee says "I don't know" and asks. Let the network do so too: it answers where its
# probability, of "clear" or of "opacity", is above a limit, and hands the rest to a person. The
# limit is the lowest at which nine of ten answers about *validation* pictures are right.

# %%
GOAL = 0.9
sure = {name: np.maximum(p, 1 - p) for name, p in calibrated.items()}
correct = {name: (p >= 0.5) == (ill[name] == 1) for name, p in calibrated.items()}
limit = min((c for c in np.unique(sure["validation"])
             if correct["validation"][sure["validation"] >= c].mean() >= GOAL), default=np.inf)  # fmt: skip
answers = sure["test"] >= limit
groups = {
    "all": answers | ~answers,
    f"sure, from {limit:.2f} on": answers,
    "unsure, for a person": ~answers,
}
for name, kept in groups.items():
    if kept.any():
        print(f"{name:20}: {kept.mean():4.0%} of the pictures, {correct['test'][kept].mean():.0%} of the "
              "network's answers right")  # fmt: skip

# %% [markdown]
# The baseline is the first line, answering all. The gain is no skill: the easy pictures are answered,
# and a person gets the hard ones. So count that person's time and mistakes as well, before you call it
# better.
#
# > **Take away.** First a temperature, then a threshold, chosen on other children than those who
# > tell its cost; beside each cost that of an alarm for everybody and for nobody. And ask how many
# > are ill where it will be used.
#
# ## What is it looking at?
#
# A score does not say *why*. **Grad-CAM** (lesson 01) marks the places that speak for the answer,
# and the phantoms let us check it: the circle is where the opacity really is. We ask only about
# opacities that were found: a map of what speaks *for* an alarm is empty where nothing does
# ("nothing"; "beside": the brightest spot lies outside of the circle).

# %%
alarm = scores_now >= threshold
right = np.flatnonzero(alarm & (ill["test"] == 1))
right = right[np.argsort(-scores_now[right], kind="stable")]
maps = grad_cam(run.model, parts["test"].pictures[right], torch.ones(len(right), dtype=torch.int64))
places = [getattr(clinic, name)[rows["test"]][right] for name in ("x", "y", "radius")]
hits, chance = case.pointing(maps, *places)
chosen = np.arange(0, len(right), max(1, len(right) // 8))[:8]
with style():
    fig = cam_figure(
        parts["test"].pictures[right[chosen]],
        maps[chosen],
        [f"p = {scores_now[k]:.2f}{'' if hits[j] else ', beside' if maps[j].max() > 0 else ', nothing'}"
         for j, k in zip(chosen, right[chosen], strict=True)],
        columns=4,
    )  # fmt: skip
    case.circle(fig, *(values[chosen] for values in places))
    show(fig, alt=f"Grad-CAM maps over {len(chosen)} radiographs whose opacity was found, with a "
         f"circle where it is; in {int(hits[chosen].sum())} the brightest spot lies in it.")  # fmt: skip
display(Markdown(
    f"The brightest spot lies in the circle in {hits.mean():.0%} of {len(hits)} pictures; a spot thrown at "
    f"random would in {chance:.0%}. "
    + ("So the maps know something of the place, and no more than that."
       if hits.mean() > chance + 0.1 else
       "That is no better than throwing it at random: do not show such maps to a doctor.")
))  # fmt: skip

# %% [markdown]
# Four by four places are a coarse look. And does such a map depend on the network at all? Lesson 01
# destroyed its network and looked what was left of each map: Grad-CAM fell apart with it, guided
# backpropagation did not. "On another network, check again": this is another.

# %%
asked = parts["test"].pictures[:16]
left = {
    name: list(randomisation_check(run.model, asked, method).values())[-1]
    for name, method in (("Grad-CAM", grad_cam), ("guided backpropagation", guided_backprop))
}
failed = [name for name, value in left.items() if value > 0.15]
passed = [name for name in left if name not in failed]
display(Markdown(
    "Rank correlation with the map of the whole network, after all weights were made random: "
    + ", ".join(f"{name} {value:z.2f}" for name, value in left.items()) + ". "
    + (f"{' and '.join(failed)[0].upper() + ' and '.join(failed)[1:]} failed: a network that knows nothing still draws part of the same map. "
       if failed else "")
    + (f"{' and '.join(passed)} passed. That proves that the map depends on the weights. It does not prove "
       "that the network decides by the place that is bright, nor that another picture's map is right; "
       f"the count above says how often the place was that of the opacity: {hits.mean():.0%}, by chance {chance:.0%}."
       if passed else "")
))  # fmt: skip

# %% [markdown]
# So a map is a reason to *ask*. Here is a better question.
#
# **A model that is too good.** In another clinic the technician puts a small lead letter into the
# corner when a child looks ill. The letter agrees with the label in 95 of 100 pictures. The network
# is trained there, tested there, and admired.
#
# **Find the cheat without knowing it.** For each place, deal out that square anew among all
# pictures: it holds what some chest has there, but tells nothing about *this* one. How much AUC is
# lost? (It is called permutation importance, here by place.) A corner with no lung in it should be
# worth nothing.
#
# **Predict.** What does the cheating network lose in a clinic where the letter means nothing?

# %%
FALL = Bands((2, 6, 15), "points of AUC")
predict("l06-mark", "The cheating network's AUC falls by:", FALL.choices)

# %%
show_claim("C29c")

# %%
c29c = stored_result("C29c")
cheats = c29c.rows.query("mark == 'mark tells the label'")
fall = intervals.over_draws(100 * (cheats["home"] - cheats["away"]))
judge("l06-mark", FALL.of(fall.value), f"{fall.value:z.0f} points, 95 % interval over {fall.n} draws "
      f"{fall.low:z.0f} to {fall.high:z.0f}.")  # fmt: skip

# %%
corner = intervals.over_draws(100 * (cheats["corner"] - cheats["elsewhere"]))
in_front = int((cheats["corner"] > cheats["elsewhere"]).sum())
display(Markdown(
    "**What it means.** At home the cheat scores *higher* than the honest network, and no overall score of a test set "
    f"from the same clinic can tell. The map of places can: in {in_front} of {len(cheats)} draws its brightest "
    "square is the corner, in which there is no lung. By how much it is brighter than the next "
    + ("is undecided, since the draws differ so much" if corner.low <= 0 else "differs from draw to draw")
    + f": {with_interval(corner, 1)} points. (A *cost* cannot be told here, the rows hold no single answers; below, "
    "with another scanner, it can.) Once you suspect a place, two checks settle it: score the pictures *with* "
    "the letter and those *without* it apart, and test at another clinic."
))  # fmt: skip

# %% [markdown]
# > **Take away.** A score that is better than experts would expect is a finding about your data.
# > Look for what gives the answer away before you celebrate: marks, borders, file sizes, the day.
#
# ## Prepared as in training
#
# A colleague loads pictures with OpenCV. It gives blue, green, red; the network expects red, green,
# blue. All shapes fit. Her tests pass, too: they use the same loader.
#
# **Picture it.** You learn to tell notes apart on one piano. Then somebody tunes it a third lower.
# Every key works, and you name every note with the same confidence as before.
#
# **In symbols.** What a network of photographs was given in training is
#
# $$ x = \frac{\text{pixel} / 255 - \text{mean}}{\text{std}} \quad\text{per colour, after resize and crop.} $$
#
# A red of 200 with mean 0.485 and std 0.229 gives $(0.784 - 0.485) / 0.229 = 1.31$. Forget the 255,
# and it gives 871.
#
# **Predict.** Eight such mistakes meet two tasks: name a *shape*, and tell *lamp light from sky
# light*, where colour is the class. (WorldNet has learnt to look past colour, so for the second
# task its first stages were trained, too.) Red and blue are swapped in serving. Which task notices?

# %%
SWAPPED = ("the shapes lose much", "the lights lose much", "both lose much", "neither does")
predict("l06-swap", "Red and blue are swapped:", SWAPPED)

# %%
c27 = run_claim("C27")
show_claim("C27", c27)

# %%
swap = with_losses(c27.rows).query("mistake == 'BGR for RGB' and when == 'serving only'")
lost = swap.groupby("task")["lost"].mean()
shapes, lights = (bool(lost[name] > 0.1) for name in ("new-shapes", "lamp-or-sky"))
judge("l06-swap", SWAPPED[{(1, 0): 0, (0, 1): 1, (1, 1): 2, (0, 0): 3}[shapes, lights]],
      ", ".join(f"{name}: {100 * value:z.0f} points lost" for name, value in lost.items()) + ".")  # fmt: skip

# %% [markdown]
# **What it means.** Nothing raised an error. The same mistake is harmless on one task and fatal on
# the other: red for blue costs little where only the outline counts, and turns the answers around
# where colour is the class. That is why the claim, which says that *each* mistake costs accuracy,
# has the verdict that it has. And a wrong scale is not always fatal: how much it costs depends on
# how far off it is, and on what the network met in pretraining.
#
# “Trained so too”: the *same* mistake in training and serving costs less. So a wrong pipeline can
# go unnoticed for years, and breaks on the day somebody repairs one half of it.
#
# **Where is the right preprocessing?** With the weights. Here it is for each set of weights that
# torchvision has for one and the same network:

# %%
from torchvision.models import get_model_weights, mobilenet_v3_small

for weights in get_model_weights("resnet50"):
    t = weights.transforms()
    accuracy = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    print(f"{weights.name}: resize {t.resize_size[0]}, crop {t.crop_size[0]}, mean {t.mean}, "
          f"published accuracy {accuracy:.1f} %")  # fmt: skip

# %% [markdown]
# Old tutorials write `pretrained=True`. It still works, and gives the *first* of these rows.
# `pretrained=False`, and forgetting the argument, give random weights. Write
# `weights=ResNet50_Weights.IMAGENET1K_V2` and take `weights.transforms()`: then weights and
# preprocessing cannot part. To either of the old words torchvision answers with two warnings; here
# are those about `pretrained=False`, which downloads nothing (its `weights=None` means random ones):

# %%
import warnings

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    mobilenet_v3_small(pretrained=False)
for warning in said:
    print(warning.message, "\n")

# %% [markdown]
# **And evaluation mode.** One picture, asked twice: alone, and in a batch with fifteen others.

# %%
x = backbone.prepare(parts["test"].pictures[:16])
net = copy.deepcopy(run.module)
with torch.no_grad():
    for name, mode in (("net.eval() ", net.eval), ("net.train()", net.train)):
        mode()
        both = [net(batch).softmax(1)[0, 1].item() for batch in (x[:1], x)]
        print(f"{name}: {both[0]:.2f} alone, {both[1]:.2f} in company")
del net

# %% [markdown]
# In train mode batch norm judges a picture by its neighbours. In mixed test batches that hardly
# shows; a user sends one picture.
#
# > **Take away.** The costliest mistakes raise no error. Send ten pictures with known answers
# > through the *whole* service before anybody else does.
#
# ## Grey pictures, a network made for colour
#
# X-rays, infrared, microscopy have one channel, the first layer wants three. Many people throw it
# away and start it from random numbers. That is like replacing somebody's eyes because the room is
# black and white.
#
# **Picture it.** Three friends each taste one third of a soup and add up their marks. If the soup
# is the same in all three bowls, one friend who has learnt the three tastes by heart can do it
# alone.
#
# **In symbols.** A filter has a part for each colour. With three equal channels
#
# $$ w_r * x + w_g * x + w_b * x = (w_r + w_g + w_b) * x. $$
#
# With weights 0.5, −0.2, 0.1 on a grey value of 2: $1.0 - 0.4 + 0.2 = 0.8$, and $0.4 \cdot 2 =
# 0.8$. *Sum*, not mean: the mean would give a third of it, and every layer behind expects the
# whole.
#
# **Write it.** `conv` is an `nn.Conv2d` with three input channels. Return a new one with one input
# channel and the same stride and padding, which gives for a grey picture what `conv` gives for that
# picture three times; `conv` stays as it is.


# %%
def one_channel(conv):
    raise NotImplementedError  # replace this line; a new nn.Conv2d with summed filters


check("06-grey", one_channel)

# %%
help_for("06-grey")

# %%
one_channel = mine_or_ours("06-grey")
grey = copy.deepcopy(run.module).eval()
grey.conv1 = one_channel(run.module.conv1)
told = {}
with torch.no_grad():
    for name, share in (("sum", 1), ("mean", 1 / 3)):
        grey.conv1.weight *= share
        told[name] = torch.cat([grey(backbone.prepare(part)[:, :1]).softmax(1)[:, 1]
                                for part in parts["test"].pictures.split(32)]).numpy()  # fmt: skip
print(tuple(run.module.conv1.weight.shape), "became", tuple(grey.conv1.weight.shape))
print(f"largest difference of a probability from before: {abs(told['sum'] - scores_now).max():.0e}")
for name, p in told.items():
    print(f"{name:4}: AUC {decisions.auc(p, ill['test']):.3f}")
del grey
give_back()

# %% [markdown]
# For more than three channels, such as a satellite's near infrared, the same thought helps: begin a
# new channel with the mean of the known ones, and scale all by $3/k$, so that the sum stays what
# the next layer expects.
#
# > **Take away.** A grey picture needs no new first layer. Sum the filters, or repeat the channel: it is the same
# > where all channels are normalised alike, as here. With a mean and deviation for each colour, as ImageNet nets
# > have them, repeat the channel.
#
# ## One file with everything
#
# A year later somebody finds `model_final2.pth`. Which classes? In which order? Prepared how? From
# which probability on does it ring?
#
# Weights alone are no model. This file also holds classes, preprocessing, strategy, scores, the
# threshold, which belongs to the outputs after the temperature, and what validation pictures look like. It is
# a *safetensors* file, tensors and text. A pickle (`torch.save` of a whole model) can run any code
# when it is opened.

# %%
import shutil
import tempfile
from pathlib import Path

from course_lib import load_model, save_model
from course_lib.serving import drift, predict_folder

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "opacity.safetensors"
saved = save_model(run, path, threshold=threshold if threshold <= 1 else None)
print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
for name in ("backbone", "classes", "preprocessing", "labels", "scores", "threshold"):
    print(f"  {name}: {saved.facts[name]}")

# %% [markdown]
# It refuses what does not fit: another number of classes, another backbone, and a file in which one
# bit has changed.

# %%
damaged = Path(folder.name) / "damaged.safetensors"
shutil.copy(path, damaged)
with damaged.open("r+b") as file:
    file.seek(path.stat().st_size // 2)
    byte = file.read(1)[0]
    file.seek(-1, os.SEEK_CUR)
    file.write(bytes([byte ^ 1]))

attempts = {
    "three classes": lambda: load_model(path, classes=3),
    "another backbone": lambda: load_model(path, backbone="resnet18"),
    "a changed bit": lambda: load_model(damaged),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except CourseError as refusal:
        print(f"{name}: {str(refusal).replace(str(path.parent), '...')}\n")

# %% [markdown]
# **Serve it.** In a terminal, `course predict opacity.safetensors FOLDER` writes a table of
# answers, and says whether the pictures have drifted (below). A picture that cannot be read costs
# its own row and no other. Here is the same from Python, on a folder with six new X-rays and half a
# picture:

# %%
from PIL import Image

inbox = Path(folder.name) / "inbox"
inbox.mkdir()
for k, picture in enumerate(phantoms.radiographs(6, seed=77).pictures):
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(inbox / f"{k}.png")
(inbox / "cut.png").write_bytes((inbox / "0.png").read_bytes()[:900])
for one in predict_folder(load_model(path), inbox)[0]:
    said = f"p = {one.probabilities[1]:.2f}" if len(one.probabilities) else ""
    print(f"{one.file}: {one.answer or one.problem} {said}")
folder.cleanup()

# %% [markdown]
# **Without this course, without Python's classes.** `torch.export` writes the whole computation
# down, preprocessing included, so that nobody can forget it. The file is loaded again and compared
# before it takes its place; what comes back says how far a probability is off at most.
#
# ```python
# from course_lib.serving import export_model
#
# export_model(saved, "opacity.pt2").difference
# export_model(saved, "opacity.onnx").difference   # with onnx, onnxscript and onnxruntime
# ```
#
# ## Alarms that matter, and alarms that don't
#
# After a year the clinic buys another scanner. Nobody labels the new pictures, so nobody can count
# mistakes. But one can look whether the *features* are still those of the validation pictures.
#
# **Picture it.** A night watchman knows how the house sounds. He wakes when the sound changes: for
# a burglar and for the new refrigerator. He sleeps while a friend of the house, who sounds like
# always, carries the silver out.
#
# **In symbols.** Along each principal direction of the features compare old and new pictures by the
# largest gap $D$ between their two cumulative curves (Kolmogorov and Smirnov), and ring when a gap
# that large would be rarer than 1 in 100 by luck. If half of the old pictures lie below some value,
# but eight in ten of the new ones, $D \ge 0.3$. $D$ says "other pictures". It does not say "wrong
# answers".
#
# **Predict.** Four things happen to the clinic's pictures. Which costs the network the most AUC?

# %%
EVENTS = ("another scanner", "pictures come mirrored", "sent as small previews", "fainter shadows")
predict("l06-drift", "It costs the most:", EVENTS)

# %%
from torch.nn import functional as F

give_back()  # memory that nothing uses any more, to the system
many = 120 if quick else 360
new = phantoms.radiographs(many, seed=91)
other = phantoms.radiographs(many, seed=91, scanner="B")  # the same children
small = F.interpolate(new.pictures[:, :1].float(), (32, 32), mode="bilinear", antialias=True)
small = F.interpolate(small, (64, 64), mode="bilinear").to(torch.uint8).repeat(1, 3, 1, 1)
shadow = new.contrast * new.radius
faint = (new.labels == 0) | (shadow < shadow[new.labels == 1].median())
streams = {
    "the same kind": (new.pictures, faint | True),
    EVENTS[0]: (other.pictures, faint | True),
    EVENTS[1]: (new.pictures.flip(3), faint | True),
    EVENTS[2]: (small, faint | True),
    EVENTS[3]: (new.pictures, faint),  # ill children come earlier, their shadows are fainter
}
watched, answered = {}, {}
for name, (pictures, kept) in streams.items():
    p = chances(pictures[kept])
    first = np.unique(new.patient[kept].numpy(), return_index=True)[1]  # one picture of each child
    found = drift(saved, pictures[kept][first])
    watched[name] = (decisions.auc(p, new.labels[kept].numpy()), found)
    answered[name] = p
usual = watched["the same kind"][0]
with style():
    show(
        case.drift_figure({name: (found.distance, 100 * (usual - auc), found.drifted)
                           for name, (auc, found) in watched.items()}),
        alt="Points of AUC lost against the distance of the features: "
        + "; ".join(f"{name}: distance {found.distance:.2f}, {100 * (usual - auc):.1f} points, "
                    f"{'alarm' if found.drifted else 'no alarm'}"
                    for name, (auc, found) in watched.items())
        + ".",
    )  # fmt: skip
lost = {name: 100 * (usual - watched[name][0]) for name in EVENTS}
worst = max(lost, key=lost.get)
judge(
    "l06-drift",
    worst,
    ", ".join(f"{name}: {value:z.1f}" for name, value in lost.items()) + " points.",
)

# %%
rang = [name for name in EVENTS if watched[name][1].drifted]
idle = [name for name in rang if lost[name] < 2]
slept = [name for name in EVENTS if name not in rang and lost[name] >= 2]
display(Markdown(
    "**What it means.** "
    + (f"The alarm rang for {', '.join(rang)}. " if rang else "The alarm rang for none of the four. ")
    + (f"By AUC it need not have for {', '.join(idle)}: less than 2 points were lost. " if idle else "")
    + (f"It slept through {', '.join(slept)}: the pictures look like any others, only their ill children "
       "are harder to find. " if slept else "")
    + "Another check of the inputs, or of the share of alarms, might have noticed. But none that has no labels "
    "sees that the same picture now has another answer."
))  # fmt: skip

# %% [markdown]
# **What does it cost?** AUC asks for the order only, the clinic lives with a threshold. Three of the
# four happen to the *same* children, so each child can be compared with itself:

# %%
children, truth = new.patient.numpy(), new.labels.numpy()


def harm(before, after, t, which=slice(None)):
    """What `after` costs more than `before` per 100 children, with the interval by child."""
    more = prices(after, truth[which], t) - prices(before, truth[which], t)
    return intervals.over_draws(100 * per_child(more, children[which]))


at_home = answered["the same kind"]
cuts = {"saved": threshold} | ({"search": searched} if searched != threshold else {})
lines = ["| pictures | AUC |" + "".join(f" cost at {t:.2f} | more than at home |" for t in cuts.values()),
         "|---|--:|" + "--:|--:|" * len(cuts)]  # fmt: skip
for name in ("the same kind", *EVENTS[:3]):
    p = answered[name]
    cells = [f"{bill(p, truth, children, t):.0f} | {'–' if p is at_home else with_interval(harm(at_home, p, t))}"
             for t in cuts.values()]  # fmt: skip
    lines.append(f"| {name} | {watched[name][0]:.3f} | {' | '.join(cells)} |")
without = {
    name: bill(at_home, truth, children, t)
    for name, t in (("everybody", -np.inf), ("nobody", np.inf))
}
for name, flat in without.items():
    lines.append(f"| an alarm for {name} | – |" + f" {flat:.0f} | – |" * len(cuts))
abroad = answered[EVENTS[0]]
more = {name: harm(at_home, abroad, t) for name, t in cuts.items()}
certain = [name for name in EVENTS[:3] if harm(at_home, answered[name], threshold).low > 0]
slid = [decisions.rates(p, truth, searched).sensitivity for p in (at_home, abroad)]
saves = [without["everybody"] - bill(p, truth, children, threshold) for p in (at_home, abroad)]
display(Markdown(
    "\n".join(lines)
    + f"\n\nPer 100 children, in brackets the 95 % interval over {more['saved'].n} of them, each compared with itself. On the "
    f"other scanner the saved threshold costs {with_interval(more['saved'])}: "
    + ("harm that is no luck. " if more["saved"].low > 0 else
       "this could be luck. " if more["saved"].high >= 0 else "less, for once. ")
    + f"Beside an alarm for everybody the network saves {saves[0]:.0f} at home, and {saves[1]:z.0f} there. "
    + (f"Sure harm at this threshold: {', '.join(certain)}. " if certain else "")
    + (f"With the {searched:.2f} of your search the other scanner would cost {with_interval(more['search'])}, with the same "
       f"AUC: of the pictures with an opacity {slid[0]:.0%} lay above that cut at home, {slid[1]:.0%} there. "
       if "search" in cuts and more["search"].low > 0 else "")
    + "(The fainter shadows are other children, so there is nothing to pair.)"
))  # fmt: skip

# %% [markdown]
# So an alarm is a reason to label some pictures and count, and silence is no proof. How much can
# fifty labels show?

# %%
one_each, rng = np.unique(children, return_index=True)[1], np.random.default_rng(0)
p, widths = answered[EVENTS[0]], []
for _ in range(40):
    fifty = rng.choice(one_each, min(50, len(one_each)), replace=False)  # a picture of each child
    low, high = decisions.auc_interval(p[fifty], truth[fifty])
    share = intervals.share((p[fifty] >= 0.5) == truth[fifty])
    widths.append((high - low, share.high - share.low))
of_auc, of_accuracy = 100 * np.mean(widths, 0) / 2
hidden = [f"{name} ({lost[name]:.1f})" for name in EVENTS if 0 < lost[name] < of_auc]
display(Markdown(
    f"**Fifty labels** place an AUC within about ±{of_auc:.0f} points and a share of right answers within about "
    f"±{of_accuracy:.0f} (mean over {len(widths)} choices of {len(fifty)} children on the other scanner). That shows a "
    "collapse: classes in another order, a broken file, a network that guesses. "
    + (f"It does not show what costs fewer points of AUC than that: {', '.join(hidden)}. " if hidden else "")
    + f"For ±2 points it takes about {round(len(fifty) * (of_auc / 2) ** 2, -2):,.0f} labels, each of another child. "
    "So go on collecting: a few fresh labels each month are still the only alarm that rings for the right thing."
))  # fmt: skip

# %% [markdown]
# **Then adapt?** Lesson 05 had a cure that needs no labels: AdaBN, batch-norm statistics measured
# anew on the new pictures. It is tempting to let it run every night. First try it where nothing has
# changed.
#
# **Predict.** Statistics measured anew on 60 pictures of the *same* scanner: the AUC there ...

# %%
ADAPTED = ("rises by over 2 points", "stays", "falls by over 2 points")
predict("l06-adabn", "AdaBN on the clinic's own scanner:", ADAPTED)


# %%
def statistics_anew(net, pictures):
    """A copy of the net with the batch-norm statistics of these pictures; the same weights."""
    net = copy.deepcopy(net).train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean of all that passes
    with torch.no_grad():
        net(pictures)
    return net.eval()


def chances_of(net, pictures):
    with torch.no_grad():
        return torch.cat([net(backbone.prepare(part)).softmax(1)[:, 1]
                          for part in pictures.split(32)]).numpy()  # fmt: skip


del streams, small
give_back()
half = min(60, many // 2)
changes = {}
for name, found in (("the same scanner", new), ("another scanner", other)):
    adapted = statistics_anew(run.module, backbone.prepare(found.pictures[:half]))
    two = [chances_of(net, found.pictures[half:]) for net in (run.module, adapted)]
    before, after = (decisions.auc(p, truth[half:]) for p in two)
    changes[name] = 100 * (after - before)
    more = harm(*two, threshold, slice(half, None))
    del adapted
    print(f"{name}: AUC {before:.3f} before, {after:.3f} after; "
          f"cost at the saved threshold {with_interval(more)} per 100 children")  # fmt: skip
change = changes["the same scanner"]
outcome = ADAPTED[0] if change > 2 else ADAPTED[2] if change < -2 else ADAPTED[1]
judge("l06-adabn", outcome, f"{change:+.1f} points.")

# %%
display(Markdown(
    "**What it means.** "
    + ("It lost where there was nothing to win. " if change < -2 else "Here it did little harm at home. ")
    + "The last stage learnt from X-rays *while batch norm kept the statistics of WorldNet*, as in every "
    "loop of lessons 02 to 04. The likely cause, which nothing here measures apart, is that its weights count on "
    "these numbers; better-fitting ones are still other ones, for home and away alike. AdaBN pays where the network was trained with statistics of its own "
    "training pictures, and where the shift is one of brightness and contrast in every channel. It can "
    "lose as well when the batch is small, or holds another share of ill children than training did: "
    "then it removes part of what it should see. "
    + (f"On the other scanner it changed {changes['another scanner']:+.1f} points here.")
))  # fmt: skip

# %% [markdown]
# > **Take away.** Watch the inputs from the first day, keep some labels coming, and decide *before*
# > the alarm what you will do about it. An automatic cure is tested at home first.
#
# ## Which backbone?
#
# **Picture it.** You buy a vehicle. For the city a bicycle, for the family a car, and a lorry if
# you have a lorry's load.
#
# | where | begin with | because |
# |---|---|---|
# | phone, browser, camera | MobileNetV3, EfficientNet-B0 | few operations, few megabytes |
# | server | ResNet-50, ConvNeXt-Tiny | solid, fast in batches, well understood |
# | very much data and compute | a vision transformer (ViT) | goes on gaining where others level off |
# | pictures unlike photographs | pretrained on *your* kind, if there is one | nearness beats size |
#
# **Predict.** MobileNetV3 (small) has about a tenth of ResNet-50's parameters. How long does it
# take for one picture, compared with ResNet-50?

# %%
SHARE = Bands((5, 20, 50), "% of its time")
predict("l06-phone", "MobileNetV3 (small) takes:", SHARE.choices)

# %%
show_claim("C30")

# %%
c30 = stored_result("C30").rows.set_index("backbone")
times = c30["milliseconds"]
part = 100 * times["mobilenet_v3_small"] / times["resnet50"]
judge("l06-phone", SHARE.of(part), f"{part:.0f} %, on the machine that measured it.")

# %%
lean, plain = (c30.loc[name] for name in ("efficientnet_b0", "resnet18"))
display(Markdown(
    f"**What it means.** EfficientNet-B0 has {lean['parameters'] / 1e6:.0f} million parameters and takes "
    f"{lean['milliseconds']:.0f} ms for a picture, ResNet-18 has {plain['parameters'] / 1e6:.0f} million and takes "
    f"{plain['milliseconds']:.0f}: few parameters can be slow where their operations do not suit the machine. Memory "
    "in *training* is mostly what the backward pass keeps of each picture. And accuracy? Published numbers are about "
    "ImageNet. On your pictures the order can be another, so try the candidates: a new head each, on the folder of "
    "lesson 02 (or yours), with real weights where they can be had."
))  # fmt: skip

# %%
MY_FOLDER = None  # for example "~/pictures/leaves", with one sub-folder for each class

# %%
from course_lib.data.samples import sample_folder

place = sample_folder() if MY_FOLDER is None else MY_FOLDER
candidates = ("mobilenet_v3_small", "resnet18")
measured = []
for name in candidates:
    try:
        candidate = load_backbone(name)  # 10 and 47 MB, once
    except CourseError:  # no network, no space: everything else goes on
        print(f"The weights of {name} could not be had.")
        break
    photos = load_task(f"folder:{place}", size=candidate.architecture.size)
    tried = fit(candidate, photos, S.FEATURE_EXTRACTION, epochs=10, progress=False)
    measured.append(f"{name}: {tried.validation:.0%} of the validation pictures")
    del candidate, tried
print("\n".join(measured) or "What they cost is stored, see above; what they would name of your pictures only "
      "their weights can tell. Run this cell again when you are online.")  # fmt: skip

# %%
display(Markdown("\n".join([
    "| backbone | parameters, million | one picture, ms | ImageNet, published |", "|---|--:|--:|--:|",
    *(f"| {row.backbone} | {row.parameters / 1e6:.1f} | {row.milliseconds:.0f} | "
      + ("– |" if not row.published == row.published else f"{row.published:.3f} |")
      for row in c30.reset_index().astype({"published": float}).itertuples()),
])))  # fmt: skip

# %% [markdown]
# > **Take away.** Choose by what the place allows, then by a new head on *your* pictures, timed on
# > the machine that will run it. Test the winner once.
#
# ## What you can now say
#
# - Split by what comes back; count patients, not pictures, when you say how sure you are.
# - Temperature first, then a threshold for a cost. Both on validation pictures, both into the file;
#   beside the cost that of an alarm for everybody and for nobody.
# - Where illness is rarer, move the logit by the difference of the log odds. Where the network is
#   unsure, let a person answer.
# - Distrust good news: deal places out anew, score with and without the mark, test elsewhere.
# - Preprocessing comes with the weights. Evaluation mode, classes in the file.
# - Grey pictures: sum the filters.
# - A drift alarm says "other pictures"; labels say "wrong answers".
#
# **Which of your expectations held?**

# %%
expectations()

# %%
ask("p06-split", "p06-auc", "p06-temperature", "p06-cost", "p06-bayes", "p06-mark", "p06-transform",
    "p06-channels", "p06-scale", "p06-eval", "p06-grey", "p06-sum", "p06-drift", "p06-adabn",
    "p06-phone")  # fmt: skip

# %% [markdown]
# ## More, one sentence each
#
# - [C27b](90_lab_book.ipynb#C27b): the weights are right and the use is wrong: train mode, classes in
#   another order, a head left out. Not each costs accuracy: train mode with mixed batches did not.
# - [C28](90_lab_book.ipynb#C28): grey pictures: repeated, summed, averaged, and a new stem.
# - [C29b](90_lab_book.ipynb#C29b) and [C29c](90_lab_book.ipynb#C29c): the leaking split and the lead letter,
#   with all draws.
# - [C30](90_lab_book.ipynb#C30): what seven backbones cost, in time, parameters and memory.
#
# **To go deeper.** [Guo et al. 2017](https://arxiv.org/abs/1706.04599) on calibration, [Rabanser et
# al. 2019](https://arxiv.org/abs/1810.11953), "Failing loudly", on drift, [Zech et al.
# 2018](https://doi.org/10.1371/journal.pmed.1002683) on X-ray models at other hospitals,
# [torchvision's weights](https://docs.pytorch.org/vision/stable/models.html),
# [safetensors](https://huggingface.co/docs/safetensors).
#
# **Next:** [07 Transfer learning everywhere](07_everywhere.ipynb): words, captions, adapters.
