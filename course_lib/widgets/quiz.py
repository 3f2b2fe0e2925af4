"""A quiz in the student's notebook: each answer cell says, when it was run, how it is read.

    start({"l01-layers": "choice 4"})    what the first code cell of a quiz does

Choices get buttons where widgets can be shown; typing the letter is the same. Nothing here knows a
key: see ``course_lib.questions.answering``.
"""

from __future__ import annotations

from typing import Any

from IPython import get_ipython
from IPython.display import display

from course_lib.questions import answering
from course_lib.questions.literals import NotALiteral, parse_literal
from course_lib.questions.scoring import letters_of
from course_lib.questions.verdict import Verdict

try:
    from course_lib.widgets.clicking import Clicking
except ImportError:  # without widgets letters are typed
    Clicking = None  # type: ignore[assignment,misc]


def start(facts: dict[str, str]) -> Verdict:
    """Say from now on after each run of an answer cell how it is understood."""
    answering.know(facts)
    shell = get_ipython()
    if shell is None:
        return Verdict("noted", "There is no notebook here.")
    for old in list(shell.events.callbacks["post_run_cell"]):
        if getattr(old, "__name__", "") == after_cell.__name__:  # this cell was run before
            shell.events.unregister("post_run_cell", old)
    shell.events.register("post_run_cell", after_cell)
    return Verdict(
        "noted",
        "Run an answer cell, and it says how it is understood; a choice can then be clicked. "
        "Nothing here tells what is right.",
    )


def after_cell(result: Any) -> None:
    """What IPython calls after a cell: shows how it was understood, if it is an answer cell."""
    info = getattr(result, "info", None)
    found = answering.asked_in(getattr(info, "cell_id", None))
    if found is None:
        return
    kind, _, rest = found[1].partition(" ")
    if kind in ("code", "written"):
        return
    verdict = answering.shown(*answering.understood(found[1], info.raw_cell))
    if kind == "numeric" or Clicking is None:
        display(verdict)
        return
    try:
        chosen = sorted(letters_of(parse_literal(info.raw_cell), int(rest)) or ())
    except NotALiteral:
        chosen = []
    several = kind == "multiple"
    display(Clicking(count=int(rest), multiple=several, chosen=chosen, words=verdict.text))
