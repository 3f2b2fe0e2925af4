"""The one writer: what was graded, and nbgrader's gradebook as its mirror.

A student's results in a quiz stand in one signed file: the machine's record of each attempt that
was graded, the scores that persons gave, and which attempt the gradebook shows. Scores given in
formgrader are taken over into it before anything is written. A kill between two steps leaves a
submission that is graded again, with the same inputs and so the same score.
"""

from __future__ import annotations

import fcntl
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from course_lib.files import write_atomically
from course_lib.grading import signed, standing
from course_lib.grading.gradebook import Gradebook, Mark
from course_lib.grading.handins import Handins
from course_lib.grading.policy import Policy, load
from course_lib.grading.signed import Log, StoreError, secret
from course_lib.grading.submission import digest
from course_lib.questions.personal import personal
from course_lib.questions.question import Quiz

GRADER_VERSION = 2  # raise it when the same answer may get another score
GRADES = ".grades"


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


def shown(notebook: bytes) -> dict[str, str]:
    """The hash of every cell of an autograded notebook by its ``grade_id``: what a person reads
    who gives a score. Raises ValueError for what is no such notebook."""
    try:
        return {
            cell["metadata"]["nbgrader"]["grade_id"]: digest("".join(cell["source"]).encode())
            for cell in json.loads(notebook)["cells"]
        }
    except (TypeError, KeyError, AttributeError, UnicodeError) as error:
        raise ValueError(f"not an autograded notebook: {error!r}") from error


class Store:
    """Gradebook, autograded notebooks and results of one course folder. One instance writes."""

    def __init__(
        self,
        course: Path,
        policy: Policy | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ):
        self.course, self.key = course, secret(course)
        self.policy = policy or load(course)
        self.gradebook = Gradebook(course, tell)
        self._known: dict[tuple[str, str], dict] = {}  # results; this process alone writes them
        self._marks: dict[str, dict] = {}  # by quiz: what the gradebook had when first asked
        self.handins, self.log = Handins(course, self.key), Log(course, self.key)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.gradebook.close()

    # --- results ---------------------------------------------------------------------------------

    def record_path(self, quiz: str, student: str) -> Path:
        return self.course / GRADES / quiz / f"{student}.json"

    def autograded(self, quiz: str, student: str) -> Path:
        return self.course / "autograded" / student / quiz / f"{quiz}.ipynb"

    def results(self, quiz: str, student: str) -> dict:
        """``records`` by submission, ``judged`` (scores by hand), ``shows`` (the submission in the
        gradebook, or None) and ``moving`` (True while the gradebook is being changed)."""
        if (quiz, student) not in self._known:
            path = self.record_path(quiz, student)
            found = signed.read(path, self.key, f"grades/{quiz}/{student}")
            if found is None:
                found = {"records": {}, "judged": [], "shows": None, "moving": False}
            self._known[quiz, student] = found
        found = self._known[quiz, student]
        return found | {"records": dict(found["records"]), "judged": list(found["judged"])}

    def record(self, quiz: str, student: str) -> dict | None:
        """The record that the gradebook shows."""
        found = self.results(quiz, student)
        return found["records"].get(found["shows"])

    def students(self, quiz: str) -> list[str]:
        """Everybody with results or hand-ins of this quiz."""
        graded = {path.stem for path in (self.course / GRADES / quiz).glob("*.json")}
        return sorted(graded | set(self.handins.students(quiz)))

    def _write(self, quiz: str, student: str, results: dict) -> None:
        path = self.record_path(quiz, student)
        self._known.pop((quiz, student), None)
        signed.write(path, self.key, f"grades/{quiz}/{student}", results)
        self._known[quiz, student] = results

    def own(self, quiz: Quiz, student: str) -> Quiz:
        """The quiz as this student has it."""
        return personal(quiz, self.key, student)

    # --- what persons gave -----------------------------------------------------------------------

    def _mark(self, quiz: Quiz, student: str, fresh: bool) -> dict[str, Mark] | None:
        """A student's marks in the gradebook; None without a submission. Of all students they are
        read at once, so that one of many costs little; ``fresh`` reads this student's again."""
        if quiz.id not in self._marks:
            self._marks[quiz.id] = self.gradebook.marks(quiz)
        elif fresh:
            self._marks[quiz.id] |= {student: None} | self.gradebook.marks(quiz, student)
        return self._marks[quiz.id].get(student)

    def take_over(self, quiz: Quiz, student: str, fresh: bool = True) -> dict:
        """Take scores that were given in formgrader into the results; return these.

        A score belongs to the answer that the autograded notebook showed when it was given.
        """
        results = self.results(quiz.id, student)
        marks = self._mark(quiz, student, fresh)
        if marks is None:
            return results
        if results["moving"]:
            self._tell_dropped(quiz, student, results, marks)
            return results
        try:
            answers = shown(self.autograded(quiz.id, student).read_bytes())
        except (OSError, ValueError):
            record = results["records"].get(results["shows"])
            answers = {q["id"]: q["shown"] for q in record["questions"]} if record else {}
        changed = False
        for name, mark in marks.items():
            if name not in answers:
                continue
            before = standing.judgement(results["judged"], name, answers[name])
            given = None
            if not mark.open and (mark.manual is not None or mark.extra):
                base = mark.manual if mark.manual is not None else (mark.auto or 0.0)
                given = (base, mark.extra)
            elif mark.open and mark.manual is not None:
                if any(j["question"] == name for j in results["judged"]):
                    continue  # out of range, and shown as open by this program
                # nbgrader, or an earlier version, kept it for review: of which answer is unknown.
                given = (mark.manual, mark.extra)
                self._judge(results, quiz.id, student, name, "", given, mark.comment)
                changed = True
                continue
            if given == (None if before is None else (before["score"], before["extra"])):
                continue
            self._judge(results, quiz.id, student, name, answers[name], given, mark.comment)
            changed = True
        if changed:
            self._write(quiz.id, student, results)
        return results

    def _tell_dropped(
        self, quiz: Quiz, student: str, results: dict, marks: dict[str, Mark]
    ) -> None:
        """Log scores that came in between two steps of a grader that was killed."""
        for name, mark in marks.items():
            known = [j["score"] for j in results["judged"] if j["question"] == name]
            if mark.manual is not None and mark.manual not in known:
                self.log.add(
                    "score by hand dropped", student, quiz.id, question=name, score=mark.manual
                )

    def _judge(
        self,
        results: dict,
        quiz: str,
        student: str,
        question: str,
        answer: str,
        given: tuple[float, float] | None,
        comment: str | None,
        by: str = "",
    ) -> None:
        old = standing.judgement(results["judged"], question, answer)
        results["judged"] = [
            j for j in results["judged"] if (j["question"], j["answer"]) != (question, answer)
        ]
        if given is not None:
            entry = {"question": question, "answer": answer, "score": given[0], "extra": given[1]}
            entry |= {"comment": comment, "when": signed.now(), "by": by or "formgrader"}
            results["judged"].append(entry)
        self.log.add(
            "score by hand" if given is not None else "score by hand taken back",
            student,
            quiz,
            question=question,
            score=None if given is None else given[0],
            extra=(given[1] or None) if given is not None else None,
            before=None if old is None else old["score"],
            answer=answer[:12],
            by=by or "formgrader",
        )

    def judge(
        self, quiz: Quiz, student: str, question: str, score: float, comment: str, by: str
    ) -> None:
        """Give a score by hand to the answer that counts now. Raises CourseError."""
        results = self.take_over(quiz, student)
        record = results["records"].get(results["shows"])
        if record is None:
            raise StoreError(
                f"There is no graded hand-in of {student} for {quiz.id}. "
                "Run `course quiz grade` first."
            )
        points = quiz.question(question).points
        checked(score, points)
        result = next(q for q in record["questions"] if q["id"] == question)
        given = (float(score), 0.0)
        self._judge(
            results, quiz.id, student, question, result["shown"], given, comment or None, by
        )
        self._write(quiz.id, student, results)
        self._mirror(quiz, student, results)

    # --- what the machine found ------------------------------------------------------------------

    def save(self, quiz: Quiz, record: dict, notebook: bytes) -> None:
        """Store one graded attempt, and show it in the gradebook if it is the one that counts.

        ``record`` needs ``grader`` and ``sandbox``. Raises CourseError, OSError.
        """
        student, cells = record["student"], shown(notebook)
        results = self.take_over(quiz, student)
        old = results["records"].get(record["submission"])
        before = {q["id"]: q for q in old["questions"]} if old else {}
        for question in record["questions"]:
            question["shown"] = cells[question["id"]]
            checked(question["score"], question["max_score"])
            if question["state"] == "could_not_grade" and question["id"] in before:
                # What was stored stays stored; it counts again once this can be graded.
                known = before[question["id"]]
                question["stored"] = known.get("stored", known["score"])
        results["records"][record["submission"]] = record
        attempts = self.handins.attempts(quiz.id, student)
        best = standing.chosen(
            self.policy,
            self.own(quiz, student),
            student,
            attempts,
            results["records"],
            results["judged"],
        )
        if best is None or best.submission != record["submission"]:
            self._write(quiz.id, student, results)
            return
        if self._mark(quiz, student, fresh=False) is not None:
            # From here to the end a kill leaves "moving": marks that stand then belong to nobody.
            self._write(quiz.id, student, results | {"moving": True})
        write_atomically(self.autograded(quiz.id, student), notebook, 0o444)
        results["shows"] = record["submission"]
        self._mirror(quiz, student, results)
        self._write(quiz.id, student, results | {"moving": False})

    def _mirror(self, quiz: Quiz, student: str, results: dict) -> None:
        """Write the attempt that is shown into the gradebook, and read it back."""
        wanted = self._wanted(quiz, student, results)
        own = self.own(quiz, student)
        record = results["records"][results["shows"]]
        attempts = self.handins.attempts(quiz.id, student)
        arrived = [a.arrived for a in attempts if a.submission == results["shows"]]
        share = self.policy.penalty(quiz.id, student, arrived[-1]) if arrived else 0.0
        counting = standing.marks(own, record, results["judged"])
        reasons = {q["id"]: q["reason"] for q in record["questions"]}
        penalty = round(share * standing.total(counting), 4)
        when = arrived[-1] if arrived else 0.0
        self.gradebook.write(quiz, student, wanted, reasons, when, penalty)
        if self._differs(quiz, student, results, fresh=True):
            raise StoreError(
                f"The gradebook holds other scores for {student} than were "
                "computed; nothing more is written. Restore gradebook.db."
            )

    def _wanted(self, quiz: Quiz, student: str, results: dict) -> dict[str, Mark]:
        record = results["records"][results["shows"]]
        counting = standing.marks(self.own(quiz, student), record, results["judged"])
        wanted = {}
        for question in record["questions"]:
            mark = counting[question["id"]]
            auto = question["score"]
            auto = question.get("stored") if auto is None else auto
            mine = standing.judgement(results["judged"], question["id"], question["shown"])
            by_hand = mine is not None and (mark.by_hand or mark.score is None)
            wanted[question["id"]] = Mark(
                auto,
                mine["score"] if by_hand else None,
                mine["extra"] if by_hand else 0.0,
                mark.score is None,
                mine["comment"] if by_hand else None,
            )
        return wanted

    def _differs(self, quiz: Quiz, student: str, results: dict, fresh: bool) -> bool:
        return self._mark(quiz, student, fresh) != self._wanted(quiz, student, results)

    def is_done(self, quiz: Quiz, student: str, submission: str, grader: str, sandbox: str) -> bool:
        """Whether this attempt was graded just so and, if it is the one that counts, is shown.

        ``sandbox`` is what code answers run in now: "" where they cannot run, and then what another
        machine found stays.
        """
        results = self.take_over(quiz, student, fresh=False)
        record = results["records"].get(submission)
        if record is None or record["grader"] != grader or results["moving"]:
            return False
        if sandbox and record["sandbox"] != sandbox:
            return False
        own = self.own(quiz, student)
        counting = standing.marks(own, record, results["judged"])
        if any(m.state == "could_not_grade" for m in counting.values()):
            return False
        attempts = self.handins.attempts(quiz.id, student)
        best = standing.chosen(
            self.policy, own, student, attempts, results["records"], results["judged"]
        )
        if best is None or best.submission != submission:
            return True
        try:
            data = self.autograded(quiz.id, student).read_bytes()
        except OSError:
            return False
        if digest(data) != record["notebook"] or results["shows"] != submission:
            return False
        return not self._differs(quiz, student, results, fresh=False)

    def standing(
        self, quiz: Quiz, student: str, trouble: standing.Trouble | None = None
    ) -> standing.Standing:
        """Where a student stands; scores given in formgrader are taken over first."""
        results = self.take_over(quiz, student, fresh=False)
        attempts = self.handins.attempts(quiz.id, student)
        own = self.own(quiz, student)
        return standing.standing(
            self.policy, own, student, attempts, results["records"], results["judged"], trouble
        )


def checked(score: float | None, points: float) -> float | None:
    """A score that may be stored: None (a person's turn) or finite and within 0 and points."""
    if score is None:
        return None
    if not math.isfinite(score) or not 0 <= score <= points:
        raise StoreError(f"A score of {score:g} is outside 0 to {points:g} points; refused.")
    return float(score)
