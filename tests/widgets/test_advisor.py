"""The advisor: zones, the nearest measured cell, bad input."""

import pytest

from course_lib.errors import CourseError
from course_lib.widgets import advisor
from course_lib.widgets.advisor import PRESETS, RULES, Advisor, advise, zone

CELLS = [
    {"train": train, "similarity": alike, "task": "t", "metric": "test accuracy",
     "means": {"scratch": 0.5}, "spreads": {"scratch": None}, "best": "scratch",
     "verdict": "undecided"}
    for train in (100, 1_000, 10_000)
    for alike in ("similar", "different")
]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "similarity", "expected"),
    [
        (999, 0.5, ("small", "similar")),
        (1_000, 0.49, ("medium", "different")),
        (99_999, 1, ("medium", "similar")),
        (100_000, 0, ("large", "different")),
    ],
)
def test_the_plane_is_cut_where_texts_cut_it(labels, similarity, expected):
    assert zone(labels, similarity) == expected


@pytest.mark.parametrize(("labels", "similarity"), [(0, 0.5), ("many", 0.5), (10, 1.1), (10, None)])
def test_places_off_the_plane_are_refused(labels, similarity):
    with pytest.raises(CourseError, match="got"):
        zone(labels, similarity)


def test_the_nearest_cell_is_nearest_on_a_logarithmic_axis_and_of_the_same_kind(monkeypatch):
    monkeypatch.setattr(advisor, "measured_cells", lambda: CELLS)
    found = advise(400, 0.1)  # 400 / 100 is 4, 1,000 / 400 is 2.5
    assert found["measured"]["train"] == 1_000
    assert found["measured"]["similarity"] == "different"
    assert found["advice"] == RULES["small", "different"][0] and "disagree" in found["dispute"]


def test_without_a_stored_table_the_advice_still_comes(monkeypatch):
    monkeypatch.setattr(advisor, "measured_cells", lambda: [])
    assert advise(800, 0.9)["measured"] is None
    assert Advisor().info["cells"] == []


def test_where_a_measured_cell_speaks_against_the_rule_the_advisor_says_so():
    cell = {"best": "full fine-tuning", "means": {"fine-tuning": 0.92, "full fine-tuning": 0.99}}
    said = advisor.caution(("small", "different"), cell)
    assert "full fine-tuning reached 0.99 and what the rule names 0.92" in said
    assert advisor.caution(("medium", "different"), cell) == ""
    level = {"best": "scratch", "means": {**cell["means"], "scratch": 0.995}}
    said = advisor.caution(("small", "different"), level)
    assert "Try scratch or full fine-tuning too" in said  # the best, and what is level with it
    close = {**cell, "means": {"fine-tuning": 0.98, "full fine-tuning": 0.99}}
    assert advisor.caution(("small", "different"), close) == ""


def test_for_800_x_rays_the_stored_table_speaks_against_few_layers():
    found = advise(800, 0.2)
    assert "few layers" in found["advice"] and "full fine-tuning too" in found["caution"]


def test_every_preset_and_every_zone_has_its_words():
    assert len(PRESETS) == 5
    assert all(zone(labels, similarity) in RULES for labels, similarity, _ in PRESETS.values())
    widget = Advisor(labels=50, similarity=0.9)
    assert set(widget.info["rules"]) == {" ".join(key) for key in RULES}
    assert "small and similar" in widget.figure()[1]


def test_the_figure_tells_who_won_where_it_was_measured_and_by_how_many_points(monkeypatch):
    means = {"scratch": 0.5, "fine-tuning": 0.91, "feature extraction": 0.875}
    cell = {**CELLS[0], "means": means, "best": "fine-tuning"}
    assert advisor.told_winner(cell) == "fine-tuning +3.5"
    monkeypatch.setattr(advisor, "measured_cells", lambda: [cell])
    figure, alt = Advisor().figure()
    assert "similar, 100 labels: fine-tuning +3.5" in alt
    assert "fine-tuning +3.5" in [text.get_text() for text in figure.axes[0].texts]
    close = {**cell, "means": {**means, "feature extraction": 0.9}}
    assert advisor.told_winner(close) == advisor.NO_WINNER
    monkeypatch.setattr(advisor, "measured_cells", lambda: [])
    assert "Measured" not in Advisor().figure()[1]
