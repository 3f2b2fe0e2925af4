"""What formgrader's page of a hand-in gets beyond nbgrader's: who gives points by hand sees what
counts.

Under each answer stand the machine's reason, the right answer or the reference, and the rubric as
buttons that add up to the points. A written answer is rendered in a frame in which nothing runs.
Names stay hidden, and one button leads to the next hand-in that waits.
"""

from __future__ import annotations

import html
import os
import sys
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from course_lib.errors import CourseError
from course_lib.grading import build, corrections, folder, policy, rendering, signed
from course_lib.questions.format import load_bank
from course_lib.questions.personal import personal
from course_lib.questions.question import Question, Quiz

HERE = Path(__file__).parent
FRAME = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'; img-src data:\">"
    "<style>body{{font:16px/1.5 system-ui,sans-serif;margin:8px}}img{{max-width:100%}}"
    "table{{border-collapse:collapse}}td,th{{border:1px solid #888;padding:2px 8px}}</style>{body}"
)


def install(course: Path) -> None:
    """Make a formgrader that runs in this process show a course's keys to its graders.

    Nothing happens in other programs of nbgrader: they have no such page.
    """
    handlers = sys.modules.get("nbgrader.server_extensions.formgrader.handlers")
    if handlers is None:
        return
    plain = handlers.BaseHandler.exporter

    def exporter(self: Any) -> Exporter:
        return Exporter(plain.fget(self), course)

    handlers.SubmissionHandler.exporter = property(exporter)
    handlers.SubmissionNavigationHandler._get_incorrect_submission_ids = _waiting


def _waiting(self: Any, assignment_id: str, notebook_id: str, submission: Any) -> list[str]:
    """Hand-ins that wait for a person, after the one that is shown: nbgrader asks for failed tests,
    of which there are none here. In a circle, so that the last one leads to the first."""
    notebooks = self.gradebook.notebook_submissions(notebook_id, assignment_id)
    known = self.api._filter_existing_notebooks(assignment_id, notebooks)
    waiting = sorted({submission.id, *(one.id for one in known if one.needs_manual_grade)})
    here = waiting.index(submission.id)
    return waiting[here:] + waiting[:here]


class Exporter:
    """nbgrader's own page of a hand-in, and after each answer what counts."""

    def __init__(self, plain: Any, course: Path):
        self.plain, self.course = plain, course

    def from_filename(self, filename: str, resources: dict) -> tuple[str, dict]:
        """The page and nbconvert's resources, as its exporters give them."""
        import nbformat

        notebook = nbformat.read(filename, as_version=4)
        try:
            texts = build.shown_answers(Path(filename).read_bytes())
            quiz = quiz_of(self.course, resources["assignment_id"], resources["student"])
            notebook.cells = with_keys(notebook.cells, quiz, texts)
        except CourseError as error:
            note = f"> The keys cannot be shown: {html.escape(str(error))}"
            notebook.cells.insert(0, nbformat.v4.new_markdown_cell(note))
        page, resources = self.plain.from_notebook_node(notebook, resources=resources)
        return page.replace("</body>", f"{_extra(resources)}</body>", 1), resources


def quiz_of(course: Path, name: str, student: str) -> Quiz:
    """The quiz as it is graded for this student. Raises CourseError."""
    bank = load_bank(os.environ.get("COURSE_BANK") or folder.bank_of(course))
    if name not in bank:
        raise CourseError(f"The bank has no quiz {name!r}.")
    quiz = corrections.corrected(bank[name], policy.load(course).corrections)
    return personal(quiz, signed.secret(course), student)


def with_keys(cells: list, quiz: Quiz, texts: dict[str, str]) -> list:
    """The cells of an autograded notebook, each answer followed by what counts for it.

    The cells of help for students are left out.
    """
    import nbformat

    questions = {q.id: q for q in quiz.questions}
    found = []
    for cell in cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name in (f"{quiz.id}-help", f"{quiz.id}-look"):
            continue
        found.append(cell)
        if name in questions:
            shown = key(questions[name], texts.get(name, ""))
            found.append(nbformat.v4.new_markdown_cell(shown))
    return found


def key(q: Question, answer: str) -> str:
    """What counts for a question, as HTML in one block without an empty line (which would end it
    in Markdown)."""
    parts = [f'<section class="quiz-key" data-question="{html.escape(q.id, quote=True)}">']
    if q.kind == "written" and answer.strip() and answer != build.starter(q):
        body = FRAME.format(body=rendering.of_student(answer))
        height = min(36, 3 + 2 * sum(1 + len(line) // 90 for line in answer.splitlines()))
        parts.append(
            "<h4>The answer as it reads</h4>"
            f'<iframe sandbox="" title="The answer, rendered" style="height: {height}em"'
            f' srcdoc="{html.escape(body, quote=True)}"></iframe>'
        )
    if q.rubric:
        items = "".join(
            f'<button type="button" class="btn btn-default quiz-criterion" aria-pressed="false" '
            f'data-points="{c.points:g}" data-text="{html.escape(c.text, quote=True)}">'
            f"<b>{c.points:g}</b> {html.escape(c.text)}</button>"
            for c in q.rubric
        )
        parts.append(f'<h4>What counts</h4><div class="quiz-rubric">{items}</div>')
    is_open = " open" if q.kind == "written" else ""
    parts.append(
        f"<details{is_open}><summary>Right answer</summary>{_right(q)}</details></section>"
    )
    return "".join(parts).replace("\n", "&#10;")


def _right(q: Question) -> str:
    pictures = dict(q.pictures)
    if q.kind in ("choice", "multiple"):
        rows = "".join(
            f"<li><b>{letter}) {'right' if c.correct else 'wrong'}</b>: {html.escape(c.why)}</li>"
            for letter, c in zip(ascii_lowercase, q.choices, strict=False)
        )
        found = f"<ul>{rows}</ul>"
    elif q.kind == "numeric":
        reach = max(q.tolerance, q.relative * abs(q.answer or 0.0))
        found = f"<p><b>{q.answer:g}</b> {html.escape(q.unit)}, give or take {reach:g}</p>"
    elif q.kind == "written":
        found = rendering.markdown(q.reference, pictures)
    else:
        parts = "".join(f"<li>{p.points:g}: {html.escape(p.text)}</li>" for p in q.parts)
        found = f"<pre>{html.escape(q.reference.strip())}</pre><ul>{parts}</ul>"
    return found + rendering.markdown(q.explanation, pictures)


def _extra(resources: dict) -> str:
    """The page's own style and script, and the way to the next hand-in that waits."""
    target = f"{resources['base_url']}/formgrader/submissions/{resources['submission_id']}"
    return (
        f"<style>{(HERE / 'formgrading.css').read_text('utf-8')}</style>"
        f'<a class="btn btn-primary quiz-next" href="{html.escape(target, quote=True)}'
        '/next_incorrect">Next that waits &rarr;</a>'
        f"<script>{(HERE / 'formgrading.js').read_text('utf-8')}</script>"
    )
