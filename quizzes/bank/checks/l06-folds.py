"""Inputs: the group of each picture, k. Outputs: whether each picture has a fold from 0 to k - 1,
that of its group, and no fold is empty; whether the folds hold equally many groups, up to one."""

import numpy as np


def inputs(rng):
    cases = []
    for groups, k in ((23, 4), (30, 5), (11, 3)):
        names = rng.permutation(100)[:groups]
        cases.append({"groups": rng.permutation(np.repeat(names, rng.integers(1, 6, groups))),
                      "k": k})  # fmt: skip
    return cases


def run(answer, case):
    groups, k = np.asarray(case["groups"]), case["k"]
    found = np.asarray(answer.folds(groups.copy(), k))
    whole = found.shape == groups.shape and np.issubdtype(found.dtype, np.integer)
    valid = bool(whole and found.size and 0 <= found.min() and found.max() < k)
    in_each = [len(set(groups[found == fold])) for fold in range(k)] if valid else [0, 9]
    split = [len(set(found[groups == name])) > 1 for name in set(groups)] if valid else [True]
    even = valid and max(in_each) - min(in_each) <= 1
    yield "together", valid and not any(split) and min(in_each) > 0
    yield "even", even and not any(split)
