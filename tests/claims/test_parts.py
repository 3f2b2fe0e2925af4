"""Every part of every claim: rows just above its threshold and just below it are judged apart."""

from functools import cache
from importlib import import_module

import pytest

from course_lib.claims import LESSONS, claims, stored_result
from course_lib.lab.verdicts import judge_part
from tests.claims.planting import planted

THRESHOLDS, CUSTOM = {}, {}
for lesson in LESSONS:
    table = import_module(f"tests.claims.thresholds.lesson{lesson}")
    THRESHOLDS |= table.THRESHOLDS
    CUSTOM |= table.CUSTOM
PARTS = {
    (tag, part.name): part
    for tag, claim in claims().items()
    for part in (*claim.primary, *claim.details)
}


@cache
def tidy_rows(tag):
    stored = stored_result(tag)
    return stored.claim.tidy(stored.rows)


def test_the_thresholds_of_all_parts_are_written_down_a_second_time():
    assert set(PARTS) == set(THRESHOLDS)


@pytest.mark.parametrize("tag_and_part", THRESHOLDS, ids=lambda one: " ".join(one))
def test_rows_just_above_and_just_below_the_threshold_give_different_verdicts(tag_and_part):
    part, threshold = PARTS[tag_and_part], THRESHOLDS[tag_and_part]
    rows = tidy_rows(tag_and_part[0])
    little = 0.01 * max(abs(threshold), 0.1)
    plant = CUSTOM.get(tag_and_part, lambda rows, target: planted(part, rows, target))
    verdicts = [
        judge_part(part, plant(rows, threshold + sign * little)).verdict for sign in (1, -1)
    ]
    assert len(set(verdicts)) == 2, verdicts
    assert "undecided" not in verdicts
