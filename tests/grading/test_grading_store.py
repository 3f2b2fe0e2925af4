"""What is stored: locked and broken gradebooks, forged records, deletion, an earlier edition."""

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import quizlab
from quizlab import RIGHT, RIGHT_SCORE, by_hand, graded, rules, standings, submit

from course_lib.errors import CourseError
from course_lib.grading import cli, export, feedback, forget, gradebook, overview, store

ESSAY = RIGHT | {"mini-essay": "Words of my own."}


def points(course, accept=True):
    text = export.as_csv(course, quizlab.BANK, style="table", accept=accept)
    return {row["student"]: row["points"] for row in csv.DictReader(io.StringIO(text))}


# --- the gradebook -------------------------------------------------------------------------------


def test_a_locked_gradebook_is_waited_for_with_a_message(course):
    submit(course, "ann")
    held = sqlite3.connect(course / "gradebook.db", check_same_thread=False)
    held.execute("begin exclusive")
    said = []

    def tell(text):
        said.append(text)
        if "in use by another program" in text:  # let go only when it is really waited for
            threading.Timer(0.1, lambda: (held.rollback(), held.close())).start()

    assert graded(course, tell=tell)["ann"]["score"] == RIGHT_SCORE
    assert sum("in use by another program" in text for text in said) == 1


def test_a_gradebook_that_stays_locked_is_told_and_the_next_run_goes_on(course, monkeypatch):
    submit(course, "ann")
    monkeypatch.setattr(gradebook, "PATIENCE", 0.0)
    held = sqlite3.connect(course / "gradebook.db")
    held.execute("begin exclusive")
    with pytest.raises(CourseError, match="held by another program.*goes on where it stopped"):
        graded(course)
    held.rollback()
    held.close()
    assert graded(course)["ann"]["score"] == RIGHT_SCORE


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(b"no database at all" * 500),
        lambda path: path.write_bytes(path.read_bytes()[:4096] + os.urandom(20_000)),
    ],
    ids=["empty", "cut", "other", "overwritten"],
)
def test_a_broken_gradebook_is_named_with_the_way_back_which_works(course, empty_gradebook, damage):
    submit(course, "ann", ESSAY)
    graded(course)
    by_hand(course, "ann", 2)
    before = points(course, accept=False)
    path = course / "gradebook.db"
    whole = path.read_bytes()
    damage(path)
    with pytest.raises(CourseError, match=r"gradebook\.db is damaged.*move it away"):
        graded(course)
    path.rename(path.with_name("broken"))
    shutil.copy(empty_gradebook, path)  # what the grader makes where there is none, in seconds
    graded(course)
    assert points(course, accept=False) == before == {"ann": "11"}
    assert path.read_bytes() != whole


def test_what_a_killed_grader_left_half_written_is_rolled_back(course):
    submit(course, "ann", {"mini-number": "answer = 0.5"})
    path = course / "gradebook.db"
    code = (
        "import os, sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\n"
        "db.execute('pragma cache_size = 1')\ndb.execute('begin immediate')\n"
        "rows = ((f'x{i}' * 50,) for i in range(2000))\n"
        "db.executemany('insert into student (id) values (?)', rows)\nos._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.with_name("gradebook.db-journal").exists()
    assert graded(course)["ann"]["score"] == 2
    with sqlite3.connect(path) as db:
        assert db.execute("select id from student").fetchall() == [("ann",)]


def test_nothing_of_a_first_editions_course_is_lost(course):
    """Its records are not signed, no hand-in is kept, and scores by hand stand in the gradebook."""
    for name in ("same", "other", "flagged"):
        submit(course, name, ESSAY)
    graded(course)
    for name in ("same", "other", "flagged"):
        by_hand(course, name, 2)
    with store.Store(course) as opened:
        plain = {name: opened.record("mini", name) for name in ("same", "other", "flagged")}
    for name, record in plain.items():
        (course / f".grades/mini/{name}.json").write_text(json.dumps(record | {"grader": "1-x"}))
    shutil.rmtree(course / ".handins")
    (course / ".grades/log.jsonl").unlink()
    submit(course, "other", RIGHT | {"mini-essay": "It changed before the first new run."})
    with quizlab.Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        book.find_grade("mini-essay", "mini", "mini", "flagged").needs_manual_grade = True
        book.db.commit()
    with pytest.raises(CourseError, match="run `course quiz grade`|Run `course quiz grade`"):
        export.as_csv(course, quizlab.BANK)
    graded(course)
    found = standings(course)
    assert (found["same"]["total"], found["same"]["open"]) == (11, [])
    assert found["other"]["state"] == found["flagged"]["state"] == "waiting"
    assert points(course) == {"same": "11", "other": "", "flagged": ""}


# --- records -------------------------------------------------------------------------------------


def test_a_record_that_was_edited_is_refused_and_made_again(course):
    submit(course, "ann", RIGHT | {"mini-essay": ""})
    submit(course, "bob", {})
    graded(course)
    path = course / ".grades/mini/ann.json"
    path.write_text(path.read_text().replace('"score": 4.0', '"score": 999.0'))
    assert "999" in path.read_text()
    with pytest.raises(CourseError, match="ann, mini: could_not_grade.*not graded yet"):
        export.as_csv(course, quizlab.BANK)
    assert graded(course)["ann"]["score"] == RIGHT_SCORE
    shutil.copy(path, course / ".grades/mini/bob.json")  # signed, but somebody else's
    with pytest.raises(CourseError, match="bob, mini: could_not_grade"):
        export.as_csv(course, quizlab.BANK)
    graded(course)
    assert points(course, accept=False) == {"ann": "9", "bob": "0"}


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace("ann", "bob"), *lines[1:]],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:-1], lines[-1][:-20] + "\n"],
    ],
    ids=["edited", "removed", "swapped", "cut"],
)
def test_a_log_that_was_changed_is_told(course, capsys, change):
    for name in ("ann", "eve"):
        submit(course, name, {})
    graded(course)
    where = ["--course-dir", str(course)]
    assert cli.main(["log", *where]) == 0
    assert "not as the grader wrote it" not in capsys.readouterr().out
    path = course / ".grades/log.jsonl"
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    assert cli.main(["log", *where]) == 1
    assert "not as the grader wrote it" in capsys.readouterr().out


def test_an_accepted_export_is_in_the_log_with_who_and_when(course):
    submit(course, "ann")
    graded(course)
    export.as_csv(course, quizlab.BANK, accept=True)
    with overview.opened(course, quizlab.BANK) as (opened, _):
        event = [e for e, good in opened.log.events() if good][-1]
    assert (event["what"], event["student"], event["quiz"]) == ("accepted as it is", "ann", "mini")
    assert event["who"] and event["when"].endswith("+00:00") and "mini-essay" in event["open"][0]


# --- deleting a student --------------------------------------------------------------------------


def traces(course, *words):
    """Every place of the course folder that still has one of the words, names included."""
    found = []
    for path in sorted(course.rglob("*")):
        if any(word in str(path.relative_to(course)) for word in words):
            found.append(str(path))
        elif path.is_file() and any(word.encode() in path.read_bytes() for word in words):
            found.append(str(path))
    return found


def test_deleting_a_student_leaves_nothing_but_a_pseudonym(course):
    words = ("zelda-quill", "inimitable prose", "a fine remark")
    (course / "roster.csv").write_text("id,name\nann,Ann\nzelda-quill,Zelda\n")
    submit(course, "ann", ESSAY)
    submit(course, "zelda-quill", {"mini-essay": "inimitable prose, the first"})
    graded(course)
    by_hand(course, "zelda-quill", 2, comment="a fine remark")
    feedback.write_all(course, quizlab.BANK)
    submit(course, "zelda-quill", {"mini-essay": "inimitable prose, the second"})
    graded(course)
    assert len(traces(course, *words)) > 10
    rules(course, extra_time={"zelda-quill": "1d"})
    said = []
    name = forget.forget(course, quizlab.BANK, "zelda-quill", said.append)
    assert [Path(text.split()[0]).name for text in said] == ["course.yaml"]
    rules(course)
    assert traces(course, *words) == []
    assert (course / "roster.csv").read_text() == "id,name\nann,Ann\n"
    with overview.opened(course, quizlab.BANK) as (opened, _):
        events = list(opened.log.events())
    assert all(good for _, good in events)
    assert events[-1][0]["what"] == "deleted" and events[-1][0]["student"] == name
    assert name.startswith("deleted-") and sum(e["student"] == name for e, _ in events) > 4
    by_hand(course, "ann", 1)
    assert points(course, accept=False) == {"ann": "10"}
    with pytest.raises(CourseError, match="no student"):
        forget.forget(course, quizlab.BANK, "zelda-quill")


# --- what meets other programs -------------------------------------------------------------------


def test_ids_and_texts_are_safe_in_a_spreadsheet_and_whole_for_a_grade_book(course):
    names = ("0012", "1e5", "-2+3+cmd", "ann")
    (course / "roster.csv").write_text("id,name\n0012,=1+1\n1e5,\n-2+3+cmd,\nann,Ann\nlazy,\n")
    for name in names:
        submit(course, name, {"mini-number": "answer = 0.5"})
    graded(course)
    text = export.as_csv(course, quizlab.BANK, style="table")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    assert sorted(row[0] for row in rows) == ["'-2+3+cmd", "'0012", "'1e5", "ann", "lazy"]
    assert "'=1+1" in [row[1] for row in rows]
    for field in (field for row in rows for field in row):
        assert field[:1] not in ("=", "+", "-", "@")
    moodle = list(csv.reader(io.StringIO(export.as_csv(course, quizlab.BANK, style="moodle"))))
    assert dict(moodle[1:])["0012"] == dict(moodle[1:])["1e5"] == "2"
    assert dict(moodle[1:])["lazy"] == ""  # on the roster, handed in nothing: no zero
    assert [row[3] for row in rows if row[0] == "lazy"] == ["missing"]


def test_archives_of_canvas_are_collected_without_a_word_about_regular_expressions(course):
    source = Path(cli.__file__).parents[2] / "quizzes" / "nbgrader_config.py"
    (course / "nbgrader_config.py").write_text(source.read_text())
    place = course / "downloaded" / "mini" / "archive"
    place.mkdir(parents=True)
    data = json.dumps(quizlab.notebook(RIGHT))
    for name in ("annlee_123_4567_mini.ipynb", "bob_LATE_124_4568_mini-1.ipynb", "cid_mini.ipynb"):
        (place / name).write_text(data)
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "zip_collect", "mini"],
        cwd=course,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert {n: r["score"] for n, r in graded(course).items()} == dict.fromkeys(
        ("annlee", "bob", "cid"), RIGHT_SCORE
    )


@pytest.mark.parametrize(
    "stamp", ["2026-03-09 12:00:00.000000 UTC", "2099-01-01 00:00:00 UTC", "x"]
)
def test_the_exchanges_time_counts_where_the_course_says_so(course, stamp):
    rules(course, arrival="timestamp")
    path = submit(course, "ann", {})
    (path.parent / "timestamp.txt").write_text(stamp)
    before = time.time() - 60
    graded(course)
    with store.Store(course) as opened:
        arrived = opened.handins.attempts("mini", "ann")[0].arrived
    if stamp.startswith("2026-03"):
        assert arrived == 1773057600.0
    else:  # one in the future, or none, is the time at which the file came here
        assert before < arrived <= time.time()
