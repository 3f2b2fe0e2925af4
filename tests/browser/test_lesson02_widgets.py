"""The weights-flow tabs and the advisor in a real JupyterLab, by keyboard and by click."""

import nbformat
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

CELLS = [
    "from course_lib.widgets.weights_flow import WeightsFlow\nWeightsFlow()",
    "from course_lib.widgets.advisor import Advisor\nAdvisor()",
]


@pytest.fixture
def notebook(lab):
    path = lab.folder / "notebooks" / "lesson02-widgets-test.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    yield path
    path.unlink()


def test_tabs_go_by_arrow_keys_and_the_advisor_answers_at_once(lab, page, notebook):
    page.open(lab, notebook.name)
    page.run_all()
    flow = page.page.locator(".live-weights_flow")
    flow.get_by_role("tab").first.focus()
    for _ in range(4):
        page.page.keyboard.press("ArrowRight")
    assert flow.get_by_role("tab", selected=True).inner_text() == "5 Train"
    shown = flow.get_by_role("tabpanel").inner_text()
    assert "2 of 2 tensors moved" in shown and "0 of 30 tensors moved" in shown
    page.page.keyboard.press("End")
    assert "15 of 30 tensors moved" in flow.get_by_role("tabpanel").inner_text()

    advisor = page.page.locator(".live-advisor")
    advisor.get_by_role("button", name="Camera traps").click()
    assert advisor.locator(".advice").inner_text().startswith("Fine-tuning")
    advisor.get_by_label("Similarity to the source").focus()
    page.page.keyboard.press("Home")
    assert advisor.locator(".advice").inner_text().startswith("Full fine-tuning")
    plane = advisor.locator("svg.plane")
    box = plane.bounding_box()
    plane.click(position={"x": box["width"] * 0.2, "y": box["height"] * 0.1})
    assert advisor.locator(".advice").inner_text().startswith("Feature extraction")
    assert not page.errors
    assert not page.outside
