"""An honest class of ten, walked from the first hand-in to the export, row by row."""

import csv
import io
import json

from quizlab import BANK, RIGHT, RIGHT_CODE, by_hand, notebook, rules, submit

from course_lib.grading import export, grade

DATES = {"due": "2026-03-10 12:00", "closes": "2026-03-20 12:00"}
ON_TIME, LATE = "2026-03-09 12:00", "2026-03-11 09:00"
ROSTER = """id,name
ann,Ann Right
ben,Ben Blank
cleo,Cleo Late
dora,Dora Twice
emil,Emil Other Key
finn,Finn Code
gita,Gita Extra Time
jos\u00e9,Jos\u00e9 Accent
kim,Kim Comma
lou,Lou Absent
"""


def run(course):
    return grade.grade_course(course, BANK)


def the_class(course, monkeypatch):
    """Ten students, two machines, one correction. Returns the last report."""
    (course / "roster.csv").write_text(ROSTER, encoding="utf-8")
    law = {
        "arrival": "modified",
        "late": {"percent_per_day": 10, "grace": "15m"},
        "quizzes": {"mini": DATES},
        "extra_time": {"gita": "1d"},
    }
    rules(course, **law)
    essay = {"mini-essay": "No rest is left."}
    submit(course, "ann", RIGHT | essay, at=ON_TIME)
    submit(course, "ben", {}, at=ON_TIME)
    submit(course, "cleo", RIGHT | essay, at=LATE)
    submit(course, "dora", {"mini-choice": "answer = 'b'"} | essay, at=ON_TIME)
    submit(course, "emil", {"mini-choice": "answer = 'c'"}, at=ON_TIME)
    submit(course, "gita", RIGHT | essay, at=LATE)
    path = submit(course, "jose\u0301", RIGHT | essay, at=ON_TIME)
    path.rename(path.with_name("mini (1).ipynb"))
    submit(course, "kim", RIGHT | essay | {"mini-number": "answer = 0,5"}, at=ON_TIME)
    run(course)
    # A person reads the essays.
    for name, points in {
        "ann": 3,
        "cleo": 2,
        "dora": 2,
        "gita": 3,
        "jos\u00e9": 1,
        "kim": 3,
    }.items():
        by_hand(course, name, points)
    # Dora hands in again after she was read, on time; Finn's first comes at a machine without a
    # sandbox, which also sees all the others again.
    submit(course, "dora", {"mini-choice": "answer = 'b'", "mini-essay": "New words."}, at=ON_TIME)
    submit(course, "finn", {"mini-scale": RIGHT_CODE, "mini-number": "answer = 1/2"}, at=ON_TIME)
    with monkeypatch.context() as there:
        there.setattr(grade, "status", lambda: grade.Status("none", False, "No bubblewrap."))
        run(course)
    # Five turned out to be right as well.
    rules(course, **law, corrections={"mini-choice": {"accept": ["c"]}})
    return run(course)


def rows(course):
    text = export.as_csv(course, BANK, style="table", accept=True)
    return {row["student"]: row for row in csv.DictReader(io.StringIO(text))}


def test_an_honest_class_of_ten_gets_what_it_deserves(course, monkeypatch):
    report = the_class(course, monkeypatch)
    found = {
        name: (row["state"], row["points"], row["attempt"], row["late_percent"], row["by_hand"])
        for name, row in rows(course).items()
    }
    assert found == {
        "ann": ("graded", "12", "1", "0", "1"),
        "ben": ("graded", "0", "1", "0", "0"),  # blank: a zero that is known
        "cleo": ("graded", "9.9", "1", "10", "1"),  # 11 of 12, one day begun
        "dora": ("waiting", "", "2", "0", "0"),  # the new essay was not read yet
        "emil": ("graded", "1", "1", "0", "0"),  # by the correction; was 0
        "finn": ("graded", "6", "1", "0", "0"),  # graded on the machine with a sandbox
        "gita": ("graded", "12", "1", "0", "1"),  # late for others, not with a day more
        "jos\u00e9": ("graded", "10", "1", "0", "1"),
        "kim": ("waiting", "", "1", "0", "1"),  # a comma: a person decides
        "lou": ("missing", "", "", "0", "0"),  # handed in nothing: no zero that nobody gave
    }
    assert [c["student"] for c in report["changed"]] == ["emil"]
    assert rows(course)["dora"]["open"].startswith("mini-essay: A person gave a score to another")
    assert "write 0.5" in rows(course)["kim"]["open"]
    # What was open is closed by a person, and the class is exported without a question.
    by_hand(course, "dora", 3)
    by_hand(course, "kim", 2, "mini-number")
    text = export.as_csv(course, BANK, style="moodle")
    assert dict(list(csv.reader(io.StringIO(text)))[1:]) == {
        "ann": "12",
        "ben": "0",
        "cleo": "9.9",
        "dora": "4",
        "emil": "1",
        "finn": "6",
        "gita": "12",
        "jos\u00e9": "10",
        "kim": "12",
        "lou": "",
    }


def test_a_machine_without_a_sandbox_changes_no_grade_that_stands(course, monkeypatch):
    the_class(course, monkeypatch)
    before = rows(course)
    monkeypatch.setattr(grade, "status", lambda: grade.Status("none", False, "No bubblewrap."))
    run(course)
    assert rows(course) == before
    submit(course, "ben", json.loads(json.dumps(notebook(RIGHT))), at=ON_TIME)
    run(course)
    after = rows(course)
    assert after.pop("ben")["state"] == "could_not_grade" and before.pop("ben")
    assert after == before
