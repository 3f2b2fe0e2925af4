"""Lesson 05's claims: judged on planted rows, and run once at their smallest."""

from dataclasses import replace

import numpy as np
import pytest
from course_lib.experiments.registry import claim

from course_lib.experiments.domain_adaptation import digits, night
from course_lib.experiments.domain_adaptation.tables import DANN, ORACLE, SELF, SOURCE, complete
from tests.experiments.runs import run_judge_and_draw

SEEDS = (0, 1, 2)


def planted(scores: dict[str, float], **more) -> list[dict]:
    """Rows for three seeds around a planted mean per method."""
    return [
        {
            "method": name,
            "seed": seed,
            "test": value + 0.004 * (seed - 1) * (-1) ** place,
            "bands": [value, value, value / 2],
            "source_validation": 0.98,
            **{"steps": 10, **more},
        }
        for place, (name, value) in enumerate(scores.items())
        for seed in SEEDS
    ]


def test_a_seed_that_lacks_a_method_is_left_out():
    rows = planted({SOURCE: 0.5, DANN: 0.7, ORACLE: 0.9})
    unfinished = [r for r in rows if (r["method"], r["seed"]) != (ORACLE, 2)]
    assert {row["seed"] for row in complete(unfinished)} == {0, 1}
    assert digits.c22_judge(unfinished) == digits.c22_judge(complete(unfinished))
    assert complete(rows) == rows


@pytest.mark.parametrize("tag", ("C22", "C23"))
def test_a_study_that_has_no_oracle_yet_can_still_be_listed(tag):
    rows = planted({SOURCE: 0.5, "AdaBN": 0.7}, pictures=300)
    assert claim(tag).judge(rows).verdict == "undecided"


def test_the_share_of_the_gap_is_worked_out_per_draw():
    rows = planted({SOURCE: 0.5, DANN: 0.7, ORACLE: 0.9})
    assert digits.closed(rows, SOURCE) == pytest.approx([0, 0, 0])
    assert digits.closed(rows, ORACLE) == pytest.approx([1, 1, 1])
    # Seed 1 has no offset: (0.7 - 0.5) / (0.9 - 0.5).
    assert digits.closed(rows, DANN)[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("dann", "best", "verdict"),
    [(0.85, 0.88, "holds"), (0.6, 0.88, "holds in part"), (0.4, 0.45, "does not hold here")],
)
def test_c22_judges_every_part_by_its_interval(dann, best, verdict):
    rows = planted({SOURCE: 0.5, DANN: dann, SELF: best, ORACLE: 0.9})
    finding = digits.c22_judge(rows)
    assert finding.verdict == verdict
    assert "bright" in finding.sentence and "Part by part" in finding.sentence


def test_c23_asks_for_half_of_the_gap_and_a_clear_winner():
    clear = planted({SOURCE: 0.6, "AdaBN": 0.9, "CORAL": 0.8, ORACLE: 0.92}, pictures=300)
    assert night.c23_judge(clear).verdict == "holds"
    close = planted({SOURCE: 0.6, "AdaBN": 0.9, "CORAL": 0.899, ORACLE: 0.92}, pictures=300)
    assert night.c23_judge(close).verdict == "holds in part"
    assert "AdaBN" in night.c23_judge(close).sentence


def course_rows(apart: float, target: float) -> list[dict]:
    lanes = {
        (SOURCE, "separate"): (0.97, 0.5),
        ("AdaBN", "separate"): (0.8, 0.55),
        (DANN, "separate"): (apart, target),
        (DANN, "together"): (0.6, 0.45),
    }
    return [
        {
            "method": name,
            "batch_norm": way,
            "seed": seed,
            "told_apart": told + 0.002 * seed,
            "test": test + 0.001 * seed,
            "course": {
                "step": [1, 2],
                "told_apart": [0.9, told],
                "target": [0.4, test],
                "source": [0.9, 0.97 + 0.001 * seed],
            },
        }
        for (name, way), (told, test) in lanes.items()
        for seed in SEEDS
    ]


def test_c24_needs_confused_domains_and_a_working_classifier():
    assert digits.c24_judge(course_rows(0.52, 0.7)).verdict == "holds"
    assert digits.c24_judge(course_rows(0.75, 0.7)).verdict == "holds in part"
    worse = digits.c24_judge(course_rows(0.52, 0.4))
    assert worse.verdict == "holds in part" and "0.451" in worse.sentence


def test_c25_compares_with_the_true_night_picture_and_with_source_only():
    def rows(near: float, test: float) -> list[dict]:
        return [
            {
                "seed": seed,
                "translator_steps": 10,
                "day_to_night": 0.3,
                "translated_to_night": near + 0.001 * seed,
                "round_trip": 0.02,
                "source_only": 0.7,
                "test": test + 0.002 * seed,
                "with_adabn": 0.9,
            }
            for seed in SEEDS
        ]

    assert night.c25_judge(rows(0.06, 0.85)).verdict == "holds"
    assert night.c25_judge(rows(0.06, 0.6)).verdict == "holds in part"
    assert night.c25_judge(rows(0.25, 0.6)).verdict == "does not hold here"


def test_a_rule_is_charged_for_what_it_picks_and_not_for_what_is_best():
    rules = {"good": (1, 2, 3), "blind": (3, 2, 1), "silly": (3, 2, 1)}
    rows = [
        {
            "method": DANN,
            "at": "",
            "weight": weight,
            "lr": 1e-3,
            "seed": seed,
            "test": test + 0.001 * seed * (1 + place),
            "rules": {name: values[place] for name, values in rules.items()},
        }
        for seed in SEEDS
        for place, (weight, test) in enumerate(((0.1, 0.5), (1.0, 0.6), (10.0, 0.7)))
    ]
    found = digits.picks(rows)
    assert [one["picked"] for one in found["good"]] == [one["best"] for one in found["good"]]
    assert found["blind"][0]["picked"] == 0.5 and found["blind"][0]["name"] == "DANN x 0.1"
    assert digits.c26_judge(rows).verdict == "holds in part"


def test_the_bands_of_brightness_cover_every_test_picture():
    light = digits.patch_brightness(300)
    inside = sum(((light >= a) & (light < b)).sum().item() for a, b in digits.BANDS)
    assert inside == 300


def test_the_same_scene_is_rendered_by_day_and_at_night():
    day, dark = night.same_scenes(6)
    assert dark.float().mean() < 0.5 * day.float().mean()
    # The same shapes in the same places: bright spots stay among the brightest.
    flat = [p.float().mean(1).flatten(1) for p in (day, dark)]
    for a, b in zip(*flat, strict=True):
        assert np.corrcoef(a.numpy(), b.numpy())[0, 1] > 0.5


TINY = {
    "C22": {"pictures": 60, "steps": 3},
    "C23": {"pictures": 40, "steps": 2, "batch": 8},
    "C24": {"pictures": 60, "steps": 4, "looks": 2},
    "C25": {"pictures": 40, "steps": 2, "batch": 8, "translator_steps": 2},
    "C26": {"pictures": 60, "steps": 3},
}


@pytest.fixture
def small_night(monkeypatch):
    """A random backbone and few pictures: what is tested is that everything fits together."""
    from course_lib import load_backbone
    from course_lib.adaptation import load_domains

    def few(pictures: int, seed: int):
        whole = load_domains("night", pictures, seed)
        short = {
            name: type(whole.test)(*(part[:30] for part in getattr(whole, name)))
            for name in ("test", "source_validation")
        }
        return replace(whole, **short)

    unpaired = night.unpaired
    monkeypatch.setattr(night, "backbone", lambda: load_backbone(pretrained=False))
    monkeypatch.setattr(night, "_night", few)
    monkeypatch.setattr(night, "unpaired", lambda _, seed: unpaired(20, seed))
    night._source_only.cache_clear()
    yield
    night._source_only.cache_clear()


@pytest.mark.parametrize("tag", TINY)
def test_every_claim_runs_judges_and_draws_at_its_smallest(tag, small_night):
    one = claim(tag)
    size = {**one.quick, **TINY[tag]}
    run_judge_and_draw(one, size)


@pytest.mark.parametrize("name", ("translation", "continued pretraining", "feature extraction"))
def test_the_methods_that_prepare_something_run_too(name, small_night):
    size = {**claim("C23").quick, **TINY["C23"], "methods": (name,), "seeds": (0,)}
    (trial,) = night.c23_trials(size)
    assert 0 <= night.c23_measure(trial)["test"] <= 1
