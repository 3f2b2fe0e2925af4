"""nbgrader's gradebook: the one place that reads and writes its database.

Another program may hold it (formgrader does while it saves): it is waited for. One that is broken
is named together with the way back, since nothing stands only there.
"""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

from course_lib.grading import build
from course_lib.grading.signed import StoreError
from course_lib.questions.question import Quiz

NAME = "gradebook.db"
PATIENCE = 120.0  # seconds that a locked gradebook is waited for
PAUSE = 0.2
BUSY = ("database is locked", "database is busy", "database table is locked")


# One query: the tables of nbgrader ask the database once for every row that they are asked for.
_MARKS = """
select submitted.student_id, cell.name, grade.auto_score, grade.manual_score, grade.extra_credit,
       grade.needs_manual_grade, (
         select comment.manual_comment from comment
         join base_cell as solution on solution.id = comment.cell_id
         where comment.notebook_id = grade.notebook_id and solution.name = cell.name)
from grade
join base_cell as cell on cell.id = grade.cell_id
join submitted_notebook as page on page.id = grade.notebook_id
join submitted_assignment as submitted on submitted.id = page.assignment_id
join assignment on assignment.id = submitted.assignment_id
where assignment.name = :quiz
"""


@dataclass(frozen=True)
class Mark:
    """One question of one student as the gradebook has it."""

    auto: float | None
    manual: float | None
    extra: float
    open: bool  # nbgrader's "needs manual grade"
    comment: str | None = None


@dataclass(frozen=True)
class _Cells:
    """nbgrader's ids for a quiz; those of cells by question."""

    assignment: str
    notebook: str
    grades: dict[str, str]
    solutions: dict[str, str]


def _waits(method: Callable) -> Callable:
    """Wait while the database is locked, and turn other errors into words."""

    @wraps(method)
    def wrapped(self, *args):
        from sqlalchemy.exc import SQLAlchemyError

        def attempt():
            try:
                return method(self, *args)
            except SQLAlchemyError as error:
                if self.book is not None:
                    self.book.db.rollback()
                raise getattr(error, "orig", None) or sqlite3.DatabaseError(str(error)) from error

        return self._waiting(attempt)

    return wrapped


class Gradebook:
    """The database of one course. Methods that write commit before they return."""

    def __init__(self, course: Path, tell: Callable[[str], None] = lambda text: None):
        from nbgrader.api import Gradebook  # a second of imports, not needed to build or to read

        self.path, self.tell, self.book = course / NAME, tell, None
        self._known: dict[str, _Cells] = {}
        if not self.path.exists():
            # nbgrader makes a database in several steps and asks the program alembic for a
            # version: done under another name, a kill leaves no half-made gradebook.
            part = course / f".gradebook.{os.getpid()}.part"
            part.unlink(missing_ok=True)
            with _own_programs():
                Gradebook(f"sqlite:///{part}").close()
            os.replace(part, self.path)
        self._waiting(self._check)
        self._open(Gradebook)

    @_waits
    def _open(self, kind: type) -> None:
        self.book = kind(f"sqlite:///{self.path}?timeout=5")

    def close(self) -> None:
        self.book.close()

    def _check(self) -> None:
        """Raise sqlite3.DatabaseError for a file that is no whole database."""
        if self.path.stat().st_size == 0:
            raise sqlite3.DatabaseError("the file is empty")
        # Not read-only: what a killed grader left half written must be rolled back first.
        with closing(sqlite3.connect(self.path, timeout=5)) as db:
            found = db.execute("pragma quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            if not db.execute("select 1 from sqlite_master where name = 'grade'").fetchone():
                raise sqlite3.DatabaseError("it has no table of grades")

    def _waiting(self, action: Callable):
        deadline, told = time.monotonic() + PATIENCE, False
        while True:
            try:
                return action()
            except sqlite3.OperationalError as error:
                busy = any(text in str(error) for text in BUSY)
                if not busy:
                    raise self._error(error) from error
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"The gradebook {self.path} was held by another program for "
                        f"{PATIENCE:g} seconds. Close formgrader or what else uses it, then run "
                        "the command again; it goes on where it stopped."
                    ) from error
                if not told:
                    told = True
                    self.tell(
                        "The gradebook is in use by another program; waiting up to "
                        f"{PATIENCE:g} seconds."
                    )
                time.sleep(PAUSE)
            except sqlite3.DatabaseError as error:
                raise self._error(error) from error

    def _error(self, error: Exception) -> StoreError:
        damaged = not isinstance(error, sqlite3.OperationalError) or "malformed" in str(error)
        if not damaged:
            return StoreError(
                f"The gradebook {self.path} cannot be used: {error}. What was stored before is "
                "untouched; make room or restore the file, then run the command again."
            )
        return StoreError(
            f"The gradebook {self.path} is damaged: {error}. Restore it from a backup, or move it "
            "away and run `course quiz grade`: all scores are made again from the hand-ins that "
            "were kept, and those given by hand come back from .grades."
        )

    # --- the quiz --------------------------------------------------------------------------------

    @_waits
    def add_quiz(self, quiz: Quiz) -> None:
        """Make the gradebook know the quiz as released. Points may change, questions may not once
        there are submissions (nbgrader's own rule)."""
        from nbgrader import api

        book, names = self.book, {q.id for q in quiz.questions}
        self._known.pop(quiz.id, None)
        book.update_or_create_assignment(quiz.id)
        try:
            old = book.find_notebook(quiz.id, quiz.id)
        except api.MissingEntry:
            old = None
        if old is not None and {c.name for c in old.grade_cells} != names:
            if old.submissions:
                raise StoreError(
                    f"The questions of {quiz.id} changed but there are graded submissions. To drop "
                    "a question, put it back and write it under corrections in course.yaml; "
                    "for other changes give the changed quiz another id."
                )
            book.remove_notebook(quiz.id, quiz.id)
        book.update_or_create_notebook(quiz.id, quiz.id, kernelspec=json.dumps(build.KERNELSPEC))
        for cell in build.release_notebook(quiz)["cells"]:
            mark = cell["metadata"]["nbgrader"]
            book.update_or_create_source_cell(
                mark["grade_id"],
                quiz.id,
                quiz.id,
                cell_type=cell["cell_type"],
                locked=mark["locked"],
                source=cell["source"],
                checksum=mark["checksum"],
            )
            if mark["grade"]:
                book.update_or_create_grade_cell(
                    mark["grade_id"],
                    quiz.id,
                    quiz.id,
                    max_score=float(mark["points"]),
                    cell_type=cell["cell_type"],
                )
                book.update_or_create_solution_cell(mark["grade_id"], quiz.id, quiz.id)
        # Cells of the text may come and go; left-over ones would only confuse the formgrader.

    # --- one student -----------------------------------------------------------------------------

    @_waits
    def write(
        self,
        quiz: Quiz,
        student: str,
        marks: dict[str, Mark],
        reasons: dict[str, str],
        handed_in: float,
        penalty: float,
    ) -> None:
        """Replace a student's marks of a quiz in one transaction.

        ``penalty`` is in points; nbgrader takes it off where it shows totals.
        """
        from nbgrader import api
        from sqlalchemy import bindparam, select, update

        grade, comment = api.Grade.__table__, api.Comment.__table__
        submitted, page = api.SubmittedAssignment.__table__, api.SubmittedNotebook.__table__
        db, cells = self.book.db, self._cells(quiz)
        when = datetime.datetime.fromtimestamp(handed_in, datetime.UTC).replace(tzinfo=None)
        try:
            place = select(page.c.id, submitted.c.id).join_from(page, submitted)
            place = place.where(
                page.c.notebook_id == cells.notebook, submitted.c.student_id == student
            )
            ids = db.execute(place).one_or_none() or self._new(cells, student)
            db.execute(update(submitted).where(submitted.c.id == ids[1]).values(timestamp=when))
            db.execute(
                update(page).where(page.c.id == ids[0]).values(late_submission_penalty=penalty)
            )
            db.connection().execute(
                update(grade)
                .where(grade.c.notebook_id == ids[0], grade.c.cell_id == bindparam("cell"))
                .values(
                    auto_score=bindparam("auto"),
                    manual_score=bindparam("manual"),
                    extra_credit=bindparam("extra"),
                    needs_manual_grade=bindparam("open"),
                ),
                [
                    {
                        "cell": cells.grades[name],
                        "auto": mark.auto,
                        "manual": mark.manual,
                        "extra": mark.extra or None,
                        "open": mark.open,
                    }
                    for name, mark in marks.items()
                ],
            )
            db.connection().execute(
                update(comment)
                .where(comment.c.notebook_id == ids[0], comment.c.cell_id == bindparam("cell"))
                .values(auto_comment=bindparam("reason"), manual_comment=bindparam("words")),
                [
                    {"cell": cells.solutions[n], "reason": reasons[n], "words": mark.comment}
                    for n, mark in marks.items()
                ],
            )
            db.commit()
        except BaseException:
            db.rollback()
            raise

    def _new(self, cells: _Cells, student: str) -> tuple[str, str]:
        """Rows for a student's first hand-in; the ids of notebook and assignment."""
        from nbgrader import api

        db = self.book.db
        if db.get(api.Student, student) is None:
            db.add(api.Student(id=student))
            db.flush()
        submitted = api.SubmittedAssignment(assignment_id=cells.assignment, student_id=student)
        db.add(submitted)
        db.flush()
        page = api.SubmittedNotebook(assignment_id=submitted.id, notebook_id=cells.notebook)
        db.add(page)
        db.flush()
        ids = page.id, submitted.id
        for kind, known in ((api.Grade, cells.grades), (api.Comment, cells.solutions)):
            rows = [{"cell_id": cell, "notebook_id": ids[0]} for cell in known.values()]
            db.execute(kind.__table__.insert(), rows)
        return ids

    def _cells(self, quiz: Quiz) -> _Cells:
        if quiz.id not in self._known:
            notebook = self.book.find_notebook(quiz.id, quiz.id)
            self._known[quiz.id] = _Cells(
                notebook.assignment_id,
                notebook.id,
                {cell.name: cell.id for cell in notebook.grade_cells},
                {cell.name: cell.id for cell in notebook.solution_cells},
            )
        return self._known[quiz.id]

    @_waits
    def marks(self, quiz: Quiz, student: str = "") -> dict[str, dict[str, Mark]]:
        """Marks by question, by student, as they stand on disk; of one student or of all."""
        from sqlalchemy import text

        query = _MARKS + (" and submitted.student_id = :student" if student else "")
        rows = self.book.db.execute(text(query), {"quiz": quiz.id, "student": student}).fetchall()
        self.book.db.rollback()  # a reader must not keep others from writing
        found: dict[str, dict[str, Mark]] = {}
        for name, question, auto, manual, extra, waits, comment in rows:
            mark = Mark(auto, manual, extra or 0.0, bool(waits), comment)
            found.setdefault(name, {})[question] = mark
        return found

    @_waits
    def forget(self, student: str) -> bool:
        """Remove a student and every trace of the rows; False when there was none."""
        from nbgrader.api import Student
        from sqlalchemy import text

        known = self.book.db.get(Student, student) is not None
        if known:
            self.book.db.execute(text("pragma secure_delete = on"))
            self.book.remove_student(student)
        self.book.db.commit()
        with closing(sqlite3.connect(self.path, timeout=5)) as db:
            db.execute("vacuum")  # pages that were freed still hold the name
        return known


@contextmanager
def _own_programs() -> Iterator[None]:
    """Find the programs of this environment even when it was not activated."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + before
    try:
        yield
    finally:
        os.environ["PATH"] = before
