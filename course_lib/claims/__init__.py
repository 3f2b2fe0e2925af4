"""Every claim of the course as an experiment: predict, run, explain.

    from course_lib.claims import run_claim, stored_result
    result = run_claim("C06")
    result.verdict, result.sentence, result.rows

A claim says beforehand which trials it needs and by which rule they are judged. `run_claim`
measures the trials and judges them; `course claims run C06` does the same at full size and stores
the rows. One file holds the claims of a lesson; trials/ holds what a trial measures.
"""

from functools import partial
from importlib import import_module
from pathlib import Path

from course_lib import checks
from course_lib.claims import showing
from course_lib.claims.photographs import forgotten_table, photographs_table, ratios_table
from course_lib.lab import running, store, tuning
from course_lib.lab.claim import Claim, Result

LESSONS = ("01", "02", "03", "04", "05", "06", "07")


def claims() -> dict[str, Claim]:
    """All claims by tag, in order."""
    found = {}
    for lesson in LESSONS:
        for one in import_module(f"course_lib.claims.lesson{lesson}").CLAIMS:
            found[one.tag] = one
    return dict(sorted(found.items()))


def claim(tag: str) -> Claim:
    """The claim with this tag, such as "C06". Raises CourseError for an unknown one."""
    known = claims()
    return known[checks.one_of(tag, "claim", known)]


def run_claim(tag: str, size: str | None = None, progress: bool = True, **changes) -> Result:
    """Measure the trials of a claim and judge them.

    On the photos track a claim that photographs can show is measured on them, at a size of its own;
    the others are measured in the image world and say so.

    Args:
        tag: such as "C06".
        size: "live" (default), "quick" (the default when COURSE_QUICK=1) or "full".
        progress: show a bar.
        changes: single settings of the size, such as train=50 or seeds=(0, 1, 2, 3, 4).

    Raises:
        CourseError: an unknown claim, size or setting.
    """
    return running.run(claim(tag), size, progress, **changes)


def run_and_store(tag: str, **how) -> Result:
    """The full-size run of a claim, stored row by row; see lab.running.run_and_store.

    A claim whose rivals are tuned chooses their settings first, if that has not been done.
    """
    one = claim(tag)
    if one.tuning and how.get("track", "world") == "world":
        tuning.run(one.tuning, say=how.get("say", print))
    return running.run_and_store(one, claims().values(), **how)


def stored_result(tag: str, track: str = "world", folder: Path | None = None) -> Result:
    """The stored full-size run of a claim; see lab.store.stored_result."""
    return store.stored_result(claim(tag), track, folder)


def show_claim(tag: str, mine: Result | None = None) -> None:
    """One result per claim: full-size chart and sentence, the own run beside it, and a sentence on
    what photographs gave."""
    showing.show_claim(claim(tag), mine, partial(_photographs().beside, tag))


def _photographs():
    """Imported when asked for, as lessons are: it needs their claims."""
    return import_module("course_lib.claims.on_photographs")


def stored_results(folder: Path | None = None, track: str = "world") -> dict[str, Result | None]:
    """Every claim by tag with its stored run on a track, or None where there is none to judge.

    On photographs these are the runs of claims.on_photographs, where there are any.
    """
    results: dict[str, Result | None] = {}
    for tag, one in claims().items():
        try:
            results[tag] = store.stored_result(one, track, folder)
        except store.Unfinished:
            results[tag] = None
    if track == "photos" and folder is None:
        results.update(_photographs().stored())
    return results


__all__ = [
    "Claim",
    "Result",
    "claim",
    "claims",
    "forgotten_table",
    "photographs_table",
    "ratios_table",
    "run_and_store",
    "run_claim",
    "show_claim",
    "stored_result",
    "stored_results",
]
