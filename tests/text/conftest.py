"""A language model so small that it trains in moments, and a task of made-up passages."""

import pytest
import torch

from course_lib.text.bert import Bert, Size
from course_lib.text.card import LanguageModel
from course_lib.text.passages import Passages, TextTask
from course_lib.text.wordpiece import learn_vocabulary, tokenizer_of

TOPICS = (
    "the graph has nodes and edges between the nodes of a graph",
    "the table has columns and rows with labels for the rows",
)


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
    return tokenizer_of(learn_vocabulary([*TOPICS] * 10, 60))


@pytest.fixture
def tiny_model(tiny_tokenizer):
    torch.manual_seed(0)
    size = Size(tokens=tiny_tokenizer.get_vocab_size(), longest=14, width=16, layers=1, heads=2)
    return LanguageModel(Bert(size).eval(), tiny_tokenizer, {})


@pytest.fixture
def tiny_task():
    return TextTask("made up", ("graph", "table"), made_up(24, 0), made_up(12, 1), made_up(40, 2))
