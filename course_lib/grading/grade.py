"""Grade submissions: read, rebuild, score outside, store; resumable, one writer, fail closed.

``grade_submission`` is the pure part that any worker can do; ``grade_quiz`` plans the work, hands
it to an executor and is the only one that writes.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading import (
    build,
    collecting,
    corrections,
    executors,
    policy,
    score,
    standing,
    submission,
)
from course_lib.grading.sandbox import (
    Limits,
    Outcome,
    Sandbox,
    SandboxError,
    Status,
    must_hide,
    status,
)
from course_lib.grading.store import GRADER_VERSION, Store, StoreError, checked, one_writer
from course_lib.grading.submission import Invalid, digest
from course_lib.questions import scoring
from course_lib.questions.format import Question, Quiz, load_bank

STATES = ("graded", "waiting", "could_not_grade", "timeout", "out_of_memory", "crashed", "invalid")
MESSAGES = {
    "graded": "Graded.",
    "could_not_grade": "An answer could not be graded; see there. It has no points yet.",
    "timeout": "Graded; an answer ran longer than allowed and was stopped.",
    "out_of_memory": "Graded; an answer asked for more memory than allowed and was stopped.",
    "crashed": "Graded; an answer ended its process before it gave a result.",
}
NO_SANDBOX = "Not run: this machine has no sandbox for code answers. Grade it on one that has."


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
        return record_without(job.quiz, job.student, job.data, error.state, str(error))
    results = [grade_answer(job, question, texts[question.id]) for question in job.quiz.questions]
    states = {result.state for result in results}
    state = next(
        (s for s in ("could_not_grade", "crashed", "out_of_memory", "timeout") if s in states),
        "graded",
    )
    given = {key: text for key, text in texts.items() if text is not None}
    notebook = build.serialise(build.rebuilt_notebook(job.quiz, given))
    record = _record(job.quiz, job.student, job.data, state, MESSAGES[state], results, notebook)
    return record | {"seconds": round(time.monotonic() - started, 3)}, notebook


def grade_answer(job: Job, question: Question, text: str | None) -> scoring.Result:
    def result(state: str, points: float | None, reason: str) -> scoring.Result:
        return scoring.Result(question.id, state, points, question.points, reason)

    if text is None:
        return result("could_not_grade", None, submission.NO_CELL)
    if submission.is_blank(text, build.starter(question)):
        return result("not attempted", 0.0, "Not attempted.")
    if question.kind == "written":
        return result("waiting", None, "A person reads this answer.")
    if question.kind != "code":
        return scoring.score_literal(question, text)
    if not job.sandbox:
        return result("could_not_grade", None, NO_SANDBOX)
    box = _sandbox(question.imports, job.sandbox, job.hidden)

    def run(request: dict, limits: Limits) -> Outcome:
        return box.run(request, limits)

    return score.score_code(question, text, job.seeds[question.id], run)


def record_without(
    quiz: Quiz, student: str, data: bytes, state: str, message: str
) -> tuple[dict, bytes]:
    """The record and notebook of a submission of which no answer was read."""
    points = 0.0 if state == "invalid" else None
    results = [scoring.Result(q.id, state, points, q.points, message) for q in quiz.questions]
    notebook = build.serialise(build.rebuilt_notebook(quiz, {}))
    return _record(quiz, student, data, state, message, results, notebook), notebook


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
    """Keep and grade everything handed in (or the named quizzes); return the JSON report.

    ``submissions`` holds for every student the record of the newest attempt that may count, with
    where they stand; ``changed`` whose stored total is another now, before and after.

    Raises CourseError when the course folder, the bank or the gradebook is at fault. What was
    stored before stays; the next run goes on there.
    """
    course, everything = Path(course).resolve(), load_bank(bank)
    rules = policy.load(course)
    corrections.check(everything, rules.corrections)
    quizzes = [q for q in chosen(everything, names) if names or collecting.has_any(course, q.id)]
    for quiz in quizzes:
        require_release(quiz, course)
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
    report: dict = {
        "submissions": [],
        "changed": [],
        "sandbox": found.kind if found else "not needed",
    }
    hidden = must_hide((course, bank))
    with (
        one_writer(course),
        Store(course, rules, tell) as store,
        executors.make(grade_submission, workers, scheduler) as executor,
    ):
        for quiz in quizzes:
            quiz = corrections.corrected(quiz, rules.corrections)
            store.gradebook.add_quiz(quiz)
            own = kind if any(q.kind == "code" for q in quiz.questions) else ""
            run = _Run(quiz, store, own, hidden, tell)
            report["submissions"] += run.grade(executor)
            report["changed"] += run.changed
    return report


class _Run:
    """Grade one quiz once: collect, plan, store what comes back."""

    def __init__(
        self,
        quiz: Quiz,
        store: Store,
        kind: str,
        hidden: tuple[str, ...],
        tell: Callable[[str], None],
    ):
        self.quiz, self.store, self.kind = quiz, store, kind
        self.hidden, self.tell = hidden, tell
        self.grader = f"{GRADER_VERSION}-{build.quiz_hash(quiz)}"
        self.done, self.changed = 0, []
        self.troubles: dict[str, standing.Trouble] = {}

    def grade(self, executor: executors.Executor) -> list[dict]:
        """The records of everybody, in order of student."""
        self.troubles = collecting.collect(self.store, self.quiz.id)
        for name, trouble in self.troubles.items():
            self.tell(f"{name}: {trouble.state}. {trouble.message}")
        for job, outcome in executor.run(self._jobs()):
            self._store(job, outcome)
        if self.done:
            self.tell(f"{self.quiz.id}: {self.done} unchanged, not graded again.")
        names = {*self.store.handins.students(self.quiz.id), *self.troubles}
        return [self._entry(name) for name in sorted(names)]

    def _jobs(self) -> Iterator[Job]:
        store, quiz = self.store, self.quiz
        for student in store.handins.students(quiz.id):
            attempts = store.handins.attempts(quiz.id, student)
            wanted = standing.eligible(store.policy, quiz.id, student, attempts)
            if store.policy.counts != "best":
                wanted = wanted[:1]
            for name in dict.fromkeys(a.submission for a in wanted):
                if store.is_done(quiz, student, name, self.grader, self.kind):
                    self.done += 1
                    continue
                try:
                    data = store.handins.read(quiz.id, student, name)
                except CourseError as error:
                    trouble = standing.Trouble("could_not_grade", str(error))
                    self.troubles.setdefault(student, trouble)
                    continue
                # An attempt is known by student and content: copies get inputs of their own.
                known = digest(student.encode() + b"\0" + data)
                seeds = {
                    q.id: score.seed(store.key, known, q.id)
                    for q in quiz.questions
                    if q.kind == "code"
                }
                yield Job(student, quiz, data, seeds, self.kind, self.hidden)

    def _store(self, job: Job, outcome: object) -> None:
        if isinstance(outcome, executors.WorkerLost):
            record, notebook = self._ungraded(
                job, "The grading process ended on this submission twice. Look at it by hand."
            )
        elif isinstance(outcome, BaseException):
            record, notebook = self._ungraded(job, f"The grader failed: {outcome}")
        else:
            record, notebook = outcome
        credit(self.quiz, record)
        record |= {"grader": self.grader, "sandbox": self.kind}
        before = self.store.results(self.quiz.id, job.student)
        self.store.save(self.quiz, record, notebook)
        self._note(job.student, before, record)

    def _ungraded(self, job: Job, reason: str) -> tuple[dict, bytes]:
        return record_without(job.quiz, job.student, job.data, "could_not_grade", reason)

    def _note(self, student: str, before: dict, record: dict) -> None:
        """Tell and log what was found; list a total that is another than the one stored."""
        text = f"{student}: {record['state']}, {record['score']:g} of {record['max_score']:g}"
        self.tell(text + (", a person's turn" if record["needs_manual"] else ""))
        old = before["records"].get(record["submission"])
        facts = {"state": record["state"], "submission": record["submission"][:12]}
        facts |= {"score": record["score"], "of": record["max_score"]}
        if old is None:
            self.store.log.add("graded", student, self.quiz.id, **facts)
            return
        totals = [
            round(standing.total(standing.marks(self.quiz, one, before["judged"])), 4)
            for one in (old, record)
        ]
        if totals[0] == totals[1] and old["max_score"] == record["max_score"]:
            return
        change = {"before": totals[0], "before_of": old["max_score"], "after": totals[1]}
        change["after_of"] = record["max_score"]
        self.changed.append({"student": student, "quiz": self.quiz.id} | change)
        self.store.log.add("regraded", student, self.quiz.id, **facts, **change)
        self.tell(
            f"{student}: changed from {totals[0]:g} of {old['max_score']:g} to {totals[1]:g} of "
            f"{record['max_score']:g}"
        )

    def _entry(self, student: str) -> dict:
        """The report's entry: what the newest attempt got, and where the student stands."""
        trouble = self.troubles.get(student)
        known = trouble is None or trouble.student
        now = self.store.standing(self.quiz, student, trouble) if known else None
        if trouble is not None:
            record, _ = record_without(self.quiz, student, b"", trouble.state, trouble.message)
        else:
            results = self.store.results(self.quiz.id, student)
            attempts = self.store.handins.attempts(self.quiz.id, student)
            wanted = standing.eligible(self.store.policy, self.quiz.id, student, attempts)
            record = results["records"].get(wanted[0].submission) if wanted else None
            if record is None:
                reason = now.open[0] if now.open else "Not graded."
                record, _ = record_without(self.quiz, student, b"", now.state, reason)
        return record | {"standing": now.as_dict() if now else None}


def credit(quiz: Quiz, record: dict) -> None:
    """Give the points of questions that were dropped or count for everybody; changes the record."""
    for question, result in zip(quiz.questions, record["questions"], strict=True):
        if question.credit:
            result |= {
                "state": "right",
                "score": question.points,
                "max_score": question.points,
                "reason": question.credit,
            }
    record["score"] = round(sum(q["score"] or 0.0 for q in record["questions"]), 4)
    record["max_score"] = quiz.points
    record["needs_manual"] = any(q["score"] is None for q in record["questions"])


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
            "whether the questions still are the ones that were handed out. Points and keys that "
            "change later belong under corrections in course.yaml."
        )


__all__ = [
    "Job",
    "SandboxError",
    "StoreError",
    "close_sandboxes",
    "grade_course",
    "grade_submission",
]
