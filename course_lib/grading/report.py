"""A page for the instructor: how the class did, and how good each question is."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.grading.build import escape
from course_lib.grading.feedback import page, records
from course_lib.grading.grade import chosen
from course_lib.grading.store import Store
from course_lib.questions.format import Quiz, load_bank

BINS = 10


def summary(quiz: Quiz, graded: list[dict]) -> dict:
    """Score distribution and, per question, difficulty, discrimination and wrong answers.

    Difficulty is the mean share of points (1 is easy). Discrimination is the correlation of a
    question's score with the rest of the quiz (None when one of them does not vary). A question
    that waits for a person is left out for that student.
    """
    shares = [record["total"] / quiz.points for record in graded]
    counts = [0] * BINS
    for share in shares:
        counts[min(BINS - 1, max(0, int(share * BINS)))] += 1
    questions = []
    for index, question in enumerate(quiz.questions):
        pairs = [
            (r["questions"][index]["final"], r)
            for r in graded
            if r["questions"][index]["final"] is not None
        ]
        own = [value / question.points for value, _ in pairs]
        rest = [r["total"] - value for value, r in pairs]
        wrong = Counter(
            r["questions"][index]["answer"] or r["questions"][index]["reason"]
            for value, r in pairs
            if value < question.points
        )
        questions.append(
            {
                "id": question.id,
                "points": question.points,
                "answers": len(pairs),
                "difficulty": round(statistics.fmean(own), 3) if own else None,
                "discrimination": _correlation(own, rest),
                "states": dict(Counter(r["questions"][index]["state"] for r in graded)),
                "wrong": wrong.most_common(3),
            }
        )
    return {
        "quiz": quiz.id,
        "submissions": len(graded),
        "distribution": counts,
        "mean": round(statistics.fmean(shares), 3),
        "questions": questions,
        "seconds": {
            "median": round(statistics.median(r["seconds"] for r in graded), 3),
            "longest": round(max(r["seconds"] for r in graded), 3),
        },
        "states": dict(Counter(r["state"] for r in graded)),
    }


def _correlation(a: list[float], b: list[float]) -> float | None:
    try:
        return round(statistics.correlation(a, b), 3)
    except statistics.StatisticsError:
        return None


def as_html(course: Path, bank: Path, names: Iterable[str] = ()) -> str:
    """The report of the graded quizzes. Raises CourseError when there are none."""
    parts = []
    with Store(course) as store:
        for quiz in chosen(load_bank(bank), names):
            graded = records(store, quiz)
            if graded:
                parts.append(_section(quiz, summary(quiz, graded)))
    if not parts:
        raise CourseError("Nothing is graded yet. Run `course quiz grade` first.")
    return page("Quiz report", "<h1>Quiz report</h1>\n" + "\n".join(parts))


def _section(quiz: Quiz, s: dict) -> str:
    top = max(s["distribution"]) or 1
    bars = "".join(
        f'<rect x="{i * 40 + 4}" y="{100 - 90 * n / top:.1f}" width="32" '
        f'height="{90 * n / top:.1f}" '
        f'fill="#0072b2"></rect><text x="{i * 40 + 20}" y="114" font-size="10" '
        f'text-anchor="middle" fill="currentColor">{i * 10}%</text>'
        f'<text x="{i * 40 + 20}" y="{96 - 90 * n / top:.1f}" '
        f'font-size="10" text-anchor="middle" fill="currentColor">{n}</text>'
        for i, n in enumerate(s["distribution"])
    )
    states = ", ".join(f"{escape(k)} {v}" for k, v in sorted(s["states"].items()))
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{escape(cell)}</td>"
            for cell in (
                q["id"],
                f"{q['points']:g}",
                q["answers"],
                "" if q["difficulty"] is None else f"{q['difficulty']:.2f}",
                "" if q["discrimination"] is None else f"{q['discrimination']:.2f}",
                "; ".join(f"{n} x {' '.join(str(a).split())[:80]}" for a, n in q["wrong"]),
            )
        )
        + "</tr>"
        for q in s["questions"]
    )
    return (
        f"<section><h2>{escape(quiz.title)}</h2><p>{s['submissions']} submissions ({states}); mean "
        f"{100 * s['mean']:.0f} % of {quiz.points:g} points; time to grade: median "
        f"{s['seconds']['median']:g} s, longest {s['seconds']['longest']:g} s.</p>"
        f'<svg viewBox="0 -10 400 130" width="400" role="img" aria-label="Number of submissions '
        f"per tenth "
        f'of the points: {escape(s["distribution"])}">{bars}</svg>'
        "<table><tr><th>question</th><th>points</th><th>answers</th><th>difficulty</th>"
        f"<th>discrimination</th><th>commonest wrong answers</th></tr>{rows}</table></section>"
    )
