"""A language model so small that it trains in moments, and a task of made-up passages."""

import pytest
import torch

from course_lib.text.passages import Passages, TextTask
from tests.fakes import TOPICS, small_language_model


def made_up(count: int, seed: int) -> Passages:
    """Passages of words of one topic or the other, in random order."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    texts = []
    for label in labels.tolist():
        known = TOPICS[label].split()
        order = torch.randint(len(known), (10,), generator=generator).tolist()
        texts.append(" ".join(known[k] for k in order))
    return Passages(tuple(texts), labels)


@pytest.fixture(scope="session")
def tiny_tokenizer():
    return small_language_model().tokenizer


@pytest.fixture
def tiny_model():
    return small_language_model()


@pytest.fixture
def tiny_task():
    return TextTask("made up", ("graph", "table"), made_up(24, 0), made_up(12, 1), made_up(40, 2))
