"""One colour, dash and marker for each name, the same in every figure."""

from collections.abc import Mapping, Sequence

from course_lib.measure.figures import LOOKS, Look

Looks = Mapping[str, Look]
PIXELS, RANDOM = "pixel logistic regression", "random frozen backbone"
BASELINES = (PIXELS, RANDOM)
# Okabe and Ito's palette with a dash and a marker each, for names that have no look of their own.
SPARE = tuple(
    Look(*one)
    for one in (
        ("#0072B2", "-", "s"),
        ("#D55E00", "--", "o"),
        ("#009E73", "-.", "^"),
        ("#CC79A7", "-", "D"),
        ("#56B4E9", ":", "v"),
        ("#E69F00", "-.", "P"),
        ("#000000", "-", "X"),
        ("#8C6BB1", "--", "<"),
        ("#8B6914", ":", "h"),
        ("#666666", "-", "p"),
    )
)


def looks_of(names: Sequence[str], own: Looks) -> dict[str, Look]:
    """A look for every name: the plot's own, the course's, else the next spare one."""
    known = {**LOOKS, **own}
    spare = iter(SPARE * (1 + len(names) // len(SPARE)))
    return {name: known[name] if name in known else next(spare) for name in names}
