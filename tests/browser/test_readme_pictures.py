"""The widgets that the README shows, used as a learner does: `make pictures` keeps the screenshots.

Set COURSE_PICTURES to a folder to keep them; otherwise they are made and forgotten.
"""

import os
from pathlib import Path

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

NETWORK = """\
from course_lib import load_backbone, see, world
backbone = load_backbone()
see.network3d(backbone, world.render(world.sample(8, seed=1))[0])"""
RACE = """\
from course_lib.widgets.race import Race
Race(train=100, epochs=6)"""
QUIZ = """\
from course_lib.widgets.selfcheck import ask
ask('p01-first-filters', 'p01-stages')"""


@pytest.fixture
def pictures(tmp_path):
    return Path(os.environ.get("COURSE_PICTURES") or tmp_path)


@pytest.fixture
def notebook(lab):
    path = lab.folder / "notebooks" / "readme-pictures.ipynb"

    def write(source: str) -> str:
        cells = [nbformat.v4.new_code_cell(source)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
        return path.name

    yield write
    path.unlink()


def test_the_network_is_drawn_as_planes_in_three_dimensions(lab, page, notebook, pictures):
    page.open(lab, notebook(NETWORK))
    page.run_all()
    view = page.page.locator(".js-plotly-plot").first
    view.locator("canvas").first.wait_for(timeout=60_000)
    page.page.mouse.move(0, 0)  # plotly's buttons hide
    page.page.wait_for_timeout(2000)  # the first frame
    view.screenshot(path=pictures / "network3d.png")
    assert not page.errors and not page.outside


def test_the_race_ends_with_a_table_of_its_lanes(lab, page, notebook, pictures):
    page.open(lab, notebook(RACE))
    page.run_all()
    race = page.page.locator(".live-race")
    race.get_by_role("button", name="Train all").click()
    race.get_by_text("finished", exact=True).wait_for(timeout=240_000)
    race.screenshot(path=pictures / "race.png")
    assert not page.errors and not page.outside


def test_a_question_says_at_once_what_was_right_and_why(lab, page, notebook, pictures):
    page.open(lab, notebook(QUIZ))
    page.run_all()
    fields = page.page.locator(".live-selfcheck fieldset")
    fields.first.wait_for(timeout=60_000)
    fields.nth(0).get_by_label("oriented edges").check()
    fields.nth(1).get_by_label("hue of a spot").check()
    fields.nth(1).get_by_label("breed of a dog").check()
    for field in fields.all():
        field.get_by_role("button", name="Check").click()
    assert "Right." in fields.nth(0).locator(".verdict").inner_text()
    verdict = fields.nth(1).locator(".verdict").inner_text()
    assert "Not right." in verdict and "One true statement is missing." in verdict
    assert "✓ The hue of a spot: " in verdict and "✗ The breed of a dog: " in verdict
    page.page.locator(".live-selfcheck").first.screenshot(path=pictures / "quiz.png")
    assert not page.errors and not page.outside
