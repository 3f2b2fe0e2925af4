"""The self-check in a real browser: instant feedback, a busy kernel, a restart, a reload."""

import json

import nbformat
import pytest

from course_lib.questions import practice, progress, scoring
from course_lib.widgets import selfcheck

JS = str(selfcheck.SelfCheck._esm)
CELLS = [
    "from course_lib.widgets.selfcheck import ask\n"
    "ask('p01-recipe', 'p01-stages', 'p01-receptive')",
    "import time\nopen('busy', 'w').close()\ntime.sleep(12)",
]


@pytest.mark.browser
def test_the_page_judges_as_the_grader_does(chromium):
    page = chromium.new_page()
    page.goto("about:blank")
    page.evaluate(
        """async code => {
        const url = 'data:text/javascript;base64,' + btoa(unescape(encodeURIComponent(code)));
        window.judge = (await import(url)).judge;
    }""",
        JS,
    )
    for q in practice.bank().values():
        if q.kind == "code":
            continue
        letters = "abcdefgh"[: len(q.choices)]
        if q.kind == "numeric":
            answers = [
                q.answer,
                q.answer + 2 * q.tolerance + 1,
                "",
                "x",
                str(q.answer),
                *(p.answer for p in q.partial),
                *(w.answer for w in q.wrong),
            ]
        elif q.kind == "choice":
            answers = [*letters, ""]
        else:
            answers = [[], *([a] for a in letters), list(letters), list(q.key)]
        for answer in answers:
            here = page.evaluate(
                "([q, a]) => window.judge(q, a).state", [selfcheck._public(q), answer]
            )
            assert here == scoring.score_value(q, answer).state, (q.id, answer)
    page.close()


@pytest.fixture
def notebook(lab):
    path = lab.folder / "notebooks" / "selfcheck-test.ipynb"
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in CELLS],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        ),
        path,
    )
    stored = path.parent / progress.FILE
    stored.unlink(missing_ok=True)
    (path.parent / "busy").unlink(missing_ok=True)
    yield path
    path.unlink()
    stored.unlink(missing_ok=True)


def run_cell(page, index):
    page.page.locator(".jp-Notebook .jp-CodeCell").nth(index).locator(".cm-content").click()
    page.page.keyboard.press("Shift+Enter")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_feedback_comes_while_the_kernel_is_busy_and_survives_restart_and_reload(
    lab, page, notebook
):
    browser = page.page
    page.open(lab, notebook.name)
    run_cell(page, 0)
    fields = browser.locator(".live-selfcheck fieldset")
    fields.first.wait_for(timeout=60_000)
    page.wait_idle(60)

    def verdict(index):
        return fields.nth(index).locator(".verdict")

    assert verdict(0).inner_text() == ""
    fields.nth(0).get_by_role("button", name="Check").click()
    assert "Not attempted" in verdict(0).inner_text()
    run_cell(page, 1)
    browser.wait_for_function(
        "() => [...document.querySelectorAll('.jp-InputPrompt')]"
        ".some(p => p.textContent.includes('*'))"
    )
    fields.nth(0).get_by_role("radio").nth(1).check()
    fields.nth(0).get_by_role("button", name="Check").click()
    assert "Not right" in verdict(0).inner_text(timeout=1000)
    fields.nth(0).get_by_role("radio").first.focus()  # and with the keyboard alone
    browser.keyboard.press("Space")
    browser.keyboard.press("Enter")
    assert "Right." in verdict(0).inner_text(timeout=1000)
    fields.nth(2).get_by_role("textbox").fill("6")
    browser.keyboard.press("Enter")
    assert "Not right" in verdict(2).inner_text(timeout=1000)
    assert "*" in browser.locator(".jp-InputPrompt").nth(1).inner_text()  # still busy
    page.wait_idle(60)
    stored = json.loads((notebook.parent / progress.FILE).read_text())["answers"]
    assert stored["p01-recipe"]["answer"] == "a" and stored["p01-receptive"]["answer"] == "6"

    browser.evaluate("() => localStorage.clear()")  # the file alone must be enough
    browser.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    page.wait_idle(60)
    browser.reload()
    browser.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    page.wait_idle(120)
    run_cell(page, 0)
    browser.wait_for_function(
        "() => document.querySelector('.live-selfcheck .verdict')?.dataset.state === 'right'",
        timeout=60_000,
    )
    assert fields.nth(0).get_by_role("radio").first.is_checked()
    assert not page.errors and not page.outside
