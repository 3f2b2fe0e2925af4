"""Lesson 05's claims: on rows planted by hand, and run whole on tiny nets and domains."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from course_lib.adaptation import Domains
from course_lib.claims.lesson05 import C22, C23, C24, C25, C26
from course_lib.claims.trials import digits, night
from course_lib.claims.trials.methods import (
    DANN,
    HEAD_ONLY,
    ORACLE,
    SELF,
    SOURCE,
    ranked,
    with_gap,
)
from course_lib.lab.claim import result_of
from tests.claims.whole import run_whole
from tests.fakes import pictures, small_backbone, small_task

SEEDS = (0, 1, 2)
HOLDS, REFUTED, UNDECIDED = "holds", "does not hold here", "undecided"


def planted(scores: dict[str, float]) -> pd.DataFrame:
    """Rows for three seeds around a planted mean per method."""
    return pd.DataFrame(
        {
            "method": name,
            "seed": seed,
            "test": value + 0.004 * (seed - 1) * (-1) ** place,
            "bands": [value, value, value / 2],
            "source_validation": 0.98,
        }
        for place, (name, value) in enumerate(scores.items())
        for seed in SEEDS
    )


def verdicts(claim, rows) -> dict[str, str]:
    """What each part that the rows have was judged, by the first words of its name."""
    judged = result_of(claim, pd.DataFrame(rows)).judged
    return {one.part.name: one.verdict for one in judged}


# ---------------------------------------------------------------- the tables of methods


def test_the_share_of_the_gap_is_worked_out_per_draw():
    rows = with_gap(planted({SOURCE: 0.5, DANN: 0.7, ORACLE: 0.9}))
    shares = rows.pivot(index="seed", columns="method", values="closed")
    assert shares[SOURCE].tolist() == pytest.approx([0, 0, 0])
    assert shares[ORACLE].tolist() == pytest.approx([1, 1, 1])
    # Seed 1 has no offset: (0.7 - 0.5) / (0.9 - 0.5); seed 0 has (0.704 - 0.496) / 0.4.
    assert shares.loc[1, DANN] == pytest.approx(0.5)
    assert shares.loc[0, DANN] == pytest.approx(0.52)


def test_places_go_to_methods_and_not_to_what_frames_them():
    rows = planted({HEAD_ONLY: 0.99, SOURCE: 0.5, "AdaBN": 0.7, DANN: 0.8, ORACLE: 0.9})
    places = ranked(rows, "test").groupby("method")["place"].first().dropna().to_dict()
    assert places == {DANN: 1, "AdaBN": 2}


@pytest.mark.parametrize("claim", (C22, C23), ids=lambda one: one.tag)
def test_rows_that_have_no_oracle_are_not_judged_by_the_gap(claim):
    result = result_of(claim, planted({SOURCE: 0.5, "AdaBN": 0.7}))
    assert result.verdict == UNDECIDED and not result.judged


@pytest.mark.parametrize(("dann", "verdict"), [(0.85, HOLDS), (0.7, UNDECIDED), (0.6, REFUTED)])
def test_c22_asks_whether_dann_closes_half_of_the_gap(dann, verdict):
    rows = planted({SOURCE: 0.5, DANN: dann, SELF: 0.88, ORACLE: 0.9})
    assert list(verdicts(C22, rows).values()) == [verdict]


def test_the_bands_of_brightness_get_a_column_each():
    rows = digits.by_gap_and_band(planted({SOURCE: 0.5, DANN: 0.6, ORACLE: 0.9}))
    assert rows[rows["method"] == DANN]["bright"].tolist() == pytest.approx([0.3] * 3)
    assert rows[rows["method"] == DANN]["dark"].tolist() == pytest.approx([0.6] * 3)


def test_c23_asks_whether_adabn_closes_half_of_the_gap_whatever_others_do():
    for adabn, verdict in ((0.9, HOLDS), (0.76, UNDECIDED), (0.7, REFUTED)):
        rows = planted({SOURCE: 0.6, "AdaBN": adabn, "CORAL": 0.8, ORACLE: 0.92})
        assert list(verdicts(C23, rows).values()) == [verdict]


def test_night_pictures_that_are_measured_on_are_nobodys_training_pictures():
    measured = night.night_pictures(12, 5)
    domains_, other = night.domains_of(40, 5), night.night_pictures(12, 6)
    for seen in (domains_.target, domains_.test.pictures, other.pictures):
        assert not (measured.pictures[:, None] == seen[None]).flatten(2).all(2).any()


def test_the_bands_of_brightness_cover_every_test_picture():
    light = digits.patch_brightness(300)
    inside = sum(((light >= a) & (light < b)).sum().item() for a, b in digits.BANDS.values())
    assert inside == 300


# ---------------------------------------------------------------- can they be told apart?


def course_rows(apart: float, target: float) -> pd.DataFrame:
    lanes = {
        (SOURCE, "separate"): (0.97, 0.5),
        ("AdaBN", "separate"): (0.8, 0.55),
        (DANN, "separate"): (apart, target),
        (DANN, "together"): (0.6, 0.45),
    }
    return pd.DataFrame(
        {
            "method": name,
            "batch_norm": way,
            "seed": seed,
            "told_apart": told,
            "test": test,
            "course.step": [1, 2],
            "course.told_apart": [0.9, told + 0.002 * seed * (name == DANN)],
            "course.target": [0.4, test + 0.001 * seed * (name == DANN)],
            "course.source": [0.9, 0.97 + 0.001 * seed],
        }
        for (name, way), (told, test) in lanes.items()
        for seed in SEEDS
    )


def test_every_look_at_a_run_is_a_line():
    lines = digits.look_by_look(course_rows(0.52, 0.7))
    assert len(lines) == 4 * 3 * 2
    last = lines[(lines["lane"] == DANN) & (lines["step"] == 2)]
    assert last["target"].tolist() == pytest.approx([0.7, 0.701, 0.702])
    mixed = lines[(lines["lane"] == digits.MIXED) & (lines["step"] == 1)]
    assert len(mixed) == 3 and (mixed["told_apart"] == 0.9).all()


@pytest.mark.parametrize(
    ("apart", "target", "expected"),
    [
        (0.52, 0.7, [HOLDS, HOLDS, HOLDS, HOLDS]),
        (0.75, 0.7, [HOLDS, REFUTED, HOLDS, HOLDS]),
        (0.52, 0.4, [HOLDS, HOLDS, REFUTED, HOLDS]),
        (0.90, 0.7, [REFUTED, REFUTED, HOLDS, HOLDS]),
    ],
)
def test_c24_needs_confused_domains_and_a_working_classifier(apart, target, expected):
    assert list(verdicts(C24, course_rows(apart, target)).values()) == expected


# ---------------------------------------------------------------- translation


@pytest.mark.parametrize(
    ("near", "test", "expected"),
    [(0.06, 0.85, [HOLDS, HOLDS]), (0.06, 0.6, [HOLDS, REFUTED]), (0.25, 0.6, [REFUTED] * 2)],
)
def test_c25_compares_with_the_true_night_picture_and_with_source_only(near, test, expected):
    rows = [
        {
            "seed": seed,
            "day_to_night": 0.3,
            "translated_to_night": near + 0.001 * seed,
            "round_trip": 0.02,
            "source_only": 0.7,
            "test": test + 0.002 * seed,
            "with_adabn": 0.9,
        }
        for seed in SEEDS
    ]
    assert list(verdicts(C25, rows).values()) == expected


def test_the_same_scene_is_rendered_by_day_and_at_night():
    day, dark = night.same_scenes(6)
    assert dark.float().mean() < 0.5 * day.float().mean()
    # The same shapes in the same places: bright spots stay among the brightest.
    flat = [p.float().mean(1).flatten(1) for p in (day, dark)]
    for a, b in zip(*flat, strict=True):
        assert np.corrcoef(a.numpy(), b.numpy())[0, 1] > 0.5


# ---------------------------------------------------------------- choosing without labels


def candidate_rows() -> pd.DataFrame:
    """Three candidates, of which the last is best; one rule sees it, two prefer the first."""
    says = {"source validation": (1, 2, 3), "certainty on target": (3, 2, 1),
            "neighbourhood density": (3, 3, 1)}  # fmt: skip
    return pd.DataFrame(
        {
            "method": DANN, "at": "", "weight": weight, "lr": 1e-3, "seed": seed,
            "test": test + 0.001 * seed * (1 + place),
            **{f"rules.{name}": values[place] for name, values in says.items()},
        }
        for seed in SEEDS
        for place, (weight, test) in enumerate(((0.1, 0.5), (1.0, 0.6), (10.0, 0.7)))
    )  # fmt: skip


def test_a_rule_is_charged_for_what_it_picks_and_not_for_what_is_best():
    rows = candidate_rows()
    found = digits.picks(rows)
    assert found["source validation"] == pytest.approx(0.7 + 0.003)
    assert found["certainty on target"] == pytest.approx(0.5 + 0.001)
    assert found["neighbourhood density"] == pytest.approx(0.5 + 0.001)  # the first of equals
    assert list(verdicts(C26, rows).values()) == [HOLDS, REFUTED, REFUTED]


def test_each_rule_has_one_pick_a_draw_which_is_named():
    long = digits.by_rule(candidate_rows())
    picked = long[long["choice"] != digits.PASSED]
    assert (picked.groupby(["rule", "seed"]).size() == 1).all() and len(picked) == 9
    choice = picked.groupby("rule")["choice"].first()
    assert choice["source validation"] == "picked: DANN x 10"
    assert choice["certainty on target"] == "picked: DANN x 0.1"


def test_the_legend_names_picks_that_only_one_panel_has():
    figure = result_of(C26, candidate_rows()).figure()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    plt.close(figure)
    assert sorted(names) == [digits.PASSED, "picked: DANN x 0.1", "picked: DANN x 10"]


def test_a_candidate_is_named_by_what_sets_it_apart():
    assert digits.name_of(SOURCE, "", 0.0, 5e-4) == "source only at rate 0.0005"
    assert digits.name_of(DANN, "conv2", 0.1, 4e-3) == "DANN at conv2 x 0.1"


# ---------------------------------------------------------------- whole runs


def domains(size: int, classes: int, pictures_of: int, seed: int) -> Domains:
    """Noise whose brightness is the class; the target is half as bright."""
    splits = [pictures(n, classes, seed + k, size) for k, n in enumerate((pictures_of, 20, 20))]
    dark = replace_pictures(splits[0])
    return Domains(
        "small", "Brightness", splits[0], splits[1], dark.pictures, replace_pictures(splits[2]),
        dark.labels, tuple(f"level {k}" for k in range(classes)),
    )  # fmt: skip


def replace_pictures(split):
    return type(split)(split.pictures // 2, split.labels)


@pytest.fixture
def small(monkeypatch):
    """A tiny net and tiny domains: what is tested is that everything fits together."""
    net, unpaired, same = small_backbone(), night.unpaired, night.same_scenes
    monkeypatch.setattr(night, "backbone", lambda: net)
    monkeypatch.setattr(night, "load_task", lambda name, train, seed: small_task(train))
    monkeypatch.setattr(night, "domains_of", lambda n, seed: domains(32, 3, n, seed))
    monkeypatch.setattr(night, "night_pictures", lambda n, seed: domains(32, 3, n, seed).test)
    monkeypatch.setattr(night, "source_only", night.source_only.__wrapped__)
    monkeypatch.setattr(night, "unpaired", lambda n, seed: unpaired(12, seed))
    monkeypatch.setattr(night, "same_scenes", lambda n: same(4))
    monkeypatch.setattr(digits, "domains_of", lambda n, seed: domains(24, 10, n, seed))
    monkeypatch.setattr(digits, "source_only", digits.source_only.__wrapped__)


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        (C22, {"pictures": 60, "steps": 3}),
        (C23, {"pictures": 40, "steps": 2, "batch": 8}),
        (C24, {"pictures": 60, "steps": 4, "looks": 2}),
        (C25, {"pictures": 40, "steps": 2, "batch": 8, "translator_steps": 2}),
        (C26, {"pictures": 60, "steps": 3}),
    ],
    ids=lambda one: getattr(one, "tag", ""),
)
def test_every_claim_runs_judges_and_draws_at_its_smallest(claim, changes, small):
    run_whole(claim, {**claim.quick, **changes})


@pytest.mark.parametrize("name", ("translation", "continued pretraining", HEAD_ONLY))
def test_the_methods_that_prepare_something_run_too(name, small):
    size = {**C23.quick, "pictures": 40, "steps": 2, "batch": 8, "methods": (name,), "seeds": (0,)}
    (trial,) = night.grid(size)
    assert 0 <= night.adapted_to_night(trial)["test"] <= 1


def test_adabn_begins_where_source_only_ends(small):
    """So the two are alike by day, and differ by batch norm alone."""
    trial = {"pictures": 60, "steps": 3, "seed": 0, "lr": 4e-3}
    plain, adapted = (
        digits.adapted_digits({**trial, "method": name}) for name in (SOURCE, "AdaBN")
    )
    assert plain["source_validation"] == adapted["source_validation"]
