"""Do new pictures still look, to the model, like those it was built with?

The features of new pictures are compared with those of the validation pictures, one principal
component at a time, by Kolmogorov and Smirnov's two-sample test with Bonferroni's correction
(Rabanser, Günnemann and Lipton 2019, "Failing loudly", section 3). Validation pictures rather than
training ones: a net knows those by heart, so even fresh pictures of the same kind would look
different from them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.backbones.backbone import Backbone
from course_lib.train.baselines import features

COMPONENTS = 16  # principal components that are watched, at most
PICTURES = 500  # reference pictures that are kept, at most
LEAST = 10  # pictures on either side without which nothing can be said
LEVEL = 0.01  # probability of a false alarm for one batch of independent pictures


@dataclass(frozen=True, eq=False)
class Reference:
    """What pictures of the known kind look like to a model.

    mean: float32 (feature_dim,). directions: float32 (k, feature_dim), the principal components,
    largest first. places: float32 (n, k), where each of the n reference pictures lies on them.
    """

    mean: Tensor
    directions: Tensor
    places: Tensor


@dataclass(frozen=True)
class Drift:
    """What a comparison came to.

    p_value: how often pictures of the known kind would differ as much or more, 0..1. distance:
    the largest gap between the two distributions along a component (Kolmogorov-Smirnov), 0..1.
    pictures: how many new ones were compared. enough: whether there were enough on both sides.
    """

    p_value: float
    distance: float
    pictures: int
    enough: bool

    @property
    def drifted(self) -> bool:
        return self.enough and self.p_value < LEVEL

    @property
    def sentence(self) -> str:
        if not self.enough:
            return f"Too few pictures to tell whether they have drifted: {LEAST} are needed."
        numbers = f"p = {self.p_value:.2g}, distance {self.distance:.2f}, {self.pictures} pictures"
        if self.drifted:
            return (
                f"These pictures differ from those behind the model ({numbers}). Its "
                "measured scores may not hold for them: label some and check."
            )
        return f"No sign that these pictures differ from those behind the model ({numbers})."


def make_reference(features: Tensor) -> Reference:
    """The reference of features, float (n, feature_dim)."""
    features = features[:PICTURES].float()
    mean = features.mean(0)
    _, _, directions = torch.linalg.svd(features - mean, full_matrices=False)
    directions = directions[: min(COMPONENTS, len(features) - 1)].contiguous()
    return Reference(mean, directions, (features - mean) @ directions.T)


def compare(reference: Reference, features: Tensor) -> Drift:
    """Features of new pictures, float (n, feature_dim), against the reference.

    Pictures of one patient or one burst are not independent: with several of each, alarms come too
    easily.
    """
    from scipy.stats import ks_2samp

    enough = min(len(features), len(reference.places)) >= LEAST
    if not enough:
        return Drift(1.0, 0.0, len(features), False)
    places = (features.float() - reference.mean) @ reference.directions.T
    tests = [
        ks_2samp(old.numpy(), new.numpy())
        for old, new in zip(reference.places.T, places.T, strict=True)
    ]
    p_value = min(1.0, len(tests) * min(float(test.pvalue) for test in tests))
    return Drift(p_value, max(float(test.statistic) for test in tests), len(features), True)


def drift(saved, pictures: Tensor) -> Drift:
    """Compare pictures, as `Backbone.prepare` takes them, with those behind a saved model."""
    return compare(saved.reference, features_of(saved.model, pictures))


def features_of(model: Backbone, pictures: Tensor) -> Tensor:
    """float32 (n, feature_dim) on the CPU."""
    return features(model, pictures)
