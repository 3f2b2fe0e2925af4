"""What a lesson reads from the rows of C19, on rows planted by hand."""

import pandas as pd
import pytest

from course_lib.claims import forgotten_table
from course_lib.claims.trials import remedies
from course_lib.claims.trials.forgetting import PLAIN

# (method, setting, draw): accuracy on the new task, on the old one
PLANTED = {
    (PLAIN, 0.003, 0): (0.90, 0.70),
    (PLAIN, 0.003, 1): (0.92, 0.74),
    (PLAIN, 0.010, 0): (0.92, 0.20),
    (PLAIN, 0.010, 1): (0.90, 0.24),
    ("L2-SP", 1.0, 0): (0.91, 0.90),
    ("L2-SP", 1.0, 1): (0.90, 0.94),
    ("L2-SP", 10.0, 0): (0.80, 0.98),
    ("L2-SP", 10.0, 1): (0.84, 0.98),
    ("head only", 0.01, 0): (0.70, 0.98),
    ("head only", 0.01, 1): (0.72, 0.98),
    ("pixels", 0.0, 0): (0.50, None),
}


@pytest.fixture
def rows():
    return pd.DataFrame(
        {"method": method, "setting": setting, "seed": seed, "test": new, "source": old}
        for (method, setting, seed), (new, old) in PLANTED.items()
    )


def test_a_span_goes_from_what_learns_best_to_what_keeps_most(rows):
    found = remedies.spans(rows)
    assert set(found.index) == {PLAIN, "L2-SP", "head only"}
    assert found.loc["L2-SP"].to_dict() == pytest.approx(
        {"new_best": 0.905, "old_there": 0.92, "old_best": 0.98, "new_there": 0.82}
    )


def test_at_equal_accuracy_plain_fine_tuning_may_choose_its_rate_too(rows):
    kept = remedies.at_equal(rows, cost=0.01)  # plain reaches .91 at both rates: .90 is asked for
    assert kept[PLAIN] == pytest.approx(0.72)
    assert kept["L2-SP"] == pytest.approx(0.92)
    assert pd.isna(kept["head only"])
    assert remedies.at_equal(rows, cost=0.1)["L2-SP"] == pytest.approx(0.98)


def test_rows_of_one_setting_for_each_method_need_no_column_that_names_it(rows):
    frozen = rows[rows["setting"].isin((0.003, 1.0))].drop(columns="setting")
    assert remedies.at_equal(frozen).to_dict() == pytest.approx({PLAIN: 0.72, "L2-SP": 0.92})


def test_the_table_of_photographs_tells_what_statistics_brought_back():
    def row(draw, rate, new, after, corrected):
        return {"trial": {"draw": draw, "rate": rate}, "new": new, "before": 0.9, "control": 0.6,
                "after": after, "corrected": corrected}  # fmt: skip

    rows = [
        row(0, 1e-3, 0.8, 0.3, 0.7), row(1, 1e-3, 0.9, 0.5, 0.7), row(0, 1e-5, 0.94, 0.9, 0.9)
    ]  # fmt: skip
    told = forgotten_table(rows)
    assert "| 1e-05 | 94 % | 90 % | 90 % | 90 % |\n| 0.001 | 85 % | 90 % | 40 % | 70 % |" in told
    assert "At 0.001 flowers lost 50 points" in told and "brought back 30" in told
    assert "flowers cost 30" in told and "Means of 1 draws" in told
