"""Lesson 01 in a real browser: the 3D scene turns, the channel browser answers, nothing leaves."""

import nbformat
import pytest
from nbconvert import HTMLExporter

SETUP = (
    "import torch\n"
    "from matplotlib import pyplot as plt\n"
    "from course_lib import load_backbone, see, world\n"
    "model = load_backbone()\n"
    "picture = world.render(world.sample(1, seed=3))[0]\n"
)
SCENE = (
    "still, ax = plt.subplots(figsize=(2, 2))\n"
    "see.show3d(see.network3d(model, picture), still, alt='The network as planes.')"
)
BROWSER = (
    "from course_lib.widgets.channels import ChannelBrowser\n"
    "ChannelBrowser(model, stage='layer1', channel=3, optimise=('stem', 'layer1'))"
)

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def write(path, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


@pytest.fixture
def notebook(lab):
    path = lab.folder / "notebooks" / "lesson-01-test.ipynb"
    write(path, SETUP, SCENE, BROWSER)
    yield path
    path.unlink()


CAMERA = "() => document.querySelector('.js-plotly-plot')._fullLayout.scene._scene.getCamera().eye"


def turn(browser):
    """Drag across the scene; gives the camera's place before and after."""
    scene = browser.locator(".js-plotly-plot").first
    scene.wait_for(timeout=180_000)
    scene.scroll_into_view_if_needed()
    browser.wait_for_function(
        "() => document.querySelector('.js-plotly-plot canvas')"
        " && document.querySelector('.js-plotly-plot')._fullLayout?.scene?._scene",
        timeout=120_000,
    )
    before = browser.evaluate(CAMERA)
    box = scene.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    browser.mouse.move(x, y)
    browser.mouse.down()
    browser.mouse.move(x + 160, y + 40, steps=12)
    browser.mouse.up()
    browser.wait_for_function(
        f"before => Math.abs(({CAMERA})().x - before.x) > 0.05", arg=before, timeout=60_000
    )
    return before, browser.evaluate(CAMERA)


def test_the_scene_turns_and_the_channel_browser_answers(lab, page, notebook):
    browser = page.page
    page.open(lab, notebook.name)
    page.run_all()
    before, after = turn(browser)
    assert before != after
    names = browser.evaluate(
        "() => document.querySelector('.js-plotly-plot').data.map(trace => trace.name)"
    )
    assert {"stem", "layer1", "layer2", "layer3", "layer4"} <= set(names)

    widget = browser.locator(".live-channels")
    widget.scroll_into_view_if_needed()
    caption = widget.locator("figcaption")
    stage, channel = widget.get_by_label("Stage"), widget.get_by_label("Channel", exact=True)
    assert stage.input_value() == "layer1" and channel.input_value() == "3"
    assert widget.locator(".nine img").count() == 9
    stage.select_option("stem")  # the filter is shown for the first stage only
    caption.filter(has_text="its filter").wait_for(timeout=60_000)
    channel.fill("7")  # its picture grows by itself
    channel.press("Enter")
    done = "Done: a picture optimised for channel 7 of stem"
    widget.locator(".live-status").filter(has_text=done).wait_for(timeout=120_000)
    optimised = widget.get_by_role("img", name="picture optimised for channel 7 of stem")
    assert optimised.evaluate("image => image.naturalWidth") >= 64
    growing = widget.locator("figure").filter(has_text="optimised")
    assert growing.is_visible()
    stage.select_option("layer4")  # a late stage gets none
    growing.wait_for(state="hidden", timeout=60_000)
    assert widget.locator(".nine img").count() == 9
    assert not page.errors
    assert not page.outside


def test_an_exported_page_draws_the_scene_by_itself(lab, page, notebook, tmp_path):
    page.open(lab, notebook.name)
    page.run_all()
    done = nbformat.from_dict(page.notebook())
    done.cells = done.cells[:2]  # the widget's page is the business of nbconvert
    body, _ = HTMLExporter(mathjax_url="", require_js_url="").from_notebook_node(done)
    path = tmp_path / "exported.html"
    path.write_text(body, encoding="utf-8")
    page.outside.clear()
    page.page.goto(path.as_uri())
    before, after = turn(page.page)
    assert before != after
    assert not page.outside
