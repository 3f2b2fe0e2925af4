"""Lesson 07's own code about LoRA: right answers pass, each likely slip is named."""

import pytest
import torch
from torch import nn

from course_lib.questions import check
from course_lib.train.lora import LoRA


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


def text(name, answer):
    return repr(check(name, answer, seed=0))


def slipping(scale="alpha / rank", zero="up", frozen=True, bias=False, kernel=None, module=True):
    """A learner's LoRA layer with a slip, around a linear layer or a convolution."""

    class Layer(nn.Module):
        def __init__(self, layer, rank, alpha):
            super().__init__()
            self.layer = layer.requires_grad_(not frozen)
            if isinstance(layer, nn.Linear):
                self.down = nn.Linear(layer.in_features, rank, bias=bias)
                self.up = nn.Linear(rank, layer.out_features, bias=False)
            else:
                size = kernel or layer.kernel_size
                padding = layer.padding if size == layer.kernel_size else 0
                self.down = nn.Conv2d(
                    layer.in_channels, rank, size, layer.stride, padding, bias=bias
                )
                self.up = nn.Conv2d(rank, layer.out_channels, 1, bias=False)
            for name in zero.split():
                nn.init.zeros_(getattr(self, name).weight)
            self.scale = {"alpha / rank": alpha / rank, "1": 1.0, "alpha": alpha}[scale]

        def forward(self, x):
            return self.layer(x) + self.scale * self.up(self.down(x))

    def plain(*given):
        inside = Layer(*given)

        class NoModule:
            down, up = inside.down, inside.up

            def __call__(self, x):
                return inside(x)

        return NoModule()

    return Layer if module else plain


SLIPS = [
    ({}, "Right"),
    ({"zero": ""}, "are random: set `up` to zero"),
    ({"zero": "up down"}, "neither of the two ever gets a gradient"),
    ({"scale": "1"}, "The scale is forgotten"),
    ({"scale": "alpha"}, "not `alpha`"),
    ({"frozen": False}, "`layer.requires_grad_(False)`"),
    ({"module": False}, "must be an `nn.Module`"),
]


@pytest.mark.parametrize(("slip", "words"), SLIPS)
@pytest.mark.parametrize("name", ["07-lora", "07-lora-conv"])
def test_slips_of_a_lora_layer_are_named(name, slip, words):
    assert words in text(name, slipping(**slip))


@pytest.mark.parametrize("name", ["07-lora", "07-lora-conv"])
def test_the_courses_own_layer_passes_too(name):
    assert "Right" in text(name, LoRA)


def test_a_bias_of_down_is_named():
    assert "without a bias" in text("07-lora", slipping(bias=True, zero="up"))


def test_a_correction_that_looks_at_one_place_only_is_named():
    assert "`down` looks around like the layer" in text("07-lora-conv", slipping(kernel=(1, 1)))


def learns(head=True, base=False, up=True, still=True, mode=True, listed=True):
    """A learner's `only_adapters` with a slip."""

    def only_adapters(net):
        net.train(mode)
        for module in net.modules():
            if still and isinstance(module, nn.BatchNorm2d):
                module.eval()
        for name, p in net.named_parameters():
            wanted = ".down." in name or (up and ".up." in name)
            p.requires_grad_(wanted or base or (head and name.startswith("fc")))
        found = [p for p in net.parameters() if p.requires_grad]
        return found if listed else [torch.zeros(1)]

    return only_adapters


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (learns(), "Right"),
        (learns(base=True), "still learns: only `down`, `up` and the head"),
        (learns(head=False), "`fc.bias` should learn, too"),
        (learns(up=False), "`layer4.up.weight` should learn, too"),
        (learns(still=False), "Batch norm was left in train mode"),
        (learns(mode=False), "`net.train()` comes first"),
        (learns(listed=False), "Return the parameters that learn"),
    ],
)
def test_only_adapters_wants_what_learns_and_batch_norm_that_stands_still(answer, words):
    assert words in text("07-lora-learns", answer)
