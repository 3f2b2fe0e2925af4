"""How many draws: Student's own arithmetic, and simulated studies."""

import numpy as np
import pytest

from course_lib.errors import CourseError
from course_lib.lab.power import draws_needed
from course_lib.measure.intervals import over_draws


def test_one_draw_more_or_less_crosses_the_effect():
    """told_apart of a study with the same spread reaches the effect at n and misses it below."""
    spread = [-1.0, 1.0, -1.0, 1.0]
    n = draws_needed(spread, 1.0)
    scale = np.std(spread, ddof=1)

    def told_apart(draws: int) -> float:
        values = np.linspace(-1, 1, draws)
        return over_draws(values * scale / values.std(ddof=1)).told_apart

    assert told_apart(n) <= 1.0 < told_apart(n - 1)


def test_four_studies_in_five_of_that_size_find_the_effect():
    random = np.random.default_rng(0)
    n = draws_needed([0.0, 2.0**0.5], 1.0)  # standard deviation 1
    studies = random.normal(1.0, 1.0, (2_000, n))
    found = np.mean([over_draws(study).low > 0 for study in studies])
    assert 0.78 < found < 0.87


def test_draws_that_do_not_differ_need_two_and_tiny_effects_are_refused():
    assert draws_needed([3.0, 3.0, 3.0], 0.1) == 2
    with pytest.raises(CourseError, match="too small to tell"):
        draws_needed([0.0, 1.0], 1e-3)
    with pytest.raises(CourseError, match="effect"):
        draws_needed([0.0, 1.0], 0)
