"""Grade submissions: read, rebuild, score outside, store; resumable, one writer, fail closed.

``grade_submission`` is the pure part that any worker can do; ``grade_quiz`` plans the work, hands
it to an executor and is the only one that writes.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from course_lib import executors
from course_lib.errors import CourseError
from course_lib.grading import build, score, submission
from course_lib.grading.sandbox import (
    Limits,
    Outcome,
    Sandbox,
    SandboxError,
    Status,
    must_hide,
    status,
)
from course_lib.grading.store import GRADER_VERSION, Store, StoreError, checked, one_writer, secret
from course_lib.grading.submission import Invalid, Submission, digest
from course_lib.questions import scoring
from course_lib.questions.format import Question, Quiz, load_bank

STATES = ("graded", "timeout", "out_of_memory", "crashed", "invalid")
MESSAGES = {
    "graded": "Graded.",
    "timeout": "Graded; an answer ran longer than allowed and was stopped.",
    "out_of_memory": "Graded; an answer asked for more memory than allowed and was stopped.",
    "crashed": "Graded; an answer ended its process before it gave a result.",
}
NO_SANDBOX = (
    "Not run: this machine has no sandbox for code answers. The instructor can grade it elsewhere."
)


@dataclass(frozen=True)
class Job:
    """All that a worker needs for one submission, as plain data."""

    student: str
    quiz: Quiz
    data: bytes
    seeds: dict[str, int]
    sandbox: str  # bubblewrap, container, none, or "" to refuse code answers
    hidden: tuple[str, ...] = ()


def grade_submission(job: Job) -> tuple[dict, bytes]:
    """Score one submission; return its record and the autograded notebook.

    Raises CourseError only when grading itself is at fault (reference answer, sandbox).
    """
    started = time.monotonic()
    try:
        texts = submission.answers(job.data, {q.id: build.starter(q) for q in job.quiz.questions})
    except Invalid as error:
        return invalid_record(job.quiz, job.student, job.data, str(error))
    results = [grade_answer(job, question, texts[question.id]) for question in job.quiz.questions]
    states = {result.state for result in results}
    state = next((s for s in ("crashed", "out_of_memory", "timeout") if s in states), "graded")
    notebook = build.serialise(build.rebuilt_notebook(job.quiz, texts))
    record = _record(job.quiz, job.student, job.data, state, MESSAGES[state], results, notebook)
    return record | {"seconds": round(time.monotonic() - started, 3)}, notebook


def grade_answer(job: Job, question: Question, text: str) -> scoring.Result:
    def result(state: str, points: float | None, reason: str) -> scoring.Result:
        return scoring.Result(question.id, state, points, question.points, reason)

    if submission.is_blank(text, build.starter(question)):
        return result("not attempted", 0.0, "Not attempted.")
    if question.kind == "written":
        return result("manual", None, "A person reads this answer.")
    if question.kind != "code":
        return scoring.score_literal(question, text)
    if not job.sandbox:
        return result("refused", 0.0, NO_SANDBOX)
    box = _sandbox(question.imports, job.sandbox, job.hidden)

    def run(request: dict, limits: Limits) -> Outcome:
        return box.run(request, limits)

    return score.score_code(question, text, job.seeds[question.id], run)


def invalid_record(quiz: Quiz, student: str, data: bytes, message: str) -> tuple[dict, bytes]:
    """The record of a submission that cannot be read: 0 points and the reason."""
    results = [scoring.Result(q.id, "invalid", 0.0, q.points, message) for q in quiz.questions]
    notebook = build.serialise(build.rebuilt_notebook(quiz, {}))
    return _record(quiz, student, data, "invalid", message, results, notebook), notebook


def _record(
    quiz: Quiz,
    student: str,
    data: bytes,
    state: str,
    message: str,
    results: Iterable[scoring.Result],
    notebook: bytes,
) -> dict:
    questions = []
    for question, result in zip(quiz.questions, results, strict=True):
        points = checked(result.score, question.points)
        questions.append(asdict(replace(result, score=points)) | {"max_score": question.points})
    return {
        "student": student,
        "quiz": quiz.id,
        "state": state,
        "message": message,
        "score": round(sum(q["score"] or 0.0 for q in questions), 4),
        "max_score": quiz.points,
        "needs_manual": any(q["score"] is None for q in questions),
        "seconds": 0.0,
        "questions": questions,
        "submission": digest(data),
        "notebook": digest(notebook),
    }


_local = threading.local()


def _sandbox(imports: tuple[str, ...], kind: str, hidden: tuple[str, ...]) -> Sandbox:
    """The warm sandbox of this thread for these imports; started at its first use."""
    boxes = getattr(_local, "boxes", None)
    if boxes is None:
        boxes = _local.boxes = {}
    key = (imports, kind, hidden)
    if key not in boxes:
        boxes[key] = Sandbox(imports, kind, hidden)
    return boxes[key]


def close_sandboxes() -> None:
    """Stop this thread's warm sandboxes."""
    boxes = getattr(_local, "boxes", None) or {}
    for box in boxes.values():
        box.close()
    boxes.clear()


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
    kind, found = sandbox_kind(quizzes, unsafe)
    if found is not None and not found.ok:
        tell(
            (
                "UNSAFE: code answers run without a sandbox. "
                if kind
                else "Code answers are refused, choice and number are graded. "
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
                record, notebook = invalid_record(quiz, item.student, b"", str(error))
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
            record, notebook = invalid_record(
                quiz,
                job.student,
                job.data,
                "The grading process ended on this submission twice. "
                "An instructor should look at it.",
            )
            record["state"] = "crashed"
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
    "Job",
    "SandboxError",
    "StoreError",
    "close_sandboxes",
    "grade_course",
    "grade_submission",
]
