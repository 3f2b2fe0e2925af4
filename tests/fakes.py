"""A small net and a small task, so that tests of training take moments."""

from dataclasses import replace

import torch

from course_lib.backbones.architectures import ARCHITECTURES
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.preprocessing import Normalise
from course_lib.backbones.worldnet import WorldNet
from course_lib.data.split import Split
from course_lib.data.task import Task

TOPICS = (
    "the graph has nodes and edges between the nodes of a graph",
    "the table has columns and rows with labels for the rows",
)
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


class SmallNet(WorldNet):
    widths = (4, 4, 6, 8)


class DroppingNet(SmallNet):
    """With dropout in its third stage, to see where randomness goes."""

    def __init__(self, classes: int):
        super().__init__(classes)
        self.layer3.append(torch.nn.Dropout(0.5))


def small_backbone(seed: int = 0, classes: int = 5, net=SmallNet, size: int = 32) -> Backbone:
    """As if pretrained: batch-norm statistics are not those of a fresh net."""
    like = ARCHITECTURES["worldnet"]
    architecture = replace(like, build=net, size=size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = net(classes)
        model.train()
        model(torch.randn(16, 3, size, size))
    names = tuple(f"source {i}" for i in range(classes))
    transform = Normalise(size, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    return Backbone(model, architecture, transform, names).eval()


def pictures(n: int, classes: int = 3, seed: int = 0, size: int = 32) -> Split:
    """Noise whose brightness is the class: a task that a net can learn."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    noise = torch.randint(0, 120, (n, 3, size, size), generator=generator)
    return Split((noise + 60 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels)


def small_task(train: int = 14, classes: int = 3, metric: str = "accuracy") -> Task:
    return Task(
        "small",
        "Brightness",
        pictures(train, classes, 1),
        pictures(12, classes, 2),
        pictures(18, classes, 3),
        tuple(f"level {i}" for i in range(classes)),
        metric,
        "different",
        "noise",
    )


def small_language_model():
    """A language model with random weights and the words of TOPICS."""
    from course_lib.text.bert import Bert, Size
    from course_lib.text.card import LanguageModel
    from course_lib.text.wordpiece import learn_vocabulary, tokenizer_of

    tokenizer = tokenizer_of(learn_vocabulary([*TOPICS] * 10, 60))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        size = Size(tokens=tokenizer.get_vocab_size(), longest=14, width=16, layers=1, heads=2)
        return LanguageModel(Bert(size).eval(), tokenizer, {})
