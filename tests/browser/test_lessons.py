"""A learner's walk in a real browser: JupyterLab opens at lesson 00, and Run All works."""

from pathlib import Path

import nbformat
import pytest

from course_lib import notebooks

LESSONS = list(notebooks.lessons(Path(__file__).resolve().parents[2]).values())

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_course_lab_opens_lesson_00(lab, page):
    page.page.goto(f"{lab.url}/?token=browser-test")
    page.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    assert page.page.url.split("?")[0].endswith(f"/notebooks/{notebooks.START}")
    page.wait_idle(120)
    assert not page.page.get_by_text("official Jupyter news").is_visible()
    assert not page.errors
    assert not page.outside


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_to_its_end_in_the_browser(lab, page, lesson, tmp_path):
    page.open(lab, lesson.name)
    page.run_all()
    page.page.screenshot(path=tmp_path / f"{lesson.stem}.png")
    notebook = nbformat.from_dict(page.notebook())
    not_run = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.strip() and not cell.execution_count
    ]
    failures = [
        (number, output.ename, output.evalue)
        for number, _, output in notebooks.outputs(notebook)
        if output.output_type == "error"
    ]
    assert not failures
    assert not not_run
    assert not page.errors
    assert not page.outside


@pytest.mark.parametrize("lesson", LESSONS[:1], ids=lambda path: path.stem)
def test_pictures_keep_their_alt_text_in_jupyterlab(lab, page, lesson):
    page.open(lab, lesson.name)
    page.run_all()
    assert list(notebooks.figures(nbformat.from_dict(page.notebook())))
    shown = page.page.locator(".jp-OutputArea-output img").all()
    assert shown
    assert all(picture.get_attribute("alt") for picture in shown)
