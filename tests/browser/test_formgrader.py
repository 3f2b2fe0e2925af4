"""As an instructor: build, three submissions, grade, formgrader in a browser, feedback, export."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "browser_fixtures", Path(__file__).with_name("conftest.py")
)
servers = importlib.util.module_from_spec(_spec)
sys.modules["browser_fixtures"] = servers
_spec.loader.exec_module(servers)
TOKEN = servers.TOKEN
sys.path.insert(0, str(Path(__file__).parents[1] / "grading"))

import quizlab  # noqa: E402

from course_lib.grading import export, feedback  # noqa: E402

ESSAY = "They leave **no rest**: $n = 2 k$ for a whole $k$.\n\n- two\n- four\n"


def picture(browser, name):
    if os.environ.get("COURSE_SCREENSHOTS"):
        browser.screenshot(path=f"{os.environ['COURSE_SCREENSHOTS']}/{name}.png", full_page=True)


@pytest.fixture
def graded_course(tmp_path):
    course = quizlab.new_course(tmp_path / "course")
    (course / "course.yaml").write_text("before_closing: points\n")
    quizlab.submit(course, "ann", quizlab.RIGHT | {"mini-essay": ESSAY})
    quizlab.submit(
        course, "bob", {"mini-choice": "answer = 'a'", "mini-essay": "<script>x</script>"}
    )
    quizlab.submit(course, "cid", b"broken")
    command = [sys.executable, "-m", "course_lib.grading.cli", "grade", "--course-dir", str(course)]
    subprocess.run([*command, "--bank", str(quizlab.BANK)], check=True, capture_output=True)
    config = Path(quizlab.__file__).parents[2] / "quizzes" / "nbgrader_config.py"
    (course / "nbgrader_config.py").write_text(config.read_text())
    return course


@pytest.fixture
def formgrader(graded_course, tmp_path):
    port, log = servers.free_port(), tmp_path / "log"
    home = tmp_path / "home"
    home.mkdir()
    command = [
        sys.executable,
        "-m",
        "course_lib.grading.cli",
        "formgrader",
        "--no-browser",
        f"--port={port}",
    ]
    environment = os.environ | {"HOME": str(home), "JUPYTER_TOKEN": TOKEN}
    environment |= {"COURSE_DIR": str(graded_course), "COURSE_BANK": str(quizlab.BANK)}
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        servers.wait_for(url, server, log)
        yield url
    finally:
        servers.shut_down(url, server)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_formgrader_shows_scores_and_takes_a_manual_grade(formgrader, graded_course, page):
    browser = page.page
    browser.goto(f"{formgrader}/lab?token={TOKEN}")  # sets the cookie that later calls need
    browser.goto(f"{formgrader}/formgrader/gradebook/mini/mini")
    browser.get_by_text("Submission #1").first.wait_for(timeout=60_000)
    text = browser.inner_text("table")
    assert "9 / 12" in text and text.count("0 / 12") >= 2, text
    rows = browser.locator("tbody tr")
    row = next(r for r in rows.all() if "9 / 12" in r.inner_text())
    browser.goto(formgrader + row.locator("a").first.get_attribute("href"))
    browser.get_by_text("def scale").first.wait_for(timeout=60_000)
    # Formgrader asks for the scores when the page is already there.
    browser.wait_for_function(
        "fields => [...document.querySelectorAll('input.score')].slice(0, fields)"
        ".filter(field => field.value || field.placeholder).length === fields",
        arg=4,
        timeout=60_000,
    )
    fields = browser.locator("input.score")
    values = [f.input_value() or f.get_attribute("placeholder") for f in fields.all()]
    assert [float(v) for v in values[:4]] == [1, 2, 2, 4], values
    # Names are hidden; what counts stands there, and the answer as it reads.
    assert not browser.get_by_text("ann", exact=True).first.is_visible()
    browser.wait_for_function("document.body.dataset.quizReady === 'true'", timeout=60_000)
    frame = browser.frame_locator(".quiz-key iframe")
    assert frame.locator("strong").inner_text() == "no rest"
    assert frame.locator("math").count() == 2 and frame.locator("li").count() == 2
    essay = browser.locator('.quiz-key[data-question="mini-essay"]')
    assert "Their rest is zero, as for four." in essay.inner_text()
    buttons = essay.get_by_role("button")

    def saved():
        return browser.expect_response(
            lambda answer: "/api/grade/" in answer.url and answer.request.method == "PUT"
        )

    with saved():
        buttons.first.click()
    picture(browser, "formgrader")
    first = quizlab.mini().question("mini-essay").rubric[0]
    assert float(fields.nth(4).input_value()) == first.points
    comment = browser.locator("#mini-essay-comment")
    assert comment.input_value() == f"\u2713 {first.points:g}: {first.text}"
    with saved():
        fields.nth(4).fill("2.5")
        fields.nth(4).press("Tab")
    # Two wait, in no order of ours: bob's essay, in which nothing lives, and cid's broken file.
    shown, seen = browser.url, []
    for _ in range(2):
        before = browser.url
        browser.get_by_text("Next that waits").click()
        browser.wait_for_url(lambda url, before=before: url != before)
        browser.wait_for_function("document.body.dataset.quizReady === 'true'", timeout=60_000)
        essay = browser.locator(".quiz-key iframe")
        seen.append(essay.count() and essay.content_frame.locator("body").inner_text())
    assert sorted(map(str, seen)) == ["0", "<script>x</script>"], seen
    browser.goto(shown)
    browser.wait_for_function("document.body.dataset.quizReady === 'true'", timeout=60_000)
    pressed = browser.locator('.quiz-criterion[aria-pressed="true"]')
    assert pressed.count() == 1  # the comment has kept it
    assert "<script>x" not in browser.content()
    pages = feedback.write_all(graded_course, quizlab.BANK)
    ann = next(p for p in pages if "ann" in str(p)).read_text()
    assert "2.5 of 3" in ann and "11.5 of 12 points" in ann
    # bob's essay and cid's broken file are open: without a word of a person nothing is exported.
    scores = export.as_csv(graded_course, quizlab.BANK, accept=True)
    assert '"ann","","","ann","","11.5"' in scores and '"cid","","","cid","",""' in scores
