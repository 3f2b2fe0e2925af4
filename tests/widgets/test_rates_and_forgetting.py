"""The rate explorer and the forgetting meter without a page."""

import json

import pytest
import torch

import course_lib
from course_lib import fit, forgetting
from course_lib.widgets.forgetting import ForgettingMeter
from course_lib.widgets.rates import BATCH, RateExplorer
from tests.fakes import STAGES, pictures, small_backbone, small_task

WIDGETS = pytest.mark.parametrize("make", [RateExplorer, ForgettingMeter])


@pytest.fixture(autouse=True)
def small_world(monkeypatch):
    def source(model, n, split="test", seed=0):
        return pictures(n, 5, seed)

    monkeypatch.setattr(course_lib, "load_backbone", small_backbone)
    monkeypatch.setattr(course_lib, "load_task", lambda name, train, seed: small_task(train))
    monkeypatch.setattr(forgetting, "source_pictures", source)


def drive(widget, pieces=10_000):
    """Tick until the end or so many pieces; gives the messages."""
    widget.start()
    messages = []
    for _ in range(pieces):
        if not widget.running:
            break
        messages += widget.tick(budget=1e-9)
        assert not widget.error, widget.error
    return messages


@WIDGETS
def test_a_widget_tells_each_reading_once_and_a_new_view_gets_them_all(make):
    widget = make(train=40, epochs=4)
    messages = drive(widget)
    assert widget.finished and messages[0] == {"new": True}
    assert messages[1:] == widget.snapshot()["points"]
    json.dumps(messages)
    steps = -(-40 // BATCH) * 4
    assert [m["step"] for m in messages[1:]] == sorted(m["step"] for m in messages[1:])
    assert messages[-1]["step"] == steps and messages[1]["step"] == 0
    assert sum(m["validation"] is not None for m in messages[1:]) == 4


@WIDGETS
def test_a_widget_trains_as_fit_does(make):
    widget = make(train=40, epochs=4)
    drive(widget)
    run = fit(
        small_backbone(), small_task(40), widget.strategy(), 4, batch_size=BATCH, test=False,
        progress=False,
    )  # fmt: skip
    scores = [p["validation"] for p in widget.snapshot()["points"] if p["validation"] is not None]
    assert scores == [epoch.validation for epoch in run.history]


def test_the_explorer_reads_the_drift_of_every_stage():
    explorer = RateExplorer(train=40, epochs=4, head_lr_ratio=1.0)
    drive(explorer)
    read = [p for p in explorer.snapshot()["points"] if p["source"] is not None]
    assert all(tuple(p["drift"]) == STAGES for p in read)
    assert all(value > 0 for value in read[-1]["drift"].values())


def test_the_sliders_of_the_explorer_are_a_strategy_and_act_while_it_trains():
    explorer = RateExplorer(train=40, epochs=4)
    drive(explorer, 8)
    explorer.lr, explorer.head_lr_ratio, explorer.layer_decay, explorer.unfreeze_every = (
        3e-3,
        100.0,
        0.5,
        1,
    )
    assert explorer._run.strategy == explorer.strategy()
    assert (explorer.strategy().lr, explorer.strategy().unfreeze_every) == (3e-3, 1)
    drive(explorer)
    rates = explorer._run.history[-1].rates
    assert rates["layer3"] == pytest.approx(rates["layer4"] / 2)
    assert rates["head"] == pytest.approx(100 * rates["layer4"])


def test_the_meter_s_sliders_act_while_it_trains():
    meter = ForgettingMeter(train=40, epochs=4)
    drive(meter, 6)
    seen = []
    original = meter._run._extra_loss
    meter._run._extra_loss = lambda *given: seen.append(original(*given)) or seen[-1]
    drive(meter, 4)
    assert all(value == 0 for value in seen)
    meter.rate, meter.penalty, meter.replay = 1e-2, 10.0, 1.0
    assert meter._run.strategy.head_lr_ratio == pytest.approx(1)
    drive(meter)
    assert seen[-1] > 0 and meter.finished


def test_the_meter_measures_anew_after_each_epoch_and_leaves_the_net_as_it_was():
    meter = ForgettingMeter(train=40, epochs=4)
    drive(meter)
    told = [p for p in meter.snapshot()["points"] if p["anew"] is not None]
    assert len(told) == 4 and all(p["validation"] is not None for p in told)
    pretrained = dict(small_backbone().net.named_buffers())
    means = {n: b for n, b in meter._run.model.net.named_buffers() if n.endswith("running_mean")}
    assert means and all(torch.equal(pretrained[name], mean) for name, mean in means.items())


def test_the_meter_opens_on_a_stored_run_only_with_the_settings_of_that_run():
    from matplotlib import pyplot as plt

    usual = ForgettingMeter()
    stored = usual.info["stored"]
    assert stored[0]["step"] == 0 and stored[-1]["anew"] is not None and not usual.hint()
    fig, alt = usual.figure()
    assert "stored run" in fig.axes[0].get_title() and f"{stored[-1]['anew']:.2f} after" in alt
    plt.close(fig)
    assert usual.snapshot() == {"points": []}
    assert ForgettingMeter(seed=1).info["stored"] == []


@WIDGETS
def test_reset_forgets_and_training_starts_anew(make):
    widget = make(train=40, epochs=4)
    first = drive(widget)
    widget.reset()
    assert widget.snapshot() == {"points": []}
    assert drive(widget) == first


@WIDGETS
def test_a_widget_says_what_to_do_before_training_and_shows_a_picture_after_it(make):
    from matplotlib import pyplot as plt

    widget = make(train=40, epochs=4)
    data, _ = widget._repr_mimebundle_()
    assert "press Train" in data["text/html"] and "image/png" not in data
    drive(widget)
    fig, alt = widget.figure()
    assert "steps" in alt
    plt.close(fig)
    data, about = widget._repr_mimebundle_()
    assert data["image/png"] and about["image/png"]["alt"] == alt
