"""A net used as it is: logits of pictures, on what device, in what precision, how many at once."""

from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from course_lib.backbones.backbone import Backbone, check_pictures
from course_lib.errors import CourseError


def predict(model: Backbone, pictures: Tensor) -> Tensor:
    """Logits, float32 (n, classes) on the CPU, of pictures as `Backbone.prepare` takes them.

    Computed in float32 on every device, whatever autocast surrounds the call: in bf16 scores come
    in steps of about a hundredth, so that close ones tie.
    """
    check_backbone(model)
    check_pictures(pictures)
    parts = [torch.empty(0, model.classes)]
    with torch.inference_mode(), evaluating(model), in_float32(model.device):
        for chunk in pictures.split(chunk_size(model)):
            parts.append(model(model.prepare(chunk.to(model.device))).float().cpu())
    return torch.cat(parts)


def check_backbone(model) -> None:
    """Raise CourseError unless this can be asked: a Backbone, or what behaves like one."""
    if not callable(getattr(model, "prepare", None)):
        raise CourseError(
            "A Backbone is needed, such as load_backbone or run.model gives; got "
            f"{type(model).__name__}."
        )


def default_device() -> torch.device:
    """A CUDA GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def chunk_size(model: Backbone) -> int:
    """Pictures to push through at once without gradients: about 30 ms for WorldNet on two cores.

    Larger chunks are not faster on a CPU, and a widget would be slow to answer.
    """
    per_picture = (model.architecture.size / 64) ** 2
    return max(8, int((2048 if model.device.type == "cuda" else 32) / per_picture))


@contextmanager
def evaluating(model: nn.Module):
    """Eval mode inside; afterwards every module has the mode it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def in_float32(device: torch.device):
    """Every operation inside in the precision of its inputs, whatever autocast is around."""
    return torch.autocast(device.type, enabled=False)


def precision(device: torch.device):
    """bf16 where it pays, on a GPU; float32 on the CPU."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()
