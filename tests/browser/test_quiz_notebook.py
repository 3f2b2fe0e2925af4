"""A released quiz in JupyterLab: choices are clicked, formats are told, what is empty is listed."""

import json
import os

import pytest

from course_lib.grading import build
from course_lib.questions.format import load_bank
from tests.browser.conftest import ROOT

NAME = "quiz-lesson01.ipynb"


RUN_THE_LAST = """() => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.length - 1;
    return window.jupyterapp.commands.execute('notebook:run-cell');
}"""


def source(page, name):
    """The text of a question's answer cell, as JupyterLab's own model has it."""
    for cell in page.notebook()["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == name:
            return cell["source"]
    raise LookupError(name)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_a_click_writes_the_letter_into_the_cell_and_a_mistake_is_told(lab, page):
    quiz = load_bank(ROOT / "quizzes" / "bank")["lesson01"]
    book = build.release_notebook(quiz)
    for cell in book["cells"]:
        if cell["metadata"]["nbgrader"]["grade_id"] == "l01-selectivity":
            cell["source"] = "answer = 0,8"
    (lab.folder / "notebooks" / NAME).write_text(json.dumps(book))
    page.open(lab, NAME)
    page.run_all()
    browser = page.page
    boxes = browser.locator(".quiz-clicking fieldset")
    boxes.first.wait_for(timeout=60_000)
    first = boxes.first
    first.scroll_into_view_if_needed()
    choice = quiz.questions[0].choices[2].text
    first.get_by_label(" ".join(choice.split())).check()
    assert source(page, "l01-early-general").startswith('answer = "c"  # one letter')
    said = browser.locator(".quiz-clicking [role=status]").first
    assert said.inner_text() == 'Written into the cell: answer = "c"'
    several = boxes.nth(3)
    several.scroll_into_view_if_needed()
    for letter in "bd":
        several.locator(f"input[value={letter}]").check()
    assert source(page, "l01-stages").startswith('answer = ["b", "d"]')
    # By the keyboard, too.
    first.locator("input[value=c]").focus()
    browser.keyboard.press("ArrowUp")
    assert source(page, "l01-early-general").startswith('answer = "b"')
    if os.environ.get("COURSE_SCREENSHOTS"):
        first.scroll_into_view_if_needed()
        browser.screenshot(path=os.environ["COURSE_SCREENSHOTS"] + "/clicking.png")
    browser.keyboard.press("Control+s")
    browser.wait_for_function(
        "() => !window.jupyterapp.shell.currentWidget.context.model.dirty", timeout=30_000
    )
    browser.evaluate(RUN_THE_LAST)
    page.wait_idle(60)
    outputs = json.dumps([cell.get("outputs") for cell in page.notebook()["cells"]])
    assert "write 0.8. As it stands, a person would have to read it" in outputs
    assert f"2 of {len(quiz.questions)} questions answered" in outputs and "l01-code-cka" in outputs
    if os.environ.get("COURSE_SCREENSHOTS"):
        browser.locator(".jp-Notebook .jp-Cell").last.scroll_into_view_if_needed()
        browser.screenshot(path=os.environ["COURSE_SCREENSHOTS"] + "/before-handing-in.png")
