import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_lib import CourseError, fit, load_backbone, predict, prepare_run
from course_lib import strategies as S
from course_lib.backbones.architectures import Architecture
from course_lib.backbones.backbone import Backbone
from course_lib.data.split import Split
from course_lib.train.forgetting import (
    EWC,
    L2SP,
    LwF,
    Meter,
    Replay,
    check_frozen,
    diagonal_fisher,
    distance_penalty,
    distillation_loss,
    interpolate,
    recompute_statistics,
    relative_drift,
    source_accuracy,
    source_pictures,
)
from tests.fakes import STAGES, pictures, small_backbone, small_task

FULL = replace(S.FULL_FINE_TUNING, lr=1e-2)
HARSH = replace(S.FULL_FINE_TUNING, lr=3e-2, head_lr_ratio=3.0)  # forgets nearly everything


def train(model, strategy=FULL, epochs=3, **settings):
    usual = {"batch_size": 5, "progress": False, "validate_every": 0, "test": False}
    return fit(model, small_task(), strategy, epochs, **{**usual, **settings})


def learnt_labels(model, n=20, seed=9) -> Split:
    """Source pictures with the labels that the model itself gives: it starts at 100 %."""
    x = pictures(n, 5, seed).pictures
    return Split(x, predict(model, x).argmax(1))


class OneLayer(nn.Module):
    """A net whose Fisher information can be written down: softmax(W f(x)) with f one stage."""

    def __init__(self, classes: int):
        super().__init__()
        self.scale = nn.Linear(3, 3, bias=False)
        self.fc = nn.Linear(3, classes, bias=False)

    def forward(self, x):
        return self.fc(self.scale(x.mean((2, 3))))


class MeanColour(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net.scale(x.mean((2, 3)))


def linear_backbone(head: torch.Tensor) -> Backbone:
    architecture = Architecture(
        "linear", OneLayer, lambda net: {"only": MeanColour(net)}, lambda x: x, "fc", 4
    )
    net = OneLayer(len(head))
    with torch.no_grad():
        net.scale.weight.copy_(torch.eye(3))
        net.fc.weight.copy_(head)
    names = tuple(f"class {i}" for i in range(len(head)))
    return Backbone(net, architecture, lambda x: x.float() / 255, names).eval()


def flat_pictures(*colours) -> torch.Tensor:
    return torch.tensor(colours, dtype=torch.uint8).view(-1, 3, 1, 1).expand(-1, 3, 4, 4)


# ---- EWC


def test_the_fisher_information_of_a_binary_logistic_model_is_its_closed_form():
    """Two classes with logits +z and -z, z = u . (A c): grad_A log p = (y - p) 2 u c^T."""
    u = torch.tensor([0.0, 0.0, 0.0])
    model = linear_backbone(torch.stack([u, u]))
    assert all((f == 0).all() for f in diagonal_fisher(model, flat_pictures((9, 9, 9))).values())
    # With equal probabilities (y - p)^2 = 1/4 for either label: F_ij = (2 u_i c_j)^2 / 4
    # = (u_i c_j)^2. Orthogonal u and c keep z at 0.
    u, colour = torch.tensor([1.0, -1.0, 0.0]), torch.tensor([0.4, 0.4, 0.2])
    model = linear_backbone(torch.stack([u, -u]))
    fisher = diagonal_fisher(model, flat_pictures((102, 102, 51)))
    torch.testing.assert_close(fisher["scale.weight"], torch.outer(u, colour).square())


def test_the_fisher_information_is_the_expectation_over_labels_of_one_picture():
    """Unequal probabilities: E[(y - p)^2] = p (1 - p), without noise."""
    u, colour = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.8, 0.2, 0.4])
    model = linear_backbone(torch.stack([u, -u]))
    fisher = diagonal_fisher(model, flat_pictures((204, 51, 102)))
    p = 1 / (1 + math.exp(-2 * 0.8))
    expected = 4 * p * (1 - p) * torch.outer(u, colour).square()
    torch.testing.assert_close(fisher["scale.weight"], expected)
    # Without the less likely class only p (1 - p)^2 is left.
    fisher = diagonal_fisher(model, flat_pictures((204, 51, 102)), least=0.3)
    torch.testing.assert_close(fisher["scale.weight"], expected * (1 - p))


def test_the_fisher_information_leaves_the_model_alone_and_covers_the_backbone():
    model = small_backbone()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fisher = diagonal_fisher(model, pictures(3).pictures)
    assert set(fisher) == {n for n, _ in model.net.named_parameters() if not n.startswith("fc.")}
    assert all((f >= 0).all() for f in fisher.values())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(CourseError, match="at least one picture"):
        diagonal_fisher(model, pictures(0).pictures)


def test_ewc_holds_the_weights_that_the_source_needs_and_leaves_the_others():
    model = small_backbone()
    stiff = {n: torch.zeros_like(p) for n, p in model.net.named_parameters()}
    stiff["layer1.0.conv1.weight"] += 1e6
    free, held = train(model), train(model, mitigation=EWC(1.0, stiff))

    def moved(run, name):
        return (run.model.net.get_parameter(name) - model.net.get_parameter(name)).norm().item()

    assert moved(held, "layer1.0.conv1.weight") < 0.2 * moved(free, "layer1.0.conv1.weight")
    assert moved(held, "layer4.0.conv1.weight") > 0.5 * moved(free, "layer4.0.conv1.weight")
    with pytest.raises(CourseError, match="no entry for"):
        train(model, mitigation=EWC(1.0, {}))


# ---- L2-SP


def test_the_gradient_of_the_distance_penalty_is_the_distance():
    now = [torch.tensor([1.0, 4.0], requires_grad=True), torch.tensor([[2.0]], requires_grad=True)]
    start = [torch.tensor([3.0, 4.5]), torch.tensor([[-1.0]])]
    penalty = 0.1 * distance_penalty(now, start)
    assert penalty.item() == pytest.approx(0.05 * (4 + 0.25 + 9))
    penalty.backward()
    torch.testing.assert_close(now[0].grad, torch.tensor([-0.2, -0.05]))
    torch.testing.assert_close(now[1].grad, torch.tensor([[0.3]]))


def test_weights_in_the_distance_penalty_scale_each_gradient():
    now = [torch.tensor([2.0, 2.0], requires_grad=True)]
    distance_penalty(now, [torch.zeros(2)], [torch.tensor([10.0, 0.0])]).backward()
    torch.testing.assert_close(now[0].grad, torch.tensor([20.0, 0.0]))


def test_l2sp_adds_its_gradient_to_that_of_the_loss_in_fit(monkeypatch):
    """The gradients of the second step, when weights have moved, with and without the penalty."""
    model, seen = small_backbone(), []

    def record(self, closure=None):
        groups = [g for g in self.param_groups if g["name"] == "layer4"]
        seen.append([p.grad.clone() for g in groups for p in g["params"]])
        with torch.no_grad():  # a step of plain gradient descent, the same with and without
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(torch.full_like(p, 0.01))

    monkeypatch.setattr(torch.optim.AdamW, "step", record)
    train(model, epochs=1)
    plain, seen[:] = list(seen), []
    train(model, epochs=1, mitigation=L2SP(3.0))
    for step in (0, 1):  # after k steps every weight is 0.01 k away from its start
        for with_penalty, without in zip(seen[step], plain[step], strict=True):
            torch.testing.assert_close(
                with_penalty - without, torch.full_like(without, 3.0 * 0.01 * step),
                rtol=1e-3, atol=2e-5,
            )  # fmt: skip


def test_l2sp_keeps_the_weights_nearer_to_the_start():
    model = small_backbone()
    free, held = train(model, HARSH, 10), train(model, HARSH, 10, mitigation=L2SP(10.0))
    drift = [relative_drift(model, run.model) for run in (free, held)]
    assert all(drift[1][stage] < 0.5 * drift[0][stage] for stage in STAGES)


# ---- learning without forgetting


@given(st.integers(0, 10_000), st.floats(0.5, 8))
def test_the_distillation_loss_is_the_kl_divergence_written_out(seed, temperature):
    generator = np.random.default_rng(seed)
    student, teacher = generator.normal(0, 3, (2, 4, 6))

    def softened(logits):
        e = np.exp(logits / temperature)
        return e / e.sum(1, keepdims=True)

    p, q = softened(teacher), softened(student)
    expected = temperature**2 * (p * np.log(p / q)).sum(1).mean()
    found = distillation_loss(torch.tensor(student), torch.tensor(teacher), temperature)
    assert found.item() == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_the_distillation_loss_is_zero_where_nothing_was_forgotten():
    logits = torch.randn(3, 5)
    assert distillation_loss(logits, logits).item() == pytest.approx(0, abs=1e-6)


def test_lwf_keeps_the_answers_of_the_old_head_on_the_new_pictures():
    model, task = small_backbone(), small_task()
    free, held = train(model, epochs=6), train(model, epochs=6, mitigation=LwF(10.0))
    before = predict(model, task.train.pictures)

    def change(run):
        old = run.model.copy()
        old.replace_head(run.source_head)
        return distillation_loss(predict(old, task.train.pictures), before).item()

    assert change(held) < 0.5 * change(free)


# ---- replay


def test_replay_keeps_the_source_accuracy():
    model = small_backbone()
    source = learnt_labels(model, 40)
    free = train(model, HARSH, 10)
    held = train(model, HARSH, 10, mitigation=Replay(source, 3.0, batch=20))
    scores = [source_accuracy(run.model, run.source_head, source) for run in (free, held)]
    assert source_accuracy(model, model.head, source) == 1
    assert scores[1] > scores[0] + 0.3


# ---- all of them, in fit


def mitigations(model):
    fisher = {name: torch.ones_like(p) for name, p in model.net.named_parameters()}
    return [L2SP(1.0), EWC(1.0, fisher), LwF(1.0), Replay(learnt_labels(model), 1.0, batch=4)]


@pytest.mark.parametrize("which", range(4), ids=["L2-SP", "EWC", "LwF", "replay"])
@pytest.mark.parametrize("strategy", [S.FINE_TUNING, S.GRADUAL_UNFREEZING], ids=lambda s: s.name)
def test_with_a_mitigation_the_cached_and_the_plain_path_agree(strategy, which):
    model = small_backbone()
    strategy = replace(strategy, lr=1e-3)
    runs = [train(model, strategy, 7, cache=c, mitigation=mitigations(model)[which])
            for c in (True, False)]  # fmt: skip
    for key, value in runs[0].model.state_dict().items():
        torch.testing.assert_close(value, runs[1].model.state_dict()[key], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("which", range(4), ids=["L2-SP", "EWC", "LwF", "replay"])
def test_with_a_mitigation_frozen_stages_stay_and_seeds_repeat(which):
    model = small_backbone()
    first, again = (train(model, S.FINE_TUNING, mitigation=mitigations(model)[which])
                    for _ in range(2))  # fmt: skip
    assert check_frozen(model, first.model, STAGES[:-1]).frozen
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    assert torch.equal(first.source_head.weight, model.head.weight)


@pytest.mark.parametrize("which", range(4), ids=["L2-SP", "EWC", "LwF", "replay"])
def test_a_mitigation_of_strength_zero_changes_nothing(which):
    model = small_backbone()
    off = replace(mitigations(model)[which], strength=0.0)
    plain, same = train(model, epochs=1), train(model, epochs=1, mitigation=off)
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(value, same.model.state_dict()[name], rtol=1e-4, atol=1e-6)


def test_mitigations_that_make_no_sense_are_refused():
    model = small_backbone()
    for bad in (L2SP(-1.0), LwF(float("nan")), EWC(float("inf"), {})):
        with pytest.raises(CourseError, match="strength"):
            prepare_run(model, small_task(), FULL, mitigation=bad)
    with pytest.raises(CourseError, match="no source task to remember"):
        prepare_run(model, small_task(), S.SCRATCH, mitigation=L2SP())
    with pytest.raises(CourseError, match="no source task to remember"):
        prepare_run(model.fresh(), small_task(), FULL, mitigation=L2SP())
    adapting = S.Strategy("x", batch_norm="adapt")
    with pytest.raises(CourseError, match="LwF needs frozen stages"):
        prepare_run(model, small_task(), adapting, mitigation=LwF())
    with pytest.raises(CourseError, match="at least one source picture"):
        prepare_run(model, small_task(), FULL, mitigation=Replay(pictures(0)))


# ---- measuring


def test_the_source_accuracy_under_the_old_head_is_counted_by_hand():
    model = small_backbone()
    source = pictures(11, 5, 4)
    logits = model(model.prepare(source.pictures))
    by_hand = (logits.argmax(1) == source.labels).float().mean().item()
    assert source_accuracy(model, model.head, source) == pytest.approx(by_hand)
    run = train(model, S.FEATURE_EXTRACTION)
    assert source_accuracy(run.model, run.source_head, source) == pytest.approx(by_hand)


def test_relative_drift_is_a_ratio_of_lengths():
    start, now = small_backbone(), small_backbone()
    with torch.no_grad():
        for p in now.stages["layer2"].parameters():
            p.mul_(1.25)
    drift = relative_drift(start, now)
    assert drift.pop("layer2") == pytest.approx(0.25, rel=1e-5)
    assert set(drift.values()) == {0.0}


def test_a_meter_reads_the_start_and_then_every_so_many_steps():
    model = small_backbone()
    meter = Meter(model, learnt_labels(model), pictures(6).pictures, every=2)
    run = train(model, epochs=2, on_tick=meter)
    assert [reading.step for reading in meter.readings] == [0, 2, 4, 6]
    first, last = meter.readings[0], meter.readings[-1]
    assert first.source == 1 and set(first.drift.values()) == {0.0}
    assert all(value == pytest.approx(1) for value in first.cka.values())
    assert last.drift == relative_drift(model, run.model)
    assert last.source == source_accuracy(run.model, run.source_head, meter.source)
    assert all(0 <= last.cka[stage] < 1 for stage in STAGES)


def test_a_meter_can_be_told_the_steps_and_costs_nothing_it_is_not_asked_for():
    model = small_backbone()
    meter = Meter(model, every=(1, 5))
    train(model, epochs=2, on_tick=meter)
    assert [reading.step for reading in meter.readings] == [0, 1, 5]
    assert all(r.source is None and r.cka == {} for r in meter.readings)
    with pytest.raises(CourseError, match="every must be"):
        Meter(model, every=0)


def test_a_stage_that_answers_everything_alike_has_nothing_in_common_with_its_start():
    model, x = small_backbone(), pictures(6).pictures
    meter, dead = Meter(model, pictures=x), model.copy()
    with torch.no_grad():
        for p in dead.stages["layer3"].parameters():
            p.zero_()
    cka = meter.read(1, dead, dead.head).cka
    assert cka["layer2"] == pytest.approx(1) and cka["layer3"] == 0


def test_watching_a_run_does_not_change_it():
    model = small_backbone()
    watched = train(model, on_tick=Meter(model, learnt_labels(model), pictures(6).pictures))
    alone = train(model)
    for name, value in watched.model.state_dict().items():
        assert torch.equal(value, alone.model.state_dict()[name]), name


def test_source_pictures_carry_the_labels_of_the_old_head():
    model = load_backbone("worldnet")
    source = source_pictures(model, 24)
    assert source.pictures.shape == (24, 3, 64, 64) and 0 <= source.labels.min()
    assert source_accuracy(model, model.head, source) > 0.6  # by chance: 1 in some hundred
    other = source_pictures(model, 24, split="train", seed=3)
    assert not torch.equal(other.pictures, source.pictures)
    assert source_accuracy(model, model.head, other) > 0.6
    with pytest.raises(CourseError, match="from 1 to"):
        source_pictures(model, 10**6)
    with pytest.raises(CourseError, match="not built in"):
        source_pictures(load_backbone("worldnet", pretrained=False))


# ---- is it frozen?


@pytest.mark.parametrize(
    ("mode", "frozen", "words"), [("eval", True, "is what it was"), ("adapt", False, "batch-norm")]
)
def test_the_check_tells_when_a_frozen_backbone_drifts(mode, frozen, words):
    model = small_backbone()
    run = train(model, S.Strategy("x", batch_norm=mode))
    found = check_frozen(model, run.model)
    assert found.frozen == frozen and words in str(found)
    assert found.parameters == ()
    assert all("running" in name or "num_batches" in name for name in found.buffers)


def test_the_check_names_parameters_that_moved_and_looks_only_where_it_is_told():
    model = small_backbone()
    run = train(model, S.FINE_TUNING)
    found = check_frozen(model, run.model)
    assert not found.frozen and found.parameters[0].startswith("layer4.")
    assert "requires_grad" in str(found)
    assert check_frozen(model, run.model, STAGES[:4]).frozen
    with pytest.raises(CourseError, match="No stage layer9"):
        check_frozen(model, run.model, ["layer9"])


# ---- between two nets


def test_interpolation_walks_the_straight_line_between_two_nets():
    start, end = small_backbone(0), small_backbone(1)
    for share in (0.0, 0.25, 1.0):
        mixed = interpolate(start, end, share)
        for name, value in mixed.state_dict().items():
            a, b = start.state_dict()[name], end.state_dict()[name]
            if value.is_floating_point():
                torch.testing.assert_close(value, (1 - share) * a + share * b)
    assert not torch.equal(start.net.conv1.weight, end.net.conv1.weight)
    with pytest.raises(CourseError, match="share must be"):
        interpolate(start, end, 1.5)


def test_interpolation_keeps_the_end_s_head_when_the_heads_differ():
    start, end = small_backbone(0), small_backbone(1).with_head(3)
    mixed = interpolate(start, end, 0.5)
    assert torch.equal(mixed.head.weight, end.head.weight)
    assert not torch.equal(mixed.net.conv1.weight, end.net.conv1.weight)


def test_drift_does_not_depend_on_the_order_in_memory():
    start, now = small_backbone(0), small_backbone(1)
    turned = start.copy()
    turned.net.to(memory_format=torch.channels_last)
    assert relative_drift(turned, now) == pytest.approx(relative_drift(start, now))


def test_recomputed_statistics_are_those_of_the_pictures():
    model, x = small_backbone(), pictures(16).pictures
    fresh = recompute_statistics(model, x)
    first = model.net.conv1(model.prepare(x))
    torch.testing.assert_close(
        fresh.net.bn1.running_mean, first.mean((0, 2, 3)), rtol=1e-4, atol=1e-5
    )
    assert not torch.equal(model.net.bn1.running_mean, fresh.net.bn1.running_mean)
    assert torch.equal(model.net.conv1.weight, fresh.net.conv1.weight)
