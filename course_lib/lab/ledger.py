"""All claims in one table: what was found on each instrument, and what is left of it after Holm."""

from collections.abc import Mapping

import pandas as pd

from course_lib.lab.claim import Claim, Result
from course_lib.lab.verdicts import UNDECIDED, together
from course_lib.measure.intervals import holm

ALPHA = 0.05
NOT_YET = "not measured yet"


def after_holm(results: Mapping[str, Result | None]) -> dict[str, str]:
    """The verdicts when all primary parts of all claims are asked together.

    A part stays decided when Holm's adjusted p-value is below 0.05. With many questions some are
    decided by chance: this is what a reader of the whole table should believe.
    """
    parts = [
        (tag, one)
        for tag, result in results.items()
        if result is not None and not result.unfinished
        for one in result.judged
    ]
    adjusted = holm([one.p for _, one in parts]) if parts else []
    found: dict[str, list[str]] = {tag: [] for tag, result in results.items() if result}
    for (tag, one), p in zip(parts, adjusted, strict=True):
        found[tag].append(one.verdict if p < ALPHA else UNDECIDED)
    return {tag: together(verdicts) for tag, verdicts in found.items()}


def ledger(
    claims: Mapping[str, Claim],
    world: Mapping[str, Result | None],
    photos: Mapping[str, Result | None],
) -> pd.DataFrame:
    """One line per claim: statement, verdict on each instrument and after Holm, n, date, hash."""
    careful, lines = after_holm(world), []
    for tag, claim in claims.items():
        mine, real = world.get(tag), photos.get(tag)
        stored = mine.stored if mine else {}
        no_photos = f"not there: needs {claim.why_not}" if claim.why_not else "not measured there"
        lines.append(
            {
                "claim": tag,
                "lesson": claim.lesson,
                "statement": claim.statement,
                "image world": mine.verdict if mine else NOT_YET,
                "after Holm": careful.get(tag, ""),
                "photographs": real.verdict
                if real
                else NOT_YET
                if claim.photos is not None
                else no_photos,
                "n": min((one.estimate.n for one in mine.judged), default=0) if mine else 0,
                "date": stored.get("date", ""),
                "rows": stored.get("hash", ""),
                "code": stored.get("code", ""),
            }
        )
    return pd.DataFrame(lines)
