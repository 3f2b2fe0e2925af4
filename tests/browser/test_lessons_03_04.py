"""The rate explorer, the forgetting meter and the loss surface in a real JupyterLab."""

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

START = "import torch\ntorch.set_num_threads(1)\n"
RATES = START + (
    "from course_lib.widgets.rates import RateExplorer\nw = RateExplorer(train=40, epochs=12)\nw"
)
METER = START + (
    "from course_lib.widgets.forgetting import ForgettingMeter\n"
    "w = ForgettingMeter(train=40, epochs=30)\nw"
)
SURFACE = START + (
    "from course_lib.claims.trials.surface import surface\n"
    "from course_lib.see import landscape\n"
    "landscape.show(surface(points=4, pictures=16, epochs=1, train=30, every=1))"
)


@pytest.fixture
def opened(lab, page, request):
    """A notebook with one cell, run to its end."""
    path = lab.folder / "notebooks" / "lessons-03-04-test.ipynb"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(request.param)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    page.open(lab, path.name)
    page.run_all()
    yield page
    path.unlink()


def steps(chart) -> int:
    """How many points the first curve of a chart has: its markers."""
    return chart.locator("svg.live-chart path[transform]").count()


def wait_for(page, ready, seconds=120):
    for _ in range(seconds * 4):
        if ready():
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"not within {seconds} s")


def train_and_stop(browser, widget):
    """Press Train, see curves grow, press Stop, see them rest."""
    widget.get_by_role("button", name="Train").click()
    wait_for(browser, lambda: steps(widget) >= 6)
    widget.get_by_role("button", name="Stop").click()
    widget.get_by_text("stopped", exact=True).wait_for()
    browser.wait_for_timeout(500)  # a tick that was under way may still arrive
    halted = steps(widget)
    browser.wait_for_timeout(1000)
    assert steps(widget) == halted


@pytest.mark.parametrize("opened", [RATES], indirect=True, ids=["rates"])
def test_the_rate_explorer_shows_rates_at_once_and_curves_while_it_trains(opened):
    browser = opened.page
    widget = browser.locator(".live-rates")
    widget.scroll_into_view_if_needed()
    rates = widget.locator(".bars .rate")
    assert rates.all_inner_texts() == ["1.0 e-3"] * 5 + ["1.0 e-2"]
    widget.get_by_label("Head / backbone").fill("4")  # the fifth of the list: 100
    assert rates.first.inner_text() == "1.0 e-4"
    widget.get_by_label("Decay per stage").fill("1")  # 0.5
    assert rates.all_inner_texts()[3:] == ["5.0 e-5", "1.0 e-4", "1.0 e-2"]
    widget.get_by_label("One more stage every").fill("1")
    assert "from epoch 5" in widget.locator(".bars").inner_text()
    train_and_stop(browser, widget)
    assert not widget.locator(".live-error").text_content()  # empty, it is not shown
    assert not opened.errors and not opened.outside


@pytest.mark.parametrize("opened", [METER], indirect=True, ids=["meter"])
def test_the_forgetting_meter_grows_two_curves_and_takes_sliders_while_it_trains(opened):
    browser = opened.page
    widget = browser.locator(".live-forgetting")
    widget.scroll_into_view_if_needed()
    assert widget.locator("meter").first.evaluate("node => node.value") > 0.8
    train_and_stop(browser, widget)
    widget.get_by_label("Replay").fill("3")
    widget.get_by_label("Penalty (L2-SP)").fill("3")
    seen = steps(widget)
    widget.get_by_role("button", name="Go on").focus()  # with the keyboard alone
    browser.keyboard.press("Enter")
    wait_for(browser, lambda: steps(widget) > seen)
    widget.get_by_role("button", name="Reset").click()
    wait_for(browser, lambda: steps(widget) == 0)
    assert not widget.locator(".live-error").text_content()  # empty, it is not shown
    assert not opened.errors and not opened.outside


@pytest.mark.parametrize("opened", [SURFACE], indirect=True, ids=["surface"])
def test_the_loss_surface_is_drawn_in_3d_and_turns(opened):
    browser = opened.page
    plot = browser.locator(".js-plotly-plot").first
    plot.scroll_into_view_if_needed()
    plot.locator("canvas").first.wait_for(timeout=60_000)
    kinds = plot.evaluate("node => node.data.map((trace) => trace.type)")
    assert kinds == ["surface", "scatter3d", "scatter3d", "scatter3d"]
    camera = "node => JSON.stringify(node._fullLayout.scene._scene.getCamera().eye)"
    before = plot.evaluate(camera)
    box = plot.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    browser.mouse.move(x, y)
    browser.mouse.down()
    browser.mouse.move(x + 120, y + 30, steps=8)
    browser.mouse.up()
    wait_for(browser, lambda: plot.evaluate(camera) != before, 30)
    assert not opened.errors and not opened.outside
