"""What tests of claims share: rows that differ a little by seed, and a whole tiny run."""

import json

import numpy as np

from course_lib.measure.figures import style


def jitter(seed: int) -> float:
    """What draws 0, 1 and 2 of planted rows differ by: -0.002, 0, 0.002."""
    return 0.002 * (seed - 1)


def run_judge_and_draw(one, size: dict):
    """A claim from its trials to its figure, at any size; gives the finding."""
    from matplotlib import pyplot as plt

    rows = [{**trial, **one.measure(trial)} for trial in one.trials(size)]
    json.dumps(rows)  # as in a stored study
    finding = one.judge(rows)
    assert finding.sentence.count(".") > 1 and len(finding.alt) > 40
    with style():
        figure = one.draw(rows)
    assert figure.axes and all(np.isfinite(ax.get_xlim()).all() for ax in figure.axes)
    plt.close(figure)
    return finding
