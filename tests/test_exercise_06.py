"""The fill-in cell of lesson 06: blank, wrong and right answers."""

import numpy as np
import pytest

from course_lib import decisions
from course_lib.exercises import check, hint


def by_picture(patients, share, seed):
    return np.random.default_rng(seed).random(len(patients)) < share


def first_ones(patients, share, seed):
    names = np.unique(patients)
    return np.isin(patients, names[: int(share * len(names))])


def without_a_seed(patients, share, seed):
    return decisions.grouped_split(patients, share, int(np.random.default_rng().integers(1 << 30)))


def half(patients, share, seed):
    return decisions.grouped_split(patients, 0.5, seed)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (by_picture, "both sides"),
        (first_ones, "Another seed"),
        (without_a_seed, "same seed"),
        (half, "quarter"),
        (lambda patients, share, seed: patients, "bools"),
    ],
)
def test_wrong_splits_are_told_what_is_wrong(answer, words):
    assert words in repr(check("06-split", answer))


def test_the_right_split_is_right_and_a_blank_one_not_attempted():
    def blank(patients, share, seed):
        raise NotImplementedError

    assert "Right" in repr(check("06-split", decisions.grouped_split))
    assert "Not attempted" in repr(check("06-split", blank))
    assert "np.isin" in repr(hint("06-split"))
