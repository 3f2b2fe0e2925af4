"""What is hidden, and the loss on it."""

import pytest
import torch
from torch.nn import functional as F

from course_lib.text.bert import Bert, Size
from course_lib.text.masking import hide, masked_loss
from course_lib.text.wordpiece import END, MASK, PAD, START, UNKNOWN


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_fifteen_per_cent_are_asked_for_and_most_of_these_are_masked():
    tokens = torch.randint(5, 1000, (200, 100), generator=generator(1))
    read, hidden = hide(tokens, 1000, generator())
    assert hidden.float().mean() == pytest.approx(0.15, abs=0.01)
    assert (read[hidden] == MASK).float().mean() == pytest.approx(0.8, abs=0.02)
    assert (read[hidden] == tokens[hidden]).float().mean() == pytest.approx(0.1, abs=0.02)
    assert read[~hidden].equal(tokens[~hidden])
    again, _ = hide(tokens, 1000, generator())
    assert again.equal(read) and not hide(tokens, 1000, generator(2))[0].equal(read)


def test_special_tokens_are_never_asked_for_but_unknown_words_are():
    tokens = torch.tensor([[START, UNKNOWN, MASK, END, PAD]]).repeat(2000, 1)
    _, hidden = hide(tokens, 50, generator())
    assert not hidden[:, [0, 2, 3, 4]].any() and hidden[:, 1].any()


def test_the_loss_is_the_mean_cross_entropy_over_hidden_places():
    torch.manual_seed(0)
    body = Bert(Size(tokens=50, longest=12, width=16, layers=1, heads=2)).eval()
    tokens = torch.randint(5, 50, (4, 12))
    read, hidden = hide(tokens, 50, generator(), share=0.4)
    labels = torch.where(hidden, tokens, -100)
    want = F.cross_entropy(body.scores(body(read)).flatten(0, 1), labels.flatten())
    torch.testing.assert_close(masked_loss(body, read, tokens, hidden), want)
