"""What a student gets back: their own work, the score and the explanation of every question.

Everything a student wrote is escaped. Hidden inputs, expected values and what code printed while it
was scored are not on the page because they are stored nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import ascii_lowercase

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import build, submission
from course_lib.grading.build import escape
from course_lib.grading.grade import chosen
from course_lib.grading.questions import Question, Quiz, load_bank
from course_lib.grading.store import Store
from course_lib.grading.submission import Invalid, Submission, digest

STYLE = """
:root { color-scheme: light dark; --line: #8888; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid var(--line); padding: .5rem 0 1rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere;
      border: 1px solid var(--line); padding: .6rem; }
table { border-collapse: collapse; } td, th { border: 1px solid var(--line); padding: .2rem .6rem; }
.score { font-weight: 600; }
"""


def page(title: str, body: str) -> str:
    """A page that loads nothing and runs nothing."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n<body>\n{body}\n"
        "</body></html>\n"
    )


def write_all(course: Path, bank: Path, names: Iterable[str] = ()) -> list[Path]:
    """Write ``feedback/STUDENT/QUIZ/QUIZ.html`` for every graded submission; return the paths."""
    paths = []
    with Store(course) as store:
        for quiz in chosen(load_bank(bank), names):
            for record in records(store, quiz):
                path = course / "feedback" / record["student"] / quiz.id / f"{quiz.id}.html"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, as_html(course, store, quiz, record).encode())
                paths.append(path)
    return paths


def records(store: Store, quiz: Quiz) -> list[dict]:
    """The records of a quiz in order of student, with the scores that count."""
    folder = store.course / ".grades" / quiz.id
    found = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        record = store.record(quiz.id, path.stem)
        final = store.final(quiz, path.stem)
        if record is None or final is None:
            continue
        for question in record["questions"]:
            question |= {
                "final": final[question["id"]]["score"],
                "extra": final[question["id"]]["extra"],
                "comment": final[question["id"]]["comment"],
            }
        record["total"] = sum((q["final"] or 0) + q["extra"] for q in record["questions"])
        record["open"] = sum(q["final"] is None for q in record["questions"])
        found.append(record)
    return found


def as_html(course: Path, store: Store, quiz: Quiz, record: dict) -> str:
    texts = _own_work(course, quiz, record)
    parts = [
        f"<h1>{escape(quiz.title)}</h1>",
        f"<p>{escape(record['student'])}: <span class='score'>{record['total']:g} of "
        f"{quiz.points:g} points</span>. {escape(record['message'])}",
    ]
    if record["open"]:
        parts.append(f" {record['open']} answer(s) still wait for a person.")
    parts.append("</p>")
    for number, (question, result) in enumerate(
        zip(quiz.questions, record["questions"], strict=True), 1
    ):
        parts.append(_question(question, number, texts.get(question.id, ""), result))
    return page(f"{quiz.title}: {record['student']}", "\n".join(parts))


def _own_work(course: Path, quiz: Quiz, record: dict) -> dict[str, str]:
    item = Submission(
        record["student"],
        quiz.id,
        course / "submitted" / record["student"] / quiz.id / f"{quiz.id}.ipynb",
    )
    if record["state"] == "invalid":
        return {}
    try:
        data = submission.read_bytes(item)
        if digest(data) != record["submission"]:
            raise CourseError(
                f"The submission of {record['student']} changed after it was graded. "
                "Run `course quiz grade` first."
            )
        return submission.answers(data, {q.id: build.starter(q) for q in quiz.questions})
    except Invalid:
        return {}


def _question(q: Question, number: int, text: str, result: dict) -> str:
    points = (
        "waits for a person"
        if result["final"] is None
        else (f"{result['final'] + result['extra']:g} of {q.points:g} points")
    )
    lines = [
        f"<section><h2>Question {number}: <span class='score'>{points}</span></h2>",
        f"<pre>{escape(q.prompt.strip())}</pre>",
    ]
    if q.choices:
        rows = "".join(
            f"<tr><td>{letter})</td><td>{escape(c.text)}</td><td>"
            f"{'true' if c.correct else 'not true'}</td><td>{escape(c.why)}</td></tr>"
            for letter, c in zip(ascii_lowercase, q.choices, strict=False)
        )
        lines.append(f"<table><tr><th></th><th>choice</th><th></th><th>why</th></tr>{rows}</table>")
    lines.append(f"<h3>Your answer</h3><pre>{escape(text)}</pre>")
    lines.append(f"<p>{escape(result['reason'])}</p>")
    if result.get("comment"):
        lines.append(f"<p>Comment: {escape(result['comment'])}</p>")
    if q.explanation:
        lines.append(f"<p>{escape(q.explanation.strip())}</p>")
    if q.rubric:
        items = "".join(f"<li>{c.points:g}: {escape(c.text)}</li>" for c in q.rubric)
        lines.append(f"<p>What counts:</p><ul>{items}</ul>")
    return "\n".join(lines) + "</section>"
