"""LoRA: the same numbers as peft, counted by hand, and gone without a trace."""

from collections import OrderedDict

import pytest
import torch
import torchvision
from torch import nn

from course_lib import CourseError
from course_lib.train.lora import LoRA, adapters, add_lora, merge, take_off
from tests.fakes import small_backbone

NAMES = ("conv", "point", "fc")


def net() -> nn.Module:
    """A stride and padding, a convolution of 1 x 1 and a linear layer."""
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 5, 3, stride=2, padding=1),
            relu=nn.ReLU(),
            point=nn.Conv2d(5, 4, 1, bias=False),
            flatten=nn.Flatten(),
            fc=nn.Linear(4 * 4 * 4, 6),
        )
    )


def moved(adapted: nn.Module) -> nn.Module:
    """The adapted net as after some training: no `up` matrix is zero any more."""
    torch.manual_seed(1)
    for module in adapted.modules():
        if isinstance(module, LoRA):
            nn.init.normal_(module.up.weight)
    return adapted


def twins():
    """(ours, peft's) with the same corrections."""
    peft = pytest.importorskip("peft")
    ours = moved(add_lora(net(), NAMES, rank=2, alpha=3.0))
    config = peft.LoraConfig(r=2, lora_alpha=3.0, target_modules=list(NAMES), lora_dropout=0.0)
    theirs = peft.get_peft_model(net(), config)
    for name in NAMES:
        layer, mine = theirs.base_model.model.get_submodule(name), ours.get_submodule(name)
        layer.lora_A["default"].weight.data.copy_(mine.down.weight.data)
        layer.lora_B["default"].weight.data.copy_(mine.up.weight.data)
    return ours, theirs


def test_outputs_and_gradients_are_those_of_peft():
    ours, theirs = twins()
    x = torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-6)
    for one in (ours, theirs):
        one(x).tanh().sum().backward()
    for name in NAMES:
        layer, mine = theirs.base_model.model.get_submodule(name), ours.get_submodule(name)
        for a, b in ((mine.down, layer.lora_A), (mine.up, layer.lora_B)):
            want = b["default"].weight.grad
            assert want.abs().max() > 1e-3
            torch.testing.assert_close(a.weight.grad, want, rtol=1e-6, atol=1e-6)
        assert mine.layer.weight.grad is None


def test_merged_weights_are_those_of_peft_and_give_what_the_adapted_net_gave():
    ours, theirs = twins()
    x = torch.randn(5, 3, 8, 8)
    merged, want = merge(ours), theirs.merge_and_unload()
    assert [*merged.state_dict()] == [*net().state_dict()]
    for name, weight in want.state_dict().items():
        torch.testing.assert_close(merged.state_dict()[name], weight, rtol=0, atol=1e-6)
    torch.testing.assert_close(merged(x), ours(x), rtol=1e-5, atol=1e-5)


def test_a_dilated_convolution_gives_the_same_merged_and_apart():
    layer = nn.Conv2d(3, 5, 3, padding=2, dilation=2, padding_mode="reflect")
    adapted, x = moved(LoRA(layer, 2, 3.0)), torch.randn(2, 3, 8, 8)
    plain = merge(nn.Sequential(adapted))
    torch.testing.assert_close(plain(x), adapted(x), rtol=1e-5, atol=1e-5)


def test_taking_it_off_gives_the_net_back_bit_for_bit_and_nothing_changes_before_training():
    base, x = net(), torch.randn(5, 3, 8, 8)
    adapted = add_lora(base, NAMES, rank=2, alpha=3.0)
    assert torch.equal(adapted(x), base(x))
    assert not torch.equal(moved(adapted)(x), base(x))
    bare = take_off(adapted)
    assert isinstance(bare.conv, nn.Conv2d) and isinstance(adapted.conv, LoRA)
    assert all(torch.equal(bare.state_dict()[k], v) for k, v in base.state_dict().items())
    assert all(p.requires_grad for p in base.parameters())  # the net given was copied


def test_the_trainable_parameters_are_counted_by_hand():
    # SmallNet: layer3 goes from 4 to 6 channels, layer4 from 6 to 8; rank 2 has
    # 2 * (9 * inputs + outputs) per 3 x 3 convolution, 2 * (inputs + outputs) per 1 x 1.
    adapted = add_lora(small_backbone().net, ("layer3", "layer4"), rank=2, alpha=2)
    layer3 = (9 * 4 + 6) + (4 + 6) + 3 * (9 * 6 + 6)
    layer4 = (9 * 6 + 8) + (6 + 8) + 3 * (9 * 8 + 8)
    learn = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    assert sum(p.numel() for p in learn.values()) == 2 * (layer3 + layer4)
    assert all(".up." in name or ".down." in name for name in learn)


def test_training_the_rest_leaves_the_layers_inside_as_they_were():
    adapted = add_lora(net(), ("fc",), rank=1, alpha=1)
    learn = [p for p in adapted.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learn, lr=0.1)
    x, before = torch.randn(5, 3, 8, 8), adapted.fc.up.weight.clone()
    for _ in range(2):
        optimizer.zero_grad()
        adapted(x).pow(2).mean().backward()
        optimizer.step()
    assert not torch.equal(adapted.fc.up.weight, before)
    assert all(torch.equal(take_off(adapted).state_dict()[k], v)
               for k, v in net().state_dict().items())  # fmt: skip


def test_a_transformers_linear_layers_are_adapted_by_name_and_merge_to_the_same():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    base, x = nn.Sequential(OrderedDict(block=layer)), torch.randn(2, 5, 8)
    adapted = moved(add_lora(base, ("block",), rank=2, alpha=2))
    assert [*adapters(adapted)] == ["block.linear1", "block.linear2"]  # out_proj is never called
    assert not torch.allclose(adapted(x), base(x), atol=1e-3)
    torch.testing.assert_close(merge(adapted)(x), adapted(x), rtol=1e-5, atol=1e-5)


def test_a_torchvision_net_is_adapted_by_the_names_of_its_stages():
    base = torchvision.models.resnet18(weights=None).eval()
    adapted, x = add_lora(base, ("layer4", "layer4.1.conv2"), 1, 1), torch.randn(1, 3, 64, 64)
    assert len(adapters(adapted)) == 5  # two blocks of two convolutions, and one 1 x 1; none twice
    assert torch.equal(adapted.eval()(x), base(x))


def test_a_second_lora_on_top_of_the_first_is_refused():
    with pytest.raises(CourseError, match="merge it or take it off"):
        add_lora(add_lora(net(), ("fc",), 1, 1), ("fc",), 1, 1)


@pytest.mark.parametrize(
    ("names", "rank", "alpha", "words"),
    [
        (("head",), 1, 1, "no layer to adapt at 'head'"),
        (("relu",), 1, 1, "no layer to adapt at 'relu'"),
        ("fc", 1, 1, "names must be texts"),
        (("fc",), 0, 1, "rank must be"),
        (("fc",), 1, 0, "alpha must be"),
    ],
)
def test_what_cannot_be_adapted_is_said(names, rank, alpha, words):
    with pytest.raises(CourseError, match=words):
        add_lora(net(), names, rank, alpha)


def test_a_convolution_in_groups_is_refused():
    with pytest.raises(CourseError, match="LoRA adapts"):
        LoRA(nn.Conv2d(4, 4, 3, groups=2), 1, 1)
