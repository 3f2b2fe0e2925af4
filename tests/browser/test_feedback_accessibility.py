"""The pages that a student and an instructor get from grading, for those who see little or listen.

A mark is told by words, never by colour alone; whatever a student wrote, nothing lies beyond the
edge of a phone.
"""

import os

import pytest

from course_lib.grading import feedback, report
from tests.browser.axe import findings, need_node
from tests.grading import quizlab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

COMMENT = """Well argued. Compare:

| rate | accuracy |
|---|---|
| .1 | .50 |

`loss.backward()` comes before `step`, and see https://example.org/a/rather/long/address/of/a/page.
"""
WIDE = "x = '" + "0" * 300 + "'\n"
ANSWERS = {
    "right": quizlab.RIGHT,
    "wrong": {
        "mini-choice": "answer = 'a'",
        "mini-multiple": "answer = ['b']",
        "mini-number": "answer = 50",
        "mini-scale": WIDE + "def scale(x, factor):\n    return y\n",
        "mini-essay": "# A heading\n\n" + "word" * 100 + "\n\n- a list\n\n> a quotation",
    },
}
BEFORE, CLOSED = "2019-12-31 12:00", {"closes": "2020-01-01 12:00"}


# page -> how many texts have enough contrast, at least
PAGES = {"right": 70, "wrong": 70, "torn": 70, "receipt": 35, "report": 80}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A folder with ``NAME.html``: feedback with keys, feedback that is a receipt, the report."""
    need_node()
    folder = tmp_path_factory.mktemp("graded")
    course = quizlab.new_course(folder / "course")
    quizlab.rules(course, arrival="modified", quizzes={"mini": CLOSED})
    for name, answers in ANSWERS.items():
        quizlab.submit(course, name, answers, at=BEFORE)
    quizlab.submit(course, "torn", b"nothing", at=BEFORE)
    quizlab.graded(course)
    quizlab.by_hand(course, "right", 2.5, comment=COMMENT)
    made = {"report": report.as_html(course, quizlab.BANK)}
    for path in feedback.write_all(course, quizlab.BANK):
        made[path.parts[-3]] = path.read_text("utf-8")
    quizlab.rules(course, arrival="modified")  # no closing date: no keys
    feedback.write_all(course, quizlab.BANK)
    made["receipt"] = (course / "feedback/right/mini/mini.html").read_text("utf-8")
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("theme", "width", "zoom"), [("light", 1280, 1), ("dark", 1280, 1), ("dark", 320, 4)]
)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_on_what_grading_gives_back(pages, offline, name, theme, width, zoom):
    page = offline(pages / f"{name}.html", width, 900 // zoom, theme, device_scale_factor=zoom)
    for folded in page.locator("summary").all():
        folded.click()
    if os.environ.get("COURSE_PICTURES"):
        page.screenshot(
            path=f"{os.environ['COURSE_PICTURES']}/{name}-{theme}-{width}.png", full_page=True
        )
    assert findings(page, PAGES[name]) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
