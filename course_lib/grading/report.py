"""A page for the instructor: how the class did, and how good each question is."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from course_lib.grading.build import escape
from course_lib.grading.export import number
from course_lib.grading.feedback import page
from course_lib.grading.overview import Sheet, opened, sheets

BINS = 10


def summary(sheet: Sheet) -> dict:
    """Score distribution and, per question, difficulty, discrimination and wrong answers.

    Difficulty is the mean share of points (1 is easy). Discrimination is the correlation of a
    question's score with the rest of the quiz (None when one of them does not vary). An answer
    without a score is left out, and so is a hand-in that is open from the distribution.
    """
    quiz = sheet.quiz
    graded = [row for row in sheet.rows if row.record is not None]
    shares = [row.total / quiz.points for row in graded if row.whole and quiz.points]
    counts = [0] * BINS
    for share in shares:
        counts[min(BINS - 1, max(0, int(share * BINS)))] += 1
    questions = []
    for index, question in enumerate(quiz.questions):
        scored = [row for row in graded if row.marks[question.id].score is not None]
        own = [row.marks[question.id].score for row in scored]
        rest = [
            sum(m.score or 0.0 for name, m in row.marks.items() if name != question.id)
            for row in scored
        ]
        results = [row.record["questions"][index] for row in scored]
        wrong = Counter(
            result["answer"] or result["reason"]
            for value, result in zip(own, results, strict=True)
            if value < question.points
        )
        difficulty = statistics.fmean(own) / question.points if own and question.points else None
        questions.append(
            {
                "id": question.id,
                "points": question.points,
                "answers": len(own),
                "difficulty": None if difficulty is None else round(difficulty, 3),
                "discrimination": _correlation(own, rest),
                "states": dict(Counter(row.marks[question.id].state for row in graded)),
                "wrong": wrong.most_common(3),
            }
        )
    seconds = [row.record["seconds"] for row in graded]
    return {
        "quiz": quiz.id,
        "submissions": len(graded),
        "distribution": counts,
        "mean": round(statistics.fmean(shares), 3) if shares else None,
        "questions": questions,
        "seconds": {
            "median": round(statistics.median(seconds), 3) if seconds else 0.0,
            "longest": round(max(seconds, default=0.0), 3),
        },
        "states": dict(Counter(row.state for row in sheet.rows)),
        "open": [(row.student, row.state, list(row.open)) for row in sheet.open],
    }


def _correlation(a: list[float], b: list[float]) -> float | None:
    try:
        return round(statistics.correlation(a, b), 3)
    except statistics.StatisticsError:
        return None


def as_html(
    course: Path,
    bank: Path,
    names: Iterable[str] = (),
    tell: Callable[[str], None] = lambda text: None,
) -> str:
    """The report of the graded quizzes. Raises CourseError when there are none."""
    with opened(Path(course), bank, tell) as (store, quizzes):
        parts = [_section(one) for one in sheets(store, quizzes, names)]
    return page("Quiz report", "<h1>Quiz report</h1>\n" + "\n".join(parts))


def _section(sheet: Sheet) -> str:
    quiz, s = sheet.quiz, summary(sheet)
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
    mean = "not known" if s["mean"] is None else f"{100 * s['mean']:.0f} %"
    items = "".join(
        f"<li>{escape(name)}: {escape(state)}. {escape(' | '.join(reasons))}</li>"
        for name, state, reasons in s["open"]
    )
    waiting = f"<h3>Open: {len(s['open'])}</h3><ul>{items}</ul>" if items else ""
    return (
        f"<section><h2>{escape(quiz.title)}</h2><p>{s['submissions']} submissions ({states}); mean "
        f"{mean} of {number(quiz.points)} points; time to grade: median "
        f"{s['seconds']['median']:g} s, longest {s['seconds']['longest']:g} s.</p>"
        f'<svg viewBox="0 -10 400 130" width="400" role="img" aria-label="Number of submissions '
        f"per tenth "
        f'of the points: {escape(s["distribution"])}">{bars}</svg>'
        "<table><tr><th>question</th><th>points</th><th>answers</th><th>difficulty</th>"
        f"<th>discrimination</th><th>commonest wrong answers</th></tr>{rows}</table>{waiting}"
        "</section>"
    )
