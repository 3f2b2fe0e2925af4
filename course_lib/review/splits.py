"""Are the piles apart, and is there enough of everything in each?"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.review.finding import Finding
from course_lib.review.pictures import Pictures, near, read, unusual

MAJORITY = 0.8  # share of the largest class from which on accuracy says little
LEAST = 10  # pictures of a class in validation or test below which a class has no score
SKEW = 0.1  # by which the share of a class may differ between piles
BY_LUCK = 0.001  # a difference that is rarer than this by luck is no luck
SHOWN = 3  # pairs that a sentence names


def leaks(parts: Mapping[str, object], groups: Mapping[str, Sequence] | None = None):
    """Pictures or groups that stand in two piles, and pictures under two labels.

    parts: name -> source, as `pictures.read` takes it: {"train": ..., "validation": ..., "test":
        ...}. groups: name -> one group for each picture of that part, such as its patient. Returns
        a tuple of findings.
    """
    if len(parts) < 2:
        raise CourseError("Give two piles or more, such as {'train': ..., 'test': ...}.")
    held = {name: read(source, name) for name, source in parts.items()}
    found = [*_same(held), *_alike(held), *_two_labels(held)]
    return (*found, *_groups(held, groups or {}))


def _same(held: Mapping[str, Pictures]):
    for (one, mine), (other, theirs) in combinations(held.items(), 2):
        where = {digest: name for digest, name in zip(mine.digests, mine.names, strict=True)}
        pairs = tuple(
            (where[digest], name)
            for digest, name in zip(theirs.digests, theirs.names, strict=True)
            if digest in where
        )
        if pairs:
            yield Finding(
                "leak",
                f"{_pictures(pairs)} of {other} {_are(pairs)} in {one} as well, byte for byte "
                f"({_some(pairs)}).",
                "A picture that was trained on is known by heart, so the score tells nothing of "
                "new ones.",
                "06",
                pairs,
            )


def _alike(held: Mapping[str, Pictures]):
    alike = unusual(held.values())
    for (one, mine), (other, theirs) in combinations(held.items(), 2):
        rows = [
            (i, j) for _, i, j in near(mine, theirs, alike) if mine.digests[i] != theirs.digests[j]
        ]
        pairs = tuple((mine.names[i], theirs.names[j]) for i, j in rows)
        if pairs:
            concerned = {name for _, name in pairs}
            yield Finding(
                "near-duplicates",
                f"{_pictures(concerned)} of {other} {_are(concerned)} nearly the same as one in "
                f"{one} ({_some(pairs)}).",
                "Look at the pairs: a scaled, compressed, mirrored or cropped copy leaks as the "
                "original would.",
                "06",
                pairs,
            )


def _two_labels(held: Mapping[str, Pictures]):
    said: dict[str, tuple[str, int]] = {}
    pairs = []
    for part in held.values():
        if part.labels is None:
            continue
        for digest, name, label in zip(part.digests, part.names, part.labels.tolist(), strict=True):
            first, other = said.setdefault(digest, (name, label))
            if other != label:
                pairs.append((first, name))
    if pairs:
        yield Finding(
            "labels",
            f"{_pictures(pairs)} {_are(pairs)} there twice, under two labels ({_some(pairs)}).",
            "One of the two is wrong, and nothing can learn both.",
            "08",
            tuple(pairs),
        )


def _groups(held: Mapping[str, Pictures], groups: Mapping[str, Sequence]):
    if not groups:
        return
    if set(groups) != set(held):
        raise CourseError(
            f"Groups are needed for each pile: {', '.join(held)}; got {', '.join(groups)}."
        )
    for name, values in groups.items():
        if len(values) != len(held[name]):
            raise CourseError(
                f"{name} has {len(held[name])} pictures and {len(values)} groups; one for each."
            )
    for one, other in combinations(held, 2):
        mine = {str(value) for value in groups[one]}
        theirs = [str(value) for value in groups[other]]
        both = sorted(mine.intersection(theirs))
        if both:
            known = sum(value in mine for value in theirs)
            yield Finding(
                "group",
                f"{len(both)} {'group' if len(both) == 1 else 'groups'} of {other}, with {known} "
                f"of its {len(theirs)} pictures, {'is' if len(both) == 1 else 'are'} in {one} as "
                f"well ({', '.join(both[:SHOWN])}{', ...' if len(both) > SHOWN else ''}).",
                "The network can know the patient, camera or day instead of the subject; split by "
                "whatever comes back.",
                "06",
            )


def balance(labels: Mapping[str, Sequence[int]], classes: Sequence[str]):
    """Classes that are missing, rare, too common, or spread otherwise in one pile than in another.

    labels: name of a pile -> whole numbers, indices of `classes`. Returns a tuple of findings.
    """
    classes = checks.names(classes, "classes")
    counts = {name: _counted(name, values, len(classes)) for name, values in labels.items()}
    if not counts:
        raise CourseError("Give the labels of a pile or more, such as {'train': labels}.")
    return tuple(_unbalanced(counts, classes))


def _counted(name: str, values: Sequence[int], classes: int) -> np.ndarray:
    found = np.asarray(values)
    if found.ndim != 1 or not len(found) or not np.issubdtype(found.dtype, np.integer):
        raise CourseError(f"The labels of {name} must be whole numbers, one for each picture.")
    if found.min() < 0 or found.max() >= classes:
        raise CourseError(
            f"The labels of {name} go from {found.min()} to {found.max()}; there are {classes} "
            f"classes, so 0 to {classes - 1}."
        )
    return np.bincount(found, minlength=classes)


def _unbalanced(counts: Mapping[str, np.ndarray], classes: Sequence[str]):
    for name, found in counts.items():
        missing = [classes[int(k)] for k in np.flatnonzero(found == 0)]
        if missing:
            yield Finding(
                "balance",
                f"{name} has no picture of {', '.join(missing)}.",
                "What is not there is neither learnt nor measured. Deal out each class by itself.",
                "08",
            )
        few = [
            f"{label}: {number}"
            for label, number in zip(classes, found.tolist(), strict=True)
            if 0 < number < LEAST
        ]
        if few and name != "train":
            yield Finding(
                "balance",
                f"{name} has fewer than {LEAST} pictures of a class ({', '.join(few)}).",
                f"One picture more or less is then {100 / LEAST:.0f} points and more of that "
                "class.",
                "06",
            )
    first = next(iter(counts))
    whole = np.sum(list(counts.values()), 0)
    largest = int(np.argmax(whole))
    share = float(whole[largest] / whole.sum())
    if share >= MAJORITY:
        yield Finding(
            "balance",
            f"{share:.0%} of the pictures are {classes[largest]}.",
            f"To say {classes[largest]} always is right that often. Count AUC, or each class by "
            "itself.",
            "06",
        )
    for name, found in counts.items():
        if name == first:
            continue
        shares = found / found.sum(), counts[first] / counts[first].sum()
        apart = np.abs(shares[0] - shares[1])
        if apart.max() >= SKEW and _by_luck(counts[first], found) < BY_LUCK:
            k = int(apart.argmax())
            yield Finding(
                "balance",
                f"{classes[k]} is {shares[1][k]:.0%} of {first} and {shares[0][k]:.0%} of {name}.",
                "Scores and thresholds belong to a mix. Find out why the piles differ.",
                "06",
            )


def _by_luck(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import chi2_contingency

    table = np.stack([one, other])[:, (one + other) > 0]
    return float(chi2_contingency(table).pvalue) if table.shape[1] > 1 else 1.0


def _pictures(found) -> str:
    return f"{len(found)} picture" if len(found) == 1 else f"{len(found)} pictures"


def _are(found) -> str:
    return "is" if len(found) == 1 else "are"


def _some(pairs: Sequence[tuple[str, str]]) -> str:
    from pathlib import PurePath

    def short(name: str) -> str:
        return "/".join(PurePath(name).parts[-2:])

    shown = [f"{short(one)} = {short(other)}" for one, other in pairs[:SHOWN]]
    return ", ".join(shown) + (", ..." if len(pairs) > SHOWN else "")
