"""From scores to decisions: how sure is a number, is a probability one, where to cut.

All functions take numpy arrays or tensors of one value per picture. Labels are 0 or 1, scores are
larger the more a picture looks like class 1, probabilities lie between 0 and 1.
"""

from dataclasses import dataclass

import numpy as np

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.measure import intervals


def grouped_split(groups, share: float, seed: int = 0) -> np.ndarray:
    """Which pictures to hold out, bool (n,): whole groups, about `share` of them.

    groups: int (n,), such as the patient of each picture. No group is on both sides.
    """
    groups, seed = np.asarray(groups), checks.seed(seed)
    names = np.unique(groups)
    share = checks.number(share, "share", above=0, below=1)
    if len(names) < 2:
        raise CourseError(f"A split needs two groups or more; got {len(names)}.")
    held_out = int(np.clip(round(share * len(names)), 1, len(names) - 1))
    return np.isin(groups, np.random.default_rng(seed).permutation(names)[:held_out])


def auc(scores, labels) -> float:
    """Area under the ROC curve: how often a picture of class 1 scores above one of class 0.

    Ties count one half (Hanley and McNeil 1982). NaN when a class is missing.
    """
    from scipy.stats import rankdata

    scores, labels = np.asarray(scores, float), np.asarray(labels)
    ones = int((labels == 1).sum())
    zeros = len(labels) - ones
    if not ones or not zeros:
        return float("nan")
    ranks = rankdata(scores)[labels == 1].sum()
    return float((ranks - ones * (ones + 1) / 2) / (ones * zeros))


def auc_interval(scores, labels, groups=None) -> tuple[float, float]:
    """95 % interval of the AUC: how far it may lie from that of all pictures of this kind.

    groups: int (n,), such as patients: pictures of one patient tell less than as many patients
    would. Default: every picture is its own group. DeLong's variance on the logit scale
    (`intervals.auc`). Raises CourseError unless each class has two groups or more.
    """
    scores, labels = _pair(scores, labels)
    groups = None if groups is None else np.asarray(groups)
    if groups is not None and groups.shape != labels.shape:
        raise CourseError(f"Got {groups.shape} groups and {labels.shape} labels; one of each.")
    names = np.arange(len(labels)) if groups is None else groups
    held = min(len(np.unique(names[labels == label])) for label in (0, 1))
    if held < 2:
        raise CourseError(
            "How sure an AUC is shows only with two pictures of each class or more, from two "
            f"patients (groups); one class has {held}."
        )
    found = intervals.auc(scores, labels, groups)
    return found.low, found.high


@dataclass(frozen=True)
class Calibration:
    """Predicted against observed, in bins of equal width that hold a picture.

    predicted, observed: mean probability and share of class 1 per bin. pictures: how many.
    error: expected calibration error, the mean gap weighted by pictures (Naeini et al. 2015).
    """

    predicted: np.ndarray
    observed: np.ndarray
    pictures: np.ndarray
    error: float


def calibration(probabilities, labels, bins: int = 10) -> Calibration:
    """Do pictures that are given probability p belong to class 1 in a share p of the cases?"""
    probabilities, labels = _pair(probabilities, labels)
    _check_probabilities(probabilities)
    bins = checks.whole_number(bins, "bins", 1)
    places = np.minimum((probabilities * bins).astype(int), bins - 1)
    pictures = np.bincount(places, minlength=bins)
    used = pictures > 0
    predicted = np.bincount(places, probabilities, bins)[used] / pictures[used]
    observed = np.bincount(places, labels, bins)[used] / pictures[used]
    error = float((np.abs(predicted - observed) * pictures[used]).sum() / len(labels))
    return Calibration(predicted, observed, pictures[used], error)


def temperature(logits, labels) -> float:
    """The number that logits (n, classes) are divided by so that probabilities fit best.

    Least cross-entropy on the given pictures, which must be validation pictures (Guo et al. 2017,
    section 4.2). Above 1: the model was too sure. The order of answers does not change.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    logits, labels = np.asarray(logits, float), np.asarray(labels)

    def loss(log_t: float) -> float:
        return -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(len(labels)), labels].mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


@dataclass(frozen=True)
class Rates:
    """What a threshold comes to.

    sensitivity: share of class 1 that is found. specificity: share of class 0 that is left in
    peace. precision: share of alarms that are right; NaN without an alarm.
    """

    sensitivity: float
    specificity: float
    precision: float


def rates(probabilities, labels, threshold: float) -> Rates:
    """The rates when everything from `threshold` on is called class 1."""
    probabilities, labels = _pair(probabilities, labels)
    threshold = checks.number(threshold, "threshold")
    alarm = probabilities >= threshold
    found, left = alarm[labels == 1].mean(), 1 - alarm[labels == 0].mean()
    precision = labels[alarm].mean() if alarm.any() else float("nan")
    return Rates(float(found), float(left), float(precision))


def threshold_for(probabilities, labels, sensitivity: float = 0.95) -> float:
    """The largest threshold that finds at least this share of class 1 among these pictures.

    Give validation pictures: a threshold chosen on test pictures flatters itself.
    """
    probabilities, labels = _pair(probabilities, labels)
    ones = np.sort(probabilities[labels == 1])
    sensitivity = checks.number(sensitivity, "sensitivity", above=0, most=1)
    missed = int(np.floor((1 - sensitivity) * len(ones) + 1e-9))
    return float(ones[missed])


def precision_at(rates_: Rates, prevalence: float) -> float:
    """Share of alarms that are right where a share `prevalence` of all pictures is of class 1.

    Bayes' rule: sensitivity and specificity stay, the mix of patients changes.
    """
    right = rates_.sensitivity * prevalence
    return right / (right + (1 - rates_.specificity) * (1 - prevalence))


def _pair(values, labels) -> tuple[np.ndarray, np.ndarray]:
    try:
        values, labels = np.asarray(values, float), np.asarray(labels)
    except (TypeError, ValueError) as error:
        raise CourseError(f"Scores and probabilities are numbers: {error}.") from error
    if values.shape != labels.shape or values.ndim != 1:
        raise CourseError(f"Got {values.shape} values and {labels.shape} labels; one of each.")
    if set(np.unique(labels).tolist()) != {0, 1}:
        raise CourseError("Both classes must be there, as labels 0 and 1.")
    if not np.isfinite(values).all():
        raise CourseError("There are NaN or infinite values among the scores.")
    return values, labels


def _check_probabilities(values: np.ndarray) -> None:
    if not ((values >= 0) & (values <= 1)).all():
        raise CourseError("Probabilities lie between 0 and 1; logits.softmax(1)[:, 1] gives them.")
