"""A page for the instructor: how the class did, how good each question is, which mistakes were
made. The numbers are those of ``course_lib.grading.items``."""

from __future__ import annotations

import statistics
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from course_lib.grading import rendering
from course_lib.grading.build import escape
from course_lib.grading.export import number
from course_lib.grading.feedback import page
from course_lib.grading.items import FEW, FEWEST, Analysis, Answer, Estimate, Item, analyse
from course_lib.grading.overview import Sheet, opened, sheets

BINS = 10
LONGEST = 300  # characters of a choice, or of what a run of code came to
LEGEND = """
<details><summary>How to read this</summary>
<p><b>Difficulty</b> is the mean share of a question's points: 1 means that everybody has them all.
<b>Discrimination</b> is the correlation of a question's points with those of the rest of the quiz:
near 0, it does not tell who knows the rest; below 0, who does well elsewhere does badly here.
<b>Best</b> and <b>worst quarter</b> are by the rest of the quiz, too. A good wrong answer is chosen
more often by the worst quarter. <b>Alpha</b> (Cronbach's) says how far the questions go together:
1 is a ruler, 0 is dice. A low one has two usual reasons, few questions, or questions about
different things; from it follows the standard error of a student's points.</p>
<p>In brackets stand 95 % intervals. Hand-ins that nobody could read are counted apart and nowhere
else. A blank counts as 0 points and as no answer.</p></details>
"""
STYLE = "<style>tr.right td { font-weight: 600; } svg { max-width: 100%; }</style>\n"


def as_html(
    course: Path,
    bank: Path,
    names: Iterable[str] = (),
    tell: Callable[[str], None] = lambda text: None,
) -> str:
    """The report of the graded quizzes. Raises CourseError when there are none."""
    with opened(Path(course), bank, tell) as (store, quizzes):
        parts = [
            _section(one, analyse(one, partial(store.own, one.quiz)))
            for one in sheets(store, quizzes, names)
        ]
    return page("Quiz report", "<h1>Quiz report</h1>\n" + STYLE + LEGEND + "\n".join(parts))


def distribution(sheet: Sheet) -> list[int]:
    """How many have from 0, 10, ... 90 % of the points on; a hand-in that is open is left out."""
    shares = _shares(sheet)
    counts = [0] * BINS
    for share in shares:
        counts[min(BINS - 1, max(0, int(share * BINS)))] += 1
    return counts


def _shares(sheet: Sheet) -> list[float]:
    most = sheet.quiz.points
    return [row.total / most for row in sheet.rows if row.record and row.whole and most]


def _section(sheet: Sheet, found: Analysis) -> str:
    quiz = sheet.quiz
    states = Counter(row.state for row in sheet.rows)
    told = ", ".join(f"{escape(k.replace('_', ' '))} {v}" for k, v in sorted(states.items()))
    shares = _shares(sheet)
    mean = f"{100 * statistics.fmean(shares):.0f} %" if shares else "not known"
    seconds = [row.record["seconds"] for row in sheet.rows if row.record] or [0.0]
    unread = (
        f"<p>{_hand_ins(found.unreadable)} could not be read, and counted nowhere below.</p>"
        if found.unreadable
        else ""
    )
    return (
        f"<section><h2>{escape(quiz.title)}</h2><p>{_hand_ins(found.students)} ({told}); mean "
        f"{mean} of {number(quiz.points)} points; time to grade: median "
        f"{statistics.median(seconds):.2g} s, longest {max(seconds):.2g} s.</p>{unread}"
        f"{_bars(distribution(sheet))}<p>{_reliable(found)}</p>{_suspects(found)}"
        f"{_questions(found)}{''.join(map(_answers, found.items))}{_open(sheet)}</section>"
    )


def _hand_ins(count: int) -> str:
    return f"{count} hand-in{'' if count == 1 else 's'}"


def _bars(counts: list[int]) -> str:
    top = max(counts) or 1
    bars = "".join(
        f'<rect x="{i * 40 + 4}" y="{100 - 90 * n / top:.1f}" width="32" '
        f'height="{90 * n / top:.1f}" fill="#0072b2"></rect>'
        f'<text x="{i * 40 + 20}" y="114" font-size="10" text-anchor="middle" '
        f'fill="currentColor">{i * 10}%</text>'
        f'<text x="{i * 40 + 20}" y="{96 - 90 * n / top:.1f}" font-size="10" '
        f'text-anchor="middle" fill="currentColor">{n}</text>'
        for i, n in enumerate(counts)
    )
    label = f"Hand-ins per tenth of the points, from 0 % on: {', '.join(map(str, counts))}"
    return (
        f'<svg viewBox="0 -10 400 130" width="400" role="img" aria-label="{label}">{bars}</svg>'
        "<p>Hand-ins by the share of the points that they reached.</p>"
    )


def _reliable(found: Analysis) -> str:
    """A sentence or two on how far the points can be trusted."""
    text = ""
    if found.left_out:
        text = f"Left out as long as their points are open: {', '.join(found.left_out)}. "
    if found.whole < FEWEST:
        return escape(
            f"{text}With {_hand_ins(found.whole)} whose points are all known, reliability and "
            f"discrimination would be chance; they are told from {FEWEST} on."
        )
    if found.reliability is None:
        return escape(f"{text}Reliability needs two questions whose points differ.")
    one = found.reliability
    text += (
        f"Reliability (Cronbach's alpha): {_estimate(one.alpha)}, from {one.questions} questions "
        f"and {_hand_ins(one.students)}. A student's points are uncertain by about "
        f"{one.error:.1f} either way (standard error of measurement)."
    )
    if one.alpha.low < 0.5:
        text += " That is too uncertain to rank single students by."
    if found.whole < FEW:
        text += f" With fewer than {FEW} hand-ins all of this is rough; look at the intervals."
    return escape(text)


def _estimate(one: Estimate) -> str:
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"


def _suspects(found: Analysis) -> str:
    items = "".join(
        f"<li><b>{escape(i.question.id)}</b>: {escape(i.suspect)}</li>"
        for i in found.items
        if i.suspect
    )
    if not items:
        return ""
    return (
        f"<h3>Look at the key of</h3><ul>{items}</ul><p>If it is wrong: <code>corrections</code> "
        "in <code>course.yaml</code>, then <code>course quiz grade</code>.</p>"
    )


def _row(cells: Iterable[object], mark: str = "td") -> str:
    return "<tr>" + "".join(f"<{mark}>{escape(c)}</{mark}>" for c in cells) + "</tr>"


def _questions(found: Analysis) -> str:
    rows = "".join(
        _row(
            (
                i.question.id,
                number(i.question.points),
                i.asked,
                "" if i.difficulty is None else f"{i.difficulty:.2f}",
                "" if i.discrimination is None else _estimate(i.discrimination),
                _remark(i),
            )
        )
        for i in found.items
    )
    head = _row(("question", "points", "hand-ins", "difficulty", "discrimination", "remark"), "th")
    return rendering.table("Questions", head + rows)


def _remark(item: Item) -> str:
    if item.question.credit:
        return "everybody has the points"
    if item.scored < item.asked:
        return f"{item.asked - item.scored} wait for points"
    if item.suspect:
        return "is the key right?"
    if item.discrimination is not None and item.discrimination.high < 0:
        return "who knows the rest fails here"
    return ""


def _answers(item: Item) -> str:
    """The table of what was answered to one question, folded."""
    if not item.answers:
        return ""
    split = item.answers[0].best is not None
    heads = ["answer", "chosen", *(["best quarter", "worst quarter"] if split else [])]
    rows = "".join(
        _row(_cells(one, split)).replace("<tr>", '<tr class="right">' if one.right else "<tr>", 1)
        for one in item.answers
    )
    q = item.question
    prompt = " ".join(q.prompt.split())
    table = rendering.table(f"Answers to {q.id}", _row([*heads, "stands for"], "th") + rows)
    return (
        f"<details{' open' if item.suspect else ''}>"
        f"<summary>{escape(q.id)}: {escape(_short(prompt, 90))}</summary>"
        f"{rendering.markdown(q.prompt.strip(), dict(q.pictures))}"
        f"{table}</details>"
    )


def _cells(one: Answer, split: bool) -> list[str]:
    shares = [f"{one.count} ({100 * one.share:.0f}\u00a0%)"]
    if split:
        shares += ["" if x is None else f"{100 * x:.0f}\u00a0%" for x in (one.best, one.worst)]
    name = _short(f"{one.label} {' '.join(one.text.split())}", LONGEST)
    return [name, *shares, "the right answer" if one.right else " ".join(one.stands_for.split())]


def _short(text: str, most: int) -> str:
    return textwrap.shorten(text, most, placeholder=" \u2026")


def _open(sheet: Sheet) -> str:
    if not sheet.open:
        return ""
    groups: dict[str, list[str]] = {}  # who waits for the same thing stands in one line
    for row in sheet.open:
        text = f"{row.state}. {_reasons(row.open, len(sheet.quiz.questions))}"
        groups.setdefault(text, []).append(row.student)
    items = "".join(
        f"<li>{escape(', '.join(names))}: {escape(text)}</li>" for text, names in groups.items()
    )
    return f"<h3>Open: {len(sheet.open)}</h3><ul>{items}</ul>"


def _reasons(texts: Iterable[str], questions: int) -> str:
    """Reasons such as ``question: text``, each text once."""
    found: dict[str, list[str]] = {}
    for text in texts:
        name, colon, reason = text.partition(": ")
        whole = not colon or " " in name
        found.setdefault(text if whole else reason, []).extend([] if whole else [name])
    return " | ".join(
        f"{', '.join(names)}: {reason}" if 0 < len(names) < questions else reason
        for reason, names in found.items()
    )
