"""A page per claim, with its rows as CSV, and the table of them all."""

import html
from collections.abc import Collection
from pathlib import Path

from site_frame import markdown, page

from course_lib.claims import claims, stored_results
from course_lib.files import write_atomically
from course_lib.lab.claim import Claim, Result
from course_lib.lab.ledger import ledger
from course_lib.lab.verdicts import Part
from course_lib.measure.figures import picture, style
from course_lib.measure.tables import fold, markdown_table

TRACKS = {"world": "In the image world, with WorldNet", "photos": "On photographs"}
BACK = '<a href="index.html">Lab book</a>'


def make(folder: Path, only: Collection[str] | None = None) -> list[str]:
    """Write claims/index.html and a page for each claim (only these tags); gives all tags."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {track: stored_results(track=track) for track in TRACKS}
    for tag, claim in claims().items():
        if only is not None and tag not in only:
            continue
        results = {track: found[track].get(tag) for track in TRACKS}
        for track, result in results.items():
            if result:
                text = result.rows.to_csv(index=False)
                write_atomically(folder / _csv(tag, track), text)
        body = markdown(text_of(claim, results))
        write_atomically(folder / f"{tag}.html", page(claim.statement, body, "../", BACK))
    table = ledger(claims(), found["world"], found["photos"])
    table["claim"] = [f"[{tag}]({tag}.html)" for tag in table["claim"]]
    shown = table[["claim", "lesson", "statement", "image world", "after Holm", "photographs", "n"]]
    body = markdown(f"# Lab book\n\n{ABOUT}\n\n{_links(markdown_table(shown))}")
    write_atomically(folder / "index.html", page("Lab book", body, "../"))
    return list(claims())


ABOUT = """Every claim of the course: what it says and what was found. The rule by which each was
judged stood before the run. *Holds*: the whole 95 % interval lies where the claim says. *Does not
hold here*: it lies wholly elsewhere. *No difference that matters*: that, and the difference is too
small to care about. *Undecided*: the interval covers the threshold. With so many claims some are
decided by chance; *after Holm* says what remains when all are asked together."""


def _links(table: str) -> str:
    """markdown_table escapes nothing of a link, but quotes: as they were."""
    return table.replace("&#x27;", "'")


def _csv(tag: str, track: str) -> str:
    return f"{tag}.csv" if track == "world" else f"{tag}-{track}.csv"


def text_of(claim: Claim, results: dict[str, Result | None]) -> str:
    """The page as Markdown."""
    lines = [f"# {claim.tag}. {claim.statement}", f"Taught in lesson {claim.lesson}."]
    for track, title in TRACKS.items():
        lines.append(f"## {title}")
        lines += _found(claim, results[track], track)
    lines += ["## The rule, fixed before the run", claim.rule]
    lines += ["## What would change our mind", "\n".join(_minds(part) for part in claim.primary)]
    if claim.note:
        lines += ["## What to know when reading it", claim.note]
    lines += [
        "## Measure it yourself",
        f'Live, in seconds: `run_claim("{claim.tag}")` in a notebook.',
        f"At full size: `course claims run {claim.tag}`; to judge the stored rows again and repeat "
        f"some: `course claims check {claim.tag}`.",
    ]
    return "\n\n".join(lines)


def _found(claim: Claim, result: Result | None, track: str) -> list[str]:
    if result is None and track == "photos" and claim.photos is None:
        why = f"needs {claim.why_not}" if claim.why_not else "it was set up for the image world"
        return [f"Not measured there: {why}."]
    if result is None:
        return ["Not measured yet."]
    with style():
        data, _ = picture(result.figure(), result.alt)
    rows = f"[All {len(result.rows)} rows as CSV]({_csv(claim.tag, track)})"
    about = result.stored
    made = (
        f"{rows}: {about['code']}, {about['date']}, torch {about['torch']}, "
        f"{about['processor']}, weights {about['weights'][:8]}."
    )
    asked = result.claim.statement != claim.statement
    return [
        *([f"What was asked there: {result.claim.statement}"] if asked else []),
        f"**{result.verdict.capitalize()}.** {result.sentence}",
        data["text/html"],
        fold("Every part of the rule, judged", markdown_table(result.judgements())),
        fold("The numbers of the chart", markdown_table(result.table())),
        *([result.claim.note] if result.claim.note != claim.note else []),
        made,
    ]


def _minds(part: Part) -> str:
    name = html.escape(part.name)
    if part.within is not None:
        return f"- {name}: an interval wholly beyond ±{part.unit(part.within)}."
    side = "below" if part.above is not None else "above"
    return f"- {name}: an interval wholly {side} {part.unit(part.threshold)}."
