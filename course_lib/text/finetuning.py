"""A classifier on top of a body, pretrained or not; and its rival that counts words."""

import copy
import time
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib import checks
from course_lib.errors import Diverged
from course_lib.text.bert import Classifier, mean_state
from course_lib.text.card import LanguageModel
from course_lib.text.passages import Passages, TextTask
from course_lib.text.pretraining import scale
from course_lib.text.wordpiece import encode

BATCH = 16


@dataclass(frozen=True)
class Epoch:
    """Means over a pass. loss, accuracy: on the passages it learnt from; both with dropout, as they
    were while it learnt. validation_*: None where nothing is held out for it."""

    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation: float | None = None


@dataclass(frozen=True, eq=False)
class TextRun:
    """What fine-tuning came to. model: (batch, length) tokens -> (batch, classes) scores.
    test: None when it was not asked for."""

    model: Classifier
    history: tuple[Epoch, ...]
    seconds: float
    test: float | None


def tokens_of(model: LanguageModel, passages: Passages) -> Tensor:
    """(passages, length) int64 tokens."""
    return encode(model.tokenizer, passages.texts, model.body.size.longest)


def fine_tune(
    model: LanguageModel,
    task: TextTask,
    *,
    rate: float,
    epochs: int,
    seed: int = 0,
    dropout: float = 0.1,
    watch: bool = False,
    test: bool = True,
) -> TextRun:
    """Train a copy of the body and a new head on the training passages.

    Args:
        model: pretrained, or with random weights for training from scratch; it is not changed.
        rate: the peak of AdamW's rate, for body and head (Devlin et al. 2019, section A.3: one
            rate, warm-up, then down to 0; here along half a cosine).
        watch: measure the validation passages after every epoch.
        test: measure the test passages at the end.

    Raises:
        Diverged: the loss is no number any more.
    """
    rate = checks.number(rate, "rate", above=0)
    epochs = checks.whole_number(epochs, "epochs", least=1)
    torch.manual_seed(seed)
    net = Classifier(copy.deepcopy(model.body), len(task.classes), dropout)
    learning = list(net.parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in learning if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in learning if p.ndim < 2], "weight_decay": 0.0},
        ]
    )
    tokens, labels = tokens_of(model, task.train), task.train.labels
    held_out = tokens_of(model, task.validation) if watch else None
    begin, history, step = time.perf_counter(), [], 0
    steps = epochs * -(-len(labels) // BATCH)
    for _ in range(epochs):
        net.train()
        losses, right = 0.0, 0
        for rows in torch.randperm(len(labels)).split(BATCH):
            for group in optimizer.param_groups:
                group["lr"] = rate * scale(step, steps, warmup=0.1)
            scores = net(tokens[rows])
            loss = F.cross_entropy(scores, labels[rows])
            if not torch.isfinite(loss):
                raise Diverged(f"The loss became {loss.item()} in step {step}: lower the rate.")
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learning, 1.0)
            optimizer.step()
            step += 1
            losses += loss.item() * len(rows)
            right += (scores.argmax(1) == labels[rows]).sum().item()
        found = measure(net, held_out, task.validation.labels) if watch else (None, None)
        history.append(Epoch(losses / len(labels), right / len(labels), *found))
    seconds = time.perf_counter() - begin
    tested = measure(net, tokens_of(model, task.test), task.test.labels)[1] if test else None
    return TextRun(net.eval(), tuple(history), seconds, tested)


@torch.no_grad()
def measure(net: Classifier, tokens: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean loss and accuracy, without dropout."""
    net.eval()
    scores = torch.cat([net(part) for part in tokens.split(64)])
    right = (scores.argmax(1) == labels).float().mean().item()
    return F.cross_entropy(scores, labels).item(), right


@torch.no_grad()
def features(model: LanguageModel, passages: Passages) -> Tensor:
    """(passages, width): the mean state of every passage in a body that stays as it is."""
    tokens = tokens_of(model, passages)
    return torch.cat([mean_state(model.body, part) for part in tokens.split(64)])


def head_alone(
    model: LanguageModel, task: TextTask, strength: float, part: str = "test"
) -> tuple[float, float]:
    """Logistic regression on the states of a frozen body: (accuracy on a part, seconds).

    strength: of the fit, scikit-learn's C; small ones keep the weights small.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    begin = time.perf_counter()
    head = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
    head.fit(features(model, task.train).numpy(), task.train.labels.numpy())
    asked: Passages = getattr(task, part)
    score = float(head.score(features(model, asked).numpy(), asked.labels.numpy()))
    return score, time.perf_counter() - begin


def count_words(task: TextTask, strength: float, part: str = "test") -> tuple[float, float]:
    """TF-IDF of words and pairs of words, then logistic regression: (accuracy on a part, seconds).

    strength: as for head_alone.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    begin = time.perf_counter()
    rival = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)),
        LogisticRegression(C=strength, max_iter=500),
    )
    rival.fit(task.train.texts, task.train.labels.numpy())
    asked: Passages = getattr(task, part)
    score = float(rival.score(asked.texts, asked.labels.numpy()))
    return score, time.perf_counter() - begin
