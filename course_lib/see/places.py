"""Which places of a picture does a model need? Shuffle each place among the pictures and see."""

import torch
from torch import Tensor

from course_lib.backbones.inference import predict
from course_lib.errors import CourseError
from course_lib.measure import metrics


def importance_of_places(
    model, pictures: Tensor, labels: Tensor, box: int = 13, stride: int = 17, seed: int = 0
) -> Tensor:
    """AUC lost when one square of all pictures is dealt out anew among them.

    A square then holds what some picture has there, but tells nothing of its own picture's class:
    permutation importance (Breiman 2001, "Random forests", section 10), by place. Unlike painting
    over, it puts nothing into a picture that the model has never seen.

    model: a Backbone. pictures: uint8 (n, 3, height, width). labels: int64 (n,). box, stride: in
    pixels. Gives float (rows, columns); about 0 where a place does not matter. Raises CourseError
    when the box does not fit.
    """
    height, width = pictures.shape[-2:]
    if not 1 <= box <= min(height, width) or stride < 1:
        raise CourseError(f"A box of {box} with stride {stride} does not fit {width}x{height}.")
    before = metrics.auc(predict(model, pictures), labels)
    generator = torch.Generator().manual_seed(seed)
    tops, lefts = range(0, height - box + 1, stride), range(0, width - box + 1, stride)
    lost = torch.zeros(len(tops), len(lefts))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            order = torch.randperm(len(pictures), generator=generator)
            square = (..., slice(top, top + box), slice(left, left + box))
            dealt = pictures.clone()
            dealt[square] = pictures[order][square]
            lost[row, column] = before - metrics.auc(predict(model, dealt), labels)
    return lost
