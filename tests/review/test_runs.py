"""The table of runs: baselines, choice, looks at the test pictures."""

import math

import pandas as pd
import pytest

from course_lib import review
from course_lib.errors import CourseError

CLEAN = [
    {"name": "always dog", "kind": "majority", "validation": 0.5},
    {"name": "pixels", "kind": "pixels", "validation": 0.6},
    {"name": "scratch", "kind": "scratch", "validation": 0.65},
    {"name": "head alone", "kind": "head", "validation": 0.9},
    {"name": "ratio 30", "kind": "fine-tuning", "validation": 0.94, "test": 0.93},
    {"name": "ratio 300", "kind": "fine-tuning", "validation": 0.92},
]


def changed(**rows):
    return [{**row, **rows.get(row["name"].replace(" ", "_"), {})} for row in CLEAN]


def test_a_clean_table_passes_in_every_form(tmp_path):
    path = tmp_path / "runs.csv"
    pd.DataFrame(CLEAN).to_csv(path, index=False)
    for table in (CLEAN, path, str(path), pd.DataFrame(CLEAN)):
        assert review.tried(table) == review.tested(table) == ()


@pytest.mark.parametrize("kind", ["majority", "pixels", "scratch", "head"])
def test_a_baseline_that_was_not_tried_is_named(kind):
    (finding,) = review.tried([row for row in CLEAN if row["kind"] != kind])
    assert finding.check == "baselines" and f"Not tried: {kind} (" in finding.what


@pytest.mark.parametrize(("kept", "said"), [(6, False), (5, True), (4, True)])
def test_fewer_than_two_settings_are_no_tuning(kept, said):
    found = review.tried(CLEAN[:kept])
    assert [one.check for one in found] == (["tuning"] if said else [])


def test_a_repetition_with_another_seed_is_neither_a_rival_nor_a_setting():
    lucky = {"name": "ratio 30 again", "kind": "seed", "validation": 0.99}
    assert review.tried([*CLEAN, lucky], validation_pictures=1000) == ()
    assert [one.check for one in review.tried([*CLEAN[:5], lucky])] == ["tuning"]


@pytest.mark.parametrize(("pixels", "said"), [(0.939, False), (0.94, True)])
def test_a_net_that_is_no_better_than_pixels_is_told(pixels, said):
    found = review.tried(changed(pixels={"validation": pixels}))
    assert [one.check for one in found] == (["baselines"] if said else [])


@pytest.mark.parametrize("pictures", [50, 400])
@pytest.mark.parametrize("errors", [0.9, 1.1])
def test_who_is_tested_may_lie_one_standard_error_below_the_best(pictures, errors):
    one = math.sqrt(0.96 * 0.04 / pictures)
    table = changed(ratio_300={"validation": 0.96}, ratio_30={"validation": 0.96 - errors * one})
    found = review.tried(table, validation_pictures=pictures)
    assert bool(found) == (errors > 1)
    assert not found or found[0].check == "choice" and "ratio 30 was tested" in found[0].what


def test_two_looks_at_the_test_pictures_are_counted_and_the_same_row_again_is_none():
    twice = changed(ratio_300={"test": 0.94})
    (finding,) = review.tested(twice)
    assert "2 times (ratio 30 0.930, ratio 300 0.940)" in finding.what
    assert review.tested([*CLEAN, CLEAN[4]]) == ()
    again = {**CLEAN[4], "test": 0.95}  # the same name, trained anew
    assert len(review.tested([*CLEAN, again])) == 1


def test_a_test_that_is_still_to_come_is_open_and_not_wrong():
    (finding,) = review.tested(changed(ratio_30={"test": None}))
    assert finding.open and str(finding).startswith("?")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([], "empty"),
        (3, "CSV file, a DataFrame or a list"),
        ({"name": "x"}, "CSV file, a DataFrame or a list"),
        (["x"], "needs name, kind and validation"),
        ([{"name": "x", "validation": 0.5}], "needs name, kind and validation"),
        ([{**CLEAN[0], "validation": 91}], "run 1, validation must be a number from 0 to 1"),
        ([{**CLEAN[0], "validation": "good"}], "from 0 to 1"),
        ([{**CLEAN[0], "validation": None}], "no validation score"),
        ("/nowhere/runs.csv", "cannot be read"),
    ],
)
def test_a_table_of_another_form_is_refused(table, said):
    with pytest.raises(CourseError, match=said):
        review.tried(table)
