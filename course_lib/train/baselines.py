"""What stands beside every transfer figure.

A classifier of raw pixels, and a backbone that knows nothing.
"""

import time
import warnings
from collections.abc import Generator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_lib import checks
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import chunk_size, evaluating
from course_lib.data.augmentation import augmented
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.data.tasks import drain
from course_lib.measure import metrics

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)  # inverse strength C of the L2 penalty, chosen on validation
ITERATIONS, ROUND = 500, 20  # of the solver: at most, and at a time
SPLITS = ("train", "validation", "test")
NEVER = -1e30  # score of a class that no training picture has
PIXELS = 16  # side to which pictures are reduced for the pixel classifier


@dataclass(frozen=True)
class Baseline:
    """test and validation: the task's metric; test is None where it was not asked for.

    C: the penalty that validation chose. seconds: of fitting.
    """

    name: str
    test: float | None
    validation: float
    C: float
    seconds: float


def pixel_logistic_regression(task: Task) -> Baseline:
    """Logistic regression on the pixels, reduced to 16x16 RGB and standardised."""
    return drain(pixel_pieces(task))


def pixel_pieces(task: Task, test: bool = True) -> Generator[None, None, Baseline]:
    """`pixel_logistic_regression` in small pieces, for a widget: a generator that returns it.

    test: also measure on the test pictures.
    """
    parts = {name: _pixels(getattr(task, name).pictures) for name in _splits(test)}
    return (yield from _logistic("pixel logistic regression", task, parts))


def random_frozen(model: Backbone, task: Task, seed: int = 0) -> Baseline:
    """Logistic regression on the features of the same architecture with random weights.

    Batch-norm statistics are those of the training pictures, so that the control is a fair one:
    with the statistics of an untrained net (mean 0, variance 1) the signal can vanish or explode.
    """
    return drain(random_pieces(model, task, seed))


def random_pieces(
    model: Backbone, task: Task, seed: int = 0, test: bool = True
) -> Generator[None, None, Baseline]:
    """`random_frozen` in small pieces, for a widget: a generator that returns it.

    test: also measure on the test pictures.
    """
    net, parts = model.fresh(seed), {}
    yield from _adapting(net, task.train.pictures)
    for name in _splits(test):
        parts[name] = yield from _featuring(net, getattr(task, name).pictures)
    return (yield from _logistic("random frozen backbone", task, parts))


def linear_probe(model: Backbone, task: Task, views: int = 0, seed: int = 0) -> Baseline:
    """Logistic regression on the frozen features of `model` itself: a head trained to its optimum.

    The counterpart of `random_frozen`. views: random views of each training picture that the
    classifier learns from besides the picture itself; seed decides them.
    """
    views, seed = checks.whole_number(views, "views"), checks.seed(seed)
    pictures, labels = task.train
    seen = [pictures, *(augmented(pictures, seed * 1_000 + view) for view in range(views))]
    task = replace(task, train=Split(torch.cat(seen), labels.repeat(len(seen))))
    parts = {name: features(model, getattr(task, name).pictures) for name in SPLITS}
    return drain(_logistic("linear probe", task, parts))


def features(model: Backbone, pictures: Tensor) -> Tensor:
    """float32 (n, feature_dim) on the CPU: what the head of `model` would read."""
    return drain(_featuring(model, pictures))


def _featuring(model: Backbone, pictures: Tensor) -> Generator[None, None, Tensor]:
    parts = []
    for chunk in pictures.split(chunk_size(model)):
        with torch.inference_mode(), evaluating(model):
            parts.append(model.features(model.prepare(chunk.to(model.device))).float().cpu())
        yield
    return torch.cat(parts)


def adapt_batch_norm(model: Backbone, pictures: Tensor) -> None:
    """Replace every running mean and variance by those of `pictures`, in place.

    AdaBN: Li et al. 2016, "Revisiting batch normalization for practical domain adaptation".

    The mean over batches of 128 at WorldNet's size, weighted by batch, one pass. Weights do not
    change.
    """
    drain(_adapting(model, pictures))


def _adapting(model: Backbone, pictures: Tensor) -> Generator[None, None, None]:
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    before = [(norm, norm.momentum) for norm in norms]
    batches = max(1, len(pictures) // (4 * chunk_size(model)))
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch: a plain average over all batches
    for chunk in pictures.tensor_split(batches):
        with torch.no_grad(), evaluating(model):
            for norm in norms:
                norm.train()
            model.features(model.prepare(chunk.to(model.device)))
        yield
    for norm, momentum in before:
        norm.momentum = momentum


def _splits(test: bool) -> tuple[str, ...]:
    return SPLITS if test else SPLITS[:2]


def _pixels(pictures: Tensor) -> Tensor:
    # Piece by piece: 1,000 pictures of floats take 50 MB, and as much again for every operation.
    pool = torch.nn.functional.adaptive_avg_pool2d
    return torch.cat([pool(p.float() / 255, PIXELS).flatten(1) for p in pictures.split(100)])


def _logistic(name: str, task: Task, parts: dict[str, Tensor]) -> Generator[None, None, Baseline]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    begin, pauses = time.perf_counter(), 0.0
    scaler = StandardScaler().fit(parts["train"].numpy())
    inputs = {split: scaler.transform(x.numpy()) for split, x in parts.items()}
    labels = task.train.labels.numpy()

    def score(classifier, split: str) -> float:
        truth = getattr(task, split).labels
        scores = torch.from_numpy(classifier.decision_function(inputs[split])).double()
        if scores.ndim == 1:  # two classes: the score of the second against the first
            scores = torch.stack([torch.zeros_like(scores), scores], 1)
        logits = torch.full((len(truth), len(task.classes)), NEVER, dtype=torch.float64)
        logits[:, torch.from_numpy(classifier.classes_)] = scores
        return metrics.score(task.metric, logits, truth)

    best = None
    for penalty in PENALTIES:
        classifier = LogisticRegression(C=penalty, max_iter=ROUND, warm_start=True)
        for _ in range(ITERATIONS // ROUND):
            # Tables so small gain nothing from more threads, which fight with torch's over cores.
            with warnings.catch_warnings(), threadpool_limits(1, "blas"):
                warnings.simplefilter("ignore")  # not converged yet: the next round goes on
                classifier.fit(inputs["train"], labels)
            paused = time.perf_counter()
            yield
            pauses += time.perf_counter() - paused
            if classifier.n_iter_.max() < ROUND:
                break
        validation = score(classifier, "validation")
        if best is None or validation > best[0]:
            best = (validation, penalty, classifier)
    assert best is not None  # there is a penalty to try
    validation, penalty, classifier = best
    seconds = time.perf_counter() - begin - pauses
    test = score(classifier, "test") if "test" in parts else None
    return Baseline(name, test, validation, penalty, seconds)
