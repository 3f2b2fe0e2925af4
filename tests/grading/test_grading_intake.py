"""Ways in: class lists, archives, nbgrader's exchange, folders; and what must not get in."""

import json
import os
import zipfile
from zoneinfo import ZoneInfo

import classlab
import pytest
from quizlab import BANK, graded, notebook, rules

from course_lib.errors import CourseError
from course_lib.grading import archives, classlist, exchange, folder, intake, overview, roster

UTC = ZoneInfo("UTC")
BOOK = json.dumps(notebook({"mini-choice": "answer = 'b'"})).encode()


# --- class lists --------------------------------------------------------------------------------

MOODLE_GRADES = 'First name,Last name,ID number,Email address,"Quiz: 1"\nAnn,Right,0012,a@u,-\n'
GERMAN = "Vorname;Nachname;ID-Nummer;E-Mail-Adresse\nJos\u00e9;Nu\u00f1ez;0013;j@u\n"


@pytest.mark.parametrize(
    ("text", "system", "row"),
    [
        (
            classlab.CANVAS_LIST,
            "canvas",
            {"id": "ann", "name": "Right, Ann", "canvas_id": "101", "sis_id": "0012"},
        ),
        (MOODLE_GRADES, "moodle", {"id": "0012", "name": "Ann Right", "email": "a@u"}),
        (GERMAN, "moodle", {"id": "0013", "name": "Jos\u00e9 Nu\u00f1ez"}),
        (classlab.WORKSHEET, "moodle", {"name": "Finn H\u00f6fer", "moodle_id": "3001"}),
        ("id\tname\nann\tAnn\n", "csv", {"id": "ann", "name": "Ann"}),
    ],
)
def test_lists_of_every_system_are_read(tmp_path, text, system, row):
    path = tmp_path / "list.csv"
    path.write_text("\ufeff" + text, encoding="utf-8")
    found = classlist.read(path)
    assert found.system == system and row.items() <= found.rows[0].items()
    assert all("Test" not in entry["name"] for entry in found.rows)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("who,what\nann,1\n", "no class list that is known: it has who, what"),
        ("", "is empty"),
        ("id,name\n", "there is no student"),
    ],
)
def test_other_lists_are_refused_with_what_they_have(tmp_path, text, said):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(CourseError, match=said):
        classlist.read(path)


def test_a_column_of_ones_own_can_hold_the_ids_and_a_later_list_only_adds(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("Matrikel,Vorname,Nachname\n7,Ann,Right\n8,Bob,Burns\n")
    classlist.take_in(tmp_path, first, "Matrikel")
    assert list(roster.load(tmp_path)) == ["7", "8"]
    second.write_text("Identifier,Full name,Email address\nParticipant 31,Burns Bob,b@u\n")
    _, new, gone = classlist.take_in(tmp_path, second)
    rows = roster.load(tmp_path)
    assert (new, gone) == (0, ["7"]) and rows["8"]["moodle_id"] == "31"
    assert rows["8"]["name"] == "Bob Burns" and rows["8"]["email"] == "b@u"


# --- names --------------------------------------------------------------------------------------

CLASS = {
    "ann": {"name": "Right, Ann", "canvas_id": "101"},
    "emil": {"name": "van der Berg, Emil Paul", "moodle_id": "32"},
    "jose": {"name": "Jos\u00e9 Nu\u00f1ez", "also": "Pepe N.; J. Nunez"},
    "li1": {"name": "Li Wei"},
    "li2": {"name": "Wei Li"},
}


@pytest.mark.parametrize(
    ("name", "canvas", "moodle", "student"),
    [
        ("rightann", "", "", "ann"),
        ("whatever", "101", "", "ann"),
        ("Participant 32", "", "32", "emil"),
        ("vanderbergemilpaul", "", "", "emil"),
        ("Emil Paul van der Berg", "", "", "emil"),
        ("Jose Nunez", "", "", "jose"),
        ("Jose\u0301 Nu\u0144ez", "", "", "jose"),
        ("pepe n.", "", "", "jose"),
        ("JOSE", "", "", "jose"),
    ],
)
def test_a_name_in_any_form_finds_its_student(name, canvas, moodle, student):
    assert roster.named(name, CLASS, canvas, moodle) == student


def test_a_name_of_two_or_of_nobody_is_left_to_a_person():
    with pytest.raises(LookupError, match="li1 or li2"):
        roster.named("Wei Li", CLASS)
    with pytest.raises(LookupError, match="column `also`"):
        roster.named("Right", CLASS)  # half a name is no name
    with pytest.raises(LookupError):
        roster.named("x", None, "101")


# --- archives -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("rightann_101_9_mini.ipynb", ("rightann", "mini.ipynb", "101", "", False)),
        ("rightann_LATE_101_9_mini-2.ipynb", ("rightann", "mini-2.ipynb", "101", "", True)),
        (
            "x/Ann Right_31_assignsubmission_file/a/m.ipynb",
            ("Ann Right", "m.ipynb", "", "31", False),
        ),
        ("Ann Right_31_assignsubmission_file_/m.ipynb", ("Ann Right", "m.ipynb", "", "31", False)),
        ("Ann Right_31_assignsubmission_file_m.ipynb", ("Ann Right", "m.ipynb", "", "31", False)),
        ("Ann_Right_31_assignsubmission_onlinetext.html", None),
        ("ann_mini.ipynb", ("ann", "mini.ipynb", "", "", False)),
        ("ann/mini.ipynb", ("ann", "mini.ipynb", "", "", False)),
        ("class/ann/mini/mini.ipynb", ("ann", "mini.ipynb", "", "", False)),
        ("..\\..\\ann\\mini.ipynb", ("ann", "mini.ipynb", "", "", False)),
    ],
)
def test_paths_of_both_systems_are_understood(tmp_path, path, expected):
    archive = tmp_path / "a.zip"
    classlab.pack(
        archive, {path: (b"{}", "2026-03-01 12:00:00"), "__MACOSX/._x.ipynb": (b"", "2026-03-01")}
    )
    (entry,) = archives.entries(archive, "mini", UTC)
    if expected is None:
        assert "is no notebook" in entry.trouble and entry.name == "Ann_Right"
        return
    assert (entry.name, entry.file, entry.canvas, entry.moodle, entry.late) == expected
    assert entry.when == 1772366400  # 2026-03-01 12:00 UTC


def test_a_bomb_a_cut_archive_and_a_foreign_file_end_in_words(tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ann/mini.ipynb", b"0" * (33 << 20))
    (entry,) = archives.entries(bomb, "mini", UTC)
    assert "larger than 32 MB" in entry.trouble and not entry.data
    cut = tmp_path / "cut.zip"
    cut.write_bytes(bomb.read_bytes()[:300])
    for path in (cut, tmp_path / "none.zip"):
        with pytest.raises(CourseError):
            list(archives.entries(path, "mini", UTC))


def take(course, way, *args):
    said = []
    with overview.opened(course, BANK) as (store, _):
        taken = way(store, "mini", *args, said.append)
    return taken, "\n".join(said)


def attempts(course, student):
    with overview.opened(course, BANK) as (store, _):
        return [(a.number, a.arrived) for a in store.handins.attempts("mini", student)]


def test_an_archive_needs_a_class_list_and_is_taken_once(course, tmp_path):
    path = tmp_path / "a.zip"
    classlab.pack(path, {"rightann_101_9_mini.ipynb": (BOOK, "2026-03-01 12:00:00")})
    with pytest.raises(CourseError, match="class list"):
        take(course, intake.from_archive, path)
    (course / "roster.csv").write_text("id,name,canvas_id\nann,Ann Right,101\n")
    assert take(course, intake.from_archive, path)[0].new == 1
    assert take(course, intake.from_archive, path)[0].known == 1
    assert attempts(course, "ann") == [(1, 1772366400.0)]
    assert graded(course)["ann"]["questions"][0]["score"] == 1


def test_several_notebooks_wait_and_one_in_another_file_is_told(course, tmp_path):
    (course / "roster.csv").write_text("id,name,moodle_id\nann,Ann,31\nbob,Bob,32\n")
    path = tmp_path / "a.zip"
    at = "2026-03-01 12:00:00"
    place = "{}_assignsubmission_file/{}"
    files = {
        place.format("Ann_31", "first.ipynb"): (BOOK, at),
        place.format("Ann_31", "second.ipynb"): (BOOK + b" ", at),
        place.format("Bob_32", "report.pdf"): (b"%PDF", at),
    }
    classlab.pack(path, files)
    taken, said = take(course, intake.from_archive, path)
    assert taken.open == 2 and "2 notebooks (first.ipynb, second.ipynb)" in said
    assert "no notebook in a.zip. report.pdf is no notebook" in said
    records = graded(course)
    assert (records["ann"]["state"], records["bob"]["state"]) == ("waiting", "could_not_grade")


# --- the exchange -------------------------------------------------------------------------------


@pytest.fixture
def shared(course, tmp_path):
    """A course with an exchange, and a function that lays a hand-in there as nbgrader does."""
    root = tmp_path / "exchange"
    root.mkdir()
    rules(course, exchange=str(root), course="c1")
    exchange.release(course, "mini")
    inbound = root / "c1/inbound"

    def lay(student, stamp, data=BOOK, secret="s3cret"):
        place = inbound / f"{student}+mini+{stamp} UTC+abc"
        place.mkdir()
        (place / "mini.ipynb").write_bytes(data)
        (place / "timestamp.txt").write_text(f"{stamp} UTC")
        (place / "submission_secret.txt").write_text(secret)
        return place

    return course, inbound, lay


def test_every_hand_in_of_the_exchange_is_an_attempt_in_order_of_its_time(shared):
    course, _, lay = shared
    rules(course, exchange="../exchange", course="c1", quizzes={"mini": {"due": "2026-03-02"}})
    lay("ann", "2026-03-03 10:00:00.000000", BOOK + b"\n")
    lay("ann", "2026-03-01 10:00:00.000000")
    lay("a+b", "2026-03-01 10:00:00.000000")
    taken, said = take(course, intake.from_exchange)
    assert (taken.new, taken.known, taken.open) == (3, 0, 0) and "got its place" in said
    assert [n for n, _ in attempts(course, "ann")] == [1, 2]
    assert attempts(course, "ann")[0][1] == 1772359200  # 2026-03-01 10:00 UTC
    assert attempts(course, "a+b") == [(1, 1772359200.0)]
    assert take(course, intake.from_exchange)[0].known == 3
    assert (course / "submitted/ann/mini/mini.ipynb").read_bytes() == BOOK + b"\n"
    lay("ann", "2026-03-02 10:00:00.000000", BOOK + b"\t")  # came to light later
    take(course, intake.from_exchange)
    assert len(attempts(course, "ann")) == 3
    assert (course / "submitted/ann/mini/mini.ipynb").read_bytes() == BOOK + b"\n"
    assert graded(course)["ann"]["standing"]["attempt"] == 3


def test_the_time_of_the_exchange_makes_a_hand_in_late_and_the_rule_can_take_another(shared):
    course, _, lay = shared
    law = {"exchange": "../exchange", "course": "c1", "late": {"percent_per_day": 10}}
    law["quizzes"] = {"mini": {"due": "2026-03-02 12:00"}}
    rules(course, **law)
    lay("ann", "2026-03-02 11:59:00.000000")
    lay("bob", "2026-03-03 11:59:00.000000")
    take(course, intake.from_exchange)
    found = graded(course)
    assert found["ann"]["standing"]["penalty"] == 0
    assert found["bob"]["standing"]["penalty"] == pytest.approx(0.1)
    rules(course, **law, arrival="placed")
    lay("cid", "2026-03-02 11:59:00.000000")  # says so, and came just now
    take(course, intake.from_exchange)
    assert graded(course)["cid"]["standing"]["penalty"] == 1


def test_a_link_and_another_accounts_hand_in_are_not_taken(shared, monkeypatch, tmp_path):
    course, inbound, lay = shared
    (course / "roster.csv").write_text("id\nann\nbob\n")
    accounts = {os.getuid(): "bob"}
    monkeypatch.setattr(exchange, "_account", accounts.get)
    lay("bob", "2026-03-01 10:00:00.000000")
    lay("ann", "2026-03-01 10:00:00.000000")  # bob's folder, in ann's name
    taken, said = take(course, intake.from_exchange)
    assert (taken.new, taken.open) == (1, 1) and "laid down by bob, not by ann" in said
    assert attempts(course, "ann") == []
    page = tmp_path / "page.html"
    page.write_text("for ann alone")
    assert exchange.release_feedback(course, "mini", {"ann": page}) == []
    other = lay("bob", "2026-03-02 10:00:00.000000")
    (other / "mini.ipynb").unlink()
    (other / "mini.ipynb").symlink_to(course / "release/mini/mini.ipynb")
    taken, said = take(course, intake.from_exchange)
    assert "a link or a special file" in said and taken.open == 2
    assert graded(course)["bob"]["state"] == "could_not_grade"  # told until a better one comes


def test_another_release_is_not_laid_over_the_first_unless_forced(shared):
    course, inbound, _ = shared
    assert oct(inbound.stat().st_mode & 0o7777) == "0o2733"
    path = course / "release/mini/mini.ipynb"
    exchange.release(course, "mini")
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(CourseError, match="students may have fetched it"):
        exchange.release(course, "mini")
    there = exchange.release(course, "mini", force=True)
    assert (there / "mini.ipynb").read_bytes() == path.read_bytes()


# --- the folder ---------------------------------------------------------------------------------


def test_a_course_is_found_from_inside_by_name_and_by_variable(tmp_path, monkeypatch):
    course = tmp_path / "c"
    folder.init(course, bank=BANK)
    inner = course / "release" / "x"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    monkeypatch.delenv("COURSE_DIR", raising=False)
    assert folder.find() == course
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CourseError, match="course quiz init"):
        folder.find()
    monkeypatch.setenv("COURSE_DIR", str(course))
    assert folder.find() == course and folder.bank_of(course).resolve() == BANK.resolve()
    assert folder.find(tmp_path) == tmp_path
    with pytest.raises(CourseError, match="is a course already"):
        folder.init(course)


@pytest.mark.parametrize("name", ["no", "0012", "a b", "it's"[:2], "2026-10-09"])
def test_a_course_of_any_name_reads_its_own_rules(tmp_path, name):
    folder.init(tmp_path / "c", bank=BANK, name=name, zone="Europe/Berlin")
    assert folder.name_of(tmp_path / "c") == name


def test_a_shared_folder_is_read_by_ids_and_by_names(course, tmp_path):
    (course / "roster.csv").write_text("id,name\nann,Ann Right\nbob,Bob Burns\n")
    for name in ("ann/mini.ipynb", "Bob Burns/mini/mini.ipynb", "zoe/mini.ipynb", "eve/x.txt"):
        path = tmp_path / "desk" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(BOOK)
    taken, said = take(course, intake.from_folder, tmp_path / "desk")
    assert (taken.new, taken.open) == (2, 1) and "zoe: waiting. 'zoe' is not in roster.csv" in said
    assert set(graded(course)) == {"ann", "bob", "zoe"}
