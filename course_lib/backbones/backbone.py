"""A net seen as ordered stages and a head, with the preprocessing that its weights expect."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from course_lib import checks
from course_lib.backbones.architectures import OWN, Architecture, found
from course_lib.backbones.preprocessing import given_normalisation
from course_lib.backbones.rates import UsualRates
from course_lib.backbones.stages import as_new
from course_lib.errors import CourseError


class Backbone(nn.Module):
    """A net, its stages, its head and its preprocessing.

    net: the net itself, unchanged; `net.state_dict()` has torchvision's names.
    source_classes: names of what the head was trained on, empty for random weights.
    card: facts about the weights (recipe, accuracy, file), empty for random weights.

    Calling it takes *prepared* pictures, float (n, 3, size, size), and gives logits (n, classes);
    `prepare` makes them from uint8 pictures.
    """

    def __init__(
        self,
        net: nn.Module,
        architecture: Architecture,
        transform: Callable[[Tensor], Tensor],
        source_classes: tuple[str, ...] = (),
        card: dict | None = None,
    ):
        super().__init__()
        self.net = net
        self.architecture = architecture
        self.transform = transform
        self.source_classes = tuple(source_classes)
        self.card = dict(card or {})

    @classmethod
    def wrap(
        cls,
        net: nn.Module,
        *,
        head: str | None = None,
        size: int | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        transform: Callable[[Tensor], Tensor] | None = None,
        stages: Sequence[str] | None = None,
        classes: Sequence[str] = (),
        build: Callable[[int], nn.Module] | None = None,
        name: str | None = None,
    ) -> "Backbone":
        """Any net of your own as a backbone: a copy of it, with stages and a head.

        net: takes float pictures (n, 3, size, size), gives logits (n, classes) from a linear layer.
        head: name of that layer, such as "fc" or "classifier.1"; default: found.
        size, mean, std: what it was trained on: pictures of size x size pixels, (value - mean) /
            std with values 0..1, three numbers each.
        transform: instead of these, torchvision's `weights.transforms()`.
        stages: names of modules, in order, with which a stage ends; default: found.
        classes: names of its logits, when it was trained to tell those apart.
        build: number of classes -> the same net with fresh weights, for training from scratch;
            default: a copy whose layers' reset_parameters() are called.
        name: default: the net's class.

        The net given is not changed. Raises CourseError for a net whose forward pass cannot be
        followed or cut into stages, and says what to change.
        """
        if isinstance(net, Backbone):
            raise CourseError("This is a Backbone already: use it as it is, or wrap its .net.")
        if not isinstance(net, nn.Module):
            raise CourseError(f"wrap takes an nn.Module; got {type(net).__name__}.")
        if isinstance(net, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            raise CourseError(f"Wrap what is inside the {type(net).__name__}: net.module.")
        if stages:
            stages = checks.names(stages, "stages")
        if transform is None:
            transform = given_normalisation(size, mean, std)
        elif (mean, std) != (None, None):
            raise CourseError("Give either transform, or size, mean and std.")
        side = size or getattr(transform, "size", None) or getattr(transform, "crop_size", [0])[0]
        try:
            side = checks.whole_number(side, "size", 1)
        except CourseError as error:
            raise CourseError(
                "Give size=..., the side in pixels of the pictures that transform makes."
            ) from error
        try:
            inside = copy.deepcopy(net).cpu()
        except Exception as error:  # whatever a net of someone else raises when copied
            raise CourseError(f"This {type(net).__name__} cannot be copied: {error}.") from error
        title = OWN + (name or type(net).__name__)
        making = build or (lambda classes: inside)  # another one below, when the head is known
        architecture = found(title, inside, making, side, head, stages)
        last = inside.get_submodule(architecture.head)
        if classes and len(classes) != last.out_features:
            raise CourseError(
                f"This net has {last.out_features} logits, but classes names {len(classes)}."
            )
        if build is None:
            architecture = replace(architecture, build=_anew(inside, architecture.head))
        return cls(inside, architecture, transform, tuple(classes), {"name": title}).eval()

    @property
    def name(self) -> str:
        return self.architecture.name

    @property
    def usual_rates(self) -> UsualRates:
        """Learning rates that suit this kind of net, for strategies that leave them open."""
        return self.architecture.rates

    @property
    def stages(self) -> dict[str, nn.Module]:
        """The stages by name, in order. Looked up each time, so that a changed net is seen."""
        return self.architecture.stages(self.net)

    @property
    def stage_names(self) -> tuple[str, ...]:
        return tuple(self.stages)

    @property
    def head(self) -> nn.Linear:
        return self.net.get_submodule(self.architecture.head)

    @property
    def feature_dim(self) -> int:
        """Length of the feature vector that the head reads."""
        return self.head.in_features

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self.head.out_features

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def prepare(self, pictures: Tensor) -> Tensor:
        """Resize, crop and normalise as these weights were trained.

        pictures: uint8 0..255 or float 0..1, (n, 3, height, width), any size.
        Gives float32 (n, 3, size, size) on the same device. Differentiable for float pictures.
        Raises CourseError for another shape, type or range and for NaN.
        """
        check_pictures(pictures)
        return self.transform(pictures)

    def run_stages(self, x: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Run the stages start..stop-1. Up to the last one this ends in features (n, feature_dim).

        start=0 takes prepared pictures; another start takes what the stage before it gave.
        """
        stages = list(self.stages.values())
        stop = len(stages) if stop is None else stop
        for stage in stages[start:stop]:
            x = stage(x)
        pools = stop == len(stages) and start < stop
        return self.architecture.pool(x) if pools else x

    def features(self, x: Tensor) -> Tensor:
        """Prepared pictures -> features (n, feature_dim), what the head reads."""
        return self.run_stages(x)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
            raise CourseError(
                f"{self.name} takes prepared pictures, float (n, 3, height, width); got {x.dtype} "
                f"{tuple(x.shape)}. Use model(model.prepare(pictures))."
            )
        return self.head(self.features(x))

    def copy(self) -> "Backbone":
        """A copy that shares no weight, gradient or hook with this one."""
        twin = copy.deepcopy(self)
        for module in twin.modules():
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
            module._backward_hooks.clear()
            module._backward_pre_hooks.clear()
        for parameter in twin.parameters():
            parameter.grad = None
        return twin

    def fresh(self, seed: int = 0) -> "Backbone":
        """The same architecture and preprocessing with every weight random, as before training.

        Other weights than load_backbone(pretrained=False) gives for the same seed.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed((checks.seed(seed) + 1) * 1_000_003)
            net = self.architecture.build(self.classes)
        twin = Backbone(net, self.architecture, self.transform)
        return twin.to(self.device).train(self.training)

    def replace_head(self, head: nn.Module, classes: tuple[str, ...] = ()) -> None:
        """Put another head in, in place. classes: the names of its outputs, when it has any."""
        self.net.set_submodule(self.architecture.head, head)
        self.source_classes = tuple(classes)

    def with_head(self, classes: int, seed: int = 0) -> "Backbone":
        """A copy whose head is new: random weights, one logit per class."""
        classes = checks.whole_number(classes, "classes of a head", 2)
        twin = self.copy()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(checks.seed(seed))
            head = nn.Linear(self.feature_dim, classes)
        twin.replace_head(head.to(self.device))
        return twin


def _anew(net: nn.Module, head: str) -> Callable[[int], nn.Module]:
    """classes -> a copy of the net with fresh weights and that many logits."""

    def build(classes: int) -> nn.Module:
        twin = as_new(net)
        last = twin.get_submodule(head)
        twin.set_submodule(head, nn.Linear(last.in_features, classes, bias=last.bias is not None))
        return twin

    return build


def check_pictures(pictures: Tensor) -> None:
    """Raise CourseError unless these are pictures: (n, 3, height, width), uint8 or float 0..1."""
    if not isinstance(pictures, Tensor):
        raise CourseError(
            "Pictures must be a torch tensor (n, 3, height, width); got "
            f"{type(pictures).__name__}. "
            "torch.from_numpy(array) makes one."
        )
    shape = tuple(pictures.shape)
    if pictures.ndim == 3 and shape[0] in (1, 3):
        raise CourseError(f"Got one picture, {shape}; a batch is needed. Use pictures[None].")
    if pictures.ndim != 4 or shape[1] != 3:
        hint = ""
        if pictures.ndim == 4 and shape[1] == 1:
            hint = " These are grey: pictures.expand(-1, 3, -1, -1) repeats the channel."
        elif pictures.ndim == 4 and shape[1] == 4:
            hint = " These have a transparency channel: pictures[:, :3] drops it."
        elif pictures.ndim == 4 and shape[3] == 3:
            hint = " Colour comes last here: pictures.permute(0, 3, 1, 2) puts it second."
        raise CourseError(
            f"Pictures must have three channels, (n, 3, height, width); got {shape}.{hint}"
        )
    if pictures.dtype == torch.uint8:
        return
    if not pictures.is_floating_point():
        raise CourseError(
            f"Pictures must be uint8 from 0 to 255 or float from 0 to 1; got {pictures.dtype}."
        )
    if not len(pictures):
        return
    low, high = pictures.detach().aminmax()
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise CourseError(
            "Pictures hold NaN or infinite values. torch.isfinite(pictures).all(dim=(1, 2, 3)) "
            "tells "
            "which pictures are sound."
        )
    if low < -1e-3 or high > 1 + 1e-3:
        raise CourseError(
            f"Float pictures must lie between 0 and 1; got {low:.3g} to {high:.3g}. Divide by "
            "255, or "
            "pass them as uint8; don't normalise them, prepare() does."
        )
