"""What the stages of a net answer to pictures: feature maps, peaks, strongest pictures."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import chunk_size, evaluating
from course_lib.errors import CourseError

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.GELU)


def as_maps(output: Tensor) -> Tensor:
    """What a stage gives, as maps (n, channels, height, width).

    Maps stay as they are, those with channels last (Swin's) get them second; vectors (n, channels)
    become maps of one place; the tokens of a vision transformer, (n, side * side, channels) with or
    without a class token before them, become a square without it.
    Raises CourseError for another shape.
    """
    if output.ndim == 4:
        _, first, second, last = output.shape
        return output.permute(0, 3, 1, 2) if first == second != last else output
    if output.ndim == 2:
        return output[:, :, None, None]
    if output.ndim == 3:
        tokens = output.shape[1]
        side = math.isqrt(tokens)
        if tokens - side * side in (0, 1):
            places = output[:, tokens - side * side :]
            return places.transpose(1, 2).unflatten(2, (side, side))
    raise CourseError(f"A stage gave {tuple(output.shape)}, which has no places to map.")


def stage_maps(
    model: Backbone, pictures: Tensor, reduce: Callable[[Tensor], Tensor] = as_maps
) -> dict[str, Tensor]:
    """What every stage makes of pictures, in the net's order.

    Args:
        pictures: as `Backbone.prepare` takes them.
        reduce: what to keep of each stage's output, batch by batch; default: the feature maps.

    Returns:
        stage -> float32 on the CPU; by default (n, channels, height, width).
    """
    kept: dict[str, list[Tensor]] = {name: [] for name in model.stage_names}
    with torch.inference_mode(), evaluating(model):
        for chunk in pictures.split(chunk_size(model)):
            x = model.prepare(chunk.to(model.device))
            for name, stage in model.stages.items():
                x = stage(x)
                # A copy: the next stage may write into x (its first ReLU works in place).
                kept[name].append(reduce(x).float().cpu().clone())
    return {name: torch.cat(parts) for name, parts in kept.items()}


def peaks(model: Backbone, pictures: Tensor) -> dict[str, Tensor]:
    """The largest answer of every channel to every picture: stage -> float (n, channels)."""
    return stage_maps(model, pictures, lambda x: as_maps(x).amax((2, 3)))


def strongest(peaks_of_stage: Tensor, most: int = 9) -> Tensor:
    """Which pictures excite each channel most: int64 (channels, most), the strongest first.

    peaks_of_stage: (n, channels), from `peaks`.
    Raises CourseError when there are fewer pictures than asked for.
    """
    if not 1 <= most <= len(peaks_of_stage):
        raise CourseError(f"Asked for the strongest {most} of {len(peaks_of_stage)} pictures.")
    return peaks_of_stage.topk(most, dim=0).indices.T


def find_stage(model: Backbone, stage: str) -> int:
    """Position of a stage by name. Raises CourseError for a name that the net does not have."""
    if stage not in model.stage_names:
        raise CourseError(
            f"{model.name} has no stage {stage!r}. It has: {', '.join(model.stage_names)}."
        )
    return model.stage_names.index(stage)


@contextmanager
def before_activation(stage: nn.Module) -> Iterator[Callable[[Tensor], Tensor]]:
    """Inside, `read(output)` gives the maps that the stage's last activation took.

    Behind a ReLU a silent channel has no gradient; before it, it has one. Where a stage does not
    end in an activation (the linear bottlenecks of EfficientNet, a transformer's layer) its output
    is given as it is. The hooks are removed at the end.
    """
    seen: list[Tensor] = []

    def note(module, inputs):
        seen[:] = [inputs[0].clone()]  # a copy: the activation may work in place

    def read(output: Tensor) -> Tensor:
        output = as_maps(output)
        if seen and seen[0].ndim == 4 and seen[0].shape[1] == output.shape[1]:
            return seen[0]
        return output

    handles = [
        module.register_forward_pre_hook(note)
        for module in stage.modules()
        if isinstance(module, ACTIVATIONS)
    ]
    try:
        yield read
    finally:
        for handle in handles:
            handle.remove()


def map_figure(maps: dict[str, Tensor], most: int = 16, columns: int = 8):
    """The feature maps of one picture, stage by stage, each stage on its own scale.

    Args:
        maps: stage -> (channels, height, width).
        most: channels to show of each stage, the first ones.
        columns: maps in a row.
    """
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, len(maps), figsize=(2.15 * len(maps), 1.9), squeeze=False)
    for ax, (stage, channels) in zip(axes[0], maps.items(), strict=True):
        ax.imshow(tile(channels[:most], min(columns, 4)), cmap="magma", interpolation="nearest")
        ax.set_title(f"{stage}  {channels.shape[1]}×{channels.shape[2]}", fontsize=10)
        ax.set_axis_off()
    return fig


def tile(channels: Tensor, columns: int, gap: int = 1):
    """Maps (k, height, width) side by side as one numpy picture, NaN between them."""
    k, height, width = channels.shape
    rows = -(-k // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap)
    sheet = torch.full(shape, torch.nan)
    for place in range(k):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        sheet[top : top + height, left : left + width] = channels[place]
    return sheet.numpy()
