"""Nets that are not the course's own: torchvision's other families, timm's, a person's."""

import copy
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import Backbone, CourseError, fit, load_backbone
from course_lib import strategies as S
from course_lib.backbones.architectures import torchvision_names
from course_lib.serving import export_model, load_model, save_model
from tests.fakes import small_task

LOOK = {"size": 32, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


class Three(nn.Module):
    """Two convolutions and a linear layer, with functions between them, as people write it."""

    def __init__(self, classes: int = 4):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.out = nn.Linear(16, classes)

    def forward(self, x):
        x = F.relu(self.first(x))
        x = F.dropout(x, 0.5, self.training)
        x = F.relu(self.norm(self.second(x)))
        return self.out(x.mean((2, 3)))


class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x):
        if int(x.shape[1]) < 2:  # what happens inside a block need not be followed
            return x
        return x + self.mix(self.norm(x))


class Tokens(nn.Module):
    """A transformer's outside: patches, a class token, equal layers, a norm, a head."""

    def __init__(self, classes: int = 4, width: int = 8):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, stride=8)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.layers = nn.Sequential(*(Layer(width) for _ in range(3)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x, mask=None):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return self.head(self.norm(self.layers(x))[:, 0])


def cut_well(model: Backbone, x) -> None:
    """The stages in order are the net, from any cut on, and share no weight."""
    expected = model.net(x)
    for cut in range(len(model.stages) + 1):
        features = model.run_stages(model.run_stages(x, 0, cut), cut)
        torch.testing.assert_close(model.head(features), expected)
    held = [id(p) for part in (*model.stages.values(), model.head) for p in part.parameters()]
    assert sorted(held) == sorted(id(p) for p in model.net.parameters())


def test_a_net_of_three_layers_gets_stages_and_a_head():
    model = Backbone.wrap(Three(), **LOOK)
    assert model.stage_names == ("stem", "stage1")
    assert (model.architecture.head, model.feature_dim, model.classes) == ("out", 16, 4)
    with torch.no_grad():
        cut_well(model, torch.randn(2, 3, 32, 32))


def test_every_layer_of_a_transformer_is_a_stage():
    model = Backbone.wrap(Tokens(), **LOOK)
    assert len(model.stages) == 4
    assert all(any(True for _ in stage.parameters()) for stage in model.stages.values())
    with torch.no_grad():
        cut_well(model, torch.randn(2, 3, 32, 32))


def test_a_net_inside_a_net_is_looked_into():
    from torchvision.models import resnet18

    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = resnet18()
            self.body.fc = nn.Identity()
            self.mine = nn.Sequential(nn.Dropout(0.1), nn.Linear(512, 5))

        def forward(self, x):
            return self.mine(self.body(x))

    model = Backbone.wrap(Mine(), **{**LOOK, "size": 64})
    assert len(model.stages) == 5
    assert model.architecture.head == "mine.1"
    with torch.no_grad():
        cut_well(model, torch.randn(2, 3, 64, 64))


def test_wrapping_leaves_the_net_as_it_was():
    net = Three().train()
    before = copy.deepcopy(net.state_dict())
    model = Backbone.wrap(net, **LOOK)
    fit(model, small_task(), S.FULL_FINE_TUNING, 2)
    assert net.training and not hasattr(net.first, "_forward_hook")
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key])


def test_dropout_called_as_a_function_drops_while_its_stage_learns_and_only_then():
    model = Backbone.wrap(Three(), **LOOK)
    x = torch.randn(4, 3, 32, 32)
    quiet = [model.features(x) for _ in range(2)]
    assert torch.equal(*quiet)
    model.stages["stem"].train()
    assert not torch.equal(model.features(x), model.features(x))
    model.eval()
    assert torch.equal(model.features(x), quiet[0])


def test_stages_can_be_given_by_the_modules_that_end_them():
    model = Backbone.wrap(Tokens(), stages=("layers.0", "layers.2"), **LOOK)
    assert model.stage_names == ("layers.0", "layers.2")
    with torch.no_grad():
        cut_well(model, torch.randn(2, 3, 32, 32))


@pytest.mark.parametrize("stages", [("layers.1", "layers.0"), ("nothing",), ("head",), ()])
def test_stages_that_cannot_be_are_refused_with_those_that_can(stages):
    with pytest.raises(CourseError, match="layers.1|one module or more"):
        Backbone.wrap(Tokens(), stages=stages, **LOOK)


def test_a_layer_that_is_replaced_is_used_from_then_on():
    model = Backbone.wrap(Three(), **LOOK)
    x = torch.randn(2, 3, 32, 32)
    before = model(x)
    model.net.second = nn.Conv2d(8, 16, 3, stride=2, padding=1)
    torch.testing.assert_close(model(x), model.net(x))
    assert not torch.equal(model(x), before)


def test_weights_used_twice_stay_in_one_stage():
    class Shared(Three):
        def __init__(self):
            super().__init__()
            self.middle = nn.Conv2d(8, 8, 3, padding=1)

        def forward(self, x):
            x = self.middle(F.relu(self.first(x)))
            x = self.norm(self.second(F.relu(self.middle(x))))
            return self.out(x.mean((2, 3)))

    model = Backbone.wrap(Shared(), **LOOK)
    with torch.no_grad():
        cut_well(model, torch.randn(2, 3, 32, 32))


class Branching(Three):
    def forward(self, x):
        x = self.first(x)
        if x.mean() > 0:
            x = x * 2
        return self.out(self.norm(self.second(x)).mean((2, 3)))


class Softened(Three):
    def forward(self, x):
        return super().forward(x).softmax(1)


class Told(Three):
    def forward(self, x):
        return {"logits": super().forward(x)}


class Noisy(Three):
    def forward(self, x):
        return super().forward(x + torch.randn(x.shape))


class Convolved(Three):
    def __init__(self):
        super().__init__()
        self.out = nn.Conv2d(16, 4, 1)

    def forward(self, x):
        return self.out(F.relu(self.second(self.first(x))).mean((2, 3), keepdim=True)).flatten(1)


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (Branching(), "cannot be followed"),
        (Softened(), "leave out a softmax"),
        (Told(), "must give logits"),
        (Noisy(), "changes from call to call"),
        (Convolved(), "linear layer"),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)), "nothing to transfer"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(3600, 4)), "cannot take"),
        (nn.DataParallel(Three()), r"net\.module"),
        ("resnet18", "nn.Module"),
    ],
)
def test_a_net_that_cannot_be_wrapped_says_what_to_change(net, says):
    with pytest.raises(CourseError, match=says):
        Backbone.wrap(net, **LOOK)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"size": 0}, "size must be"),
        ({"mean": (0.5,)}, "mean must be three"),
        ({"std": (0.2, 0.2, 0.0)}, "above 0"),
        ({"head": "fc"}, "no module 'fc'.*first|no module 'fc'.*out"),
        ({"head": "first"}, "out"),
        ({"classes": ("a", "b")}, "4 logits"),
        ({"transform": lambda x: x}, "either transform"),
    ],
)
def test_wrong_facts_about_a_net_are_named(wrong, says):
    with pytest.raises(CourseError, match=says):
        Backbone.wrap(Three(), **{**LOOK, **wrong})


def test_the_weights_own_transform_can_be_given():
    from torchvision.models import ResNet18_Weights

    transform = ResNet18_Weights.DEFAULT.transforms(crop_size=32, resize_size=32)
    model = Backbone.wrap(Three(), transform=transform)
    assert model.architecture.size == 32
    assert model.prepare(torch.zeros(1, 3, 50, 40, dtype=torch.uint8)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("strategy", S.ALL, ids=lambda s: s.name)
def test_frozen_stages_of_an_own_net_stay_byte_for_byte(strategy):
    model = Backbone.wrap(Three(), **LOOK)
    run = fit(model, small_task(), replace(strategy, lr=1e-3), 6)
    learning = S.learning_stages(strategy, model.stage_names)
    for name, stage in model.stages.items():
        after = run.model.stages[name].state_dict()
        same = all(torch.equal(v, after[k]) for k, v in stage.state_dict().items())
        assert same == (name not in learning)
    assert run.trainable_parameters == sum(p.numel() for p in run.model.head.parameters()) + sum(
        p.numel() for name in learning for p in model.stages[name].parameters()
    )


def test_the_same_run_with_and_without_a_cache():
    model = Backbone.wrap(Tokens(), **LOOK)
    kept, plain = (
        fit(model, small_task(), S.FINE_TUNING, 3, cache=cache) for cache in (True, False)
    )
    for a, b in zip(kept.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_what_was_learnt_is_a_plain_module():
    run = fit(Backbone.wrap(Three(), **LOOK), small_task(), S.FULL_FINE_TUNING, 2)
    assert type(run.module) is Three
    pictures = run.task.test.pictures
    twin = Three(classes=3)
    twin.load_state_dict(run.module.state_dict())
    with torch.no_grad():
        x = run.model.prepare(pictures)
        torch.testing.assert_close(twin.eval()(x), run.model(x))


def test_a_net_made_anew_has_other_weights_and_the_same_kind():
    model = Backbone.wrap(Three(), **LOOK)
    anew = model.fresh(1)
    assert type(anew.net) is Three
    assert not torch.equal(anew.net.first.weight, model.net.first.weight)
    assert torch.equal(anew.net.first.weight, model.fresh(1).net.first.weight)


def test_a_layer_that_cannot_be_made_anew_asks_for_a_way_to_build_the_net():
    with pytest.raises(CourseError, match="build="):
        Backbone.wrap(Tokens(), **LOOK).fresh()
    anew = Backbone.wrap(Tokens(), build=Tokens, **LOOK).fresh()
    assert type(anew.net) is Tokens


def test_a_model_of_an_own_net_is_saved_without_code_and_comes_back_with_it(tmp_path):
    path = tmp_path / "mine.safetensors"
    model = Backbone.wrap(Tokens(), stages=("layers.0", "layers.2"), **LOOK)
    run = fit(model, small_task(), S.FINE_TUNING, 2)
    save_model(run, path)
    with pytest.raises(CourseError, match=r"net=Tokens\(\.\.\.\)"):
        load_model(path)
    with pytest.raises(CourseError, match="no module 'head'|not those"):
        load_model(path, net=Three())
    back = load_model(path, net=Tokens(classes=9))
    assert back.model.stage_names == model.stage_names
    x = run.model.prepare(run.task.test.pictures)
    with torch.no_grad():
        assert torch.equal(back.model(x), run.model(x))
    assert export_model(back, tmp_path / "mine.pt2").difference < 1e-4


def test_a_net_by_name_needs_no_net(tmp_path):
    path = tmp_path / "known.safetensors"
    run = fit(load_backbone("shufflenet_v2_x0_5", pretrained=False), small_task(), S.FINE_TUNING, 1)
    save_model(run, path)
    assert load_model(path).model.name == "shufflenet_v2_x0_5"
    with pytest.raises(CourseError, match="leave it out"):
        load_model(path, net=Three())


def test_the_race_takes_a_net_and_pictures_of_ones_own():
    from course_lib.widgets.race import Race

    race = Race(backbone=Backbone.wrap(Three(), **LOOK), task=small_task(60), train=20, epochs=1)
    assert race.info["backbones"][-1] == "own:Three" and "small" in race.info["tasks"]
    race.run(20)
    assert {row["epoch"] for row in race.results()} == {1}
    assert len(race._target.train.labels) == 20
    with pytest.raises(Exception, match="must be a Task or one of"):
        race.task = "unknown"


# One small net of each family of torchvision; the rest differ in width and depth.
FAMILIES = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v3_large",
    "regnet_y_400mf",
    "resnet34",
    "shufflenet_v2_x0_5",
    "swin_t",
    "vgg11_bn",
)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_torchvision_is_cut_well(name):
    assert name in torchvision_names()
    model = load_backbone(name, pretrained=False)
    assert len(model.stages) >= 4
    held = [id(p) for part in (*model.stages.values(), model.head) for p in part.parameters()]
    assert sorted(held) == sorted(id(p) for p in model.net.parameters())


def test_a_net_whose_head_is_a_convolution_is_refused_with_the_reason():
    with pytest.raises(CourseError, match="does not end in a linear layer"):
        load_backbone("squeezenet1_1", pretrained=False)


def test_auxiliary_heads_in_a_file_are_left_out(tmp_path):
    from torchvision.models import get_model

    whole = get_model("googlenet", weights=None, num_classes=5, init_weights=False)
    torch.save(whole.state_dict(), tmp_path / "g.pth")
    model = load_backbone("googlenet", weights=tmp_path / "g.pth")
    assert model.classes == 5 and not any("aux" in key for key in model.net.state_dict())
    assert torch.equal(model.net.conv1.conv.weight, whole.conv1.conv.weight)


@pytest.mark.parametrize("name", ["timm:convnext_atto", "timm:vit_tiny_patch16_224"])
def test_a_net_of_timm_is_cut_trained_and_read_from_a_file(name, tmp_path):
    import timm

    model = load_backbone(name, pretrained=False)
    assert len(model.stages) >= 4
    size = model.architecture.size
    with torch.no_grad():
        cut_well(model, torch.randn(1, 3, size, size))
    theirs = timm.create_model(name.removeprefix("timm:"), num_classes=7)
    torch.save(theirs.state_dict(), tmp_path / "t.pth")
    same = load_backbone(name, weights=tmp_path / "t.pth")
    x = torch.randn(1, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(same(x), theirs.eval()(x))
    assert same.source_classes == tuple(f"class {i}" for i in range(7))


def test_a_name_that_timm_does_not_know_gets_suggestions():
    with pytest.raises(CourseError, match="Did you mean.*timm:convnext_atto"):
        load_backbone("timm:convnext_ato")


def test_without_timm_a_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(CourseError, match="pip install timm"):
        load_backbone("timm:resnet18")
