"""`course claims`: the table, and wrong usage."""

import json

import pytest

from course_lib.cli import main
from course_lib.experiments import study


def test_the_table_names_every_claim_and_whether_it_has_a_stored_run(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(study.stored_results, "__defaults__", (tmp_path,))
    assert main(["claims"]) == 0
    shown = capsys.readouterr().out
    assert "C06  With little similar data" in shown and "no stored run yet" in shown


def test_json_holds_statement_rule_and_verdict(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(study.stored_results, "__defaults__", (tmp_path,))
    assert main(["claims", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert records[0]["claim"] == "C01" and records[0]["verdict"] is None and records[0]["rule"]


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
