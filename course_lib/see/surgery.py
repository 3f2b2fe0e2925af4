"""A net put together from two: the first stages of one, the rest of another."""

from course_lib.backbones.backbone import Backbone
from course_lib.errors import CourseError


def transplant(donor: Backbone, host: Backbone, stages: int) -> Backbone:
    """A copy of `host` whose first `stages` stages are the donor's, batch-norm statistics included.

    Raises CourseError when the two are not of one architecture or the number does not fit.
    """
    if donor.name != host.name or not 0 <= stages <= len(host.stage_names):
        raise CourseError(
            f"Cannot put {stages} stages of {donor.name} into {host.name} with its "
            f"{len(host.stage_names)}."
        )
    twin = host.copy()
    pairs = list(zip(donor.stages.values(), twin.stages.values(), strict=True))
    for given, own in pairs[:stages]:
        own.load_state_dict(given.state_dict())
    return twin
