"""What the model would write where a word is missing."""

import re
from typing import NamedTuple

import torch
from torch.nn import functional as F

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.text.card import LanguageModel, load_language_model
from course_lib.text.wordpiece import MASK, SPECIAL, encode, words

GAP = re.compile(r"\[mask\]|_{2,}", re.I)
LONGEST = 2_000  # characters of a text that is looked at


class Guess(NamedTuple):
    """A token that may stand in a gap, and the probability that the model gives it."""

    word: str
    probability: float


def fill_in(text: str, n: int = 5, model: LanguageModel | None = None) -> list[list[Guess]]:
    """The n likeliest tokens for every gap of a text, best first.

    text: English with gaps written ___ or [MASK], such as "The rate of the ___ is too high."
    model: the shipped one unless another is given.

    Raises CourseError for a text without a gap, or whose gaps lie beyond what the model reads.
    """
    n = checks.whole_number(n, "n", least=1, most=50)
    if not isinstance(text, str) or not text.strip():
        raise CourseError('Give a sentence with a gap, such as "Returns a new ___."')
    written = GAP.sub(" [MASK] ", text[:LONGEST])
    model = model or load_language_model()
    tokens = encode(model.tokenizer, [written], model.body.size.longest)
    places = (tokens[0] == MASK).nonzero().flatten()
    if not len(places):
        raise CourseError(
            "There is no gap among the first words of this text. Write ___ (two underscores or "
            "more) where a word is missing; the model reads about 50 words."
        )
    with torch.no_grad():
        scores = model.body.scores(model.body(tokens)[0, places])
    scores[:, : len(SPECIAL)] = float("-inf")
    best = F.softmax(scores, -1).topk(n)
    return [
        [
            Guess(word, float(probability))
            for word, probability in zip(words(model.tokenizer, gap), shares, strict=True)
        ]
        for gap, shares in zip(best.indices, best.values, strict=True)
    ]
