"""The ledger as a page, docs/ledger.md: made from the stored rows, so that it says what they do."""

import html
from collections.abc import Iterable

import pandas as pd

from course_lib.claims import claims, history, on_other_nets, on_photographs, stored_results
from course_lib.claims.real_x_rays import stored_real
from course_lib.lab import store, tuning
from course_lib.lab.claim import FIRST, Claim, Result
from course_lib.lab.ledger import NOT_YET, ledger
from course_lib.lab.verdicts import UNDECIDED
from course_lib.measure.tables import markdown_table

ABOUT = """# Ledger

*Made by `python tools/make_ledger.py` from the stored rows; a test holds it to them.*

Every claim of the course, as it was judged on two instruments: the **image world** with WorldNet,
and **photographs** with {net}. *Not measured* is an allowed state. *Undecided* says how large a
difference this much data would have told apart four times in five. *After Holm* is what is left
when all claims of the image world are asked together; photographs are not in it. Where all draws
share their test pictures, the interval is that over draws alone, unless the note says otherwise.
Hours are those of one core, which with one worker is also the wall time: of the rows that are
judged and of the tuning before them, beside other work; rows of the first edition did not always
keep them. *Runs* counts the studies, discarded ones too: the first edition's where its rows were
measured anew, and those that a note tells of. *Second look*: draws were added after a first verdict
was seen, which the interval does not know. Rules and charts stand in the lab book."""


def page() -> str:
    """The whole page as Markdown."""
    world, photos = stored_results(), on_photographs.stored()
    text = "\n\n".join(
        (
            ABOUT.format(net=on_photographs.NET),
            "## All claims",
            markdown_table(overview(world, photos)),
            "## Verdicts that changed since the first edition",
            markdown_table(changed(world)),
            "## What photographs were asked",
            *(f"**{tag}.** {one.claim.statement} {one.told} {one.claim.note}"
              for tag, one in photos.items()),
            "Beside these, WorldNet on real X-rays (lesson 06):",
            _real_x_rays(),
            "## The same on nets of other pretraining seeds",
            on_other_nets.about(),
            markdown_table(on_other_nets.table()),
            "## What to know of each claim, such as what was looked at beforehand",
            *(f"**{tag}.** {told}" for tag, claim in claims().items() if (told := _notes(claim))),
        )
    )  # fmt: skip
    return html.unescape(text) + "\n"


def overview(world: dict[str, Result | None], photos: dict[str, Result]) -> pd.DataFrame:
    """A line for each claim."""
    lines = []
    for one in ledger(claims(), world, photos).to_dict("records"):
        tag = one["claim"]
        result, there = world.get(tag), photos.get(tag)
        rows = _rows(tag, result)
        lines.append(
            {
                "claim": tag,
                "what it says": one["statement"],
                "image world": _verdict(result),
                "after Holm": one["after Holm"],
                "draws": one["n"],
                "photographs": _there(there) if there else one["photographs"],
                "draws there": _draws(there),
                "hours": hours(rows),
                "runs": runs(tag, result),
                "measured": ", ".join(sorted({row["date"] for row in rows})),
            }
        )
    return pd.DataFrame(lines)


def changed(world: dict[str, Result | None]) -> pd.DataFrame:
    """A line for each claim whose verdict is not that of the first edition, with the reason."""
    return pd.DataFrame(
        [
            {
                "claim": tag,
                "first edition": first,
                "now": _now(world[tag]),
                "why": history.REASONS[tag],
            }
            for tag, first in sorted(history.FIRST.items())
            if _now(world[tag]) != first
        ]
    )


def hours(rows: Iterable[dict]) -> str:
    """Core-hours that rows took; how many of them did not keep it is said."""
    took = [row["took"] for row in rows]
    kept = [one for one in took if one is not None]
    if not kept:
        return "not kept"
    some = "" if len(kept) == len(took) else f" ({len(took) - len(kept)} rows did not keep it)"
    return f"{sum(kept) / 3600:.2f}{some}"


def runs(tag: str, result: Result | None) -> int:
    """How many studies there were of a claim, those included whose rows do not count."""
    anew = tag in history.FIRST and result is not None and result.stored["code"] != FIRST
    return 1 + anew + history.DISCARDED.get(tag, 0)


def _rows(tag: str, result: Result | None) -> list[dict]:
    """The rows behind a line: those judged, tuning, photographs, other nets."""
    nets = (on_other_nets.FOLDER / net.name for net in on_other_nets.NETS)
    chosen = (net.choices for net in on_other_nets.NETS)
    folders = (tuning.RESULTS, on_photographs.FOLDER, *nets, *chosen)
    judged = [
        row
        for row in store.open_study(tag).rows
        if result is None or row["code"] == result.stored["code"]
    ]
    return judged + [row for folder in folders for row in store.open_study(tag, folder).rows]


def _notes(claim: Claim) -> str:
    return " ".join(filter(None, (claim.note, claim.tuning.edges() if claim.tuning else "")))


def _real_x_rays() -> str:
    real = stored_real()
    return f"**{real.claim.tag}.** {real.claim.statement} {real.told} {real.claim.note}"


def _now(result: Result | None) -> str:
    return result.verdict if result else NOT_YET


def _verdict(result: Result | None) -> str:
    """The verdict; where it is open, what could have been told apart, part by part."""
    if result is None or result.verdict != UNDECIDED:
        return _now(result)
    could = [one.told_apart for one in result.judged if one.told_apart]
    return f"{UNDECIDED} (could have told apart {', '.join(could)})" if could else UNDECIDED


def _there(result: Result) -> str:
    other = " (another question, see below)" if on_photographs.is_another(result) else ""
    looked = " (second look)" if result.claim.tag in history.SECOND_LOOKS else ""
    return _verdict(result) + looked + other


def _draws(result: Result | None) -> str:
    return str(min((one.estimate.n for one in result.judged), default=0)) if result else ""
