"""Where everybody stands in each quiz: what export, report and feedback are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading import collecting, corrections, policy, roster
from course_lib.grading.grade import chosen
from course_lib.grading.standing import Standing
from course_lib.grading.store import Store, one_writer
from course_lib.questions.format import load_bank
from course_lib.questions.question import Quiz

MISSING = "missing"  # on the roster, and nothing handed in


@dataclass(frozen=True)
class Sheet:
    """One quiz and a row for everybody who is on the roster or handed something in."""

    quiz: Quiz
    rows: tuple[Standing, ...]

    @property
    def open(self) -> tuple[Standing, ...]:
        return tuple(row for row in self.rows if row.open)


@contextmanager
def opened(
    course: Path, bank: Path, tell: Callable[[str], None] = lambda text: None
) -> Iterator[tuple[Store, dict[str, Quiz]]]:
    """The course's store, with the lock held, and the bank as it is graded."""
    quizzes, rules = load_bank(bank), policy.load(course)
    corrections.check(quizzes, rules.corrections)
    fixed = {name: corrections.corrected(q, rules.corrections) for name, q in quizzes.items()}
    with one_writer(course), Store(course, rules, tell) as store:
        yield store, fixed


def sheet(store: Store, quiz: Quiz) -> Sheet:
    """Where everybody stands in one quiz; what was handed in since is kept, but not graded."""
    troubles = collecting.collect(store, quiz.id)
    class_list = roster.load(store.course) or {}
    rows = []
    for name in sorted({*store.students(quiz.id), *troubles, *class_list}):
        trouble = troubles.get(name)
        if trouble is not None and not trouble.student:
            rows.append(Standing(name, quiz.id, trouble.state, open=(trouble.message,)))
            continue
        row = store.standing(quiz, name, trouble)
        if row.attempt is None and not row.attempts and trouble is None:
            row = Standing(name, quiz.id, MISSING)
        rows.append(row)
    return Sheet(quiz, tuple(rows))


def sheets(store: Store, quizzes: dict[str, Quiz], names: Iterable[str]) -> list[Sheet]:
    """The sheets of the named quizzes, or of all that somebody handed in.

    Raises CourseError when nothing is graded.
    """
    wanted = [q for q in chosen(quizzes, names) if collecting.has_any(store.course, q.id)]
    found = [sheet(store, quiz) for quiz in wanted]
    found = [one for one in found if any(row.state != MISSING for row in one.rows)]
    if not any(row.record for one in found for row in one.rows):
        raise CourseError("Nothing is graded yet. Run `course quiz grade` first.")
    return found
