"""Near-duplicates brought into one group, so that a split by group cannot part them."""

from collections.abc import Sequence

import numpy as np

from course_lib.errors import CourseError
from course_lib.review.pictures import near, read, unusual


def join_copies(source, groups: Sequence | None = None) -> np.ndarray:
    """A group for each picture, texts (n,): pictures that are the same or nearly so share one.

    source: as `pictures.read` takes it. groups: what belongs together anyway, one for each picture;
    default: every picture by itself. Groups with a near-duplicate in common become one, under the
    name that comes first. Raises CourseError for another number of groups.
    """
    pictures = read(source, "source")
    names = [str(one) for one in (pictures.names if groups is None else groups)]
    if len(names) != len(pictures):
        raise CourseError(f"{len(pictures)} pictures and {len(names)} groups; one for each.")
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    first: dict[str, str] = {}
    same = [(names[row], first.setdefault(digest, names[row]))
            for row, digest in enumerate(pictures.digests)]  # fmt: skip
    alike = near(pictures, pictures, unusual([pictures]))
    for one, other in [*same, *((names[i], names[j]) for _, i, j in alike if i < j)]:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return np.array([root(name) for name in names])
