"""Lesson 07's own code about pictures and words: right answers pass, each likely slip is named."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.joint import contrastive_loss
from course_lib.joint import zero_shot as ours
from course_lib.questions import check


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


def text(name, answer):
    return repr(check(name, answer, seed=0))


def unit(x):
    return F.normalize(x, dim=-1)


def naming(first=unit, of_mean=unit, pictures=unit, scaled=True, axis=1):
    """A learner's `zero_shot` with a slip."""

    def zero_shot(shown, texts, scale):
        classes = of_mean(torch.stack([first(text).mean(0) for text in texts]))
        logits = (scale if scaled else 1) * pictures(shown) @ classes.T
        return logits if axis is None else logits.softmax(axis)

    return zero_shot


def as_it_is(x):
    return x


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (naming(), "Right"),
        (ours, "Right"),
        (naming(as_it_is, as_it_is, as_it_is), "Nothing is normalised"),
        (naming(as_it_is, as_it_is, as_it_is, scaled=False), "Nothing is normalised"),
        (naming(axis=0), "softmax over dimension 1"),
        (naming(axis=None), "the softmax over the classes is missing"),
        (naming(first=as_it_is), "You average first and normalise afterwards"),
        (naming(of_mean=as_it_is), "unit length once more"),
        (naming(scaled=False), "multiplied with `scale`"),
        (naming(pictures=as_it_is), "The probabilities are not right"),
        (lambda shown, texts, scale: naming()(shown, texts, scale).T, "the result has the shape"),
        (lambda shown, texts, scale: naming()(shown, texts, scale).argmax(1), "IndexError"),
    ],
)
def test_zero_shot_wants_directions_and_classes_that_compete(answer, words):
    assert words in text("07-zero-shot", answer)


def losing(scaled=True, both=True, mean=True, turned=False):
    """A learner's `contrastive_loss` with a slip."""

    def loss(pictures, texts, scale):
        logits = (scale if scaled else 1) * pictures @ texts.T
        logits = logits.T if turned else logits
        own = torch.arange(len(logits))
        first, second = F.cross_entropy(logits, own), F.cross_entropy(logits.T, own)
        return (first + second) / (2 if mean else 1) if both else first

    return loss


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (losing(), "Right"),
        (contrastive_loss, "Right"),
        (losing(both=False), "Only the pictures choose among texts"),
        (losing(both=False, turned=True), "Only the texts choose among pictures"),
        (losing(mean=False), "sum of both directions"),
        (losing(scaled=False), "multiplied with `scale`"),
        (lambda a, b, scale: losing()(a.detach(), b, scale), "no gradient reaches"),
        (lambda a, b, scale: (a * b).sum(1), "only for scalar outputs"),
        (lambda a, b, scale: 1 - (a * b).sum(), "The loss is not right"),
    ],
)
def test_the_contrastive_loss_goes_both_ways(answer, words):
    assert words in text("07-contrastive", answer)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("key", ["07-zero-shot", "07-contrastive"])
def test_a_right_answer_passes_whatever_the_draw(key, seed):
    answer = {"07-zero-shot": ours, "07-contrastive": contrastive_loss}[key]
    assert check(key, answer, seed=seed).state == "right"
