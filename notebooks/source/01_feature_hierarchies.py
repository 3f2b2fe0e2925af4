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
# In lesson 00 a network learnt shapes that it had never seen, from sixty pictures, in seconds. It
# could because most of the work was done before: its stages already turned pixels into edges,
# edges into textures, textures into shapes. This lesson opens the network and looks.
#
# **After this lesson you can**
# - tell the first filters of a trained net from those of a random one, by eye and by number;
# - say which stage knows what, and how a probe finds out;
# - say which stages to reuse when your pictures are similar, and when they are very different;
# - write down the three-step recipe of transfer learning, and its notation.
#
# *Time: 50 minutes. All experiments run here, live; each takes under half a minute on two cores.*

# %%
from course_lib import load_backbone, see, show, style, world
from course_lib.claims import run_claim, stored_result
from course_lib.questions import check, compare, hint, solution
from course_lib.widgets.selfcheck import ask

backbone = load_backbone("worldnet")
untrained = load_backbone("worldnet", pretrained=False)
pictures = world.render(world.sample(16, seed=2026))

# %% [markdown]
# ## The recipe
#
# 1. **Take** a pretrained model.
# 2. **Replace** its classifier by one for your classes.
# 3. **Train** on your pictures.
#
# In letters: $\theta_\text{pre}$ are the pretrained weights, $\theta = \theta_\text{pre} +
# \Delta\theta$ the weights after your training. What a strategy lets learn are the *trainable
# parameters*; for a frozen layer $\Delta\theta = 0$. Training from scratch starts from random
# weights instead, and with little data it memorises the pictures (lesson 02 measures that).
#
# **Your turn.** Write step 2. `net` has torchvision's names, so its classifier is `net.fc`, a
# linear layer. Give the net back with a new one for `classes` classes.

# %%
import torch


def new_head(net, classes):
    raise NotImplementedError  # replace this line; torch.nn.Linear(...) makes a layer


check("01-new-head", new_head)

# %%
hint("01-new-head")

# %%
solution("01-new-head")

# %% [markdown]
# ## Question 1: what does the first layer look for?
#
# Before you scroll: what do you expect?

# %%
ask("p01-first-filters")

# %% [markdown]
# The first layer reads pixels, so its filters *are* small pictures: 7 × 7 pixels in three colours.
# All filters of a net share one scale, grey is zero.

# %%
with style():
    show(
        see.filter_figure({"pretrained": backbone, "untrained": untrained}),
        alt="First-layer filters as small pictures: stripes, edges and colour blobs in the "
        "pretrained net, coloured noise in the untrained one.",
    )

# %% [markdown]
# That is what you see. Now a number: *orientation selectivity* is 0 for a filter that likes every
# direction equally and 1 for one that likes a single direction; *smoothness* is 1 for a flat
# colour.
#
# **Predict.** Which share of the 32 pretrained filters is more oriented, or smoother, than 99 of
# 100 random filters?

# %%
my_share = None  # between 0 and 1

# %%
c01 = run_claim("C01")
c01.show()

# %%
from course_lib.claims.trials.filters import structured_share

compare(my_share, structured_share(c01.rows), "share of filters with structure")

# %% [markdown]
# **What we saw.** Nobody told the net about edges. They are what is worth knowing about *any*
# picture: oriented filters like Gabor's, and blobs of colour. The dull grey ones in the figure are
# real too: a filter with small weights does little, since batch norm rescales what it gives.
#
# **Takeaway.** The first layer holds nothing about your classes, and nothing about the old ones
# either. That makes it worth reusing.

# %% [markdown]
# ## From stage to stage
#
# Let one picture through. Each plane is a stage, each small square one channel's *feature map*:
# bright where it answers. Turn the scene with the mouse and point at a map.

# %%
picture = pictures[0]
maps = {name: m[0] for name, m in see.stage_maps(backbone, picture[None]).items()}
with style():
    still = see.map_figure(maps)
see.show3d(
    see.network3d(backbone, picture),
    still,
    alt="The network as a row of planes made of feature maps: a fine grid of edges in the stem, "
    "coarser and coarser maps of more and more channels towards the last stage.",
)

# %% [markdown]
# From plane to plane the maps get coarser and more numerous: from *where exactly* to *what*. Which
# channel looks for what? Choose one. You see its map for the picture, the real pictures that
# excite it most, and a picture **made** for it: gradient ascent, from noise, on what the channel
# answers. Click into the sheet of maps to take another channel.

# %%
from course_lib.widgets.channels import ChannelBrowser

ChannelBrowser(backbone, stage="layer2", channel=7)

# %% [markdown]
# ## Question 2: which stage knows what?
#
# Here our drawn world pays off: we *know* the hue, the light, the place, the texture and the shape
# of every picture. A **linear probe** tries to read such a factor from the output of a stage. All
# stages give their probe equally many numbers, an untrained net stands beside as a control, and
# 0 means chance.

# %%
ask("p01-probe", "p01-predict-untrained")

# %% [markdown]
# **Predict.** From which stage can the *hue* of the object be read best: `"stem"`, `"layer1"`,
# `"layer2"`, `"layer3"` or `"layer4"`?

# %%
my_stage = None

# %%
c02 = run_claim("C02")
c02.show()

# %%
from course_lib.claims.trials.stages import best_stage

compare(my_stage, best_stage(c02.rows, "hue"), "best stage for the hue")

# %% [markdown]
# **What we saw.** Follow the lines from left to right. The class rises from chance to the top. Hue
# and light go the other way: they are in the pixels, an untrained stem passes them on, and the
# trained net *throws them away*, since in its world a red and a blue fish are both fish (and its
# pictures were recoloured on purpose). Place and size live longest in between: the net needs them
# to find the object, and no longer when it names it.
#
# **Takeaway.** Learning is also forgetting. What a late stage has thrown away, no new head brings
# back.

# %% [markdown]
# ## Question 3: very little data of a very different kind
#
# You have sixty labelled pictures, and they are not like those of pretraining. Which stage should
# your classifier read? Three tasks: shapes never seen (similar), phantom radiographs and
# handwritten digits (different).
#
# **Predict.** For the digits, which stage serves best?

# %%
my_digit_stage = None  # "stem" ... "layer4"

# %%
c37 = run_claim("C37")
c37.show()

# %%
from course_lib.claims.trials.stages import best_stage_for

compare(my_digit_stage, best_stage_for(c37.rows, "digits"), "best stage for the digits")

# %% [markdown]
# **What we saw.** The dotted line is a *random* net of the same architecture. Where it beats the
# frozen last stage, pretraining has not merely failed to help: its last stage has thrown away what
# this task needs. A few stages earlier it is still there.
#
# For the similar shapes a late stage wins; whether it is the very last one is judged above.
#
# **Takeaway.** Similar pictures: read late. Very different ones: try earlier stages before you
# give up on the backbone, and always look at the random control.

# %% [markdown]
# ## Question 4: general or specific?
#
# A cleaner test (Yosinski et al. 2014). Cut the world in two halves that share no shape and no
# texture. Train a small net on each. Now transplant: the first *n* stages of **A**'s net, frozen,
# under fresh stages, trained on **B** (written *AnB*). The control transplants B's own stages
# (*BnB*).
#
# **Predict.** All five stages of A frozen, a new head for B: which test accuracy?

# %%
my_transplant = None

# %%
c03 = run_claim("C03")
c03.show()

# %%
deep = c03.rows.query("kind == 'AnB' and stages == 5")["test"]
compare(my_transplant, deep.mean(), "accuracy with all of A's stages")

# %% [markdown]
# That was a quick run: few pictures, small nets, two seeds. Now the stored one, with three seeds,
# more pictures, every depth, and two more lines: transplants that are fine-tuned instead of frozen
# (`+`).

# %%
stored_result("C03").show()

# %% [markdown]
# **What we saw.** What is *lost* when A's stages replace B's own is what is specific to A. Read the
# verdict: it says at which depth that begins here, and whether fine-tuning makes up for it.
#
# **Takeaway.** The earlier, the more general. How *much* is lost at depth depends on how far apart
# the two tasks are.

# %% [markdown]
# ## Recap
#
# - **First filters**: oriented edges and colour blobs, measured against random ones.
# - **Which stage knows what**: probes; low-level factors early, the class late, and what is not
#   needed is thrown away on the way.
# - **Which stages to reuse**: late ones for similar pictures; earlier ones for very different ones;
#   never without a random control.
# - **The recipe**: take a pretrained model, replace the classifier, train; $\theta =
#   \theta_\text{pre} + \Delta\theta$.

# %%
ask("p01-recipe", "p01-delta", "p01-stages", "p01-receptive")

# %% [markdown]
# ---
# # Going further
#
# ## Pictures that channels dream of
#
# The browser above, many channels at once. Each picture was optimised for one channel (Olah et al.
# 2017), at fixed contrast.

# %%
channels = {"stem": (0, 3, 7, 12), "layer1": (1, 6, 7, 9), "layer2": (7, 8, 10, 11),
            "layer4": (6, 18, 19, 17)}  # fmt: skip
dreams = [(see.visualise(backbone, s, c) * 255).byte() for s, c in channels.items()]
names = [f"{stage} {channel}" for stage, chosen in channels.items() for channel in chosen]

# %%
with style():
    show(
        see.picture_grid(torch.cat(dreams), names),
        alt="Optimised pictures: gratings and colour edges for the stem, woven textures for "
        "layer1, arcs and checks for layer2, star-like outlines for layer4.",
    )

# %% [markdown]
# Gratings, then textures, then curves, then pieces of objects. The last ones are hard to read, and
# that is honest: nothing forces a late channel to stand for one nameable thing.
#
# ## Where did it look?
#
# **Grad-CAM** weighs the maps of a stage by how much the class gains from them.

# %%
from course_lib import predict

logits = predict(backbone, pictures[:6])
named = [backbone.source_classes[k] for k in logits.argmax(1)]
cam = see.grad_cam(backbone, pictures[:6], stage="layer3")
with style():
    show(
        see.cam_figure(pictures[:6], cam, named),
        alt="Six pictures with Grad-CAM laid over them; the warm places lie on the objects.",
    )

# %% [markdown]
# Another method, guided backpropagation, draws sharper maps. Is it better? **Check** (Adebayo et
# al. 2018): destroy the net, stage by stage, and see whether the explanation notices. One that
# stays the same explains the picture, not the net.

# %%
checks = {
    "Grad-CAM": see.randomisation_check(backbone, pictures, stage="layer3"),
    "guided backpropagation": see.randomisation_check(backbone, pictures, see.guided_backprop),
}
with style():
    show(
        see.check_figure(checks),
        alt="Rank correlation with the original map while the net is made random from the head "
        + "down. "
        + "; ".join(f"{k}: {list(v.values())[-1]:.2f} at the end" for k, v in checks.items())
        + ".",
    )

# %% [markdown]
# The lower the line, the more the method depends on what the net has learnt. A map that survives
# the destruction of its net would survive its mistakes, too.
#
# ## Points in space
#
# Features of 300 pictures with shapes that the net has never seen, at the first and at the last
# stage. A map of points is easily over-read, so the accuracy of the nearest neighbour stands above
# it, in the features themselves and in the drawing of them.

# %%
scenes = world.sample(
    300, seed=77, shapes=world.HELD_OUT_SHAPES, textures=world.SOURCE_TEXTURES[1:7]
)
shapes, textures = (torch.unique(f, return_inverse=True)[1] for f in (scenes.shape, scenes.texture))
features = see.stage_features(backbone, world.render(scenes), grid=1)
views = {}
for stage in ("stem", "layer4"):
    plane = see.tsne(features[stage])
    inside, shown = (see.neighbour_accuracy(p, shapes) for p in (features[stage], plane))
    views[f"{stage}, t-SNE\nneighbours {inside:.2f}, as drawn {shown:.2f}"] = plane
with style():
    show(
        see.scatter_figure(views, shapes, world.HELD_OUT_SHAPES),
        alt="t-SNE of features, coloured by shape. " + "; ".join(views).replace("\n", ", ") + ".",
    )

# %% [markdown]
# In space you can turn it. The same features of the last stage, this time their three strongest
# directions, coloured by *texture*:

# %%
space = see.pca(features["layer4"], 3)
names = world.SOURCE_TEXTURES[1:7]
by_shape, by_texture = (see.neighbour_accuracy(space, f) for f in (shapes, textures))
with style():
    still = see.scatter_figure({"layer4, two components": space[:, :2]}, textures, names)
see.show3d(
    see.embedding3d(space, textures, names, "layer4, first three principal components"),
    still,
    alt="Features of the last stage as points in space, coloured by texture. Nearest neighbours "
    f"agree in texture for {by_texture:.0%} of the points, in shape for {by_shape:.0%}.",
)
print(
    f"in these three dimensions the nearest neighbour has the same texture for {by_texture:.0%} "
    f"of the points, the same shape for {by_shape:.0%}"
)

# %% [markdown]
# ## Alike or not? Centred kernel alignment
#
# CKA is 1 when two representations of the same pictures agree up to rotation and scale. Early
# stages score high even for an *untrained* net: they cannot help passing on what is bright and
# what is dark. Never read a CKA without that control.

# %%
run_claim("C05").show()

# %% [markdown]
# Five draws with more labels (stored):

# %%
stored_result("C05").show()

# %% [markdown]
# ## Two nets that never saw the same shape
#
# The two halves of the world again: are the early stages of the two nets alike?

# %%
run_claim("C38").show()

# %% [markdown]
# Larger halves, more seeds (stored):

# %%
stored_result("C38").show()

# %% [markdown]
# ## Does a better source net transfer better?
#
# Along the way of one pretraining, checkpoint by checkpoint (Kornblith et al. 2019 compared
# architectures). First a small net, trained while you wait; then the stored study of WorldNet's
# own pretraining.

# %%
run_claim("C04").show()

# %%
stored_result("C04").show()

# %% [markdown]
# **Now with photographs.** Every function here takes any backbone: `load_backbone("resnet18")` and
# then `see.filter_figure`, `see.visualise`, `see.grad_cam`, `ChannelBrowser` with your own
# pictures. That needs the weights, which are downloaded once. The probes and the halves need
# pictures with known factors, so they stay in the drawn world.
#
# **Graded quiz.** Your instructor hands out *Lesson 01: Feature hierarchies*. Next:
# [02 Three strategies](02_three_strategies.ipynb).
