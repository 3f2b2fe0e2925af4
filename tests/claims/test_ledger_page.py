"""The ledger's page says what the stored rows say."""

from pathlib import Path

import pytest

from course_lib import claims
from course_lib.claims import history, ledger_page, on_photographs
from course_lib.lab import store, tracks
from course_lib.lab.cache import key

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"


@pytest.fixture(scope="module")
def world():
    return claims.stored_results()


def test_the_page_is_what_the_stored_rows_give():
    again = "python tools/make_ledger.py writes it anew"
    assert PAGE.read_text(encoding="utf-8") == ledger_page.page(), again


def test_every_changed_verdict_has_its_reason_and_no_other_has_one(world):
    now = {tag: world[tag].verdict for tag in history.FIRST}
    assert {tag for tag in now if now[tag] != history.FIRST[tag]} == set(history.REASONS)


def test_hours_are_those_of_the_rows_that_kept_them():
    rows = [{"took": 1800.0}, {"took": 1800.0}, {"took": None}]
    assert ledger_page.hours(rows) == "1.00 (1 rows did not keep it)"
    assert ledger_page.hours(rows[:2]) == "1.00"
    assert ledger_page.hours(rows[2:]) == "not kept"


def test_rows_of_photographs_name_the_file_of_weights_and_not_torchvisions():
    claim = on_photographs.MEASURED["C06"]
    (trial, *_) = store.full_trials(claim, on_photographs.PHOTOGRAPHS)
    with tracks.using(on_photographs.PHOTOGRAPHS):
        named = key(claim.measure, trial)
    assert named["track"] == "photographs"
    assert named["weights"] == on_photographs.PHOTOGRAPHS.sha256 and len(named["weights"]) == 64


@pytest.mark.parametrize("verdict", ("holds", "does not hold here"))
def test_a_lesson_says_it_in_a_sentence_where_the_instruments_disagree(verdict):
    said = on_photographs.beside("C06", verdict)
    there = on_photographs.stored()["C06"].verdict
    assert ("disagree" in said) == (verdict != there) and "On photographs" in said
    assert on_photographs.beside("C01", verdict) == ""


def test_another_question_is_not_called_a_disagreement():
    said = on_photographs.beside("C15", "undecided")
    assert "What was asked there" in said and "disagree" not in said


def test_rules_for_rows_of_scripts_ask_what_their_notes_say():
    def asked(tag):
        return [
            (part.above, part.below, part.within)
            for part in on_photographs.FROM_SCRIPTS[tag][0].primary
        ]

    assert asked("C15") == [(None, -0.1, None)] * 4
    assert asked("C18") == [(0.05, None, None)]


def test_ruin_is_judged_against_the_head_alone_of_the_same_draw():
    rows = on_photographs.ratio_rows()
    one = on_photographs.FROM_SCRIPTS["C15"][0].primary[0]  # ants and bees, ratio 1
    mine = rows[rows["folder"] == "ants_bees"].set_index(["ratio", "seed"])["test"]
    assert one.quantity(rows).tolist() == pytest.approx((mine[1.0] - mine[0.0]).tolist())
