import math
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import CourseError, load_backbone
from course_lib import strategies as S
from tests.fakes import STAGES, small_backbone

# Presets leave their rates to the net; on their own they need some.
GIVEN = {"lr": 1e-2, "head_lr_ratio": 10.0}

strategy_values = st.builds(
    S.Strategy,
    name=st.just("any"),
    trainable=st.one_of(st.integers(0, 5), st.just("all"), st.just(("layer2", "layer4"))),
    lr=st.floats(1e-6, 1),
    head_lr_ratio=st.floats(0.5, 1e4),
    layer_decay=st.floats(0.1, 1),
    head_epochs=st.integers(0, 4),
    unfreeze_every=st.integers(0, 3),
)


def test_layer_wise_decay_multiplies_from_the_last_stage_back():
    strategy = S.Strategy("x", trainable="all", lr=0.8, head_lr_ratio=8, layer_decay=0.5)
    expected = {"stem": 0.00625, "layer1": 0.0125, "layer2": 0.025, "layer3": 0.05, "layer4": 0.1}
    assert S.peak_rates(strategy, STAGES) == pytest.approx({**expected, "head": 0.8})


def test_feature_extraction_trains_the_head_alone():
    assert S.learning_stages(S.FEATURE_EXTRACTION, STAGES) == ()
    assert S.peak_rates(replace(S.FEATURE_EXTRACTION, **GIVEN), STAGES) == {"head": 1e-2}


def test_fine_tuning_trains_the_last_stage_and_full_fine_tuning_all():
    assert S.learning_stages(S.FINE_TUNING, STAGES) == ("layer4",)
    assert S.learning_stages(replace(S.FINE_TUNING, trainable=3), STAGES) == STAGES[2:]
    assert S.learning_stages(S.FULL_FINE_TUNING, STAGES) == STAGES


def test_stages_can_be_chosen_by_name_in_the_nets_order():
    strategy = S.Strategy("x", trainable=("layer3", "stem"))
    assert S.learning_stages(strategy, STAGES) == ("stem", "layer3")


def test_gradual_unfreezing_opens_the_last_stage_first():
    strategy = replace(S.GRADUAL_UNFREEZING, head_epochs=1, unfreeze_every=2)
    expected = {"layer4": 1, "layer3": 3, "layer2": 5, "layer1": 7, "stem": 9}
    assert S.unlock_epochs(strategy, STAGES) == expected


def test_lp_ft_keeps_the_backbone_at_rate_zero_during_head_warm_up():
    strategy = replace(S.LP_FT, head_epochs=2, **GIVEN)
    early, late = (S.rates(strategy, STAGES, epoch, 4) for epoch in (1.99, 2.01))
    assert all(early[name] == 0 for name in STAGES) and early["head"] > 0
    assert all(late[name] > 0 for name in STAGES)


def test_published_lp_ft_has_two_schedules_and_one_rate_for_all_in_the_second():
    strategy = replace(S.LP_FT, head_epochs=4, **GIVEN)
    # Each stage warms up over its first tenth, and half a cosine later is at half its peak.
    assert S.rates(strategy, STAGES, 0.4, 10)["head"] == pytest.approx(1e-2)
    assert S.rates(strategy, STAGES, 2.2, 10)["head"] == pytest.approx(5e-3)
    assert S.rates(strategy, STAGES, 3.9999, 10)["head"] == pytest.approx(0, abs=1e-8)
    peak = S.rates(strategy, STAGES, 4.6, 10)
    assert peak == pytest.approx({name: 1e-3 for name in (*STAGES, "head")})
    assert S.rates(strategy, STAGES, 7.3, 10)["stem"] == pytest.approx(5e-4)


def test_published_gradual_unfreezing_begins_a_schedule_with_each_stage():
    strategy = replace(S.GRADUAL_UNFREEZING, **GIVEN)
    for epoch, unlocked in ((0.1, 0), (1.1, 1), (2.1, 2), (4.1, 4)):  # a tenth into each phase
        rates = S.rates(strategy, STAGES, epoch, 10)
        assert rates["head"] == pytest.approx(1e-2)
        assert [rates[name] for name in STAGES[::-1]] == pytest.approx(
            [1e-3] * unlocked + [0] * (5 - unlocked)
        )
    assert S.rates(strategy, STAGES, 5.5, 10)["stem"] == pytest.approx(1e-3)  # the last: 5 epochs
    assert S.phase(strategy, STAGES, 7.2, 10) == (5, 10)
    assert S.phase(strategy, STAGES, 2.9, 3) == (2, 3)


def test_without_a_restart_one_schedule_spans_the_run():
    late = replace(S.LP_FT, **GIVEN, restart=False, head_joins=False)
    assert S.rates(late, STAGES, 5.5, 10)["stem"] == pytest.approx(5e-4)  # half of it is over
    assert S.phase(replace(S.GRADUAL_UNFREEZING, **GIVEN, restart=False), STAGES, 3, 10) == (0, 10)


def test_rates_that_are_left_open_are_those_of_the_net():
    worldnet = small_backbone()
    filled = S.for_net(S.FULL_FINE_TUNING, worldnet)
    assert (filled.lr, filled.head_lr_ratio, filled.decay_vectors) == (1e-2, 10, True)
    photographs = load_backbone("resnet18", pretrained=False)
    filled = S.for_net(replace(S.FULL_FINE_TUNING, lr=2e-3), photographs)
    assert filled.lr == 2e-3 and filled.head_lr_ratio > 10 and filled.decay_vectors is False
    assert S.for_net(filled, worldnet) == filled
    with pytest.raises(CourseError, match="leaves its rates to the net"):
        S.rates(S.FINE_TUNING, STAGES, 1, 10)


@pytest.mark.parametrize(("old", "new"), S.RENAMED.items())
def test_an_argument_of_the_first_edition_says_its_new_name(old, new):
    with pytest.raises(CourseError, match=f"{old} is called {new} now; write {new}="):
        S.Strategy("x", **{old: 1})
    with pytest.raises(CourseError, match=f"{old} is called {new} now; write {new}="):
        replace(S.FINE_TUNING, **{old: 1})


def test_the_schedule_warms_up_and_falls_to_zero():
    assert S.cosine_with_warmup(0.0) == 0
    assert S.cosine_with_warmup(0.05) == pytest.approx(0.5)
    assert S.cosine_with_warmup(0.1) == pytest.approx(1)
    assert S.cosine_with_warmup(0.55) == pytest.approx(0.5)  # half of the cosine
    assert S.cosine_with_warmup(1.0) == pytest.approx(0)


@given(strategy_values, st.floats(0, 9.999))
def test_rates_are_the_peaks_times_one_shape_or_zero(strategy, epoch):
    rates = S.rates(strategy, STAGES, epoch, 10)
    peaks, unlock = S.peak_rates(strategy, STAGES), S.unlock_epochs(strategy, STAGES)
    assert rates.keys() == peaks.keys()
    for name, rate in rates.items():
        locked = name != "head" and epoch < unlock[name]
        assert math.isclose(rate, 0 if locked else peaks[name] * S.cosine_with_warmup(epoch / 10))


def test_the_table_counts_parameters_and_names_states():
    model = small_backbone(classes=3)
    strategy = S.Strategy("x", trainable=2, lr=0.1, head_lr_ratio=10, unfreeze_every=1)
    rows = {row.stage: row for row in S.table(model, strategy, epoch=0)}
    assert [r.state for r in rows.values()] == ["locked"] * 3 + ["waiting", "learning", "learning"]
    assert rows["head"].parameters == 8 * 3 + 3
    assert rows["stem"].parameters == 3 * 4 * 7 * 7 + 2 * 4
    assert rows["layer4"].rate == pytest.approx(0.01) and rows["layer3"].rate == 0
    later = {row.stage: row for row in S.table(model, strategy, epoch=1)}
    assert later["layer3"].state == "learning" and later["layer3"].rate == pytest.approx(0.01)
    assert sum(r.parameters for r in rows.values()) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trainable", -1), ("trainable", "most"), ("trainable", ()), ("trainable", True),
        ("trainable", 1.5), ("lr", 0), ("lr", float("nan")), ("lr", "fast"),
        ("head_lr_ratio", 0), ("head_lr_ratio", float("inf")), ("decay_vectors", "no"),
        ("restart", 1), ("head_joins", None),
        ("layer_decay", 0), ("layer_decay", 1.1), ("head_epochs", -1), ("head_epochs", 0.5),
        ("unfreeze_every", -1), ("batch_norm", "freeze"), ("from_scratch", 1),
        ("weight_decay", -1), ("name", ""),
    ],
)  # fmt: skip
def test_an_invalid_value_is_refused_when_the_strategy_is_made(field, value):
    with pytest.raises(CourseError, match=field):
        replace(S.FULL_FINE_TUNING, **{field: value})


def test_scratch_with_locked_stages_is_refused():
    with pytest.raises(CourseError, match="would lock random"):
        replace(S.SCRATCH, trainable=1)


def test_stages_that_a_net_does_not_have_are_refused():
    with pytest.raises(CourseError, match="stem, layer1"):
        S.learning_stages(S.Strategy("x", trainable=("layer9",)), STAGES)
    with pytest.raises(CourseError, match="only 5"):
        S.learning_stages(S.Strategy("x", trainable=6), STAGES)


def test_a_strategy_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        S.SCRATCH.lr = 1


def test_without_warm_up_the_first_step_has_nearly_the_peak_rate():
    full = replace(S.FULL_FINE_TUNING, **GIVEN)
    assert S.rates(replace(full, warmup=0.0), STAGES, 0.0, 10)["head"] == full.lr
    assert S.rates(full, STAGES, 0.0, 10)["head"] == 0
    half = replace(full, warmup=0.5)
    assert S.rates(half, STAGES, 2.5, 10)["head"] == pytest.approx(half.lr / 2)
    with pytest.raises(CourseError, match="warmup must be"):
        replace(S.FULL_FINE_TUNING, warmup=1.0)


def test_the_printed_table_says_what_each_stage_does(capsys):
    strategy = replace(S.GRADUAL_UNFREEZING, trainable=2, lr=0.02, head_lr_ratio=10)
    S.print_table(small_backbone(), strategy, epoch=1)
    title, header, *lines, why = capsys.readouterr().out.splitlines()
    assert why == "rates: as given by the strategy"
    assert title == "gradual unfreezing, epoch 2"
    assert header.split() == ["stage", "parameters", "rate", "state"]
    found = {line.split()[0]: line.split()[2:] for line in lines}
    assert found["stem"] == ["-", "locked"] and found["layer3"] == ["-", "waiting"]
    assert found["layer4"] == ["0.002", "learning"] and found["head"] == ["0.02", "learning"]


def test_the_printed_table_says_why_the_rates_are_what_they_are(capsys):
    S.print_table(small_backbone(), S.FINE_TUNING)
    *_, why = capsys.readouterr().out.splitlines()
    assert why == (
        "rates: 0.01 for the head, 1/10 of the head's for the last stage, as suits worldnet: "
        "WorldNet forgives large rates"
    )
    assert S.reason(small_backbone(), S.FEATURE_EXTRACTION).startswith(
        "rates: 0.01 for the head, as"
    )
