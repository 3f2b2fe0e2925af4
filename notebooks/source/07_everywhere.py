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
# A museum has scanned forty thousand photographs. Nobody will ever label them, and tomorrow
# somebody will ask for "a brass telescope on a table". The day after it will be something else.
# There is no list of classes to train a head for.
#
# **After this lesson you can**
# - say how pictures and sentences come to lie in one space, and write the loss that puts them there;
# - make a classifier out of words alone, without a labelled picture, and write it correctly;
# - tell what such a classifier cannot do, and why;
# - choose between a prompt, a few labels, and both.
#
# *Time: 60 minutes.*

# %%
from textwrap import fill

import torch
from IPython.display import Markdown, display
from torch.nn import functional as F

from course_lib import load_backbone, show, style, world
from course_lib.claims import run_claim, show_claim
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
from course_lib.questions import Bands, check, expectations, help_for, judge, mine_or_ours
from course_lib.see import picture_grid
from course_lib.widgets.selfcheck import ask, predict

# %% [markdown]
# ## Pictures and words on one map
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
# **Write it**, for both directions.


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
# **Write it.**


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
seen = towers.embed_pictures(tower_features(backbone, new_pictures))
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
# the answers), and run the cell again. What does a bad prompt cost? What does a second one save?

# %%
MY_CLASSES = {
    "heart": ["a heart", "a small plain heart"],
    "key": ["a key", "here is a key, striped"],
    "umbrella": ["umbrella"],
    "fish": ["a picture of a dotted fish"],
}

mine = world.sample(200, seed=77, shapes=list(MY_CLASSES), textures=world.TEXTURES)
answers = torch.tensor([list(MY_CLASSES).index(world.SHAPES[k]) for k in mine.shape])
seen_mine = towers.embed_pictures(tower_features(backbone, world.render(mine)))
texts = [towers.embed_texts(prompts) for prompts in MY_CLASSES.values()]
guess = zero_shot(seen_mine, texts, scale).argmax(1)
print(f"{(guess == answers).float().mean():.0%} of 200 pictures of {len(MY_CLASSES)} classes")

# %% [markdown]
# One draw, one training. The study repeats it with other pictures and other pairs, and puts rivals
# beside it: a network of the same size that learns shapes and textures from *labels*, and raw
# pixels; at full size also a random frozen network and a whole network trained from scratch on the
# same captions.

# %%
c31 = run_claim("C31")
show_claim("C31", c31)

# %%
from course_lib import CourseError
from course_lib.claims import stored_result
from course_lib.claims.trials.captions import CAPTIONS, LABELS, SCRATCH


def study_of(tag, mine=None):
    """Rows of the full-size study, or of your own run where it is not measured yet."""
    try:
        return stored_result(tag).rows
    except CourseError:
        return mine.rows


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
#
# **The real thing** is the same five lines, with weights of a few hundred megabytes
# (`pip install open_clip_torch`). Where you have read `towers`, read `model`:
#
# ```python
# import open_clip
# model, _, prepare = open_clip.create_model_and_transforms("ViT-B-32", pretrained="laion2b_s34b_b79k")
# words = open_clip.get_tokenizer("ViT-B-32")
# with torch.no_grad():
#     seen = model.encode_image(torch.stack([prepare(photo) for photo in photos]))
#     texts = [model.encode_text(words(prompts)) for prompts in my_classes.values()]
# zero_shot(seen, texts, model.logit_scale.exp()).argmax(1)
# ```

# %%
expectations()

# %%
ask("p07-one-space", "p07-cosine", "p07-unseen", "p07-blind", "p07-few")
