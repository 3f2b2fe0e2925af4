"""The embedding's slider and the translation viewer in a real JupyterLab."""

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

CELLS = [
    "import torch\ntorch.set_num_threads(1)\n"
    "from course_lib.widgets.embedding import Embedding\n"
    "Embedding(pictures=320, looks=3, steps=12)",
    "from course_lib.widgets.translation import Translation\n"
    "Translation(shown=3, every=4, steps=60)",
]


@pytest.fixture
def notebook(lab):
    path = lab.folder / "notebooks" / "adaptation-test.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    yield path
    path.unlink()


def test_the_embedding_opens_on_source_only_follows_its_slider_and_trains(lab, page, notebook):
    browser = page.page
    page.open(lab, notebook.name)
    page.run_all()
    widget = browser.locator(".live-embedding")
    widget.scroll_into_view_if_needed()
    words = widget.locator("p.live-status")
    step, canvas = widget.get_by_label("Training step"), widget.locator("canvas")
    last = words.inner_text()
    assert widget.get_by_label("Path").input_value() == "stored: source only"
    assert last.startswith("Step ")
    before = canvas.evaluate("c => c.toDataURL()")

    step.fill("0")
    assert words.inner_text() != last
    assert canvas.evaluate("c => c.toDataURL()") != before
    assert words.inner_text() in canvas.get_attribute("aria-label")

    turned = canvas.evaluate("c => c.toDataURL()")
    canvas.focus()
    browser.keyboard.press("ArrowRight")
    assert canvas.evaluate("c => c.toDataURL()") != turned

    widget.get_by_label("Path").select_option("stored: DANN")
    assert words.inner_text() != last
    widget.get_by_role("button", name="Train live").click()
    widget.get_by_text("finished").wait_for(timeout=180_000)
    assert widget.get_by_label("Path").input_value() == "live run"
    assert words.inner_text().startswith("Step 12:")
    assert not page.errors and not page.outside


def test_the_translation_viewer_shows_four_rows_and_learns(lab, page, notebook):
    browser = page.page
    page.open(lab, notebook.name)
    page.run_all()
    widget = browser.locator(".live-translation")
    widget.scroll_into_view_if_needed()
    images = widget.locator("figure:visible img")
    assert images.count() == 4
    sources = [images.nth(i).get_attribute("src") for i in range(4)]
    assert len(set(sources)) == 4
    assert all(images.nth(i).evaluate("i => i.naturalWidth") == 3 * 64 for i in range(4))

    widget.get_by_role("button", name="Train live").click()
    widget.get_by_text("finished").wait_for(timeout=240_000)
    late = images.nth(1).get_attribute("src")
    assert late != sources[1]
    widget.get_by_label("Training step").fill("0")
    assert images.nth(1).get_attribute("src") != late
    widget.get_by_label("Translated by").select_option("stored")
    assert images.nth(1).get_attribute("src") == sources[1]
    assert not page.errors and not page.outside
