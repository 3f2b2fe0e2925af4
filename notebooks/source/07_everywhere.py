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
# archive one for handwriting, the press office one that sorts letters, and somebody asks whether it
# can also *find* the leaves in a picture and draw a line around each. She does not start again. All
# these programs have the same shape: somebody else has pretrained a large network once, and she
# changes it a little, many times.
#
# ```
#                     pretrained once, at great cost          adapted often, for little
#   pictures          classes of photographs ·············►   head, stages, a small adapter
#   boxes             everyday things in scenes ··········►   new box and class heads
#   pictures + words  captions from the web ··············►   no training at all: a prompt
#   text              the next word, the hidden word ·····►   head, adapter, prompt
# ```
#
# **After this lesson you can**
# - say what BERT, GPT, CLIP, DINO, SAM and a detector were pretrained on, what each is used for, and
#   where it fails;
# - adapt a network by learning a thousandth of its numbers (LoRA), written by yourself, and take the
#   change off again;
# - say which part of a network an adapter forgets to carry along;
# - change the head of a detector and fine-tune BERT with the libraries that everybody uses.
#
# *Time: 60 minutes.*

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
# **Write it.**


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
# padding) but has only `rank` channels; *up* mixes these at every place, with a kernel of 1 × 1.


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
# What may learn, and in which mode? The corrections and the new head, nothing else. And remember
# from lesson 04 who changes without learning.


# %%
def only_adapters(net):
    raise NotImplementedError  # replace this line; net.named_parameters()


check("07-lora-learns", only_adapters)

# %%
help_for("07-lora-learns")

# %% [markdown]
# Now your loop, with your layers. `set_submodule` puts a module where another one stood, by its
# name; that works for any network, a transformer too. Here a LoRA goes around every convolution of
# the last two stages.

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
by = c32.rows[c32.rows["task"] == "digits"].groupby("method")[["test", "loaded", "source"]].mean()
gap = by.test["full fine-tuning"] - by.test["feature extraction"]
way = (by.test["LoRA, rank 1"] - by.test["feature extraction"]) / gap
judge("l07-rank", CLOSED.of(100 * way), f"The whole gap was {100 * gap:.1f} points here.")

# %%
drifting = by.loc["LoRA, rank 4, batch norm in train mode"]
lost = 100 * (drifting.test - drifting.loaded)
display(
    Markdown(
        "**What it means.** "
        + (
            "Most of what full fine-tuning brings does not need a free choice of every weight. A new "
            "task needs the old features in other proportions, and that is a change of low rank. "
            if way > 0.5
            else "In your few draws the adapter stayed closer to the head than to full fine-tuning. "
            "The full-size study has more draws and longer training: trust that one. "
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
#
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


def name_pictures(clip, pictures, classes, template="a photo of a {}"):
    """Probabilities (n, classes) for pictures of any size, float from 0 to 1."""
    from torchvision.transforms.functional import to_pil_image

    net, transform, tokenizer = clip
    ready = torch.stack([transform(to_pil_image(picture)) for picture in pictures])
    with torch.no_grad():
        seen = net.encode_image(ready, normalize=True)
        read = net.encode_text(tokenizer([template.format(c) for c in classes]), normalize=True)
        return (net.logit_scale.exp() * seen @ read.T).softmax(1)


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
    sure = name_pictures(clip, shown, kinds, "a drawing of a {}")
    right = sum(int(s.argmax()) + 1 == int(w["labels"]) for s, w in zip(sure, wanted, strict=True))
    print(f"{right} of 12 drawn pictures named rightly, without a labelled one")

# %% [markdown]
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
# - A LoRA is a frozen layer with a bottleneck beside it. It starts at nothing and comes off without a
#   trace, but does not carry batch norm's statistics.
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
# **Next:** your own project.
