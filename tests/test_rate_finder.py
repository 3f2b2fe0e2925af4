from dataclasses import replace

import pytest
import torch

from course_lib import CourseError, prepare_run
from course_lib import strategies as S
from course_lib.train.rate_finder import find_rate
from tests.fakes import DroppingNet, small_backbone, small_task


def tensors(run) -> dict[str, torch.Tensor]:
    """Every tensor of a run: weights, buffers, gradients, optimizer state."""
    found = {name: value for name, value in run.model.state_dict().items()}
    for name, p in run.model.named_parameters():
        if p.grad is not None:
            found[f"{name} gradient"] = p.grad
    for i, state in run.optimizer.state_dict()["state"].items():
        found |= {f"optimizer {i} {k}": v for k, v in state.items() if torch.is_tensor(v)}
    return {name: value.clone() for name, value in found.items()}


def settings(run):
    flags = [p.requires_grad for p in run.model.parameters()]
    modes = [m.training for m in run.model.modules()]
    groups = [{k: v for k, v in g.items() if k != "params"} for g in run.optimizer.param_groups]
    return flags, modes, groups


@pytest.mark.parametrize("steps_before", [0, 3])
@pytest.mark.parametrize("batch_norm", ["eval", "train"])
@pytest.mark.parametrize("net", [None, DroppingNet])
def test_the_finder_leaves_every_tensor_byte_identical(steps_before, batch_norm, net):
    model = small_backbone(**({"net": net} if net else {}))
    strategy = replace(S.FULL_FINE_TUNING, lr=1e-3, batch_norm=batch_norm)
    run = prepare_run(model, small_task(), strategy, 4, batch_size=5, validate_every=0)
    for _ in range(steps_before):
        next(run.ticks())
    before, how, random = tensors(run), settings(run), torch.get_rng_state()
    find_rate(run, steps=12)
    after = tensors(run)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]), name
    assert settings(run) == how and run.step == steps_before
    assert torch.equal(torch.get_rng_state(), random)


def test_a_run_goes_on_after_the_finder_as_if_nothing_had_happened():
    def ended(search: bool):
        run = prepare_run(small_backbone(), small_task(), S.LAYERWISE_DECAY, 3, batch_size=5)
        next(run.ticks())
        if search:
            find_rate(run, steps=10)
        list(run.ticks())
        return run.model.state_dict()

    alone, searched = ended(False), ended(True)
    assert all(torch.equal(value, searched[name]) for name, value in alone.items())


def test_the_finder_restores_the_run_when_a_step_fails(monkeypatch):
    run = prepare_run(small_backbone(), small_task(), S.FULL_FINE_TUNING, batch_size=5)
    before, calls = tensors(run), []
    original = torch.optim.AdamW.step

    def step(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(KeyboardInterrupt):
        find_rate(run)
    assert all(torch.equal(value, tensors(run)[name]) for name, value in before.items())


def test_rates_rise_evenly_and_each_stage_keeps_its_proportion(monkeypatch):
    strategy = replace(S.LAYERWISE_DECAY, head_lr_ratio=10.0, layer_decay=0.5)
    run = prepare_run(small_backbone(), small_task(), strategy, batch_size=5)
    seen, original = [], torch.optim.AdamW.step

    def step(self, *args, **kwargs):
        seen.append({group["name"]: group["lr"] for group in self.param_groups})
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    search = find_rate(run, lowest=1e-6, highest=1e-4, steps=11)
    assert search.rates == pytest.approx([1e-6 * 10 ** (i / 5) for i in range(11)])
    for rates, head in zip(seen, search.rates, strict=True):
        expected = {"head": head, "layer4": head / 10, "layer3": head / 20, "stem": head / 160}
        assert {k: rates[k] for k in expected} == pytest.approx(expected)


def test_the_suggestions_lie_on_the_falling_side_and_the_search_stops_when_it_explodes():
    run = prepare_run(small_backbone(), small_task(train=60), S.FULL_FINE_TUNING, batch_size=20)
    search = find_rate(run, lowest=1e-5, highest=1e4, steps=45)
    assert len(search.rates) == len(search.losses) < 45
    best = search.rates[search.losses.index(min(search.losses))]
    assert search.rates[0] < search.steepest <= best and search.tenth == best / 10


@pytest.mark.parametrize("bad", [{"lowest": 0}, {"lowest": 2.0}, {"steps": 5}])
def test_a_range_without_rise_is_refused(bad):
    run = prepare_run(small_backbone(), small_task(), S.FULL_FINE_TUNING)
    with pytest.raises(CourseError, match="must be a"):
        find_rate(run, **bad)
