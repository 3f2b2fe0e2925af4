"""All claims in one table: what was found on each instrument, and what is left of it after Holm."""

from collections.abc import Mapping, Sequence

import pandas as pd

from course_lib.lab.claim import Claim, Result
from course_lib.lab.verdicts import UNDECIDED, Judgement, together
from course_lib.measure.intervals import holm

ALPHA = 0.05
NOT_YET = "not measured yet"
ONCE = "measured once"


def after_holm(results: Mapping[str, Result | None]) -> dict[str, str]:
    """The verdicts when all primary parts of all claims are asked together.

    A part stays decided when Holm's adjusted p-value is below 0.05. With many questions some are
    decided by chance: this is what a reader of the whole table should believe. What was counted or
    timed once has no chance that could be weighed, and says so.
    """
    judged = {
        tag: [] if result.unfinished else result.judged for tag, result in results.items() if result
    }
    once = {tag for tag, parts in judged.items() if parts and _once(parts)}
    parts = [(tag, one) for tag in judged.keys() - once for one in judged[tag]]
    adjusted = holm([one.p for _, one in parts]) if parts else []
    found: dict[str, list[str]] = {tag: [] for tag in judged}
    for (tag, one), p in zip(parts, adjusted, strict=True):
        found[tag].append(one.verdict if p < ALPHA else UNDECIDED)
    return {tag: ONCE if tag in once else together(found[tag]) for tag in judged}


def _once(parts: Sequence[Judgement]) -> bool:
    return all(one.estimate.n < 2 for one in parts)


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
