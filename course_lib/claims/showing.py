"""One result per claim in a lesson: the stored full-size chart, and beside it the learner's own."""

from collections.abc import Callable

from course_lib.errors import CourseError
from course_lib.lab import store
from course_lib.lab.claim import Claim, Judgement, Result

LAB_BOOK = "90_lab_book.ipynb"


def show_claim(
    claim: Claim, mine: Result | None = None, beside: Callable[[str], str] | None = None
) -> None:
    """The full-size result with its chart and one plain sentence; rule, interval and rows fold.

    mine: the learner's own small run: the text says whether it agrees, and why it may not. Where
    nothing is stored yet, mine is what is shown.
    beside: verdict -> what the other instrument says, or nothing.
    """
    from IPython.display import Markdown, display

    try:
        stored = store.stored_result(claim, mine.track if mine else "world")
    except CourseError as missing:
        if mine is None:
            display(Markdown(f"*Not measured at full size yet: {missing}*"))
            return
        stored = None
    shown = stored or mine
    assert shown is not None
    shown.figure_with_alt()
    lines = [f"**{claim.tag}. {claim.statement}**"]
    if stored:
        lines.append(f"Full size, {_draws(stored)}: {stored.told}")
    if mine:
        lines.append(f"Your run just now, {_draws(mine)}: {mine.told} {difference(mine, stored)}")
    if beside and shown.track == "world" and (other := beside(shown.verdict)):
        lines.append(other)
    lines.append(f"[Why do we believe that?]({LAB_BOOK}#{claim.tag})")
    display(Markdown("\n\n".join([*lines, shown.folded()])))


def difference(mine: Result, stored: Result | None) -> str:
    """Whether a small run agrees with the full-size study, and why it may not."""
    if stored is None:
        return "The full-size study is not measured yet on this track."
    smaller = _smaller(mine, stored)
    if mine.verdict == stored.verdict:
        return "The same verdict."
    why = f"yours has {smaller}" if smaller else "draws differ"
    if mine.verdict == "undecided":
        way = "the same way" if _same_way(mine, stored) else "another way"
        return f"It points {way}, and is too small to be sure: {why}."
    return f"It says otherwise: {why}. The more draws, the more weight."


def _same_way(mine: Result, stored: Result) -> bool:
    """Whether the numbers of both lie on the same side of each threshold, however unsure."""
    theirs = {one.part.name: one for one in stored.judged}
    return all(
        _as_asked(one) == _as_asked(theirs[one.part.name])
        for one in mine.judged
        if one.part.name in theirs
    )


def _as_asked(one: Judgement) -> bool:
    part, value = one.part, one.estimate.value
    if part.within is not None:
        return abs(value) <= part.within
    return value > part.above if part.above is not None else value < part.threshold


def _smaller(mine: Result, stored: Result) -> str:
    """What the small run has less of, in words."""
    words = {
        "seed": ("draw", "draws"),
        "train": ("number of labels", "numbers of labels"),
        "strategy": ("strategy", "strategies"),
    }
    less = []
    for column, (one, many) in words.items():
        counts = [r.rows[column].nunique() if column in r.rows else 0 for r in (mine, stored)]
        if 0 < counts[0] < counts[1]:
            what = one if counts[0] == 1 else many
            less.append(f"{counts[0]} {what} instead of {counts[1]}")
    return ", ".join(less)


def _draws(result: Result) -> str:
    if "seed" not in result.rows:  # counted or timed, not drawn
        return "measured once"
    draws = result.rows["seed"].nunique()
    return f"{draws} draw{'s' if draws != 1 else ''}"
