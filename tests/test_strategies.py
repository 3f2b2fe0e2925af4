import math
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import CourseError
from course_lib import strategies as S
from tests.fakes import STAGES, small_backbone

strategy_values = st.builds(
    S.Strategy,
    name=st.just("any"),
    learn=st.one_of(st.integers(0, 5), st.just("all"), st.just(("layer2", "layer4"))),
    lr=st.floats(1e-6, 1),
    ratio=st.floats(0.5, 1e4),
    decay=st.floats(0.1, 1),
    head_epochs=st.integers(0, 4),
    unfreeze_every=st.integers(0, 3),
)


def test_layer_wise_decay_multiplies_from_the_last_stage_back():
    strategy = S.Strategy("x", learn="all", lr=0.8, ratio=8, decay=0.5)
    expected = {"stem": 0.00625, "layer1": 0.0125, "layer2": 0.025, "layer3": 0.05, "layer4": 0.1}
    assert S.peak_rates(strategy, STAGES) == pytest.approx({**expected, "head": 0.8})


def test_feature_extraction_trains_the_head_alone():
    assert S.learning_stages(S.FEATURE_EXTRACTION, STAGES) == ()
    assert list(S.peak_rates(S.FEATURE_EXTRACTION, STAGES)) == ["head"]


def test_fine_tuning_trains_the_last_stage_and_full_fine_tuning_all():
    assert S.learning_stages(S.FINE_TUNING, STAGES) == ("layer4",)
    assert S.learning_stages(replace(S.FINE_TUNING, learn=3), STAGES) == STAGES[2:]
    assert S.learning_stages(S.FULL_FINE_TUNING, STAGES) == STAGES


def test_stages_can_be_chosen_by_name_in_the_nets_order():
    strategy = S.Strategy("x", learn=("layer3", "stem"))
    assert S.learning_stages(strategy, STAGES) == ("stem", "layer3")


def test_gradual_unfreezing_opens_the_last_stage_first():
    strategy = replace(S.GRADUAL_UNFREEZING, head_epochs=1, unfreeze_every=2)
    expected = {"layer4": 1, "layer3": 3, "layer2": 5, "layer1": 7, "stem": 9}
    assert S.unlock_epochs(strategy, STAGES) == expected


def test_lp_ft_keeps_the_backbone_at_rate_zero_during_head_warm_up():
    strategy = replace(S.LP_FT, head_epochs=2)
    early, late = (S.rates(strategy, STAGES, epoch, 4) for epoch in (1.99, 2.0))
    assert all(early[name] == 0 for name in STAGES) and early["head"] > 0
    assert all(late[name] > 0 for name in STAGES)


def test_the_schedule_warms_up_and_falls_to_zero():
    assert S.shape(0.0) == 0
    assert S.shape(0.05) == pytest.approx(0.5)
    assert S.shape(0.1) == pytest.approx(1)
    assert S.shape(0.55) == pytest.approx(0.5)  # half of the cosine
    assert S.shape(1.0) == pytest.approx(0)


@given(strategy_values, st.floats(0, 9.999))
def test_rates_are_the_peaks_times_one_shape_or_zero(strategy, epoch):
    rates = S.rates(strategy, STAGES, epoch, 10)
    peaks, unlock = S.peak_rates(strategy, STAGES), S.unlock_epochs(strategy, STAGES)
    assert rates.keys() == peaks.keys()
    for name, rate in rates.items():
        locked = name != "head" and epoch < unlock[name]
        assert math.isclose(rate, 0 if locked else peaks[name] * S.shape(epoch / 10))


def test_the_table_counts_parameters_and_names_states():
    model = small_backbone(classes=3)
    strategy = S.Strategy("x", learn=2, lr=0.1, ratio=10, unfreeze_every=1)
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
        ("learn", -1), ("learn", "most"), ("learn", ()), ("learn", True), ("learn", 1.5),
        ("lr", 0), ("lr", float("nan")), ("lr", "fast"), ("ratio", 0), ("ratio", float("inf")),
        ("decay", 0), ("decay", 1.1), ("head_epochs", -1), ("head_epochs", 0.5),
        ("unfreeze_every", -1), ("batch_norm", "freeze"), ("from_scratch", 1),
        ("weight_decay", -1), ("name", ""),
    ],
)  # fmt: skip
def test_an_invalid_value_is_refused_when_the_strategy_is_made(field, value):
    with pytest.raises(CourseError, match=field):
        replace(S.FULL_FINE_TUNING, **{field: value})


def test_scratch_with_locked_stages_is_refused():
    with pytest.raises(CourseError, match="would lock random"):
        replace(S.SCRATCH, learn=1)


def test_stages_that_a_net_does_not_have_are_refused():
    with pytest.raises(CourseError, match="stem, layer1"):
        S.learning_stages(S.Strategy("x", learn=("layer9",)), STAGES)
    with pytest.raises(CourseError, match="only 5"):
        S.learning_stages(S.Strategy("x", learn=6), STAGES)


def test_a_strategy_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        S.SCRATCH.lr = 1


def test_without_warm_up_the_first_step_has_nearly_the_peak_rate():
    strategy = replace(S.FULL_FINE_TUNING, warmup=0.0)
    assert S.rates(strategy, STAGES, 0.0, 10)["head"] == strategy.lr
    assert S.rates(S.FULL_FINE_TUNING, STAGES, 0.0, 10)["head"] == 0
    half = replace(S.FULL_FINE_TUNING, warmup=0.5)
    assert S.rates(half, STAGES, 2.5, 10)["head"] == pytest.approx(half.lr / 2)
    with pytest.raises(CourseError, match="warmup must be"):
        replace(S.FULL_FINE_TUNING, warmup=1.0)


def test_the_printed_table_says_what_each_stage_does(capsys):
    strategy = replace(S.GRADUAL_UNFREEZING, learn=2, lr=0.02, ratio=10)
    S.print_table(small_backbone(), strategy, epoch=1)
    title, header, *lines = capsys.readouterr().out.splitlines()
    assert title == "gradual unfreezing, epoch 2"
    assert header.split() == ["stage", "parameters", "rate", "state"]
    found = {line.split()[0]: line.split()[2:] for line in lines}
    assert found["stem"] == ["-", "locked"] and found["layer3"] == ["-", "waiting"]
    assert found["layer4"] == ["0.002", "learning"] and found["head"] == ["0.02", "learning"]
