"""Lesson 07's claims: what is made of their rows, and each of them once at a tiny size."""

import json
from pathlib import Path

import pandas as pd
import pytest

from course_lib.claims import lesson07_text as lesson07
from course_lib.claims.trials import text
from course_lib.lab.claim import result_of
from course_lib.lab.store import full_trials
from course_lib.lab.tracks import TRACKS
from tests.claims.tiny import run_tiny

# ---- C33: a masked-language model ---------------------------------------------------------------

TUNED = Path(__file__).parents[2] / "benchmarks" / "results" / "tune_text.json"


@pytest.mark.parametrize("claim", [lesson07.C33, lesson07.C33b], ids=lambda claim: claim.tag)
def test_text_claims_measure_judge_and_draw_at_a_tiny_size(claim):
    result = run_tiny(claim, trains=(16,), test=24, epochs=1)
    assert set(result.rows["method"]) == set(text.METHODS)


def read(claim, scores, seeds=range(4)):
    """Rows as stored: {labels: (pretrained, head only, scratch, TF-IDF)}."""
    return pd.DataFrame(
        [
            {"train": train, "method": method, "seed": seed, "test": score + 0.002 * (seed - 1.5)}
            for train, of in scores.items()
            for method, score in zip(text.METHODS, of, strict=True)
            for seed in seeds
        ]
    )


@pytest.mark.parametrize(
    ("few", "verdict"),
    [
        ((0.50, 0.45, 0.30, 0.40), "holds"),
        ((0.50, 0.45, 0.48, 0.40), "does not hold here"),  # scratch is too close
        ((0.50, 0.45, 0.30, 0.60), "does not hold here"),  # counted words are ahead
        ((0.50, 0.45, 0.30, 0.50), "no difference that matters"),
    ],
)
def test_c33_asks_for_five_points_over_both_rivals_at_the_fewest_labels(few, verdict):
    rows = read(lesson07.C33, {100: few, 1000: (0.7, 0.6, 0.7, 0.7)})
    assert result_of(lesson07.C33, rows, all_of_them=True).verdict == verdict


@pytest.mark.parametrize(
    ("many", "verdict"),
    [((0.5, 0.5, 0.5, 0.6), "holds"), ((0.6, 0.5, 0.5, 0.5), "does not hold here")],
)
def test_c33b_asks_at_both_ends_whether_counting_words_is_ahead(many, verdict):
    rows = read(lesson07.C33b, {100: (0.4, 0.4, 0.3, 0.5), 400: many})
    assert result_of(lesson07.C33b, rows, all_of_them=True).verdict == verdict


def test_text_settings_are_the_ones_that_the_search_chose():
    found = json.loads(TUNED.read_text())
    for task, methods in text.SETTINGS.items():
        for method, several in methods.items():
            for labels, setting in several.items():
                assert found[f"{task}, {labels} labels, {method}"]["setting"] == setting


def test_text_trials_name_the_weights_and_the_setting_for_their_number_of_labels():
    trials = full_trials(lesson07.C33, TRACKS["world"])
    assert {trial["model"] for trial in trials} == {text.read_card()["sha256"][:12]}
    known = text.SETTINGS["libraries"]["pretrained"]
    for trial in trials:
        if trial["method"] == "pretrained":
            nearest = max(labels for labels in known if labels <= trial["train"])
            assert trial["setting"] == known[nearest]
    draws = {(trial["train"], trial["method"], trial["seed"]) for trial in trials}
    assert len(draws) == len(trials)
    assert {seed for *_, seed in draws}.isdisjoint({100, 101, 102})  # those of the search


def test_a_short_text_run_takes_fewer_passes_and_no_other_change():
    size = {"task": "libraries", "epochs": 1}
    short, whole = (
        text.setting_of(one, "pretrained", 100) for one in (size, {"task": "libraries"})
    )
    assert short == {**whole, "epochs": 1}
    assert text.setting_of(size, "TF-IDF", 50) == text.SETTINGS["libraries"]["TF-IDF"][100]
