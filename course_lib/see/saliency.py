"""Where a net looked: Grad-CAM, guided backpropagation, and the check that tells them apart."""

import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import Tensor, nn

from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import evaluating, predict
from course_lib.errors import CourseError
from course_lib.see.activations import as_maps, find_stage
from course_lib.see.surgery import transplant


def grad_cam(
    model: Backbone, pictures: Tensor, classes: Tensor | None = None, stage: str | None = None
) -> Tensor:
    """Grad-CAM: which places of a stage's maps speak for a class.

    Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2: the maps, weighted by the mean gradient of
    the class's logit, summed, and cut off at zero.

    Args:
        pictures: as `Backbone.prepare` takes them, n of them.
        classes: int64 (n,), the class to explain; default: the one that the model names.
        stage: whose maps; default: the last one that has more than 3 x 3 places, since a coarser
            map shows little.

    Returns:
        float (n, h, w) at the size of the stage's maps, 0 or more, on the CPU.
    """
    x = model.prepare(pictures.to(model.device))
    position = _cam_stage(model, x[:1]) if stage is None else find_stage(model, stage)
    with evaluating(model), torch.enable_grad():
        # Detached: the gradient is needed down to this stage only.
        inner = model.run_stages(x, 0, position + 1).detach() if not _last(model, position) else (
            _unpooled(model, x).detach()
        )  # fmt: skip
        inner.requires_grad_()
        logits = model.head(_rest(model, inner.clone(), position))
        gradient = torch.autograd.grad(_chosen(logits, classes), inner)[0]
    maps, slopes = as_maps(inner.detach()), as_maps(gradient)
    weights = slopes.mean((2, 3), keepdim=True)
    return (weights * maps).sum(1).clamp(min=0).float().cpu()


def guided_backprop(model: Backbone, pictures: Tensor, classes: Tensor | None = None) -> Tensor:
    """Guided backpropagation: the gradient of the class's logit with respect to the pixels, where
    every ReLU also drops negative gradients (Springenberg et al. 2015).

    It draws beautiful outlines, and `randomisation_check` shows why that proves nothing.

    Returns:
        float (n, h, w) at the size of the prepared picture: the largest absolute value over the
        colours, on the CPU. Arguments as for `grad_cam`.
    """
    guided = model.copy().eval()
    for module in list(guided.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, GuidedReLU())
    x = model.prepare(pictures.to(model.device)).detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(_chosen(guided(x), classes), x)
    return gradient.abs().amax(1).float().cpu()


class GuidedReLU(nn.Module):
    """A ReLU that lets only positive gradients back."""

    def forward(self, x: Tensor) -> Tensor:
        return _Guided.apply(x)


class _Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (x > 0)


def randomisation_check(
    model: Backbone, pictures: Tensor, method=grad_cam, seed: int = 0, **options
) -> dict[str, float]:
    """Does an explanation notice that the net was destroyed? Cascading weight randomisation.

    Adebayo et al. 2018, "Sanity checks for saliency maps": the weights are made random from the
    head down, one stage more each time, and the map is compared with the original one. A method
    whose map stays the same explains the picture, not the net.

    Args:
        method: such as `grad_cam` or `guided_backprop`; `options` are passed to it.

    Returns:
        "head" and then each stage from the last to the first, as far as the randomisation has
        come -> mean Spearman rank correlation with the original map (1: unchanged).
    """
    classes = predict(model, pictures).argmax(1)
    original = method(model, pictures, classes, **options)
    names = model.stage_names
    found = {}
    for kept in range(len(names), -1, -1):
        broken = transplant(model, model.fresh(seed), kept).eval()
        maps = method(broken, pictures, classes, **options)
        found["head" if kept == len(names) else names[kept]] = _rank_correlation(original, maps)
    return found


def _rank_correlation(first: Tensor, second: Tensor) -> float:
    """Mean over pictures of Spearman's rank correlation; a map without any contrast counts 0."""
    values = [
        0.0 if a.min() == a.max() or b.min() == b.max() else float(spearmanr(a, b).statistic)
        for a, b in zip(first.flatten(1).numpy(), second.flatten(1).numpy(), strict=True)
    ]
    return sum(values) / len(values)


def _chosen(logits: Tensor, classes: Tensor | None) -> Tensor:
    classes = logits.argmax(1) if classes is None else classes.to(logits.device)
    if classes.shape != (len(logits),) or int(classes.max()) >= logits.shape[1]:
        raise CourseError(
            f"Give one class for each of the {len(logits)} pictures, below {logits.shape[1]}; got "
            f"{classes.tolist()}."
        )
    return logits.gather(1, classes[:, None]).sum()


def _last(model: Backbone, position: int) -> bool:
    return position == len(model.stage_names) - 1


def _unpooled(model: Backbone, x: Tensor) -> Tensor:
    """The last stage's own output; `run_stages` would pool it."""
    for stage in model.stages.values():
        x = stage(x)
    return x


def _rest(model: Backbone, x: Tensor, position: int) -> Tensor:
    if _last(model, position):
        return model.architecture.pool(x)
    return model.run_stages(x, position + 1)


def _cam_stage(model: Backbone, x: Tensor) -> int:
    found = 0
    with torch.no_grad():
        for position, stage in enumerate(model.stages.values()):
            x = stage(x)
            found = position if min(as_maps(x).shape[2:]) > 3 else found
    return found


def cam_figure(pictures: Tensor, maps: Tensor, titles: list[str], columns: int = 6):
    """Pictures with their maps laid over them, each map on its own scale.

    pictures: uint8 (n, 3, h, w). maps: (n, h', w'), enlarged to the picture. titles: n lines.
    """
    from matplotlib import pyplot as plt

    n = len(pictures)
    columns = min(columns, n)
    rows = -(-n // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(1.5 * columns, 1.75 * rows), squeeze=False)
    large = F.interpolate(maps[:, None], pictures.shape[-2:], mode="bilinear", align_corners=False)
    for place, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if place >= n:
            continue
        ax.imshow(pictures[place].permute(1, 2, 0).numpy())
        heat = large[place, 0] / large[place].max().clamp(min=1e-12)
        ax.imshow(heat.numpy(), cmap="inferno", alpha=0.15 + 0.6 * heat.numpy(), vmin=0, vmax=1)
        ax.set_title(titles[place], fontsize=9, loc="center", weight="normal")
    return fig


def check_figure(checks: dict[str, dict[str, float]]):
    """Results of `randomisation_check` for several methods: title -> its result."""
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(6.6, 3.2))
    looks = (("#0072B2", "-", "s"), ("#D55E00", "--", "o"), ("#009E73", "-.", "^"))
    for (title, found), (color, dash, marker) in zip(checks.items(), looks, strict=False):
        ax.plot(range(len(found)), list(found.values()), color=color, ls=dash, marker=marker,
                label=title)  # fmt: skip
    ax.axhline(0, color="#999999", lw=0.8)
    ax.set_xticks(range(len(found)), ["head", *(f"… {name}" for name in list(found)[1:])])
    ax.set_ylim(-0.25, 1.05)
    ax.set_xlabel("made random, from the head down to this stage")
    ax.set_ylabel("rank correlation\nwith the original map")
    ax.set_title("Does the explanation notice?")
    ax.legend(fontsize=9)
    return fig
