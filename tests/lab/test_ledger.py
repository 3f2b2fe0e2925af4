"""The table of all claims."""

from dataclasses import replace

from course_lib.lab.ledger import after_holm, ledger
from course_lib.lab.running import run_and_store
from tests.lab.toys import toy


def test_the_table_shows_both_instruments_and_what_holm_leaves(tmp_path):
    found = run_and_store(toy(), folder=tmp_path, say=lambda _: None)
    close = replace(toy(), tag="C98", primary=(replace(toy().primary[0], above=0.0999),))
    claims = {"C98": close, "C99": toy(photos={}), "C97": toy(tag="C97", why_not="factors")}
    table = ledger(claims, {"C99": found}, {}).set_index("claim")
    assert table.loc["C99", "image world"] == "holds" and table.loc["C99", "n"] == 3
    assert table.loc["C99", "photographs"] == "not measured yet"
    assert table.loc["C97", "photographs"] == "not there: needs factors"
    assert table.loc["C98", "image world"] == "not measured yet"
    assert len(table.loc["C99", "rows"]) == 8 and table.loc["C99", "code"] == "0.2"


def test_one_lucky_claim_among_many_does_not_survive_holm(tmp_path):
    def claim(tag, gains):
        def measure(trial):
            return {"test": gains[trial["seed"]] if trial["side"] == "right" else 0.0}

        measure.__name__ = tag
        one = toy(tag=tag, measure=measure, primary=(replace(toy().primary[0], above=0.0),))
        return run_and_store(one, folder=tmp_path, say=lambda _: None)

    lucky = {"C90": claim("C90", (0.2, 0.25, 0.3))}  # t = 8.66, p = .013
    none = {f"C{n}": claim(f"C{n}", (0.1, -0.1, 0.01)) for n in range(91, 97)}
    clear = {"C89": claim("C89", (0.2, 0.2001, 0.2002))}
    assert lucky["C90"].verdict == "holds" and round(lucky["C90"].judged[0].p, 3) == 0.013
    verdicts = after_holm({**lucky, **none, **clear})
    assert verdicts["C90"] == "undecided" and verdicts["C89"] == "holds"
