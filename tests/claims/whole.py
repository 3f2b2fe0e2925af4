"""A whole run of a claim, from its trials to its figure, at any size."""

import json

import numpy as np
from matplotlib import pyplot as plt

from course_lib.lab.cache import plain
from course_lib.lab.claim import Claim, Result, frame, result_of
from course_lib.measure.figures import style


def run_whole(claim: Claim, size: dict) -> Result:
    """The claim measured anew, without any cache of trials; checks all that a reader is shown."""
    trials = [plain(trial) for trial in claim.trials(size)]
    asked = [{k: v for k, v in trial.items() if k not in claim.labels} for trial in trials]
    numbers = [plain(claim.measure(trial)) for trial in asked]
    json.dumps(numbers)  # as in a stored study
    result = result_of(claim, frame(trials, numbers))
    shown(result)
    return result


def shown(result: Result) -> None:
    """Sentence, table, alt text and figure of a result; a panel without an axis would be empty."""
    assert result.judged and result.sentence.count(".") >= 1 and len(result.alt) > 40
    assert len(result.table()) and not result.table().isna().all().any()
    with style():
        figure = result.figure()
    assert figure.axes and all(np.isfinite(ax.get_xlim()).all() for ax in figure.axes)
    figure.canvas.draw()
    plt.close(figure)
