"""A claim as data, and its result.

What a person reads of a claim, its rule, verdict, intervals, sentence, alt text and table, is made
from its parts and its plot, so that none of them can say another thing than the rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from course_lib.lab.plots import Plot
from course_lib.lab.quantities import DRAW
from course_lib.lab.verdicts import (
    HOLDS,
    NO_DIFFERENCE,
    REFUTED,
    Judgement,
    Part,
    judge_parts,
    together,
)
from course_lib.measure.tables import fold, markdown_table

FIRST = "first edition"  # the code of rows that are older than the rules by which they are judged

Trials = Callable[[dict], list[dict]]


def as_they_are(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


@dataclass(frozen=True)
class Claim:
    """One claim of the course.

    tag: such as "C06". statement: as it is usually told.
    primary: the parts that decide, all of which must hold. details: parts that are told but don't
    decide. plot: what is drawn.
    trials(size): what is measured in a run of this size, one dictionary each. measure(trial): its
    numbers. labels: entries of a trial that only name it (the same trial under another name is
    measured once).
    tidy(rows): more columns, computed from measured ones, for parts and plot.
    live, quick, full: what decides the size of a run in a lesson, in a test and in a study.
    photos: settings that change where it is measured on photographs, None where it cannot be.
    why_not: then, what photographs lack.
    note: what a reader must know to read it rightly, such as what was looked at beforehand.
    tuning: a lab.tuning.Tuning, by which the settings of its rivals are chosen on other draws.
    """

    tag: str
    lesson: str
    statement: str
    primary: tuple[Part, ...]
    plot: Plot
    trials: Trials
    measure: Callable[[dict], dict]
    live: dict
    quick: dict
    full: dict
    details: tuple[Part, ...] = ()
    labels: tuple[str, ...] = ()
    tidy: Callable[[pd.DataFrame], pd.DataFrame] = as_they_are
    photos: dict | None = None
    why_not: str = ""
    note: str = ""
    tuning: Any = None

    @property
    def rule(self) -> str:
        """When it holds, in words: what decides, then what is told besides."""
        parts = _upper("; ".join(part.rule for part in self.primary))
        text = f"The whole 95 % interval over draws must lie where the rule says. {parts}"
        if len(self.primary) > 1:
            text += ". All must hold; one that is refuted refutes the claim"
        if self.details:
            text += ". Told besides: " + "; ".join(part.rule for part in self.details)
        return text + "."


@dataclass(frozen=True)
class Result:
    """What a run of a claim came to.

    rows: a DataFrame, one line per trial: what was asked and what was measured; nested entries are
    named with dots ("skill.layer4.class"). judged: the parts that decide; details: the others.
    track: what it was measured on. stored: of stored rows where they come from; empty for a live
    run. unfinished: what a stopped study still lacks.
    """

    claim: Claim
    rows: pd.DataFrame
    judged: tuple[Judgement, ...]
    details: tuple[Judgement, ...] = ()
    track: str = "world"
    stored: dict = field(default_factory=dict)
    unfinished: str = ""

    @property
    def verdict(self) -> str:
        return "undecided" if self.unfinished else together([one.verdict for one in self.judged])

    @property
    def sentence(self) -> str:
        """What decided, in one or two sentences."""
        told = "; ".join(one.sentence for one in self.judged) or "No part could be judged"
        return " ".join(filter(None, (self.unfinished, told[0].upper() + told[1:] + ".")))

    @property
    def alt(self) -> str:
        return self.claim.plot.alt(self.claim.tidy(self.rows))

    @property
    def told(self) -> str:
        """Verdict and what decided it in one plain sentence, without the statistics behind it."""
        verdict = self.verdict.capitalize()
        if not self.judged:
            return f"**{verdict}.** Nothing could be judged."
        if len(self.judged) < 3:
            return f"**{verdict}.** {_upper('; '.join(_plain(one) for one in self.judged))}."
        alike = [one for one in self.judged if one.verdict == self.verdict] or list(self.judged)
        count = f"{len(alike)} of {len(self.judged)}"
        how = {
            HOLDS: f"All {len(self.judged)} parts of the rule do",
            REFUTED: f"{count} parts of the rule are refuted",
            NO_DIFFERENCE: f"{count} parts of the rule make no difference that matters",
        }.get(self.verdict, f"{count} parts of the rule cannot be decided")
        return f"**{verdict}.** {how}, such as {_plain(alike[0])}."

    def table(self) -> pd.DataFrame:
        """The numbers behind the plot."""
        return self.claim.plot.table(self.claim.tidy(self.rows))

    def judgements(self) -> pd.DataFrame:
        """Every part with its number, interval, draws and verdict, one line each."""
        lines = [
            {
                "part": one.part.rule,
                "decides": one in self.judged,
                "value": one.part.unit(one.estimate.value),
                "95 % interval": one.interval,
                "n": one.estimate.n,
                "verdict": one.verdict,
                "could tell apart": one.told_apart,
            }
            for one in (*self.judged, *self.details)
        ]
        return pd.DataFrame(lines)

    def figure(self):
        """The matplotlib figure; drawn in the course's look inside measure.figures.style()."""
        return self.claim.plot.draw(self.claim.tidy(self.rows))

    def figure_with_alt(self) -> None:
        """Show the figure with its alt text."""
        from course_lib.measure.figures import show, style

        with style():
            show(self.figure(), self.alt, table=False)

    def show(self) -> None:
        """Verdict and chart; rule, intervals and rows fold away below."""
        from IPython.display import Markdown, display

        self.figure_with_alt()
        display(Markdown(self._repr_markdown_()))

    def _repr_markdown_(self) -> str:
        return (
            f"**{self.claim.tag}. {self.claim.statement}**\n\n"
            f"**Verdict: {self.verdict}.** {self.sentence}\n\n{self.folded()}"
        )

    def folded(self) -> str:
        """Rule, parts and the chart's numbers as Markdown, folded away."""
        return "\n\n".join(
            (
                fold(f"Rule, {self._age_of_rule}, and every part of it", self._about()),
                fold("The numbers of the chart", markdown_table(self.table())),
            )
        )

    @property
    def _age_of_rule(self) -> str:
        older = self.stored.get("code") == FIRST
        return "younger than these rows of the first edition" if older else "fixed before the run"

    def _about(self) -> str:
        lines = [self.claim.rule, markdown_table(self.judgements())]
        if self.claim.note:
            lines.append(self.claim.note)
        if self.stored and self.claim.tuning and (edges := self.claim.tuning.edges()):
            lines.append(edges)
        if self.stored:
            lines.append(
                f"*Stored rows of a full-size run ({self.track}): {len(self.rows)} trials, "
                f"{self.stored['code']}, measured {self.stored['date']}, torch "
                f"{self.stored['torch']}, {self.stored['processor']}, weights "
                f"{self.stored['weights'][:8]}.*"
            )
        return "\n\n".join(lines)


def result_of(
    claim: Claim,
    rows: pd.DataFrame,
    all_of_them: bool = False,
    **about,
) -> Result:
    """Judge rows. all_of_them: raise NotMeasured when a part finds no rows."""
    tidy = claim.tidy(rows)
    return Result(
        claim,
        rows,
        tuple(judge_parts(claim.primary, tidy, all_of_them)),
        tuple(judge_parts(claim.details, tidy, all_of_them)),
        **about,
    )


def frame(trials: Sequence[dict], numbers: Sequence[dict]) -> pd.DataFrame:
    """Rows of a DataFrame from trials and what was measured; nested entries get dotted names."""
    rows = [{**trial, **found} for trial, found in zip(trials, numbers, strict=True)]
    found = pd.json_normalize(rows)
    return found.sort_values(DRAW, kind="stable", ignore_index=True) if DRAW in found else found


def _plain(one: Judgement) -> str:
    value = one.part.unit(one.estimate.value)
    enough = one.told_apart and one.estimate.n > 2  # two draws tell next to nothing apart
    could = f"; this much data tells {one.told_apart} apart" if enough else ""
    return f"{one.part.name}: {value} (asked for: {one.part.asked}{could})"


def _upper(text: str) -> str:
    """The first letter as a capital, the rest as it is: names of stages keep their letters."""
    return text[:1].upper() + text[1:]
