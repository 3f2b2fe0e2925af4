"""A small LeNet for digits, as a Backbone: stages conv1, conv2, hidden, then the head."""

import torch
from torch import Tensor, nn

from course_lib.adaptation.domains import DIGITS_SIZE
from course_lib.backbones.architectures import Architecture
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.preprocessing import Normalise

MEAN, STD = (0.4, 0.4, 0.4), (0.3, 0.3, 0.3)  # about those of the digits over photographs


class LeNet(nn.Module):
    """LeCun et al., "Gradient-based learning applied to document recognition", 1998, in today's
    dress: RGB, ReLU, max-pooling and batch norm, the widths of Ganin et al. (2016) for MNIST-M.

    Input: float (n, 3, size, size), prepared. Output: logits (n, classes).
    """

    widths = (32, 48, 100)

    def __init__(self, classes: int, size: int = DIGITS_SIZE):
        super().__init__()
        first, second, hidden = self.widths
        side = ((size - 4) // 2 - 4) // 2
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 5, bias=False), nn.BatchNorm2d(first), nn.MaxPool2d(2), nn.ReLU()
        )
        self.conv2 = nn.Sequential(
            nn.Conv2d(first, second, 5, bias=False),
            nn.BatchNorm2d(second),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.hidden = nn.Sequential(
            nn.Linear(second * side * side, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
        )
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.hidden(self.conv2(self.conv1(x))))


def _stages(net: LeNet) -> dict[str, nn.Module]:
    return {"conv1": net.conv1, "conv2": net.conv2, "hidden": net.hidden}


def _as_it_is(features: Tensor) -> Tensor:
    return features


def lenet(classes: int = 10, seed: int = 0, size: int = DIGITS_SIZE) -> Backbone:
    """A LeNet with random weights from `seed`, with its preprocessing."""
    architecture = Architecture(
        "lenet", lambda count: LeNet(count, size), _stages, _as_it_is, "fc", size
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        net = LeNet(classes, size)
    # Faster convolutions on a CPU, and the layout that a GPU wants.
    net = net.to(memory_format=torch.channels_last)
    return Backbone(net, architecture, Normalise(size, MEAN, STD)).eval()
