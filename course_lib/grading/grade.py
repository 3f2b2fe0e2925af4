"""Grade submissions: plan the work, hand it to workers, store; resumable, one writer.

``assess.grade_submission`` is the pure part that any worker can do; ``grade_course`` is the only
one that writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading import assess, build, executors, score, submission, unsafe_mode
from course_lib.grading.assess import STATES, Job, grade_submission, record_without
from course_lib.grading.confine import must_hide
from course_lib.grading.outcome import SandboxError
from course_lib.grading.sandbox import Status, status
from course_lib.grading.store import GRADER_VERSION, Store, StoreError, one_writer, secret
from course_lib.grading.submission import Invalid, Submission, digest
from course_lib.questions.format import Quiz, load_bank

close_sandboxes = assess.close


def sandbox_kind(quizzes: Iterable[Quiz], unsafe: bool = False) -> tuple[str, Status | None]:
    """What code answers run in on this machine; tried only when there are code questions."""
    if not any(q.kind == "code" for quiz in quizzes for q in quiz.questions):
        return "", None
    found = status()
    if found.ok:
        return found.kind, found
    return ("none" if unsafe else ""), found


def grade_course(
    course: Path,
    bank: Path,
    names: Iterable[str] = (),
    *,
    workers: int = 1,
    scheduler: str | None = None,
    unsafe: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> dict:
    """Grade everything handed in (or the named quizzes); return the JSON report.

    Raises CourseError when the course folder, the bank, the gradebook or the sandbox is at fault.
    What was stored before stays; the next run goes on there.
    """
    course, quizzes = Path(course).resolve(), chosen(load_bank(bank), names)
    handed_in = {quiz.id: submission.find_submissions(course, quiz.id) for quiz in quizzes}
    if not names:
        quizzes = [quiz for quiz in quizzes if handed_in[quiz.id]]
    for quiz in quizzes:
        require_release(quiz, course)
    if unsafe:
        unsafe_mode.refuse(course)
    kind, found = sandbox_kind(quizzes, unsafe)
    if found is not None and not found.ok:
        tell(
            (
                "UNSAFE: code answers run without a sandbox. "
                if kind
                else "Code answers cannot be graded here, choice and number are. "
            )
            + found.message
        )
    report: dict = {"submissions": [], "sandbox": found.kind if found else "not needed"}
    hidden = must_hide((course, bank))
    with (
        one_writer(course),
        Store(course) as store,
        executors.make(grade_submission, workers, scheduler) as executor,
    ):
        key = secret(course)
        for quiz in quizzes:
            store.add_quiz(quiz)
            grader = f"{GRADER_VERSION}-{build.quiz_hash(quiz)}-{kind}"
            report["submissions"] += _grade_quiz(
                quiz, handed_in[quiz.id], store, executor, key, grader, kind, hidden, tell
            )
    return report


def _grade_quiz(
    quiz: Quiz,
    handed_in: list[Submission],
    store: Store,
    executor: executors.Executor,
    key: bytes,
    grader: str,
    kind: str,
    hidden: tuple[str, ...],
    tell: Callable[[str], None],
) -> list[dict]:
    records: dict[str, dict] = {}
    waiting: dict[str, Submission] = {}
    done = 0

    def store_one(item: Submission, record: dict, notebook: bytes | None, when: float) -> None:
        record["grader"] = grader
        store.save(quiz, record, notebook, when)
        records[item.student] = record
        tell(
            f"{record['student']}: {record['state']}, {record['score']:g} of "
            f"{record['max_score']:g}" + (", a person's turn" if record["needs_manual"] else "")
        )

    def jobs():
        nonlocal done
        for item in handed_in:
            try:
                data = submission.read_bytes(item)
            except Invalid as error:
                state = getattr(error, "state", "invalid")
                record, notebook = record_without(quiz, item.student, b"", state, str(error))
                if submission.STUDENT.fullmatch(item.student):
                    store_one(item, record, notebook, time.time())
                else:
                    records[item.student] = record
                    tell(f"{item.student!r}: invalid. {error}")
                continue
            # A submission is known by student and content: copies get inputs of their own.
            name = digest(item.student.encode() + b"\0" + data)
            old = store.is_done(quiz, item.student, digest(data), grader)
            if old is not None:
                records[item.student] = old
                done += 1
                continue
            waiting[item.student] = item
            seeds = {q.id: score.seed(key, name, q.id) for q in quiz.questions if q.kind == "code"}
            yield Job(item.student, quiz, data, seeds, kind, hidden)

    for job, outcome in executor.run(jobs()):
        item = waiting.pop(job.student)
        if isinstance(outcome, executors.WorkerLost):
            record, notebook = record_without(
                quiz,
                job.student,
                job.data,
                "could_not_grade",
                "The grading process ended on this submission twice. "
                "An instructor should look at it.",
            )
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            record, notebook = outcome
        # The file system's own time of arrival; nothing written inside a submission counts.
        store_one(item, record, notebook, item.path.stat().st_ctime)
    if done:
        tell(f"{quiz.id}: {done} unchanged, not graded again.")
    return [records[name] for name in sorted(records)]


def chosen(bank: dict[str, Quiz], names: Iterable[str]) -> list[Quiz]:
    """The named quizzes, or all. Raises CourseError for an unknown name."""
    names = list(names)
    for name in names:
        if name not in bank:
            raise CourseError(f"There is no quiz {name!r}; the bank has {', '.join(bank)}.")
    return [bank[name] for name in names] if names else list(bank.values())


def require_release(quiz: Quiz, course: Path) -> None:
    """Raise unless the released notebook is the one that the bank builds."""
    path = course / "release" / quiz.id / f"{quiz.id}.ipynb"
    try:
        released = json.loads(path.read_bytes())
        for cell in released["cells"]:  # nbgrader and Jupyter write a list of lines
            cell["source"] = "".join(cell["source"])
        same = released == build.release_notebook(quiz)
    except FileNotFoundError:
        raise CourseError(
            f"{quiz.id} was not built: {path} is missing. Run `course quiz build`."
        ) from None
    except (ValueError, TypeError, KeyError):
        same = False
    if not same:
        raise CourseError(
            f"{path} is not what the bank builds. Run `course quiz build`, and look "
            "whether the questions still are the ones that were handed out."
        )


__all__ = [
    "STATES",
    "Job",
    "SandboxError",
    "StoreError",
    "close_sandboxes",
    "grade_course",
    "grade_submission",
]
