"""How many draws a claim needs, from how far those of an earlier study lay apart."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.measure.intervals import LEVEL, POWER

MOST = 1_000  # draws; who needs more asks for too small an effect


def draws_needed(values: Sequence[float], effect: float) -> int:
    """The fewest draws with which Student's interval tells `effect` from the threshold four times
    in five, if further draws lie as far apart as these.

    values: one number per draw of an earlier study, two or more, such as part.quantity(rows).
    effect: the distance from the threshold that matters, in the same unit.
    The spread of few draws is itself uncertain: take more than this where they are cheap.
    Raises CourseError when 1,000 draws would not do.
    """
    effect = checks.number(effect, "effect", above=0)
    spread = float(np.std(np.asarray(values, float), ddof=1))
    for n in range(2, MOST + 1):
        t = stats.t(n - 1)
        if (t.ppf(0.5 + LEVEL / 2) + t.ppf(POWER)) * spread / n**0.5 <= effect:
            return n
    raise CourseError(
        f"An effect of {effect:g} is too small to tell among draws that lie {spread:g} apart."
    )
