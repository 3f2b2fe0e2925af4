"""A small run beside the full-size study, in words."""

from types import SimpleNamespace

import pandas as pd
import pytest

from course_lib.claims import show_claim
from course_lib.claims.showing import difference


def result(verdict, seeds):
    return SimpleNamespace(verdict=verdict, rows=pd.DataFrame({"seed": range(seeds)}))


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


def test_a_claim_in_a_lesson_leads_to_its_place_in_the_lab_book(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda one, **_: shown.append(one))
    show_claim("C10")
    assert any("(90_lab_book.ipynb#C10)" in getattr(one, "data", "") for one in shown)
