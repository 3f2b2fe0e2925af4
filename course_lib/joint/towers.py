"""Two towers, one space: pictures and captions become vectors that can be compared.

After Radford et al. 2021, "Learning transferable visual models from natural language supervision"
(CLIP), sections 2.3 to 2.5: two encoders, unit length, a symmetric cross-entropy over the cosines
of a batch, and a temperature that is learned.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.joint.words import Vocabulary

SPACE = 128  # length of the vectors in the joint space
BATCH = 256
WARMEST = math.log(100.0)  # CLIP's bound on the scale: cosines are multiplied by 100 at most

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


class PictureTower(nn.Sequential):
    """Features of a picture, float (n, numbers) -> (n, 128): batch norm and two linear layers."""

    def __init__(self, numbers: int, hidden: int = 64):
        super().__init__(
            nn.BatchNorm1d(numbers),
            nn.Linear(numbers, hidden),
            nn.ReLU(),
            nn.Linear(hidden, SPACE),
        )


class TextTower(nn.Module):
    """Bags of words -> (n, 128): the mean of the words' vectors and two linear layers."""

    def __init__(self, words: int, hidden: int = 64):
        super().__init__()
        self.bag = nn.EmbeddingBag(words, hidden, mode="mean")
        self.mlp = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, SPACE))

    def forward(self, words: Tensor, starts: Tensor) -> Tensor:
        return self.mlp(self.bag(words, starts))


class TwoTowers(nn.Module):
    """A picture tower, a text tower, the words they know, and the scale of their cosines.

    picture: module that takes what pictures are given as (features, or prepared pictures) and
    gives (n, 128).
    """

    def __init__(self, picture: nn.Module, vocabulary: Vocabulary):
        super().__init__()
        self.picture, self.vocabulary = picture, vocabulary
        self.text = TextTower(len(vocabulary))
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))  # CLIP's start

    @property
    def scale(self) -> Tensor:
        """What cosines are multiplied with, 1 / temperature."""
        return self.log_scale.clamp(max=WARMEST).exp()

    def forward(self, inputs: Tensor, words: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors of pictures and of captions, both (n, 128)."""
        pictures, texts = self.picture(inputs), self.text(words, starts)
        return F.normalize(pictures, dim=1), F.normalize(texts, dim=1)

    @torch.no_grad()
    def embed_pictures(self, inputs: Tensor) -> Tensor:
        """(n, 128) unit vectors, as at inference: batch norm with its running statistics."""
        self.eval()
        parts = [F.normalize(self.picture(part), dim=1) for part in inputs.split(BATCH)]
        return torch.cat([torch.empty(0, SPACE), *parts])

    @torch.no_grad()
    def embed_texts(self, captions: Sequence[str]) -> Tensor:
        """(n, 128) unit vectors. Words that no caption had are left out."""
        self.eval()
        return F.normalize(self.text(*self.vocabulary.bags(captions)), dim=1)


def contrastive_loss(pictures: Tensor, texts: Tensor, scale: Tensor | float) -> Tensor:
    """CLIP's loss: each picture should find its caption among all of the batch, and the reverse.

    pictures, texts: (n, d) unit vectors, row i of both belongs together. scale: of the cosines.
    Gives the mean cross-entropy of both directions (figure 3 of the CLIP paper).

    Captions that are equal need no care. They have one and the same vector, and then the sum over
    their rows is what it would be if every row shared its target among them in equal parts.
    """
    logits = scale * pictures @ texts.T
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def train_towers(
    features: Tensor,
    captions: Sequence[str],
    epochs: int = 20,
    rate: float = 2e-3,
    seed: int = 0,
    loss: Loss = contrastive_loss,
    hidden: int = 64,
) -> TwoTowers:
    """Both towers from random weights on n features (n, d) and their captions.

    epochs: passes over the captions. loss: as `contrastive_loss`. The same seed, the same towers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        picture = PictureTower(features.shape[1], hidden)
        towers = TwoTowers(picture, Vocabulary.of(captions))
        for _ in training(towers, features, captions, epochs, rate, loss):
            pass
    return towers.eval()


def training(
    towers: TwoTowers,
    inputs: Tensor,
    captions: Sequence[str],
    epochs: int,
    rate: float,
    loss: Loss = contrastive_loss,
) -> Iterator[float]:
    """Train in place; yields the loss of every step.

    inputs: (n, ...), what the picture tower takes.
    Random numbers are torch's own: seed them.
    """

    def loss_of(rows: Tensor) -> Tensor:
        bags = towers.vocabulary.bags([captions[i] for i in rows.tolist()])
        pictures, texts = towers(inputs[rows], *bags)
        return loss(pictures, texts, towers.scale)

    return optimise(towers, len(inputs), loss_of, epochs, rate)


def optimise(
    module: nn.Module, n: int, loss_of: Callable[[Tensor], Tensor], epochs: int, rate: float
) -> Iterator[float]:
    """AdamW on the loss of batches of the rows 0..n-1, in place; yields the loss of every step.

    The rate rises over the first tenth of the steps (three tenths where there are fewer than 20),
    then falls along half a cosine.
    """
    steps = epochs * -(-n // BATCH)
    rise = 0.1 if steps >= 20 else 0.3  # OneCycleLR cannot rise within a single step
    optimizer = torch.optim.AdamW(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, steps, pct_start=rise, cycle_momentum=False
    )
    module.train()
    for _ in range(epochs):
        for rows in torch.randperm(n).split(BATCH):
            value = loss_of(rows)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            yield value.item()
