"""The machine check of lesson 00 in a real page, with and without a kernel that answers."""

import json

import pytest

from course_lib.doctor import Check
from course_lib.widgets.checkup import Checkup

CHECKS = (
    Check("torch", "ok", "no GPU: computing on the CPU, which is what the course is made for"),
    Check("disk", "warning", "1.0 GB free here", "free some space: 2 GB is comfortable"),
)
# Stands in for anywidget's model; `answers` says whether there is a kernel behind it.
MODEL = """async ([code, snapshot, answers]) => {
    const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
    const widget = (await import(url)).default;
    const heard = [];
    window.sent = [];
    const model = {
        get: () => '', off: () => {},
        on: (event, callback) => { if (event === 'msg:custom') heard.push(callback); },
        send: (message) => {
            window.sent.push(message);
            if (!answers) return;
            const reply = message.do === 'hello' ? { kind: 'snapshot', all: snapshot }
                : { kind: 'message', messages: [{ heard: message.name }] };
            setTimeout(() => heard.forEach((tell) => tell({ ...reply, view: message.view })));
        },
    };
    document.body.replaceChildren();
    widget.render({ model, el: document.body });
}"""

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def show(page, answers: bool) -> None:
    widget = Checkup(CHECKS)
    snapshot = json.loads(json.dumps(widget.snapshot()))
    page.page.goto("about:blank")
    page.page.evaluate(MODEL, [str(widget._esm), snapshot, answers])


def test_the_list_ends_in_the_kernels_answer(page):
    show(page, answers=True)
    page.page.wait_for_selector("li[data-check=answers].ok")
    lines = page.page.locator("li").all_inner_texts()
    assert "torch" in lines[0] and "free some space" in lines[1]
    assert page.page.locator("li.warning [role=img][aria-label=warning]").count() >= 1
    arrived = page.page.evaluate("window.sent.find((m) => m.name === 'arrived').values.webgl")
    assert arrived in (True, False)
    assert page.page.locator("li[data-check='3D here']").count() == 1
    assert not page.errors


def test_without_an_answer_the_list_says_what_to_do(page):
    show(page, answers=False)
    page.page.wait_for_selector("li[data-check=answers].problem", timeout=15_000)
    assert "Restart Kernel" in page.page.locator("li[data-check=answers]").inner_text()
