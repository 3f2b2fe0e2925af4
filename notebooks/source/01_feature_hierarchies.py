# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 01 · Feature hierarchies: why transfer works
#
# A brewery sorts its bottles by the colour of the glass. It borrows a network whose makers had shown
# everything in random colours, so that colour should not distract it from shapes. It puts a new head on
# it, as you did in lesson 00, and trains. The head fails. It tells a bottle from a jar without a
# mistake, and brown from green hardly better than a coin. The network is not bad. It no longer says
# what the brewery needs.
#
# Why could a borrowed network name *your* pictures, and why can't this one see colour? Both have
# the same answer, and it lies inside. This lesson opens the network and looks.
#
# **After this lesson you can**
# - write down the recipe of transfer learning, and its notation;
# - say what the first filters look for, and why they serve any picture;
# - clip a hook onto any stage of any network, and ask with a linear probe what it knows;
# - say which stages are general and which are specific, and how one finds out;
# - tell an explanation of a network from a pretty picture.
#
# *Time: 45 minutes.*

# %%
import torch
from IPython.display import Markdown, display
from matplotlib import pyplot as plt
from torch import nn

from course_lib import load_backbone, see, show, style, world
from course_lib.claims import run_claim, show_claim
from course_lib.measure.figures import label_ends
from course_lib.questions import Bands, check, expectations, help_for, judge, mine_or_ours
from course_lib.widgets.selfcheck import ask, predict

backbone = load_backbone("worldnet")  # learnt to name drawn things, see lesson 00
print(", ".join(name for name, _ in backbone.net.named_children()))

# %% [markdown]
# Those are the parts of the network, from the pixels to the answer. Lesson 00 cut it in two: the
# head `fc`, and all before it, the backbone. Now we cut finer. `conv1` to `maxpool` are the *stem*;
# `layer1` to `layer4` are the *stages* that follow. Each reads what the one before it wrote.
# torchvision's ResNets have the same names.
#
# ## The recipe
#
# You have sixty pictures. A network has millions of weights. Trained from random ones it can simply
# learn the sixty by heart (lesson 02 lets you watch). So don't begin at random.
#
# **Picture it.** You move into a furnished flat. You do not build a kitchen; you take over the
# flat, replace the name on the door, and then, if you must, move the furniture a little.
#
# 1. **Take** a network that somebody trained on many pictures.
# 2. **Replace** its head by one for your classes.
# 3. **Train** on your pictures.
#
# **In symbols.** $\theta_\text{pre}$ are the weights that you took over, $\theta$ the weights after
# your training, and $\Delta\theta$ is by how much you moved them:
#
# $$ \theta = \theta_\text{pre} + \Delta\theta $$
#
# A weight that was 0.50 and is now 0.48 has $\Delta\theta = -0.02$. Where you *freeze* a layer, it
# does not learn, and $\Delta\theta = 0$. Every strategy of this course is an answer to one
# question: where may $\Delta\theta$ differ from 0, and how large may it become?
#
# **Write it.** Step 2. The head is `net.fc`, a linear layer; `net.fc.in_features` says how many
# numbers it reads. Put a new one in its place, with `classes` outputs; nothing needs to be returned.

# %%
import torch


def new_head(net, classes):
    raise NotImplementedError  # replace this line; torch.nn.Linear(...) makes a layer


check("01-new-head", new_head)

# %%
help_for("01-new-head")

# %% [markdown]
# The rest of the lesson is about step 1: what did you take over?
#
# ## What does the first layer look for?
#
# In 1959 Hubel and Wiesel put a wire into the part of a cat's brain where seeing begins. Nothing
# they showed made a certain cell fire, until the edge of a slide moved across the screen, at one
# particular angle. The cell wanted an edge, tilted just so. Its neighbours wanted other angles.
#
# **Picture it.** A *filter* is a stencil, here 7 × 7 pixels in three colours. Lay it on a place of
# the picture, multiply pixel by pixel, add up. The sum is large where the picture looks like the
# stencil. Slide it over all places and you get a *map* of one number per place: here yes, there no.
# WorldNet's first layer has 32 stencils, so it makes 32 maps. A stencil and its map are called a
# *channel*.
#
# **In symbols.** What Hubel and Wiesel's cells want is written as a *Gabor patch*, a wave that
# fades out in all directions:
#
# $$ g(x, y) = e^{-(x^2 + y^2) / 2\sigma^2} \cdot \cos(2\pi u / \lambda + \psi), \qquad u = x \cos\alpha + y \sin\alpha $$
#
# $\alpha$ is the direction of the wave, $\lambda$ its length, $\psi$ where it begins, $\sigma$ how soon it
# fades. Take $\lambda = 4$ pixels, $\sigma = 2$ and $\psi = 0$: in the centre $g = 1$, bright; two pixels
# along the wave it is $e^{-1/2} \cdot \cos \pi = -0.61$, dark, on both sides: a bright line. With $\psi =
# 90°$ it is bright on one side and dark on the other: an edge. With a very long wave nothing is left but
# the fading: a blob.
#
# **Predict.** Nobody told the network about Gabor. Its filters began as random numbers. We compare
# each of them with a thousand Gabor patches (*likeness*: the cosine between filter and patch, once
# the filter is reduced to one colour; 1 is the same), and do the same with 320 random filters. How many of
# the 32 look more like a Gabor patch than the *best* of the random ones?

# %%
OF_32 = Bands((8, 16, 24), "of 32")
predict("l01-gabor", "More like a Gabor patch than any random filter:", OF_32.choices)

# %%
untrained = load_backbone("worldnet", pretrained=False)
likeness, _ = see.nearest_gabors(see.first_filters(backbone))
by_chance = torch.cat(
    [see.nearest_gabors(see.first_filters(backbone.fresh(seed)))[0] for seed in range(10)]
)
share = (likeness > by_chance.max()).float().mean().item()

with style():
    show(
        see.filter_figure({"learnt": backbone, "random": untrained}),
        alt="The 32 first filters as small pictures: stripes, edges and blobs of colour in the "
        "trained network, coloured noise in the random one.",
    )
    show(
        see.gabor_figure(backbone),
        alt="Ten learnt filters, each above the Gabor patch that is most like it: stripes and "
        "edges of the same direction and width. Likeness from "
        f"{likeness.topk(10).values.min():.2f} to {likeness.max():.2f}, where 1 is the same.",
    )
judge("l01-gabor", OF_32.of(32 * share), f"{32 * share:.0f}; the best random one reaches "
      f"{by_chance.max():.2f}, a typical learnt one {likeness.median():.2f}.")  # fmt: skip

# %%
display(Markdown(
    "**What it means.** "
    + ("Edges, stripes and blobs of colour, like in the cat, and learnt from drawings of other "
       "things altogether. They are what is worth knowing about *any* picture. "
       if share > 0.5 else
       "Fewer than one would expect from the literature: most of these filters are neither edge "
       "nor blob by this yardstick. Look at them and judge yourself. ")
    + "The dull grey ones in the first figure are real filters as well, with small weights; the next "
    "layer (*batch norm*, which brings every channel to a common scale) makes up for that."
))  # fmt: skip

# %% [markdown]
# > **Take away.** The first layer is about light, edges and colours, hardly about classes, yours or the
# > old ones. That makes it worth taking over.
#
# ## Seeing more, knowing less of where
#
# An edge is not a bottle. How does a network get from the one to the other?
#
# **Picture it.** Look at a poster through a straw: you see an edge. Now hand your notes, and those
# of your neighbours with their straws, to a colleague who reads nine notes at a time. He says "a
# corner". His colleague reads nine of *his* kind: "a bottleneck". Each sees more of the poster, and
# knows less exactly where.
#
# **In symbols.** The square of pixels that one number depends on is its *receptive field* $r$. A
# layer with a $k \times k$ filter widens it by $(k - 1)$ steps, and a step is $j$ pixels, the
# product of all *strides* so far (a stride of 2 skips every second place):
#
# $$ r \leftarrow r + (k - 1) \cdot j, \qquad j \leftarrow j \cdot \text{stride} $$
#
# `conv1` has $k = 7$ and stride 2, so $r = 1 + 6 \cdot 1 = 7$ and $j = 2$. `maxpool` has $k = 3$
# and stride 2: $r = 7 + 2 \cdot 2 = 11$. The rest is done by the cell.

# %%
field, step, fields = 1, 1, {}
for name, module in backbone.net.named_modules():
    if isinstance(module, nn.Conv2d | nn.MaxPool2d) and "downsample" not in name:
        k, stride = (
            size if isinstance(size, int) else size[0]
            for size in (module.kernel_size, module.stride)
        )
        field, step = field + (k - 1) * step, step * stride
        fields[name.split(".")[0]] = field
for name, width in fields.items():
    print(f"a number of {name:8} depends on {width:3} × {width} pixels (the picture has 64 × 64)")

# %% [markdown]
# So no single number of the stem can see a shape: it sees too little. (Averaged over the picture they count
# how many edges of which direction there are, which is already a hint.) Later a number may depend
# on the whole picture, most of all on the middle of its field ([Luo et al.
# 2016](https://arxiv.org/abs/1701.04128)). That is what a stage *can* know. What *does* it know?
#
# ## Which stage knows what?
#
# Back to the brewery. Colour is in the pixels, so it is in the network somewhere. Where does it get
# lost?
#
# **Picture it.** A reporter's story goes from desk to desk, and each desk cuts it. What the paper's
# readers want survives until the headline: "Bank robbed". The colour of the robber's coat stood in
# the first draft. If you are the police, don't ask the man who writes headlines; read the draft.
#
# **Write it: read the draft.** A *forward hook* is a clip on a wire. After
# `clip = module.register_forward_hook(note)` PyTorch calls your function
# `note(module, given, answer)` each time that module has answered, and the network runs on as if
# nothing had happened; `clip.remove()` takes it off again. So: put the network into evaluation mode,
# find the stage by its name, clip on a function that keeps `answer`, run the pictures through
# without gradients, take the clip off. What you kept is (pictures, channels, height, width). Average
# over the last two, so that every picture becomes one number per channel, its *features* at that
# stage, and return them.


# %%
def collect(net, stage, pictures):
    raise NotImplementedError  # replace this line; getattr(net, stage) finds the stage


check("01-hook", collect)

# %%
help_for("01-hook")

# %% [markdown]
# **Write it: ask.** A *linear probe* is a head that nobody wants to keep. You train it on the
# features of one stage to name, say, the colour. If it can, the colour can be read there. If it
# cannot, a head of yours would fail there as well, since a head is nothing else.
#
# **In symbols.** With the features $a$ of a stage, the probe is $W a + b$. From the 32 channels of
# `layer1` to six colours that is $32 \cdot 6 + 6 = 198$ weights. The first two lines bring all
# features to one scale; then it is the loop of lesson 00: a linear layer with one output for each
# class in `train_labels`, AdamW at a rate of 0.01, 200 steps on all of `train` at once. Return the
# share of `test` that it gets right.


# %%
def probe(train, train_labels, test, test_labels):
    middle, spread = train.mean(0), train.std(0) + 1e-6
    train, test = (train - middle) / spread, (test - middle) / spread
    raise NotImplementedError  # replace this line: a linear layer, 200 steps, the share


check("01-probe", probe)

# %%
help_for("01-probe")

# %% [markdown]
# Here the drawn world pays: we know colour and shape of whatever is in a picture, since we drew it.
# Six hues (red, yellow, green, ...) and six shapes, 400 pictures to learn from and 200 to ask
# about. Guessing is right on one in six.
#
# **Predict.** WorldNet was trained to name shape and texture, whatever the colour. From which stage
# does your probe read the *hue* best?

# %%
STAGES = {"stem": "maxpool", **{f"layer{k}": f"layer{k}" for k in (1, 2, 3, 4)}}
predict("l01-hue", "The hue can be read best from:", tuple(STAGES))

# %%
collect, probe = mine_or_ours("01-hook"), mine_or_ours("01-probe")

scenes = world.sample(600, seed=901, shapes=world.SOURCE_SHAPES[:6])
pictures = backbone.prepare(world.render(scenes))
asked = {
    "hue": (6 * scenes.hue).long() % 6,
    "shape": torch.unique(scenes.shape, return_inverse=True)[1],
}
torch.manual_seed(0)
read = {factor: [] for factor in asked}
for stage in STAGES.values():
    features = collect(backbone.net, stage, pictures)
    for factor, labels in asked.items():
        read[factor].append(probe(features[:400], labels[:400], features[400:], labels[400:]))

with style():
    fig, ax = plt.subplots(figsize=(6.2, 3.2))
    colors = {"hue": "#D55E00", "shape": "#0072B2"}
    for (factor, values), mark in zip(read.items(), ("o--", "s-"), strict=True):
        ax.plot(list(STAGES), values, mark, color=colors[factor])
    ax.axhline(1 / 6, color="#777777", ls=":")
    ax.text(0, 1 / 6 + 0.015, "guessing", color="#555555", fontsize=9)
    ax.set_ylim(0, 1.03)
    ax.set_ylabel("right on new pictures")
    ax.set_title("What your probe reads from each stage")
    label_ends(ax, {factor: values[-1] for factor, values in read.items()}, colors)
    show(
        fig,
        alt="Accuracy of the probe from stem to layer4. "
        + "; ".join(f"{f}: " + ", ".join(f"{v:.2f}" for v in vs) for f, vs in read.items()),
    )
best = list(STAGES)[max(range(5), key=lambda k: read["hue"][k])]
judge("l01-hue", best, f"There {max(read['hue']):.0%}, at the last stage {read['hue'][-1]:.0%}.")

# %% [markdown]
# One question of many. The study behind this lesson asks for nine things that we know about each
# picture, and puts an *untrained* network beside the trained one, because random filters pass colour
# on as well: what both can tell was not learnt. (*Pixels* is a probe on the picture itself.) It reads more than
# your averages: a coarse grid of places as well, equally many numbers from each stage, so it can ask where
# something is. Its scale is *skill*, $(\text{accuracy} - \text{chance}) / (1 - \text{chance})$: 0 is guessing, 1 is perfect, and half
# of six hues right is a skill of $(0.5 - 0.17) / 0.83 = 0.4$.

# %%
c02 = run_claim("C02", size="quick")
show_claim("C02", c02)

# %%
from course_lib import CourseError
from course_lib.claims import stored_result
from course_lib.claims.trials.stages import PRETRAINED, UNTRAINED, skills


def study_of(tag, mine):
    """Rows of the full-size study, or of your own run where it is not measured yet."""
    try:
        return stored_result(tag).rows
    except CourseError:
        return mine.rows


known = skills(study_of("C02", c02)).query("factor == 'hue' and stage == 'layer4'")
at_end = known.groupby("net")["skill"].mean()
lost, risen = max(read["hue"]) - read["hue"][-1], read["shape"][-1] - read["shape"][0]
display(Markdown(
    "**What it means.** Follow the lines from left to right. "
    + (f"What the network was trained for rises: the shape by {100 * risen:.0f} points from stem to "
       f"last stage in your own probe. What it was not asked for falls: the hue by "
       f"{100 * lost:.0f} points. "
       if lost > 0.1 and risen > 0.1 else
       "In your own probe the two lines cross less clearly than in the study: 200 pictures are few. ")
    + (f"Even a network that never learnt anything keeps more of the hue (a skill of "
       f"{at_end[UNTRAINED]:.2f} at its end, against {at_end[PRETRAINED]:z.2f}). So throwing it away "
       "was *learnt*: "
       if at_end[UNTRAINED] > at_end[PRETRAINED] + 0.05 else "That is no accident: ")
    + "in WorldNet's world a red fish and a blue fish are both fish, and colour only stood in the way."
))  # fmt: skip

# %% [markdown]
# And the brewery? Its head at the end had no chance. But look at *pixels* in the study's chart: what the
# stem says of the hue, the picture itself says as well. For a colour, measure the colour. Networks of
# photographs were seldom trained to ignore it, so probe yours before you believe either.
#
# > **Take away.** Learning is also letting go. What can no longer be read at a late stage, no new head
# > *on that stage* brings back; an earlier stage may have it, and fine-tuning may bring it back.
#
# ## General or specific?
#
# A probe tells what can be *read*. But you want to *build* on a stage. Whose stages can you build
# on: only those of a network that knew your kind of thing, or anybody's?
#
# **Picture it.** A chef takes over another restaurant. Sinks, stoves and knives serve any kitchen.
# The sauces in the fridge serve the old menu. How far into the kitchen can you keep everything as
# it was?
#
# **In symbols.** Cut the drawn world in two halves that share no shape and no texture, and train a
# small network on each. Now transplant. *A3B*: the first three stages from A's network, frozen;
# fresh ones above them; trained on B. *B3B*: the same with B's own first three. What B3B gets and
# A3B doesn't is what was *specific* to A:
#
# $$ \text{specific}(n) = \text{accuracy}(BnB) - \text{accuracy}(AnB) $$
#
# If B1B names 80 % and A1B 79 %, one point is specific to A: the first stage is general ([Yosinski
# et al. 2014](https://arxiv.org/abs/1411.1792)). In the chart a + marks transplants that learn as
# well instead of being frozen, and *base* is a network trained on B from random weights. Your run adds
# the control that no such experiment should lack: *RnB*, frozen stages of a network that learnt nothing.
#
# **Predict.** All five stages frozen, only the head is new. By how many points is B with A's stages
# behind B with its own?

# %%
GAP = Bands((3, 10, 30), "points")
predict("l01-specific", "With all of A's stages, B loses:", GAP.choices)

# %%
mine = run_claim("C03", seeds=(0,), stages=(1, 5))
show_claim("C03", mine)

# %%
from course_lib.claims.trials.halves import frozen_random, lost_to_other

deep = 100 * lost_to_other(mine.rows).iloc[-1]
judge("l01-specific", GAP.of(deep), f"{deep:.0f} points in your run, from one draw.")

# %%
study = study_of("C03", mine)
whose = "In your run" if study is mine.rows else "In the study"
frozen, tuned = 100 * lost_to_other(study), 100 * lost_to_other(study, tuned=True)
general = [depth for depth in frozen.index if (frozen.loc[:depth] < 5).all()]
told = (
    f"{whose} the first {max(general):.0f} of five stages are general: frozen, they cost B less than "
    f"5 points. With all five it loses {frozen.iloc[-1]:.0f}. "
    if general else f"{whose} even the first stage of A costs B more than 5 points. "
)  # fmt: skip
for depth, test in frozen_random(mine.rows).iterrows():
    parts = "the first stage" if depth == 1 else f"the first {depth:.0f} stages"
    told += (f"With {parts} from a net that learnt *nothing*, frozen, your run reaches "
             f"{test['RnB']:.0%}, with A's {test['AnB']:.0%}. ")  # fmt: skip
told += (
    "Set A's against these: what A's have over random ones is worth taking over; for the rest fresh "
    'layers above can make up by themselves, so "general" is partly "replaceable". '
)
if len(tuned):
    told += (
        f"And if the transplant may learn as well (*fine-tuning*)? Then B with A's stages ends "
        f"{abs(tuned.mean()):.1f} points {'behind' if tuned.mean() > 0 else 'ahead of'} B with its own, "
        "if its own had the same extra training (mean over one to five stages): "
        + ("what was specific has been relearnt." if tuned.mean() < 2 else "some of it stays lost.")
    )
    reached = 100 * study.groupby("kind")["test"].mean()
    told += (
        f" Against *base* that is {reached['AnB+'] - reached['base']:+.0f} points, with B's own stages "
        f"{reached['BnB+'] - reached['base']:+.0f}: part of both is simply the longer training."
    )
display(Markdown("**What it means.** " + told))

# %% [markdown]
# So you may take the early stages from almost anybody. For the late ones ask how much your task is
# like theirs:
#
# > **Take away.** Early is general, late is specific. Similar pictures: keep everything and put a
# > head on the end, or on the stage before it, whichever validation prefers. Very different ones: keep
# > the early stages, and retrain the late ones or read before them. Not sure: probe.
#
# ## Look around
#
# Let one picture through. Each plane is a stage, each small square a channel's map, bright where
# the channel answers. Turn it with the mouse.

# %%
samples = world.render(world.sample(16, seed=2026))
maps = {name: m[0] for name, m in see.stage_maps(backbone, samples[:1]).items()}
with style():
    still = see.map_figure(maps)
see.show3d(
    see.network3d(backbone, samples[0]),
    still,
    alt="The network as a row of planes made of maps: a fine grid of edges in the stem, coarser "
    "and coarser maps of more and more channels towards the last stage.",
)

# %% [markdown]
# Choose a channel: its map, the pictures that excite it most, and, up to `layer2`, a picture *made*
# for it: start from noise and change the pixels, step by step, so that the channel answers more
# ([Olah et al. 2017](https://distill.pub/2017/feature-visualization)). Look at `layer4` too, and
# try to find one word for what the nine pictures have in common.

# %%
from course_lib.widgets.channels import ChannelBrowser

READABLE = ("stem", "layer1", "layer2")
ChannelBrowser(backbone, stage="layer2", channel=8, optimise=READABLE)

# %%
channels = {"stem": (0, 3, 7, 12), "layer1": (1, 6, 7, 9), "layer2": (8, 16, 34, 47)}
made = [(see.visualise(backbone, s, channels[s], steps=72) * 255).byte() for s in READABLE]
names = [f"{stage} {channel}" for stage in READABLE for channel in channels[stage]]
with style():
    show(
        see.picture_grid(torch.cat(made), names, columns=4),
        alt="Twelve pictures made for one channel each: gratings and edges of colour for the stem, "
        "woven textures for layer1, arcs, rays, dots and rings for layer2.",
    )

# %% [markdown]
# Gratings, then textures, then curves. There are none for the late stages, on purpose. A late
# channel answers to many unlike things at once, so the picture made for it is a mixture that no
# person can read. Who shows you only beautiful ones has chosen them.
#
# **Where did it look?** A network told huskies from wolves, and it looked at the snow ([Ribeiro et
# al. 2016](https://arxiv.org/abs/1602.04938)). You would like to see such a thing. *Grad-CAM* adds
# up the maps of a stage, each weighted by how much the class would gain from more of it. *Guided
# backpropagation* asks which pixels the answer hangs on, and draws sharp outlines.

# %%
from course_lib import predict as answer

few = samples[:6]
named = [backbone.source_classes[k] for k in answer(backbone, few).argmax(1)]
with style():
    for method, heat in {
        "Grad-CAM": see.grad_cam(backbone, few, stage="layer3"),
        "Guided backpropagation": see.guided_backprop(backbone, few),
    }.items():
        print(method)
        show(
            see.cam_figure(few, heat, named),
            alt=f"{method} laid over six pictures: " + ", ".join(named) + ".",
        )

# %% [markdown]
# **Predict.** Which of the two is an explanation of the *network*? Destroy the network: make its
# weights random, from the head down, one stage more each time ([Adebayo et al.
# 2018](https://arxiv.org/abs/1810.03292)). An explanation must fall apart with it. Whose map stays
# more like the original when everything is random? (The chart's *rank correlation* is 1 where the
# same places are bright and dark in the same order.)

# %%
SURVIVOR = ("Grad-CAM", "guided backpropagation", "no difference that matters")
predict("l01-saliency", "With a destroyed network, more of this map is left:", SURVIVOR)

# %%
checks = {
    "Grad-CAM": see.randomisation_check(backbone, samples, stage="layer3"),
    "guided backpropagation": see.randomisation_check(backbone, samples, see.guided_backprop),
}
ends = {name: list(found.values())[-1] for name, found in checks.items()}
with style():
    show(
        see.check_figure(checks),
        alt="Rank correlation with the original map while the network is made random from the head "
        "down. At the end " + "; ".join(f"{k} {v:.2f}" for k, v in ends.items()) + ".",
    )
first, second = ends.values()
outcome = SURVIVOR[2] if abs(first - second) < 0.1 else max(ends, key=ends.get)
judge("l01-saliency", outcome, ", ".join(f"{k} {v:.2f}" for k, v in ends.items()) + " of 1.")

# %%
left = max(ends.values())
display(Markdown(
    "**What it means.** "
    + (f"A map that is still {left:.2f} like the original after everything was destroyed draws the "
       "edges of the picture, whoever looks at it. It would survive the network's mistakes as well."
       if left > 0.15 else
       "Both maps fell apart with the network, so both depend on what it had learnt. On another "
       "network, check again: that is what the test is for.")
    + " A sharp map is not a true one."
))  # fmt: skip

# %% [markdown]
# ## What you can now say
#
# - Take, replace, train: $\theta = \theta_\text{pre} + \Delta\theta$.
# - First filters are edges and blobs; they serve any picture.
# - A hook reads a stage, a linear probe asks what is in it, an untrained network says what was not
#   learnt.
# - Early is general, late is specific; what a late stage threw away, no head brings back.
#
# **Which of your expectations held?**

# %%
expectations()

# %%
ask("p01-first-filters", "p01-recipe", "p01-delta", "p01-probe", "p01-predict-untrained",
    "p01-stages", "p01-receptive", "p01-thrown-away", "p01-which-stage", "p01-general",
    "p01-source-accuracy", "p01-cka", "p01-explanation")  # fmt: skip

# %% [markdown]
# ## More, one sentence each
#
# The lab book has a page for each, with rule, rows and verdict.
#
# - [C01](90_lab_book.ipynb#C01): how many first filters are oriented or smooth beyond random ones, with
#   an exact interval.
# - [C04](90_lab_book.ipynb#C04): does a better source network transfer better ([Kornblith et al.
#   2019](https://arxiv.org/abs/1805.08974))? For new shapes and textures it did, for digits and X-rays not.
# - [C05](90_lab_book.ipynb#C05): which stages does fine-tuning change most, by how alike their features
#   stay (*CKA*, [Kornblith et al. 2019](https://arxiv.org/abs/1905.00414))?
# - [C37](90_lab_book.ipynb#C37): does the last stage serve best where pictures are similar, an earlier
#   one where they are not? The second holds here, the first not for new shapes.
# - [C38](90_lab_book.ipynb#C38): do two networks that never saw the same shape learn the same early
#   stages?
#
# **With photographs.** Your `collect` works on any ResNet of torchvision,
# `collect(resnet18(weights="DEFAULT").eval(), "layer2", pictures)`, and every function of `see` on
# `load_backbone("resnet18")`.
#
# **To go deeper.** [Zeiler and Fergus 2013](https://arxiv.org/abs/1311.2901), who looked first;
# [torchvision's feature extraction](https://docs.pytorch.org/vision/stable/feature_extraction.html)
# and [timm's](https://huggingface.co/docs/timm/feature_extraction), ready-made hooks; [chapter 13
# of the fast.ai book](https://github.com/fastai/fastbook), convolutions from scratch.
#
# **Graded quiz.** Your instructor hands out *Lesson 01: Feature hierarchies*. **Next:** [02 Three
# strategies](02_three_strategies.ipynb): how much of what you took over should learn?
