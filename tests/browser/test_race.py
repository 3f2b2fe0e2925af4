"""The race in a real JupyterLab: curves grow, sliders act, Stop stops, with subshells or not."""

import json
import re

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

CELLS = [
    "import torch\ntorch.set_num_threads(1)\n"
    "from course_lib.widgets.race import Race\nrace = Race(train=50, epochs=30)\nrace",
    "\n".join(f"print({n})" for n in range(120)),
]
SETTINGS = "@jupyterlab/apputils-extension/kernels-settings.jupyterlab-settings"


@pytest.fixture(params=["perCommTarget", "disabled"])
def subshells(lab, request):
    """JupyterLab's setting for kernel subshells: its default, and off."""
    path = lab.folder / "jupyter" / "lab_settings" / SETTINGS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"commsOverSubshells": request.param}))
    yield request.param
    path.unlink()


@pytest.fixture
def notebook(lab):
    path = lab.folder / "notebooks" / "race-test.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    yield path
    path.unlink()


def rows(race) -> list[list[str]]:
    """The texts of the lanes' table."""
    return race.locator("table.lanes tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )


def epochs(race) -> list[int]:
    """How many epochs each of the four lanes has trained."""
    return [int((row[3].split() or ["0"])[0]) for row in rows(race)[:4]]


def wait_for(page, race, ready, seconds=300):
    """Wait until `ready(epochs)`; give the epochs."""
    for _ in range(seconds * 4):
        found = epochs(race)
        if ready(found):
            return found
        page.wait_for_timeout(250)
    raise AssertionError(f"still {found} after {seconds} s: {race.inner_text()}")


def test_four_curves_grow_while_sliders_move_and_it_stops_and_runs_again(
    lab, page, notebook, subshells
):
    browser = page.page
    page.open(lab, notebook.name)
    page.run_all()
    race = browser.locator(".live-race")
    race.scroll_into_view_if_needed()
    train, stop = (race.get_by_role("button", name=name) for name in ("Train all", "Stop"))

    train.click()
    wait_for(browser, race, lambda done: min(done) >= 1)
    title = race.locator("svg.live-chart title").filter(has_text="random frozen backbone")
    title.wait_for(state="attached", timeout=60_000)  # the baselines come between the lanes' steps
    assert title.text_content().count(":") >= 6

    # The count follows the slider at once; the lane starts anew at the next tick.
    count = race.locator("table.lanes tbody tr").nth(1).locator(".live-pill")
    before = count.inner_text()
    frozen = race.get_by_label("Frozen stages in fine-tuning")
    frozen.fill("2")
    assert count.inner_text() != before
    race.get_by_label("Labelled pictures").fill("0")  # the first of the list: 20
    wait_for(browser, race, lambda done: max(done) >= 1)

    stop.click()
    race.get_by_text("stopped", exact=True).wait_for(timeout=60_000)
    browser.wait_for_timeout(500)  # a tick that was under way may still arrive
    halted = epochs(race)
    browser.wait_for_timeout(1000)
    assert epochs(race) == halted

    browser.evaluate("() => document.documentElement.scrollTop = 0")
    last = browser.locator(".jp-Notebook .jp-CodeCell").last
    last.scroll_into_view_if_needed()
    race.scroll_into_view_if_needed()
    assert race.locator("svg.live-chart").bounding_box()["height"] > 200
    assert race.locator("svg.live-chart path").count() > 10

    race.get_by_role("button", name="Reset").click()
    wait_for(browser, race, lambda done: max(done) == 0)
    train.focus()  # again, with the keyboard alone
    browser.keyboard.press("Enter")
    wait_for(browser, race, lambda done: max(done) >= 2)
    browser.keyboard.press("Tab")
    browser.keyboard.press("Space")
    race.get_by_text("stopped", exact=True).wait_for(timeout=60_000)

    assert not race.locator(".live-error").text_content()  # hidden while empty
    assert not page.errors
    assert not page.outside


def test_the_race_is_readable_in_the_dark_theme(lab, page, notebook):
    browser = page.page
    page.open(lab, notebook.name)
    browser.evaluate(
        "() => window.jupyterapp.commands.execute("
        "'apputils:change-theme', { theme: 'JupyterLab Dark' })"
    )
    page.run_all()
    race = browser.locator(".live-race")
    race.scroll_into_view_if_needed()
    colour = race.evaluate("node => getComputedStyle(node).color")
    light = [int(value) for value in re.findall(r"\d+", colour)[:3]]
    assert min(light) > 180, colour
    assert not page.errors
