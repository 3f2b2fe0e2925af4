"""BERT in miniature (Devlin et al. 2019): 1.1 million parameters.

Every token looks at all others (attention), then thinks for itself (two linear layers), three times
over. What comes out is 128 numbers for each token that depend on the whole passage.

Two things differ from BERT and let a small model learn from little text: layer norms stand before
each block (Xiong et al. 2020), and where a token stands is told by its distance from the others, a
learned number for each distance and head (Raffel et al. 2020) that starts at a slope (Press et al.
2022).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.text.wordpiece import PAD


@dataclass(frozen=True)
class Size:
    """tokens: of the vocabulary. longest: tokens of a passage."""

    tokens: int = 4000
    longest: int = 72
    width: int = 128
    layers: int = 3
    heads: int = 4


class Layer(nn.Module):
    """Attention, then two linear layers; each adds to what was there."""

    def __init__(self, size: Size):
        super().__init__()
        self.heads, self.dropout = size.heads, 0.0
        self.norm1, self.norm2 = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.query_key_value = nn.Linear(size.width, 3 * size.width)
        self.out = nn.Linear(size.width, size.width)
        self.wider = nn.Linear(size.width, 4 * size.width)
        self.narrower = nn.Linear(4 * size.width, size.width)
        far = (torch.arange(2 * size.longest - 1) - (size.longest - 1)).abs()
        slopes = 4.0 ** -torch.arange(
            size.heads
        )  # the first head looks at neighbours, the last far
        self.near = nn.Parameter(-slopes[:, None] * far)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """x (batch, length, width); real (batch, length): which tokens are no padding."""
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, -1).transpose(1, 2)
            for part in self.query_key_value(self.norm1(x)).chunk(3, dim=-1)
        )
        place = torch.arange(length, device=x.device)
        near = self.near[:, place - place[:, None] + self.near.shape[1] // 2]
        bias = near.masked_fill(~real[:, None, None, :], float("-inf"))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + self._drop(self.out(seen.transpose(1, 2).reshape(batch, length, width)))
        return x + self._drop(self.narrower(F.gelu(self.wider(self.norm2(x)))))

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class Bert(nn.Module):
    """Tokens to states, and states to scores for each token of the vocabulary."""

    def __init__(self, size: Size):
        super().__init__()
        self.size = size
        self.tokens = nn.Embedding(size.tokens, size.width)
        self.layers = nn.ModuleList(Layer(size) for _ in range(size.layers))
        self.norm = nn.LayerNorm(size.width)
        self.bias = nn.Parameter(torch.zeros(size.tokens))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.tokens.weight, std=0.05)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (batch, length) int64 -> states (batch, length, width)."""
        real = tokens != PAD
        x = self.tokens(tokens)
        for layer in self.layers:
            x = layer(x, real)
        return self.norm(x)

    def scores(self, states: Tensor) -> Tensor:
        """states (..., width) -> scores (..., tokens): the embeddings serve once more."""
        return states @ self.tokens.weight.T + self.bias


class Classifier(nn.Module):
    """A body and a new linear head on the mean of the states of a passage.

    dropout: share of what each block adds, and of the mean, that is left out while it learns.
    """

    def __init__(self, body: Bert, classes: int, dropout: float = 0.1):
        super().__init__()
        self.body, self.head = body, nn.Linear(body.size.width, classes)
        self.dropout = dropout
        for layer in body.layers:
            layer.dropout = dropout

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (batch, length) -> scores (batch, classes)."""
        return self.head(F.dropout(mean_state(self.body, tokens), self.dropout, self.training))


def mean_state(body: Bert, tokens: Tensor) -> Tensor:
    """tokens (batch, length) -> (batch, width): the mean of the states, padding left out."""
    real = (tokens != PAD)[..., None]
    return (body(tokens) * real).sum(1) / real.sum(1)
