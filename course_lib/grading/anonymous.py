"""Answers as data to look into and to pass on: pseudonyms, and nothing that says who somebody is.

A pseudonym follows from the course's secret, so that one student has the same in all quizzes, and
whoever lacks the secret learns nothing from it. Names, ids, times and comments stay out, and so do
texts that a student wrote, unless they are asked for. In a small class grades alone can tell who
somebody is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

from course_lib.grading import build, signed
from course_lib.grading.export import neutral, number
from course_lib.grading.items import is_unread
from course_lib.grading.overview import Sheet, opened, sheets
from course_lib.grading.store import Store

COLUMNS = ("student", "quiz", "question", "variant", "kind", "state", "points", "of", "by_hand")
VALUES = ("choice", "multiple", "numeric")  # kinds whose answers are letters or a number
NO_FILE = "unreadable"  # instead of a state, for every answer of a hand-in that nobody could read


def pseudonym(key: bytes, student: str) -> str:
    """Twelve hexadecimal digits of an HMAC; without the key nobody can tell whose they are."""
    return "s" + signed.mac(key, "answers", student)[:12]


def as_csv(
    course: Path,
    bank: Path,
    names: Iterable[str] = (),
    *,
    with_texts: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> str:
    """A row per student and question, in order of pseudonym; every field quoted.

    ``answer`` holds the letters as the bank has them, or the number that was understood; ``points``
    is empty while they are open. With ``with_texts`` a column ``text`` has the answer as it was
    written; formulas in it are neutralised. The export is logged.
    """
    columns = [*COLUMNS, "answer", *(["text"] if with_texts else [])]
    with opened(Path(course), bank, tell) as (store, quizzes):
        found = sheets(store, quizzes, names)
        rows = [row for sheet in found for row in _rows(store, sheet, with_texts)]
        for one in found:
            store.log.add("exported answers", quiz=one.quiz.id, with_texts=with_texts)
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def _rows(store: Store, sheet: Sheet, with_texts: bool) -> list[list[str]]:
    rows = []
    for row in sheet.rows:
        if row.record is None or row.marks is None:
            continue
        name, own = pseudonym(store.key, row.student), store.own(sheet.quiz, row.student)
        texts = _texts(store, sheet.quiz.id, row.student) if with_texts else {}
        unread = is_unread(row.record)
        for q, result in zip(own.questions, row.record["questions"], strict=True):
            mark = row.marks[q.id]
            answer = result["answer"] if q.kind in VALUES else ""
            answer = answer.removeprefix(f"{q.variant}: ") if q.variant else answer
            score = "" if mark.score is None else number(mark.score)
            line = [name, sheet.quiz.id, q.id, q.variant, q.kind]
            line += [NO_FILE if unread else result["state"], score, number(q.points)]
            line += [str(int(mark.by_hand)), answer]
            rows.append(line + ([neutral(texts.get(q.id, ""))] if with_texts else []))
    return sorted(rows, key=lambda line: line[0])  # stable: a student's answers stay in order


def _texts(store: Store, quiz: str, student: str) -> dict[str, str]:
    try:
        return build.shown_answers(store.autograded(quiz, student).read_bytes())
    except OSError:
        return {}
