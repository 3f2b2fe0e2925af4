"""The size x similarity table (C09) and the crossing curves (C12), judged on planted rows."""

import pytest
from course_lib.experiments.trials import FINE, FULL, HEAD_ONLY, LANES, PIXELS, RANDOM, SCRATCH

from course_lib.experiments import size_and_similarity as table


def planted(task, train, means, seeds=(0, 1, 2)):
    """Rows around a planted mean per strategy, half a point apart from draw to draw."""
    return [
        {"task": task, "train": train, "seed": seed, "strategy": name, "test": mean + 0.005 * seed}
        for name, mean in means.items()
        for seed in seeds
    ]


def means(scratch, head, fine, full):
    return dict(zip((SCRATCH, HEAD_ONLY, FINE, FULL), (scratch, head, fine, full), strict=True))


BASELINES = {PIXELS: 0.2, RANDOM: 0.2}


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        (means(0.3, 0.9, 0.8, 0.7), "holds"),
        (means(0.3, 0.8, 0.9, 0.7), "does not hold here"),
        (means(0.3, 0.9, 0.9, 0.7), "undecided"),
    ],
)
def test_a_cell_compares_the_advised_strategy_with_every_rival(scores, verdict):
    (cell,) = table.cells(planted("new-shapes", 100, scores))
    assert cell.size == "small" and cell.advice == (HEAD_ONLY,)
    assert cell.verdict == verdict
    assert cell.best == max(scores, key=scores.get)


def test_where_two_strategies_are_named_the_better_one_counts():
    (cell,) = table.cells(planted("radiographs", 10_000, means(0.9, 0.6, 0.7, 0.8)))
    assert set(cell.advice) == {FULL, SCRATCH} and cell.size == "large"
    assert cell.verdict == "holds" and cell.lead == pytest.approx(0.2)


def test_one_draw_decides_nothing():
    (cell,) = table.cells(planted("new-shapes", 100, means(0.1, 0.9, 0.2, 0.2), seeds=(0,)))
    assert cell.verdict == "undecided" and cell.spreads[SCRATCH] is None


def test_cells_of_a_stopped_study_that_lack_draws_are_left_out():
    rows = planted("new-shapes", 100, means(0.3, 0.9, 0.8, 0.7))
    rows += planted("radiographs", 100, {HEAD_ONLY: 0.8, SCRATCH: 0.5})
    assert [(cell.task, cell.train) for cell in table.cells(rows)] == [("new-shapes", 100)]
    assert table.c09_judge(rows[:2]).verdict == "undecided"


def test_the_sentence_goes_cell_by_cell_and_the_figure_shows_all():
    rows = planted("new-shapes", 100, {**means(0.3, 0.9, 0.8, 0.7), **BASELINES})
    rows += planted("radiographs", 1_000, {**means(0.5, 0.6, 0.7, 0.9), **BASELINES})
    finding = table.c09_judge(rows)
    assert finding.verdict == "holds"
    assert "100 labels, similar (new-shapes, 3 draws): feature extraction 0.905" in finding.sentence
    figure = table.c09_draw(rows)
    drawn = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert any("◄" in text for text in drawn) and len(figure.axes) == 4


@pytest.mark.parametrize(("scratch", "verdict"), [(0.95, "holds"), (0.6, "does not hold here")])
def test_c12_asks_whether_scratch_draws_level_and_where(scratch, verdict):
    few = planted("digits", 30, dict(zip((SCRATCH, HEAD_ONLY, FULL), (0.3, 0.5, 0.6), strict=True)))
    many = dict(zip((SCRATCH, HEAD_ONLY, FULL), (scratch, 0.7, 0.9), strict=True))
    finding = table.c12_judge(few + planted("digits", 1_000, {**many, **BASELINES}))
    assert finding.verdict == verdict
    crossed = "from 1000 labels on scratch is level or ahead" in finding.sentence
    assert crossed == (verdict == "holds")


def test_every_cell_has_an_advice_among_the_lanes():
    assert all(set(named) <= set(LANES) for named in table.ADVICE.values())
    assert [table.size_word(n) for n in (999, 1_000, 9_999, 10_000)] == [
        "small",
        "medium",
        "medium",
        "large",
    ]
