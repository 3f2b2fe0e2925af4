"""Cues: what tells a right choice to somebody who knows nothing of the matter.

Length, place and number of right choices must not: this looks at a whole bank, since in one
question something must be the longest. ``course quiz check`` prints what it finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import mean
from string import ascii_lowercase
from zlib import crc32

from course_lib.questions.question import Question
from course_lib.questions.scoring import score_value

# The rules. A bank of four choices that tells nothing has shares of a quarter.
MOST_BY_LENGTH = 0.45  # share of the right choices that are the longest, the second longest, ...
MOST_BY_PLACE = 0.45  # share of the right choices that stand at one letter
FIRST_OPTION = (0.30, 0.70)  # share of multiple questions in which option a is right
LENGTHS = 1.3  # longest over shortest choice of a question
ABOVE_GUESSING = 0.05  # share of the points that a rule without knowledge may earn beyond chance
FEW = 12  # questions: with fewer, chance alone makes such shares ...
ABOVE_WITH_FEW = 0.25  # ... and such earnings
FEWEST = 5  # questions of which anything can be said
WORDS = 4  # of an explanation, at least

_ALL_OR_NONE = re.compile(r"\b(all|none|both|neither) of (the above|these|them)\b", re.I)


@dataclass(frozen=True)
class Finding:
    """Something about a bank. ``grave``: it would give somebody wrong points, or none."""

    where: str
    text: str
    grave: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {'' if self.grave else 'hint: '}{self.text}"


def of(kind: str, questions: Iterable[Question]) -> list[Question]:
    return [q for q in questions if q.kind == kind]


def by_length(questions: Sequence[Question]) -> dict[str, float]:
    """Share of the choice questions whose right choice has this rank of length.

    One of several choices of the same length has the ranks of all of them, each in part.
    """
    places = {"longest": 0, "second longest": 1, "second shortest": -2, "shortest": -1}
    choice = of("choice", questions)

    def part(q: Question, place: int) -> float:
        ranks = _ranks(q)
        return ranks.count(place % len(q.choices)) / len(ranks)

    return {name: mean(part(q, place) for q in choice) for name, place in places.items()}


def _ranks(question: Question) -> list[int]:
    """The ranks, 0 for the longest, that the right choice shares with those of its length."""
    sizes = [len(c.text) for c in question.choices]
    own = len(next(c.text for c in question.choices if c.correct))
    first = sum(size > own for size in sizes)
    return list(range(first, first + sizes.count(own)))


def by_place(questions: Sequence[Question]) -> dict[str, float]:
    """Share of the choice questions whose right choice stands at this letter."""
    choice = of("choice", questions)
    return {k: n / len(choice) for k, n in Counter(q.key[0] for q in choice).items()}


def first_option(questions: Sequence[Question]) -> float:
    """Share of the multiple questions in which option a is right."""
    return mean("a" in q.key for q in of("multiple", questions))


# --- what somebody earns who knows nothing -------------------------------------------------------


def letters(question: Question) -> str:
    return ascii_lowercase[: len(question.choices)]


def everything(question: Question) -> list[str]:
    return list(letters(question))


def ranked(question: Question) -> str:
    """The letters, the longest choice first; of the same length in an order that means nothing."""
    texts = dict(zip(ascii_lowercase, (c.text for c in question.choices), strict=False))

    def place(letter: str) -> tuple[int, int]:
        return -len(texts[letter]), crc32(f"{question.id} {texts[letter]}".encode())

    return "".join(sorted(texts, key=place))


def longest(question: Question) -> str:
    return ranked(question)[0]


Rule = Callable[[Question], object]


def strategies(questions: Sequence[Question]) -> dict[str, Rule]:
    """Rules that look at no word: by length, by place (unless places are shuffled), by number."""
    most = max((len(q.choices) for q in questions), default=0)
    shuffled = any(q.shuffle for q in questions)
    found: dict[str, Rule] = {}
    for k, name in enumerate(("longest", "second longest", "third longest")):
        found[f"the {name}"] = lambda q, k=k: ranked(q)[min(k, len(q.choices) - 1)]
    found["the shortest"] = lambda q: ranked(q)[-1]
    if not shuffled:
        for letter in ascii_lowercase[:most]:
            found[f"always {letter}"] = lambda q, x=letter: x if x in letters(q) else letters(q)[-1]
    if questions and all(q.kind == "multiple" for q in questions):
        for k in range(2, most):
            found[f"the {k} longest"] = lambda q, k=k: list(ranked(q)[:k])
            found[f"the {k} shortest"] = lambda q, k=k: list(ranked(q)[-k:])
            if not shuffled:
                found[f"the first {k}"] = lambda q, k=k: list(letters(q)[:k])
                found[f"the last {k}"] = lambda q, k=k: list(letters(q)[-k:])
        found["everything"] = everything
    return found


def earned(questions: Sequence[Question], rule: Rule) -> float:
    """The share of all points that one rule earns."""
    points = sum(score_value(q, rule(q)).score or 0.0 for q in questions)
    return points / sum(q.points for q in questions)


def by_guessing(question: Question) -> float:
    """The share of the points that a blind guess earns on the mean: one choice of all, or any set
    of choices, all sets being equally likely."""
    if question.kind == "choice":
        return 1 / len(question.choices)
    sets = [
        ticked
        for k in range(1, len(question.choices) + 1)
        for ticked in combinations(letters(question), k)
    ]
    points = [score_value(question, list(ticked)).score or 0.0 for ticked in sets]
    return mean(points) / question.points


def guessing(questions: Sequence[Question]) -> float:
    return sum(by_guessing(q) * q.points for q in questions) / sum(q.points for q in questions)


# --- findings ------------------------------------------------------------------------------------


def cues(questions: Sequence[Question], where: str = "the bank") -> list[Finding]:
    """What length, place and number tell, over all of these questions."""
    found = []
    choice, multiple = of("choice", questions), of("multiple", questions)
    if len(choice) >= FEW:
        for name, share in by_length(choice).items():
            if share >= MOST_BY_LENGTH:
                text = f"the right choice is the {name} in {share:.0%} of {len(choice)} questions."
                found.append(Finding(where, text))
        placed = [q for q in choice if not q.shuffle]
        for letter, share in by_place(placed).items() if placed else ():
            if share >= MOST_BY_PLACE:
                text = f"{letter}) is right in {share:.0%} of {len(placed)} questions."
                found.append(Finding(where, text + " Move them, or say shuffle: true."))
    if len(multiple) >= FEWEST:
        low, high = FIRST_OPTION
        placed = [q for q in multiple if not q.shuffle]
        if len(placed) >= FEWEST and not low <= first_option(placed) <= high:
            share = first_option(placed)
            text = f"a) is right in {share:.0%} of {len(placed)} multiple questions."
            found.append(Finding(where, text))
        counts = {len(q.key) for q in multiple}
        if len(counts) == 1:
            text = f"all {len(multiple)} multiple questions have {counts.pop()} right choices."
            found.append(Finding(where, text))
    for name, group in (("choice", choice), ("multiple", multiple)):
        if len(group) < FEWEST:
            continue
        chance = guessing(group)
        for rule, answer in strategies(group).items():
            lucky = rule != "everything"  # that depends on no place and no length
            if lucky and len(group) < FEW:
                continue
            beyond = ABOVE_WITH_FEW if lucky and len(group) < 3 * FEW else ABOVE_GUESSING
            share = earned(group, answer)
            if share > chance + beyond:
                text = f"{rule} earns {share:.0%} of the points of {len(group)} {name} questions"
                found.append(Finding(where, f"{text}; a guess earns {chance:.0%}."))
    return found


def of_question(q: Question, where: str) -> list[Finding]:
    """What can be seen in one question alone."""
    found = []

    def hint(text: str) -> None:
        found.append(Finding(where, text))

    lengths = [len(" ".join(c.text.split())) for c in q.choices]
    if lengths and max(lengths) > LENGTHS * min(lengths):
        hint(
            f"its choices have {min(lengths)} to {max(lengths)} characters; the longest should "
            f"have at most {LENGTHS:g} times as many as the shortest."
        )
    texts = [" ".join(c.text.casefold().split()) for c in q.choices]
    if len(set(texts)) < len(texts):
        twice = next(t for t in texts if texts.count(t) > 1)
        found.append(Finding(where, f"two choices say the same: {twice!r}.", grave=True))
    whys = [" ".join(c.why.casefold().split()) for c in q.choices]
    if len(set(whys)) < len(whys):
        hint(
            "two choices have the same explanation; each wrong one stands for a mistake of its own."
        )
    for letter, c in zip(ascii_lowercase, q.choices, strict=False):
        if len(c.why.split()) < WORDS:
            hint(f"{letter}) is explained in fewer than {WORDS} words.")
        if _ALL_OR_NONE.search(c.text):
            hint(f"{letter}) speaks of the other choices ({c.text.strip()!r}); say what it means.")
    if q.kind == "numeric" and q.answer is not None:
        reach = max(q.tolerance, q.relative * abs(q.answer))
        if q.answer and reach >= abs(q.answer):
            text = f"a tolerance of {reach:g} about {q.answer:g} takes 0 as right."
            found.append(Finding(where, text, grave=True))
        for item in q.partial:
            if abs(item.answer - q.answer) + item.tolerance <= reach:
                text = f"partial {item.answer:g} lies within the right answer's tolerance."
                found.append(Finding(where, text, grave=True))
    return found


def prompts(questions: Sequence[Question], where: str = "the bank") -> list[Finding]:
    """Questions that are asked twice."""
    seen: dict[str, str] = {}
    found = []
    for q in questions:
        text = " ".join(q.prompt.casefold().split())
        if text in seen:
            found.append(Finding(where, f"{q.id} asks what {seen[text]} asks."))
        seen.setdefault(text, q.id)
    return found
