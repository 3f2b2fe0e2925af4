"""`course claims`: the table, a study, a check, and wrong usage."""

import json

import pandas as pd
import pytest

import course_lib.claims as known
from course_lib.cli import main
from course_lib.lab import cache, store
from tests.lab.toys import toy


@pytest.fixture
def one_claim(monkeypatch, tmp_path):
    """The course has one claim, and stores it below tmp_path."""
    cache.forget()
    monkeypatch.setattr(known, "claims", lambda: {"C99": toy()})
    monkeypatch.setattr(store, "RESULTS", tmp_path)
    monkeypatch.setenv("TOY_FOLDER", str(tmp_path))
    return tmp_path


def test_the_table_names_every_claim_and_whether_it_has_a_stored_run(capsys, one_claim):
    assert main(["claims"]) == 0
    shown = capsys.readouterr().out
    assert "C99  Right is heavier.\n" in shown
    assert "image world: not measured yet; photographs: not measured there" in shown


def test_a_study_is_measured_stored_and_listed_with_verdict_n_date_and_hash(capsys, one_claim):
    assert main(["claims", "run", "C99"]) == 0
    assert "C99: 6 of 6 trials to measure" in capsys.readouterr().out
    assert main(["claims", "--csv", str(one_claim / "claims.csv")]) == 0
    shown = capsys.readouterr().out
    assert "image world: holds" in shown and "n = 3, 20" in shown and ", rows " in shown
    table = pd.read_csv(one_claim / "claims.csv")
    assert table.loc[0, "image world"] == "holds" and table.loc[0, "n"] == 3


def test_json_holds_statement_rule_verdict_parts_and_rows(capsys, one_claim):
    main(["claims", "run", "C99", "--json"])
    capsys.readouterr()
    assert main(["claims", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["verdict"] == "holds" and "Right minus left: above 5.0 points" in record["rule"]
    assert record["parts"][0]["n"] == 3 and len(record["rows"]) == 6


def test_a_check_judges_all_rows_and_measures_some_again(capsys, one_claim):
    main(["claims", "run", "C99"])
    study = store.open_study("C99")
    for row in study.rows:
        row["took"] = 1.0
        row["sha256"] = cache.checksum(row)
    study.save(store.path_of("C99"))
    capsys.readouterr()
    assert main(["claims", "check", "--trials", "3"]) == 0
    shown = capsys.readouterr().out
    assert "C99: holds, 6 rows, checksums fit" in shown
    assert shown.count("agrees (to the last digit)") == 3
    study.rows[0]["measured"]["test"] = 0.9
    study.rows[0]["sha256"] = cache.checksum(study.rows[0])
    study.save(store.path_of("C99"))
    assert main(["claims", "check", "--trials", "6"]) == 1
    assert "DIFFERS" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["claims", "run"], 2, "course claims run C06"),
        (["claims", "list", "C06"], 2, "course claims run C06"),
        (["claims", "run", "c06x"], 1, "Did you mean 'C06'"),
        (["claims", "run", "C06", "C99"], 1, "No claim 'C99'"),
    ],
)
def test_wrong_usage_says_what_to_type(words, code, says, capsys):
    assert main(words) == code
    assert says in capsys.readouterr().err
