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
from course_lib.questions.format import Quiz

NAME = "gradebook.db"
PATIENCE = 120.0  # seconds that a locked gradebook is waited for
PAUSE = 0.2
BUSY = ("database is locked", "database is busy", "database table is locked")


@dataclass(frozen=True)
class Mark:
    """One question of one student as the gradebook has it."""

    auto: float | None
    manual: float | None
    extra: float
    open: bool  # nbgrader's "needs manual grade"
    comment: str | None = None


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
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)) as db:
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

        db = self.book.db
        try:
            if db.get(api.Student, student) is None:
                db.add(api.Student(id=student))
            submitted = self._submitted(quiz, student)
            if submitted is None:
                submitted = self._new(quiz, student)
            when = datetime.datetime.fromtimestamp(handed_in, datetime.UTC).replace(tzinfo=None)
            if submitted.timestamp != when:
                submitted.timestamp = when
            page = submitted.notebooks[0]
            page.late_submission_penalty = penalty
            for grade in page.grades:
                mark = marks[grade.cell.name]
                grade.auto_score, grade.manual_score = mark.auto, mark.manual
                grade.extra_credit = mark.extra or None
                grade.needs_manual_grade = mark.open
            for comment in page.comments:
                name = comment.cell.name
                comment.auto_comment = reasons[name]
                comment.manual_comment = marks[name].comment
            db.commit()
        except BaseException:
            db.rollback()
            raise

    def _new(self, quiz: Quiz, student: str):
        from nbgrader import api

        db = self.book.db
        assignment = self.book.find_assignment(quiz.id)
        submitted = api.SubmittedAssignment(assignment_id=assignment.id, student_id=student)
        db.add(submitted)
        db.flush()
        for notebook in assignment.notebooks:
            page = api.SubmittedNotebook(assignment_id=submitted.id, notebook_id=notebook.id)
            db.add(page)
            db.flush()
            db.add_all(
                api.Grade(cell_id=cell.id, notebook_id=page.id) for cell in notebook.grade_cells
            )
            db.add_all(
                api.Comment(cell_id=cell.id, notebook_id=page.id)
                for cell in notebook.solution_cells
            )
        db.flush()
        db.expire_all()
        return submitted

    def _submitted(self, quiz: Quiz, student: str):
        from nbgrader import api

        return (
            self.book.db.query(api.SubmittedAssignment)
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .filter(api.Assignment.name == quiz.id, api.SubmittedAssignment.student_id == student)
            .one_or_none()
        )

    @_waits
    def marks(self, quiz: Quiz, student: str) -> dict[str, Mark] | None:
        """A student's marks by question, as they stand on disk; None without a submission."""
        self.book.db.expire_all()
        submitted = self._submitted(quiz, student)
        if submitted is None:
            return None
        page = submitted.notebooks[0]
        comments = {c.cell.name: c.manual_comment for c in page.comments}
        found = {
            g.cell.name: Mark(
                g.auto_score,
                g.manual_score,
                g.extra_credit or 0.0,
                bool(g.needs_manual_grade),
                comments.get(g.cell.name),
            )
            for g in page.grades
        }
        self.book.db.rollback()  # a reader must not keep others from writing
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
