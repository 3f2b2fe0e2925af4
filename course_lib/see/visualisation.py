"""Feature visualisation: the picture that a channel answers to most, found by gradient ascent.

The recipe of Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017: the picture is
given by its Fourier coefficients, scaled by 1/f as in natural pictures; its colours are
decorrelated; at every step it is shifted, turned, zoomed and sometimes blurred a little, so that
only what survives such changes is kept; and what is raised is the answer before the ReLU, which has
a gradient also where the channel is silent. Two changes serve pictures of 64 pixels: the contrast
is held fixed, so that the ascent must spend it on what counts, and the answer is that of the
strongest quarter of the places.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import world
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import evaluating
from course_lib.errors import CourseError
from course_lib.see.activations import before_activation, find_stage

STEPS = 96
RATE = 0.05  # Adam's, for coefficients of order one
CONTRAST = 1.0  # root mean square of the picture before the sigmoid
SHARE = 1 / 4  # of the places of a map whose answers are raised
JITTER = 1 / 16  # largest shift, as a share of the side: 4 pixels of 64
TURN, ZOOM, BLUR = math.radians(6), 0.08, 0.5  # angle, share of the side, how often


def visualise(
    model: Backbone,
    stage: str,
    channels: Sequence[int],
    steps: int = STEPS,
    seed: int = 0,
) -> Tensor:
    """Pictures that excite channels of a stage most: float (channels, 3, size, size) in 0..1.

    Args:
        stage: one of `model.stage_names`.
        channels: which channels; all are optimised in one batch, each picture for its own.
        steps: of Adam.
        seed: of the starting noise and of the shifts.

    Raises:
        CourseError: a stage or channel that does not exist.
    """
    return deque(ascend(model, stage, channels, steps, seed), maxlen=1)[0][0]


def ascend(
    model: Backbone,
    stage: str,
    channels: Sequence[int],
    steps: int = STEPS,
    seed: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """`visualise` step by step: the pictures so far and each channel's answer to them.

    The answer (channels,) was measured on the shifted picture of this step, before the update.
    """
    if steps < 1 or not len(channels):
        raise CourseError(f"Got {steps} steps and {len(channels)} channels; give one or more.")
    generator = torch.Generator().manual_seed(seed)
    size, device = model.architecture.size, model.device
    spectrum = _noise(len(channels), size, generator).to(device).requires_grad_()
    optimizer = torch.optim.Adam([spectrum], RATE)
    for _ in range(steps):
        with evaluating(model), torch.enable_grad():
            moved = _moved(_decode(spectrum, size), generator)
            score = answers(model, stage, channels, moved)
            (gradient,) = torch.autograd.grad(-score.sum(), spectrum)
        spectrum.grad = gradient
        optimizer.step()
        yield _decode(spectrum, size).detach().float().cpu(), score.detach().float().cpu()


def answers(model: Backbone, stage: str, channels: Sequence[int], pictures: Tensor) -> Tensor:
    """Answer of channel i to picture i before the activation, (channels,), with gradient.

    It is the mean over the strongest quarter of the channel's map. pictures: as `Backbone.prepare`
    takes them, as many as channels.
    """
    last = find_stage(model, stage)
    x = model.prepare(pictures)
    with before_activation(model.stages[stage]) as read:
        for each in list(model.stages.values())[: last + 1]:
            x = each(x)
        maps = read(x)
    channels = torch.as_tensor(channels, device=maps.device)
    if int(channels.min()) < 0 or int(channels.max()) >= maps.shape[1]:
        raise CourseError(
            f"{stage} has the channels 0 to {maps.shape[1] - 1}; got {channels.tolist()}."
        )
    places = maps[torch.arange(len(channels), device=maps.device), channels].flatten(1)
    return places.topk(max(1, int(places.shape[1] * SHARE)), 1).values.mean(1)


@lru_cache(maxsize=1)
def colour_basis() -> Tensor:
    """(3, 3) matrix from uncorrelated to RGB values, from the pictures that WorldNet learnt from.

    The symmetric root of the covariance of their pixels, scaled so that the largest column has
    length one.
    """
    pixels = world.render(world.sample(256, seed=0)).float().div(255)
    pixels = pixels.permute(1, 0, 2, 3).flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(pixels))
    root = vectors @ torch.diag(values.clamp(min=1e-8).sqrt()) @ vectors.T
    return root / root.norm(dim=0).max()


def _noise(k: int, size: int, generator: torch.Generator) -> Tensor:
    """Small random coefficients, (k, 3, size, size // 2 + 1, 2): real and imaginary parts."""
    return 0.01 * torch.randn(k, 3, size, size // 2 + 1, 2, generator=generator)


def _decode(spectrum: Tensor, size: int) -> Tensor:
    """Fourier coefficients -> pictures (k, 3, size, size) in 0..1."""
    device = spectrum.device
    rows, columns = torch.fft.fftfreq(size, device=device), torch.fft.rfftfreq(size, device=device)
    frequency = torch.sqrt(rows[:, None] ** 2 + columns**2)
    scale = 1 / torch.clamp(frequency, min=1 / size)
    plain = torch.fft.irfft2(torch.view_as_complex(spectrum) * scale, s=(size, size))
    plain = CONTRAST * plain / plain.square().mean((1, 2, 3), keepdim=True).sqrt()
    mixed = torch.einsum("ij,kjhw->kihw", colour_basis().to(device), plain)
    return torch.sigmoid(mixed)


def _moved(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Each picture shifted, turned and zoomed by its own random amounts; the border is mirrored."""
    k = len(pictures)
    shift = (torch.rand(k, 2, generator=generator) - 0.5) * 4 * JITTER  # the side is 2 units
    turn = (torch.rand(k, generator=generator) - 0.5) * 2 * TURN
    zoom = 1 + (torch.rand(k, generator=generator) - 0.5) * 2 * ZOOM
    frame = torch.stack(
        [zoom * turn.cos(), -zoom * turn.sin(), shift[:, 0],
         zoom * turn.sin(), zoom * turn.cos(), shift[:, 1]], 1
    ).view(k, 2, 3)  # fmt: skip
    grid = F.affine_grid(frame.to(pictures.device), list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    if torch.rand((), generator=generator) < BLUR:
        side = pictures.shape[-1]
        moved = F.interpolate(moved, size=side // 2, mode="area")
        moved = F.interpolate(moved, size=side, mode="bilinear", align_corners=False)
    return moved.clamp(0, 1)
