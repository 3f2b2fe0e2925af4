"""Questions and quizzes as values: what is asked, what is right, what earns how many points.

They are read from YAML by ``course_lib.questions.format``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Any

from course_lib.errors import CourseError


@dataclass(frozen=True)
class Choice:
    text: str
    why: str
    correct: bool = False
    # What somebody believes who chooses it, for the instructor's report; bears on no score.
    misconception: str = field(default="", repr=False)


@dataclass(frozen=True)
class Wrong:
    """A known wrong answer and the score it must get."""

    answer: Any
    score: float
    why: str = ""


@dataclass(frozen=True)
class Part:
    """A part of a coding task that is scored by itself."""

    id: str
    text: str
    points: float


@dataclass(frozen=True)
class Partial:
    answer: float
    tolerance: float
    score: float
    why: str


@dataclass(frozen=True)
class Criterion:
    points: float
    text: str


@dataclass(frozen=True)
class Question:
    """One question; the fields that a kind does not use keep their empty defaults."""

    id: str
    lesson: str
    kind: str
    points: float
    prompt: str
    explanation: str = ""
    choices: tuple[Choice, ...] = ()
    answer: float | None = None
    tolerance: float = 0.0
    relative: float = 0.0  # tolerance as a share of the right number
    unit: str = ""
    partial: tuple[Partial, ...] = ()
    starter: str = ""
    examples: str = ""
    reference: str = ""
    check: str = ""  # the source text of the check file, not its name
    parts: tuple[Part, ...] = ()
    imports: tuple[str, ...] = ("numpy",)
    seconds: float = 20.0
    memory_mb: int = 1024
    rubric: tuple[Criterion, ...] = ()
    hints: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    covers: tuple[int, ...] = ()
    claims: tuple[str, ...] = ()
    also: tuple[Any, ...] = ()  # other right answers, from a correction: numbers, tuples of letters
    credit: str = ""  # why everybody has all its points, from a correction
    shuffle: bool = False  # each student sees the choices in an order of their own
    alternatives: tuple[Question, ...] = ()  # one of these is asked of each student
    pool: str = ""  # questions of one pool are never asked twice of one student
    place: int = 0  # in the pool
    order: tuple[int, ...] = ()  # of the choices as a student sees them: places in the bank
    variant: str = ""  # which alternative a student has
    pictures: tuple[tuple[str, bytes], ...] = ()  # files that the prompt shows

    @property
    def key(self) -> tuple[str, ...]:
        """Letters of the right choices."""
        return tuple(ascii_lowercase[i] for i, c in enumerate(self.choices) if c.correct)

    @property
    def right_answer(self) -> Any:
        """An answer that earns full marks (for written questions: an example of one)."""
        if self.kind == "choice":
            return self.key[0]
        if self.kind == "multiple":
            return list(self.key)
        return self.answer if self.kind == "numeric" else self.reference


@dataclass(frozen=True)
class Quiz:
    id: str
    title: str
    lesson: str
    questions: tuple[Question, ...]
    intro: str = ""
    path: str = field(default="", compare=False)

    copy: str = ""  # tells a student's own copy of a quiz that differs between students

    @property
    def points(self) -> float:
        return sum(q.points for q in self.questions)

    @property
    def every(self) -> tuple[Question, ...]:
        """All questions that may be asked, each once: alternatives in place of where they stand."""
        found: dict[str, Question] = {}

        def add(question: Question) -> None:
            for alternative in question.alternatives:
                add(alternative)
            if not question.alternatives:
                found.setdefault(question.id, question)

        for question in self.questions:
            add(question)
        return tuple(found.values())

    @property
    def is_personal(self) -> bool:
        """Whether it differs between students."""
        return any(q.alternatives or q.shuffle for q in self.questions)

    def question(self, question_id: str) -> Question:
        for question in self.questions:
            if question.id == question_id:
                return question
        raise CourseError(
            f"No question {question_id!r} in quiz {self.id!r}; it has "
            + ", ".join(q.id for q in self.questions)
            + "."
        )
