"""A course's rules, read from ``course.yaml`` in the course folder: dates, attempts, corrections.

Without the file every hand-in counts whenever it arrives, the last one counts, and feedback shows
no keys, because no closing date is known. All fields, each with an example::

    course: biology-2026          # its name in nbgrader's exchange; default: the folder's name
    bank: ../our-questions        # folder of the questions, from here; default: bank
    exchange: /srv/nbgrader       # nbgrader's exchange
    timezone: Europe/Berlin       # of times without one; default UTC
    counts: last                  # or last_before_due, best
    arrival: placed               # or modified, timestamp; left out: see docs/grading.md
    before_closing: receipt       # or points: what feedback shows until then
    late: {percent_per_day: 10, at_most: 50, grace: 15m}
    quizzes:
      lesson01: {due: 2026-10-09 23:59, closes: 2026-10-12 23:59, add: 1, column: "Quiz 1 (42)"}
    extra_time:
      ann: 2d                     # in every quiz
      bob: {lesson01: 36h}
    corrections:
      l01-layers: {accept: [c]}   # also right; for a number: {accept: [0.75], tolerance: 0.01}
      l01-why: {key: b}           # right instead of what the bank says
      l01-stem: {drop: true}
      l01-head: {full_credit: true}
      l01-new: {points: 3}
"""

from __future__ import annotations

import datetime
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import fastjsonschema
import yaml

from course_lib.errors import CourseError

FILE = "course.yaml"
COUNTS = ("last", "last_before_due", "best")
ARRIVALS = ("placed", "modified", "timestamp")
UNITS = {"m": 60, "h": 3600, "d": 86_400}

_SPAN = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?[mhd]$"}
_ANSWER = {
    "anyOf": [
        {"type": "number"},
        {"type": "string", "pattern": "^[a-h]$"},
        {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^[a-h]$"}},
    ]
}


def _fields(**properties: Any) -> dict:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _named(item: dict) -> dict:
    return {"type": "object", "additionalProperties": item}


_NAME = {"type": "string", "pattern": r"^[\w.@-][\w.@ -]{0,99}$"}
_TEXT = {"type": "string", "minLength": 1}

SCHEMA = _fields(
    course=_NAME,
    bank=_TEXT,
    exchange=_TEXT,
    timezone={"type": "string"},
    counts={"enum": list(COUNTS)},
    arrival={"enum": list(ARRIVALS)},
    before_closing={"enum": ["receipt", "points"]},
    late=_fields(
        percent_per_day={"type": "number", "minimum": 0, "maximum": 100},
        at_most={"type": "number", "minimum": 0, "maximum": 100},
        grace=_SPAN,
    ),
    quizzes=_named(_fields(due={}, closes={}, add={"type": "number", "minimum": 0}, column=_TEXT)),
    extra_time=_named({"anyOf": [_SPAN, _named(_SPAN)]}),
    corrections=_named(
        _fields(
            accept={"type": "array", "minItems": 1, "items": _ANSWER},
            key=_ANSWER,
            tolerance={"type": "number", "minimum": 0},
            drop={"const": True},
            full_credit={"const": True},
            points={"type": "number", "exclusiveMinimum": 0},
        )
    ),
)


@cache
def _validator() -> Callable:
    return fastjsonschema.compile(SCHEMA)


@dataclass(frozen=True)
class Policy:
    """The rules of a course; times are seconds since 1970, as a file's are."""

    counts: str = "last"
    arrival: str = ""  # as the way in knows it; what lies under submitted: placed
    before_closing: str = "receipt"
    percent_per_day: float = 0.0
    at_most: float = 100.0
    grace: float = 0.0
    due: Mapping[str, float] = field(default_factory=dict)  # by quiz
    closes: Mapping[str, float] = field(default_factory=dict)
    add: Mapping[str, float] = field(default_factory=dict)
    extra_time: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # student, quiz
    corrections: Mapping[str, dict] = field(default_factory=dict)  # by question
    course: str = ""  # its name in nbgrader's exchange
    bank: str = ""
    exchange: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)  # a quiz's heading in a grade book
    zone: ZoneInfo = ZoneInfo("UTC")

    def extra(self, quiz: str, student: str) -> float:
        """Seconds that a student has more than the others."""
        own = self.extra_time.get(student, {})
        return own.get(quiz, own.get("*", 0.0))

    def due_for(self, quiz: str, student: str) -> float | None:
        due = self.due.get(quiz)
        return None if due is None else due + self.extra(quiz, student)

    def closes_for(self, quiz: str, student: str) -> float | None:
        closes = self.closes.get(quiz)
        return None if closes is None else closes + self.extra(quiz, student)

    def keys_from(self, quiz: str) -> float | None:
        """When keys may be told: after the last student's closing; None is never."""
        if quiz not in self.closes:
            return None
        return max(self.closes_for(quiz, name) for name in ("", *self.extra_time))

    def penalty(self, quiz: str, student: str, arrived: float) -> float:
        """The share of the points, 0 to 1, that a hand-in of this time loses; days count begun."""
        due = self.due_for(quiz, student)
        if due is None or arrived <= due + self.grace:
            return 0.0
        days = math.ceil((arrived - due) / UNITS["d"])
        return min(days * self.percent_per_day, self.at_most) / 100


def load(course: Path) -> Policy:
    """The rules of a course folder. Raises CourseError with file, field and what is allowed."""
    path = course / FILE
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Policy()
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise CourseError(f"{path} is not readable YAML: {error}.") from None
    raw = {} if raw is None else raw
    if isinstance(raw, dict):  # a student may be called 0012
        for name in ("extra_time", "quizzes", "corrections"):
            _texts_as_keys(raw.get(name), path, name)
    try:
        _validator()(raw)
    except fastjsonschema.JsonSchemaValueException as error:
        where = ".".join(str(step) for step in error.path[1:]) or "the file"
        allowed = error.definition.get("properties")
        more = f" Allowed are {', '.join(allowed)}." if isinstance(allowed, dict) else ""
        raise CourseError(
            f"{path}: {where}: {error.message.removeprefix(error.name).strip()}; it is "
            f"{error.value!r}.{more}"
        ) from None
    try:
        zone = ZoneInfo(raw.get("timezone", "UTC"))
    except (ValueError, OSError, LookupError):
        raise CourseError(
            f"{path}: timezone: there is no {raw['timezone']!r}; write for example Europe/Berlin."
        ) from None
    late, quizzes = raw.get("late", {}), raw.get("quizzes", {})

    def times(name: str) -> dict[str, float]:
        return {
            quiz: _moment(values[name], zone, f"{path}: quizzes.{quiz}.{name}")
            for quiz, values in quizzes.items()
            if name in values
        }

    policy = Policy(
        raw.get("counts", "last"),
        raw.get("arrival", ""),
        raw.get("before_closing", "receipt"),
        late.get("percent_per_day", 0.0),
        late.get("at_most", 100.0),
        _seconds(late.get("grace", "0m")),
        times("due"),
        times("closes"),
        {quiz: values["add"] for quiz, values in quizzes.items() if "add" in values},
        {
            unicodedata.normalize("NFC", student): {"*": _seconds(span)}
            if isinstance(span, str)
            else {quiz: _seconds(text) for quiz, text in span.items()}
            for student, span in raw.get("extra_time", {}).items()
        },
        raw.get("corrections", {}),
        raw.get("course", ""),
        raw.get("bank", ""),
        raw.get("exchange", ""),
        {quiz: values["column"] for quiz, values in quizzes.items() if "column" in values},
        zone,
    )
    for quiz, closes in policy.closes.items():
        if closes < policy.due.get(quiz, closes):
            raise CourseError(f"{path}: quizzes.{quiz}: closes lies before due.")
    return policy


def _texts_as_keys(value: Any, path: Path, name: str) -> None:
    for key in value if isinstance(value, dict) else ():
        if not isinstance(key, str):
            raise CourseError(
                f"{path}: {name}: {key!r} is read as a number or a date; put the name in quotes."
            )


def _seconds(span: str) -> float:
    return float(span[:-1]) * UNITS[span[-1]]


def _moment(value: Any, zone: ZoneInfo, where: str) -> float:
    """A date as YAML reads it, or a text; a day alone means its end."""
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(re.sub(r"\s+(?=[+-]\d)", "", value.strip()))
        except ValueError:
            value = None
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time(23, 59, 59))
    if not isinstance(value, datetime.datetime):
        raise CourseError(f"{where}: write a date and time such as 2026-10-09 23:59.")
    return (value if value.tzinfo else value.replace(tzinfo=zone)).timestamp()
