"""The one writer: nbgrader's gradebook, and a record beside it that says what is done.

For each submission the autograded notebook is written first, then the gradebook in one transaction,
read back and compared, then the record. A kill between any two leaves a submission that is graded
again, with the same inputs and so the same score.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import math
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import build
from course_lib.grading.submission import digest
from course_lib.questions.format import Quiz

GRADER_VERSION = 1  # raise it when the same answer may get another score


class StoreError(CourseError):
    """The gradebook or the course folder cannot be used; nothing was scored."""


@contextmanager
def one_writer(course: Path) -> Iterator[None]:
    """Hold the course's lock. Raises StoreError at once when another grader holds it."""
    with open(course / ".grading.lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(
                f"Another grader is writing to {course}. Wait until it has ended, then "
                "run the command again; it goes on where it stopped."
            ) from None
        yield


def secret(course: Path) -> bytes:
    """The grader's secret, made at the first use and readable by its owner only."""
    path = course / ".grader-secret"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(fd, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(fd)
    try:
        value = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        value = b""
    if len(value) < 32:
        raise StoreError(
            f"{path} is damaged. Delete it; the next run makes a new one, and every "
            "submission gets new inputs."
        )
    return value


def _told(method: Callable) -> Callable:
    """Turn errors of the database into words."""

    @wraps(method)
    def wrapped(self, *args):
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return method(self, *args)
        except SQLAlchemyError as error:
            self.gradebook.db.rollback()
            raise StoreError(
                f"The gradebook {self.course / 'gradebook.db'} cannot be used: "
                f"{getattr(error, 'orig', error)}. What was stored before is untouched; make room "
                "or restore the file, then run the command again."
            ) from error

    return wrapped


class Store:
    """Gradebook, autograded notebooks and records of one course folder. One instance writes."""

    def __init__(self, course: Path):
        from nbgrader.api import Gradebook  # a second of imports, not needed to build or to read

        self.course = course
        path = course / "gradebook.db"
        if not path.exists():
            # nbgrader makes a database in several steps and asks the program alembic for a
            # version: done under another name, a kill leaves no half-made gradebook.
            part = course / f".gradebook.{os.getpid()}.part"
            part.unlink(missing_ok=True)
            with _own_programs():
                Gradebook(f"sqlite:///{part}").close()
            os.replace(part, path)
        self.gradebook = Gradebook(f"sqlite:///{path}")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.gradebook.close()

    @_told
    def add_quiz(self, quiz: Quiz) -> None:
        """Make the gradebook know the quiz as released. Points may change, questions may not once
        there are submissions (nbgrader's own rule)."""
        from nbgrader import api

        book, names = self.gradebook, {q.id for q in quiz.questions}
        book.update_or_create_assignment(quiz.id)
        try:
            old = book.find_notebook(quiz.id, quiz.id)
        except api.MissingEntry:
            old = None
        if old is not None and {c.name for c in old.grade_cells} != names:
            if old.submissions:
                raise StoreError(
                    f"The questions of {quiz.id} changed but there are graded submissions. Give "
                    "the "
                    "changed quiz another id, or move gradebook.db away and grade all again."
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

    @_told
    def save(self, quiz: Quiz, record: dict, notebook: bytes | None, handed_in: float) -> None:
        """Store one graded submission: notebook, scores, record. Raises CourseError, OSError."""
        path = self.autograded(record)
        if notebook is not None:
            write_atomically(path, notebook, 0o444)
        self._write_scores(quiz, record, handed_in)
        stored = self.scores(quiz, record["student"])
        wanted = {q["id"]: q["score"] for q in record["questions"]}
        if stored != wanted:
            raise StoreError(
                f"The gradebook holds other scores for {record['student']} than were "
                "computed; nothing more is written. Restore gradebook.db."
            )
        path = self.record_path(quiz.id, record["student"])
        write_atomically(path, json.dumps(record, sort_keys=True) + "\n")

    def _write_scores(self, quiz: Quiz, record: dict, handed_in: float) -> None:
        from nbgrader import api

        db, student = self.gradebook.db, record["student"]
        try:
            if db.get(api.Student, student) is None:
                db.add(api.Student(id=student))
            submitted = self._submitted(quiz, student)
            when = datetime.datetime.fromtimestamp(handed_in, datetime.UTC).replace(tzinfo=None)
            if submitted is None:
                assignment = self.gradebook.find_assignment(quiz.id)
                submitted = api.SubmittedAssignment(
                    assignment_id=assignment.id, student_id=student, timestamp=when
                )
                db.add(submitted)
                db.flush()
                for notebook in assignment.notebooks:
                    page = api.SubmittedNotebook(
                        assignment_id=submitted.id, notebook_id=notebook.id
                    )
                    db.add(page)
                    db.flush()
                    db.add_all(
                        api.Grade(cell_id=cell.id, notebook_id=page.id)
                        for cell in notebook.grade_cells
                    )
                    db.add_all(
                        api.Comment(cell_id=cell.id, notebook_id=page.id)
                        for cell in notebook.solution_cells
                    )
                db.flush()
                db.expire_all()
            elif record["submission"] != self._last_hash(quiz, student):
                submitted.timestamp = when
            scores = {q["id"]: q for q in record["questions"]}
            page = submitted.notebooks[0]
            for grade in page.grades:
                question = scores[grade.cell.name]
                grade.auto_score = question["score"]
                unread = question["score"] is None
                # A person's score stays; nbgrader shows it for review once the answer was regraded.
                grade.needs_manual_grade = unread or grade.manual_score is not None
            for comment in page.comments:
                comment.auto_comment = scores[comment.cell.name]["reason"]
            db.commit()
        except BaseException:
            db.rollback()
            raise

    def _last_hash(self, quiz: Quiz, student: str) -> str | None:
        record = self.record(quiz.id, student)
        return record["submission"] if record else None

    def _submitted(self, quiz: Quiz, student: str):
        from nbgrader import api

        return (
            self.gradebook.db.query(api.SubmittedAssignment)
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .filter(api.Assignment.name == quiz.id, api.SubmittedAssignment.student_id == student)
            .one_or_none()
        )

    def scores(self, quiz: Quiz, student: str) -> dict[str, float | None] | None:
        """Automatic scores as the gradebook has them on disk, or None without a submission."""
        self.gradebook.db.expire_all()
        submitted = self._submitted(quiz, student)
        if submitted is None:
            return None
        return {g.cell.name: g.auto_score for g in submitted.notebooks[0].grades}

    def final(self, quiz: Quiz, student: str) -> dict[str, dict] | None:
        """Per question the score that counts (a person's before the machine's) and comments."""
        submitted = self._submitted(quiz, student)
        if submitted is None:
            return None
        page = submitted.notebooks[0]
        comments = {c.cell.name: c.manual_comment for c in page.comments}
        return {
            g.cell.name: {
                "score": g.manual_score if g.manual_score is not None else g.auto_score,
                "extra": g.extra_credit or 0.0,
                "needs_manual": bool(g.needs_manual_grade),
                "comment": comments.get(g.cell.name),
            }
            for g in page.grades
        }

    def autograded(self, record: dict) -> Path:
        return (
            self.course
            / "autograded"
            / record["student"]
            / record["quiz"]
            / f"{record['quiz']}.ipynb"
        )

    def record_path(self, quiz: str, student: str) -> Path:
        return self.course / ".grades" / quiz / f"{student}.json"

    def record(self, quiz: str, student: str) -> dict | None:
        try:
            value = json.loads(self.record_path(quiz, student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def is_done(self, quiz: Quiz, student: str, submission: str, grader: str) -> dict | None:
        """The record of this very submission if all of it is in place, else None."""
        record = self.record(quiz.id, student)
        if not record or record.get("submission") != submission or record.get("grader") != grader:
            return None
        if record["notebook"] is not None:
            try:
                data = self.autograded(record).read_bytes()
            except OSError:
                return None
            if digest(data) != record["notebook"]:
                return None
        wanted = {q["id"]: q["score"] for q in record["questions"]}
        return record if self.scores(quiz, student) == wanted else None


@contextmanager
def _own_programs() -> Iterator[None]:
    """Find the programs of this environment even when it was not activated."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + before
    try:
        yield
    finally:
        os.environ["PATH"] = before


def checked(score: float | None, points: float) -> float | None:
    """A score that may be stored: None (a person's turn) or finite and within 0 and points."""
    if score is None:
        return None
    if not math.isfinite(score) or not 0 <= score <= points:
        raise StoreError(f"A score of {score} for {points:g} points was computed; refused.")
    return float(score)
