"""Grade submissions: plan the work, hand it to workers, store; resumable, one writer.

``assess.grade_submission`` is the pure part that any worker can do; ``grade_course`` is the only
one that writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from course_lib import executors
from course_lib.errors import CourseError
from course_lib.grading import (
    assess,
    build,
    collecting,
    corrections,
    policy,
    score,
    standing,
    unsafe_mode,
)
from course_lib.grading.assess import STATES, Job, grade_submission, record_without
from course_lib.grading.confine import must_hide
from course_lib.grading.outcome import SandboxError
from course_lib.grading.sandbox import Status, status
from course_lib.grading.store import GRADER_VERSION, Store, StoreError, one_writer
from course_lib.grading.submission import digest
from course_lib.questions.format import load_bank
from course_lib.questions.personal import personal
from course_lib.questions.question import Quiz

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
    trust_network: bool = False,
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
    report: dict = {
        "submissions": [],
        "changed": [],
        "sandbox": found.kind if found else "not needed",
    }
    hidden = must_hide((course, bank))
    with (
        one_writer(course),
        Store(course, rules, tell) as store,
        executors.make(grade_submission, workers, scheduler, trust_network) as executor,
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
                own = personal(quiz, store.key, student)
                yield Job(student, own, data, seeds, self.kind, self.hidden)

    def _store(self, job: Job, outcome: object) -> None:
        if isinstance(outcome, executors.WorkerLost):
            record, notebook = self._ungraded(
                job, "The grading process ended on this submission twice. Look at it by hand."
            )
        elif isinstance(outcome, BaseException):
            record, notebook = self._ungraded(job, f"The grader failed: {outcome}")
        else:
            record, notebook = outcome
        credit(job.quiz, record)
        record |= {"grader": self.grader, "sandbox": self.kind}
        before = self.store.results(self.quiz.id, job.student)
        self.store.save(self.quiz, record, notebook)
        self._note(job.student, before, record)

    def _ungraded(self, job: Job, reason: str) -> tuple[dict, bytes]:
        return record_without(job.quiz, job.student, job.data, "could_not_grade", reason)

    def _note(self, student: str, before: dict, record: dict) -> None:
        """Tell and log what was found; list a total that is another than the one stored."""
        found = standing.marks(self.quiz, record, before["judged"])
        points = round(standing.total(found), 2)
        text = f"{student}: {record['state']}, {points:g} of {record['max_score']:g}"
        waits = any(one.score is None for one in found.values())
        self.tell(text + (", a person's turn" if waits else ""))
        old = before["records"].get(record["submission"])
        facts = {"state": record["state"], "submission": record["submission"][:12]}
        facts |= {"score": record["score"], "of": record["max_score"]}
        if old is None or "could_not_grade" in (old["state"], record["state"]):
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
    "STATES",
    "Job",
    "SandboxError",
    "StoreError",
    "close_sandboxes",
    "grade_course",
    "grade_submission",
]
