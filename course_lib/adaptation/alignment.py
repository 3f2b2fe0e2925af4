"""What pulls the features of two domains together: gradient reversal, CORAL, MMD.

Every function takes features (n, d) of source and target pictures, float, of any device. Distances
are computed in float32 also where the net runs in bf16: they are small differences of large sums.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.backbones.inference import in_float32
from course_lib.errors import CourseError


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(context, x: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient: Tensor):
        return -context.strength * gradient, None


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """x itself; on the way back the gradient is multiplied by -strength.

    What lies above learns to tell the domains apart, what lies below learns to prevent it.
    Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016, equations 16 and 17.
    """
    return _Reverse.apply(x, strength)


def ramp(progress: float, steepness: float = 10.0) -> float:
    """Strength of the domain loss at `progress` 0..1: from 0 smoothly to 1.

    Early features are noise, and aligning noise does harm. 2 / (1 + exp(-10 p)) - 1: Ganin et al.
    2016, section 5.2.2.
    """
    return 2 / (1 + math.exp(-steepness * progress)) - 1


def domain_classifier(features: int, hidden: int) -> nn.Module:
    """(n, features) -> (n, 1) logits: above 0 means source."""
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 1),
    )


def domain_loss(logits: Tensor, sources: int) -> Tensor:
    """Cross-entropy of "source or target?"; the first `sources` rows are the source's. (n, 1)."""
    logits = _precise(logits)
    truth = torch.zeros_like(logits)
    truth[:sources] = 1
    return F.binary_cross_entropy_with_logits(logits, truth)


def coral(source: Tensor, target: Tensor) -> Tensor:
    """Squared distance of the two covariances, ||Cs - Ct||^2 / (4 d^2).

    Sun and Saenko, "Deep CORAL", ECCV workshops 2016, equation 1.
    """
    _check(source, target)
    with in_float32(source.device):
        difference = torch.cov(_precise(source).T) - torch.cov(_precise(target).T)
        return difference.square().sum() / (4 * source.shape[1] ** 2)


def mmd(source: Tensor, target: Tensor, widths=(0.25, 0.5, 1.0, 2.0, 4.0)) -> Tensor:
    """Squared maximum mean discrepancy under a mean of Gaussian kernels (biased estimate, >= 0).

    Kernel: exp(-|a - b|^2 / (width * m)), m being the mean squared distance of all pairs, taken as
    a constant. Gretton et al., JMLR 2012, equation 5; several kernels: Long et al., ICML 2015.
    """
    _check(source, target)
    both = _precise(torch.cat([source, target]))
    square = (both[:, None] - both[None]).square().sum(-1)
    n = len(both)
    scale = (square.detach().sum() / (n * (n - 1))).clamp(min=1e-12)
    kernel = sum(torch.exp(-square / (width * scale)) for width in widths) / len(widths)
    k = len(source)
    return kernel[:k, :k].mean() + kernel[k:, k:].mean() - 2 * kernel[:k, k:].mean()


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy of the predictions in nats, 0 (certain) to log of the number of classes."""
    return -(logits.softmax(1) * logits.log_softmax(1)).sum(1).mean()


def _precise(x: Tensor) -> Tensor:
    """In float32, or in float64 where it is."""
    return x if x.dtype == torch.float64 else x.float()


def _check(source: Tensor, target: Tensor) -> None:
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise CourseError(
            f"Features must be (n, d) with one d; got {tuple(source.shape)} and "
            f"{tuple(target.shape)}."
        )
    if min(len(source), len(target)) < 2:
        raise CourseError("A covariance and a kernel mean need 2 pictures of each domain or more.")
