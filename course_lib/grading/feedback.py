"""What a student gets back: their own work, the score and, after closing, every explanation.

Everything a student wrote is escaped. Hidden inputs, expected values and what code printed while it
was scored are not on the page because they are stored nowhere. Until the last student's closing
date no page holds a key, an explanation or a reason that could tell one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from string import ascii_lowercase

from course_lib.files import write_atomically
from course_lib.grading import build, rendering
from course_lib.grading.build import escape
from course_lib.grading.export import number
from course_lib.grading.overview import opened, sheets
from course_lib.grading.standing import Mark, Standing
from course_lib.questions.question import Question, Quiz
from course_lib.questions.scoring import UNKNOWN

TOLD_BEFORE = ("not attempted", "invalid", *UNKNOWN)  # states that say nothing about a key

STYLE = """
:root { color-scheme: light dark; --line: #8888; background: Canvas; color: CanvasText; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem;
       overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); padding: .5rem 0 1rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere;
      border: 1px solid var(--line); padding: .6rem; }
img { max-width: 100%; }
table { border-collapse: collapse; } td, th { border: 1px solid var(--line); padding: .2rem .6rem;
         overflow-wrap: break-word; }
.score { font-weight: 600; }
.wide { overflow-x: auto; }
th { text-align: left; }
summary { cursor: pointer; padding: .2rem 0; }
"""


def page(title: str, body: str) -> str:
    """A page that loads nothing and runs nothing."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src data:\">\n"
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n<body><main>\n{body}\n"
        "</main></body></html>\n"
    )


def write_all(
    course: Path,
    bank: Path,
    names: Iterable[str] = (),
    tell: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Write ``feedback/STUDENT/QUIZ/QUIZ.html`` for everybody who handed in; return the paths."""
    paths = []
    with opened(Path(course), bank, tell) as (store, quizzes):
        for sheet in sheets(store, quizzes, names):
            show = _show(store.policy.keys_from(sheet.quiz.id), store.policy.before_closing)
            if show != "keys":
                tell(f"{sheet.quiz.id}: no keys, {_WHY_NOT[sheet.quiz.id in store.policy.closes]}.")
            for row in sheet.rows:
                if not row.attempts:
                    continue
                path = store.course / "feedback" / row.student / row.quiz / f"{row.quiz}.html"
                texts = {}
                if row.record is not None:
                    texts = build.shown_answers(_notebook(store.autograded(row.quiz, row.student)))
                quiz = store.own(sheet.quiz, row.student)
                write_atomically(path, as_html(quiz, row, texts, show).encode())
                paths.append(path)
    return paths


_WHY_NOT = {
    True: "since it has not closed for everybody",
    False: "since course.yaml has no closing date for it (quizzes: QUIZ: closes)",
}


def _show(keys_from: float | None, before: str) -> str:
    """What a page may tell: receipt, points, or keys."""
    return "keys" if keys_from is not None and time.time() > keys_from else before


def _notebook(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def as_html(quiz: Quiz, row: Standing, texts: dict[str, str], show: str) -> str:
    """One page. ``show`` is receipt (what was received), points, or keys."""
    parts = [f"<h1>{escape(quiz.title)}</h1>"]
    if row.attempt is not None:
        parts.append(
            f"<p>{escape(row.student)}, attempt {row.attempt.number} of {row.attempts}, "
            f"arrived {_when(row.attempt.arrived)}.</p>"
        )
    if show == "receipt":
        parts.append("<p>Points and explanations come after closing.</p>")
    elif row.record is not None:
        waiting = "" if row.whole else " so far"
        parts.append(
            f"<p><span class='score'>{number(row.total)} of {number(quiz.points)} points"
            f"</span>{waiting}.</p>"
        )
        if row.penalty:
            parts.append(f"<p>{number(100 * row.penalty)} % were taken off for lateness.</p>")
    if row.open:
        items = "".join(f"<li>{escape(text)}</li>" for text in row.open)
        parts.append(f"<p>Still open:</p><ul>{items}</ul>")
    if row.record is not None:
        for at, (question, result) in enumerate(
            zip(quiz.questions, row.record["questions"], strict=True), 1
        ):
            mark, text = row.marks[question.id], texts.get(question.id, "")
            parts.append(_question(question, at, text, result, mark, show))
    return page(f"{quiz.title}: {row.student}", "\n".join(parts))


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))


def _question(q: Question, at: int, text: str, result: dict, mark: Mark, show: str) -> str:
    if mark.score is None:
        points = "waits for a person"
    else:
        points = f"{number(mark.score + mark.extra)} of {number(q.points)} points"
    title = f"Question {at}" + (
        "" if show == "receipt" else f": <span class='score'>{points}</span>"
    )
    lines = [f"<section><h2>{title}</h2>", rendering.markdown(q.prompt.strip(), dict(q.pictures))]
    if q.choices:
        heads = "<th>letter</th><th>choice</th>"
        heads += "<th>true?</th><th>why</th>" if show == "keys" else ""
        rows = "".join(
            f"<tr><td>{letter})</td><td>{escape(c.text)}</td>"
            + (
                f"<td>{'true' if c.correct else 'not true'}</td><td>{escape(c.why)}</td>"
                if show == "keys"
                else ""
            )
            + "</tr>"
            for letter, c in zip(ascii_lowercase, q.choices, strict=False)
        )
        lines.append(rendering.table("Choices", f"<tr>{heads}</tr>{rows}"))
    own = rendering.of_student(text) if q.kind == "written" else f"<pre>{escape(text)}</pre>"
    lines.append(f"<h3>Your answer</h3>{own}")
    telling = show == "points" and q.kind == "code"
    read = q.kind == "written" and mark.score is not None  # "a person reads this": they have
    if (show == "keys" and not read) or telling or result["state"] in TOLD_BEFORE:
        lines.append(f"<p>{escape(result['reason'])}</p>")
    if mark.comment and show != "receipt":
        lines.append(f"<p>Comment:</p>{rendering.markdown(mark.comment)}")
    if show == "keys":
        if q.explanation:
            lines.append(rendering.markdown(q.explanation.strip(), dict(q.pictures)))
        if q.rubric:
            items = "".join(f"<li>{c.points:g}: {escape(c.text)}</li>" for c in q.rubric)
            lines.append(f"<p>What counts:</p><ul>{items}</ul>")
    return "\n".join(lines) + "</section>"
