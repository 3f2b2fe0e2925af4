"""How alike two representations are: linear centred kernel alignment."""

import torch
from torch import Tensor

from course_lib.backbones.backbone import Backbone
from course_lib.errors import CourseError
from course_lib.see.activations import stage_maps


def linear_cka(first: Tensor, second: Tensor, debiased: bool = False) -> float:
    """Linear CKA of two representations of the same n pictures: 0 unlike, 1 alike.

    It does not change when either is turned, mirrored, shifted or scaled as a whole. Kornblith et
    al. 2019, "Similarity of neural network representations revisited", section 3; columns are
    centred first.

    Args:
        first, second: (n, p) and (n, q), or with more axes, which are flattened.
        debiased: from the unbiased estimate of the similarity (Song et al. 2012, "Feature selection
            via dependence maximization", equation 5), which is about 0 for unlike representations
            of few pictures too, where the usual one is large; it may fall a little below 0.

    Raises:
        CourseError: other numbers of pictures, fewer than two (debiased: four), or a constant
            representation.
    """
    least = 4 if debiased else 2
    if len(first) != len(second) or len(first) < least:
        raise CourseError(
            f"CKA compares the same pictures, {least} or more; got {len(first)} and {len(second)}."
        )
    x, y = (t.flatten(1).double() - t.flatten(1).double().mean(0) for t in (first, second))
    # ||Y'X||^2 = <XX', YY'>: n x n matrices are the smaller ones here.
    gram_x, gram_y = x @ x.T, y @ y.T
    if gram_x.norm() * gram_y.norm() == 0:
        raise CourseError("CKA is not defined for a representation that is the same everywhere.")
    if not debiased:
        return float((gram_x * gram_y).sum() / (gram_x.norm() * gram_y.norm()))
    own = _unbiased(gram_x, gram_x) * _unbiased(gram_y, gram_y)
    return float(_unbiased(gram_x, gram_y) / own.clamp(min=1e-300).sqrt())


def _unbiased(first: Tensor, second: Tensor) -> Tensor:
    """Unbiased HSIC of two Gram matrices (n, n): a picture's likeness to itself does not count."""
    n = len(first)
    a, b = (gram - gram.diag().diag() for gram in (first, second))
    inner, sums = (a * b).sum(), a.sum() * b.sum() / ((n - 1) * (n - 2))
    return (inner + sums - 2 * (a.sum(0) @ b.sum(0)) / (n - 2)) / (n * (n - 3))


def stage_cka(first: Backbone, second: Backbone, pictures: Tensor) -> Tensor:
    """Linear CKA of every stage of one net with every stage of another: float (stages, stages).

    Rows are the stages of the first net, columns those of the second. Maps are compared as they
    are, place by place. pictures: as `Backbone.prepare` takes them, two or more.
    """
    grams = [[_gram(maps) for maps in stage_maps(net, pictures).values()]
             for net in (first, second)]  # fmt: skip
    return torch.tensor([[float((a * b).sum()) for b in grams[1]] for a in grams[0]])


def _gram(maps: Tensor) -> Tensor:
    """Centred Gram matrix (n, n) of length one."""
    x = maps.flatten(1).double()
    x = x - x.mean(0)
    gram = x @ x.T
    return gram / gram.norm().clamp(min=1e-300)
