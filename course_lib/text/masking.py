"""Words that are hidden, and the loss on them: the task that needs no labels."""

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.text.bert import Bert
from course_lib.text.wordpiece import MASK, SPECIAL, UNKNOWN

SHARE = 0.15  # of the tokens are to be guessed (Devlin et al. 2019, section 3.1)


def hide(
    tokens: Tensor, vocabulary: int, generator: torch.Generator, share: float = SHARE
) -> tuple[Tensor, Tensor]:
    """What the model reads, and which tokens it has to guess.

    Of the tokens to guess 80 % are replaced by [MASK], 10 % by any token and 10 % stay as they are,
    so that the model can trust no word. Special tokens are never asked for.

    tokens: (batch, length) int64. Returns (tokens as read, (batch, length) bool).
    """
    ordinary = (tokens >= len(SPECIAL)) | (tokens == UNKNOWN)
    hidden = (torch.rand(tokens.shape, generator=generator) < share) & ordinary
    how = torch.rand(tokens.shape, generator=generator)
    other = torch.randint(len(SPECIAL), vocabulary, tokens.shape, generator=generator)
    read = torch.where(hidden & (how < 0.8), MASK, tokens)
    return torch.where(hidden & (how >= 0.9), other, read), hidden


def masked_loss(model: Bert, read: Tensor, tokens: Tensor, hidden: Tensor) -> Tensor:
    """Mean cross-entropy of the true tokens where they are hidden; scores are computed only there.

    read, tokens: (batch, length) int64. hidden: (batch, length) bool, at least one True.
    """
    states = model(read)[hidden]
    return F.cross_entropy(model.scores(states).float(), tokens[hidden])
