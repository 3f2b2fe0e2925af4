"""docs/class.md, walked line by line: its own commands, a class of ten, four ways in.

The page is the script: a command that it does not have is not run, one that it has must work. Only
the places that a reader has of their own (/srv/...) are others here, and what the outside does,
students and systems, is planted between the lines.
"""

import csv
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import classlab
import pytest

from course_lib import cli

PAGE = Path(__file__).parents[2] / "docs" / "class.md"
IN_A_BROWSER = ("formgrader",)  # tests/browser/test_formgrader.py opens it
RIGHT = {
    "l01-early-general": 'answer = "c"',
    "l01-little-different": 'answer = "a"',
    "l01-stages": 'answer = ["b", "d"]',
    "l01-selectivity": "answer = (0.9 - 0.1) / (0.9 + 0.1)",
}
FIRST, SECOND, THIRD = (dict([item]) for item in list(RIGHT.items())[:3])


def blocks(page: Path) -> list[tuple[str, str]]:
    """The page's code blocks in order: what follows the fence, and the text."""
    return re.findall(r"(?m)^```(\S[^\n]*)\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL)


@dataclass
class Walk:
    """Where the reader stands, and what the commands said."""

    home: Path
    course: Path
    said: dict[str, str] = field(default_factory=dict)
    after: list[str] = field(default_factory=list)


@pytest.fixture
def walk(tmp_path, monkeypatch, capsys, bubblewrap):
    for name in ("srv/nbgrader/exchange", "srv/hand-out", "srv/hand-in", "home"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "srv/nbgrader/exchange").chmod(0o777)
    (tmp_path / "home/canvas-grades.csv").write_text(classlab.CANVAS_LIST, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.delenv("COURSE_DIR", raising=False)
    return Walk(tmp_path, tmp_path / "home/biology")


def student(walk: Walk, name: str, words: list[str]) -> None:
    """One of nbgrader's own commands, as this student."""
    desk = walk.home / "desks" / name
    desk.mkdir(parents=True, exist_ok=True)
    words = [*words, f"--student={name}"] if words[1] != "fetch_assignment" else words
    done = subprocess.run(
        [
            *(sys.executable, "-m", *words),
            f"--Exchange.root={walk.home / 'srv/nbgrader/exchange'}",
            f"--Exchange.cache={desk / 'cache'}",
        ],
        cwd=desk,
        env=os.environ | {"HOME": str(desk), "JUPYTER_CONFIG_DIR": str(desk / "config")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def answer(walk: Walk, name: str, answers: dict[str, str]) -> None:
    path = walk.home / "desks" / name / "lesson01" / "lesson01.ipynb"
    path.write_bytes(classlab.answered(path, answers))


def plant(walk: Walk) -> None:
    """What Canvas, Moodle and a shared folder hold when the instructor looks."""
    release = walk.course / "release/lesson01/lesson01.ipynb"

    def book(answers):
        return classlab.answered(release, answers)

    canvas = {
        "finnegancleo_103_9001_lesson01.ipynb": (book(FIRST), "2026-10-08 18:00"),
        "daydora_LATE_104_9002_lesson01.ipynb": (book(SECOND), "2026-10-11 09:00"),
        "vanderbergemil_105_9003_lesson01-1.ipynb": (book(FIRST | SECOND), "2026-10-09 23:58"),
    }
    classlab.pack(walk.course / "canvas.zip", canvas)
    comma = {"l01-selectivity": "answer = 0,8"}
    folder = "{}_assignsubmission_file/{}"
    moodle = {
        folder.format("Finn H\u00f6fer_3001", "lesson01.ipynb"): (book(FIRST), "2026-10-07 10:00"),
        folder.format("Gita Rao_3002", "my answers.ipynb"): (book(comma), "2026-10-07 10:00"),
        folder.format("Jonathan K._3003", "lesson01.ipynb"): (book(FIRST), "2026-10-07 10:00"),
    }
    classlab.pack(walk.course / "moodle.zip", moodle)
    (walk.course / "moodle-worksheet.csv").write_text(classlab.WORKSHEET, encoding="utf-8")
    own = walk.home / "srv/hand-in/hugo"
    own.mkdir(exist_ok=True)
    (own / "lesson01.ipynb").write_bytes(book(THIRD))


def with_also(walk: Walk) -> None:
    """The instructor writes a name that nobody knew into the roster's column `also`."""
    path = walk.course / "roster.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["also"] = "Jonathan K." if row["id"] == "jo" else ""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.slow
def test_a_lecturer_gets_from_the_class_list_to_the_grade_book_by_the_page(
    walk, monkeypatch, capsys
):
    def run(words: list[str], code: int = 0) -> str:
        got = cli.main(words[1:])
        out = capsys.readouterr()
        assert got == code, (words, out, walk.said)
        return out.out + out.err

    did = []
    for language, text in blocks(PAGE):
        if language == "yaml":
            path = walk.course / "course.yaml"
            rules = path.read_text("utf-8")
            for line in text.splitlines():
                start = line.split(":")[0] + ":"
                rules = re.sub(rf"(?m)^{start}(?! *$).*$", line, rules)
            path.write_text(rules, encoding="utf-8")
            continue
        for line in text.splitlines():
            words = shlex.split(line.replace("/srv", str(walk.home / "srv")))
            if words[0] == "cd":
                monkeypatch.chdir(words[1])
            elif language == "sh student":
                for name in ("ann", "bob"):
                    student(walk, name, words)
                    if words[1] == "fetch_assignment":
                        own = RIGHT | {"l01-source-accuracy": "It only shows the task."}
                        answer(walk, name, own if name == "ann" else FIRST | SECOND)
                if words[1] == "submit":
                    inbound = walk.home / "srv/nbgrader/exchange/biology/inbound"
                    classlab.came_at(inbound, "ann", "2026-10-08 10:00:00")
                    classlab.came_at(inbound, "bob", "2026-10-10 08:00:00")
            elif words[2] in IN_A_BROWSER:
                continue
            else:
                assert words[:2] == ["course", "quiz"], line
                if words[2] == "roster":
                    (walk.course / words[3]).write_text(classlab.WORKSHEET, encoding="utf-8")
                if words[2] == "collect" and "--exchange" in words:
                    plant(walk)
                if words[2] == "export" and "export" not in did:
                    close_what_is_open(walk, run, words)
                walk.said[" ".join(words[2:])] = run(words)
                did.append(words[2])
    assert [name for name in dict.fromkeys(did)] == [
        *("init", "roster", "check", "build", "release", "collect", "grade", "score"),
        *("report", "feedback", "export"),
    ]
    looked_at(walk)


def close_what_is_open(walk: Walk, run, words: list[str]) -> None:
    """The export stops and says why; a person closes each, and grades again."""
    text = run(words, code=1)
    assert "gita, lesson01: waiting. l01-selectivity: '0,8' is not a number: write 0.8" in text
    assert "hugo, lesson01: waiting. It came after closing" in text
    assert "Jonathan K., lesson01: waiting. 'Jonathan K.' is not in roster.csv" in text
    assert text.count("waiting.") == 3
    run(["course", "quiz", "score", "gita", "l01-selectivity", "1"])
    with_also(walk)
    again = run(["course", "quiz", "collect", "lesson01", "--archive", "moodle.zip"])
    assert "1 new, 2 known, 0 for a person" in again
    assert not (walk.course / "submitted/Jonathan K.").exists()
    path = walk.course / "course.yaml"
    rules = path.read_text("utf-8")
    assert "extra_time: {}" in rules
    path.write_text(rules.replace("extra_time: {}", "extra_time: {hugo: 36500d}"), "utf-8")
    run(["course", "quiz", "grade", "lesson01"])


def looked_at(walk: Walk) -> None:
    """What must be there in the end."""
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Quiz 1 (4711)"]
    canvas = table(walk.course / "canvas-import.csv")
    assert canvas[:2] == [head, ["    Points Possible", "", "", "", "", "24"]]
    assert canvas[2:] == [
        ["Right, Ann", "101", "0012", "ann", "Biology A", "8"],  # 6, and 2 by hand
        ["Burns, Bob", "102", "0013", "bob", "Biology A", "2.7"],  # 3, ten hours late: one day
        ["Finnegan, Cleo", "103", "0014", "cleo", "Biology A", "1"],
        ["Day, Dora", "104", "0015", "dora", "Biology A", "1.6"],  # 2, 33 hours late: two days
        ["van der Berg, Emil", "105", "0016", "emil", "Biology B", "3"],  # a minute before
        ["H\u00f6fer, Finn", "106", "0017", "finn", "Biology B", "1"],
        ["Rao, Gita", "107", "0018", "gita", "Biology B", "1"],
        ["Ivers, Hugo", "108", "0019", "hugo", "Biology B", "2"],
        ["Lou, Ida", "109", "0020", "ida", "Biology B", ""],  # handed in nothing
        ["Kim, Jo", "110", "0021", "jo", "Biology B", "1"],
    ]
    moodle = table(walk.course / "moodle-import.csv")
    assert moodle[0] == ["username", "email", "Quiz 1 (4711)"]
    assert ["finn", "finn@uni.example", "1"] in moodle and ["ida", "", ""] in moodle
    collected = walk.said["collect lesson01 --exchange"]
    assert "2 new, 0 known, 0 for a person" in collected
    assert "ann, lesson01: says 2026-10-08T10:00:00+00:00, but got its place" in collected
    assert "3 new, 0 known, 0 for a person" in walk.said["collect lesson01 --archive canvas.zip"]
    (page,) = (walk.home / "desks/ann/lesson01/feedback").rglob("*.html")
    text = page.read_text("utf-8")
    assert "8 of 24 points" in text and "The control is missing." in text
    assert "Each" in text or "Few they are" in text  # an explanation: it has closed
    assert not list((walk.home / "desks/ann").rglob("source*"))
    out = walk.home / "srv/hand-out/lesson01/lesson01.ipynb"
    assert out.read_bytes() == (walk.course / "release/lesson01/lesson01.ipynb").read_bytes()
