"""WorldNet: the residual network that the course pretrains and ships.

It is ResNet-18 (He et al., "Deep residual learning for image recognition", CVPR 2016) at half the
width, with torchvision's names, so that what is learnt here about `conv1`, `layer3` or `fc` holds
there too.
"""

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them."""

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


class WorldNet(nn.Module):
    """A classifier of 64x64 RGB pictures: 2.8 M parameters, features of length 256.

    The input is float (n, 3, 64, 64), normalised with the mean and standard deviation of the model
    card; the output is (n, classes) logits.
    """

    widths = (32, 64, 128, 256)

    def __init__(self, classes: int):
        super().__init__()
        first, second, third, fourth = self.widths
        self.conv1 = nn.Conv2d(3, first, 7, stride=2, padding=3, bias=False)  # 32 x 32
        self.bn1 = nn.BatchNorm2d(first)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)  # 16 x 16
        self.layer1 = nn.Sequential(BasicBlock(first, first, 1), BasicBlock(first, first, 1))
        self.layer2 = nn.Sequential(
            BasicBlock(first, second, 2), BasicBlock(second, second, 1)
        )  # 8
        self.layer3 = nn.Sequential(BasicBlock(second, third, 2), BasicBlock(third, third, 1))  # 4
        self.layer4 = nn.Sequential(
            BasicBlock(third, fourth, 2), BasicBlock(fourth, fourth, 1)
        )  # 2
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(fourth, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))
