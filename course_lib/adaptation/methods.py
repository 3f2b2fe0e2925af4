"""The methods of the course as plain data, and the loss terms they are made of.

A method says which terms join the cross-entropy on labelled source pictures, and what happens
before and after training. `dataclasses.replace` makes variants.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.adaptation.alignment import (
    coral,
    domain_classifier,
    domain_loss,
    entropy,
    mmd,
    reverse_gradient,
)
from course_lib.adaptation.statistics import adabn, tent
from course_lib.backbones.backbone import Backbone
from course_lib.data.augmentation import augmented
from course_lib.errors import CourseError


class Seen(NamedTuple):
    """What a net makes of a batch of one domain.

    pictures: as they were drawn, uint8. aligned: (n, d), what the domains are compared by. logits:
    (n, classes).
    """

    pictures: Tensor
    aligned: Tensor
    logits: Tensor


class Adversary(nn.Module):
    """DANN: a domain classifier above a gradient reversal (Ganin et al. 2016, equation 18)."""

    def __init__(self, model: Backbone, width: int):
        super().__init__()
        self.classifier = domain_classifier(width, 300)

    def forward(self, model, source: Seen, target: Seen, strength: float) -> Tensor:
        both = torch.cat([source.aligned, target.aligned])
        return domain_loss(self.classifier(reverse_gradient(both, strength)), len(source.pictures))


class ConditionalAdversary(nn.Module):
    """CDAN: the domain classifier sees features x predicted class (Long et al. 2018, eq. 3)."""

    def __init__(self, model: Backbone, width: int):
        super().__init__()
        self.classifier = domain_classifier(width * model.classes, 300)

    def forward(self, model, source: Seen, target: Seen, strength: float) -> Tensor:
        features = torch.cat([source.aligned, target.aligned])
        classes = torch.cat([source.logits, target.logits]).softmax(1).detach()
        both = (features[:, :, None] * classes[:, None, :]).flatten(1)
        return domain_loss(self.classifier(reverse_gradient(both, strength)), len(source.pictures))


class Correlation(nn.Module):
    """Deep CORAL (Sun and Saenko 2016)."""

    def __init__(self, model: Backbone, width: int):
        super().__init__()

    def forward(self, model, source: Seen, target: Seen, strength: float) -> Tensor:
        return strength * coral(source.aligned, target.aligned)


class Discrepancy(nn.Module):
    """MMD with several kernels (Long et al. 2015)."""

    def __init__(self, model: Backbone, width: int):
        super().__init__()

    def forward(self, model, source: Seen, target: Seen, strength: float) -> Tensor:
        return strength * mmd(source.aligned, target.aligned)


class Certainty(nn.Module):
    """Low entropy on target pictures (Grandvalet and Bengio 2004)."""

    def __init__(self, model: Backbone, width: int):
        super().__init__()

    def forward(self, model, source: Seen, target: Seen, strength: float) -> Tensor:
        return strength * entropy(target.logits)


class PseudoLabels(nn.Module):
    """Self-training: where a slow copy of the net (the teacher) is confident about a target
    picture, its answer is the label of another view, moved and relit (French, Mackiewicz and
    Fisher, "Self-ensembling for visual domain adaptation", ICLR 2018, section 3).

    Answers are rescaled so that no class is given more often than the others (Berthelot et al.,
    "ReMixMatch", ICLR 2020, section 3.1). Begins late in the ramp, when the answers mean something.
    """

    THRESHOLD, MOMENTUM, WAIT = 0.9, 0.99, 0.9

    def __init__(self, model: Backbone, width: int):
        super().__init__()
        # In train mode it meets target batches by their own statistics, and with dropout it is
        # confident only where it does not depend on a few features.
        self.teacher = model.copy().train().requires_grad_(False)
        self.register_buffer("given", torch.full((model.classes,), 1 / model.classes))

    def forward(self, model, source: Seen, target: Seen, strength: float) -> Tensor:
        following = self.MOMENTUM if strength >= self.WAIT else 0.9
        with torch.no_grad():
            for slow, fast in zip(self.teacher.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 1 - following)
            if strength < self.WAIT:
                return target.logits.new_zeros(())
            answer = self.teacher(self.teacher.prepare(target.pictures)).float().softmax(1)
            self.given.lerp_(answer.mean(0), 0.01)
            answer = answer / self.given
            confidence, label = (answer / answer.sum(1, keepdim=True)).max(1)
        view = augmented(target.pictures, int(torch.randint(2**31, ())))
        loss = F.cross_entropy(model(model.prepare(view)).float(), label, reduction="none")
        return (loss * (confidence > self.THRESHOLD)).mean()


TERMS: dict[str, type[nn.Module]] = {
    "adversary": Adversary,
    "conditional adversary": ConditionalAdversary,
    "coral": Correlation,
    "mmd": Discrepancy,
    "certainty": Certainty,
    "pseudo-labels": PseudoLabels,
}


@dataclass(frozen=True)
class Method:
    """How a net is trained on a labelled source for an unlabelled target.

    name: what tables and figures call it. paper: where it comes from.
    terms: loss terms beside the source's cross-entropy, name (see TERMS) -> weight.
    at: the stage whose output is aligned; "" for the features that the head reads.
    batch_norm: how the two batches of a step are normalised. "separate": each by its own mean and
        variance. "together": both as one batch, as it happens by accident.
    after: (model, unlabelled target pictures) -> model, once training is done.
    on_target: trained on the target's labels instead. The oracle's privilege.
    """

    name: str
    paper: str = ""
    terms: dict[str, float] = field(default_factory=dict)
    at: str = ""
    batch_norm: str = "separate"
    after: Callable[[Backbone, Tensor], Backbone] | None = None
    on_target: bool = False

    def __post_init__(self):
        unknown = [name for name in self.terms if name not in TERMS]
        if unknown:
            raise CourseError(f"No loss term {unknown[0]!r}. There are: {', '.join(TERMS)}.")
        if self.batch_norm not in ("separate", "together"):
            raise CourseError(
                f'batch_norm must be "separate" or "together"; got {self.batch_norm!r}.'
            )


SOURCE_ONLY = Method("source only")
ADABN = Method("AdaBN", "Li et al. 2016", after=adabn)
TENT = Method("TENT", "Wang et al. 2021", after=tent)
CORAL = Method("CORAL", "Sun and Saenko 2016", {"coral": 10.0})
MMD = Method("MMD", "Long et al. 2015", {"mmd": 1.0})
DANN = Method("DANN", "Ganin et al. 2016", {"adversary": 1.0}, at="conv2")
CDAN = Method("CDAN", "Long et al. 2018", {"conditional adversary": 1.0, "certainty": 0.1})
SELF_TRAINING = Method("self-training", "French et al. 2018", {"pseudo-labels": 1.0})
BOTH = Method("DANN + self-training", "", {"adversary": 1.0, "pseudo-labels": 1.0}, at="conv2")
ORACLE = Method("oracle", on_target=True)

ALL = (SOURCE_ONLY, ADABN, TENT, CORAL, MMD, DANN, CDAN, SELF_TRAINING, BOTH, ORACLE)
