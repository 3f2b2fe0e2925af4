"""A small run beside the full-size study, in words."""

from types import SimpleNamespace

import pandas as pd
import pytest

from course_lib.claims import show_claim
from course_lib.claims.showing import difference


def part(value, above=None, below=None, within=None):
    asked = next(side for side in (above, below, within) if side is not None)
    rule = SimpleNamespace(name="gap", above=above, below=below, within=within, threshold=asked)
    return SimpleNamespace(part=rule, estimate=SimpleNamespace(value=value))


def result(verdict, seeds, *judged):
    rows = pd.DataFrame({"seed": range(seeds)})
    return SimpleNamespace(verdict=verdict, rows=rows, judged=judged)


@pytest.mark.parametrize(
    ("mine", "stored", "words"),
    [
        (result("holds", 2), result("holds", 5), "The same verdict."),
        (result("undecided", 1), result("holds", 5), "yours has 1 draw instead of 5"),
        (result("does not hold here", 2), result("holds", 5), "yours has 2 draws instead of 5"),
        (result("does not hold here", 5), result("holds", 5), "draws differ"),
        (result("holds", 2), None, "not measured yet"),
    ],
)
def test_a_small_run_says_when_and_why_it_differs_from_the_study(mine, stored, words):
    assert words in difference(mine, stored)


@pytest.mark.parametrize(
    ("asked", "mine", "theirs", "way"),
    [
        ({"above": 0.1}, 0.15, 0.3, "the same way"),
        ({"above": 0.1}, 0.05, 0.3, "another way"),
        ({"below": 0.1}, 0.05, -0.3, "the same way"),
        ({"below": 0.1}, 0.15, -0.3, "another way"),
        ({"within": 0.1}, -0.05, 0.05, "the same way"),
        ({"within": 0.1}, -0.15, 0.05, "another way"),
    ],
)
def test_an_undecided_run_says_which_way_it_points(asked, mine, theirs, way):
    said = difference(
        result("undecided", 2, part(mine, **asked)), result("holds", 5, part(theirs, **asked))
    )
    assert said == f"It points {way}, and is too small to be sure: yours has 2 draws instead of 5."


def test_a_claim_in_a_lesson_leads_to_its_place_in_the_lab_book(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda one, **_: shown.append(one))
    show_claim("C10")
    assert any("(90_lab_book.ipynb#C10)" in getattr(one, "data", "") for one in shown)
