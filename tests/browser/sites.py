"""The site, built once for each process, and its pages in Chromium without a network."""

import pytest

from tests.browser.axe import ROOT, need_node

LESSON, BOOK, CLAIM = "02", "90", "C06"  # of each kind of page one


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site: its landing page, a lesson, the lab book, a claim, for teachers."""
    need_node()
    import make_site

    folder = tmp_path_factory.mktemp("site")
    make_site.make(ROOT, folder, only=(LESSON, BOOK, CLAIM))
    return folder


@pytest.fixture
def offline(chromium):
    """opened(path, width, height, theme): a page from disk that can reach no network.

    What it asked for beside files, and its errors, must be nothing when the test ends.
    """
    contexts, wrong = [], []

    def opened(path, width=1280, height=900, theme="light", **more):
        size = {"width": width, "height": height}
        context = chromium.new_context(viewport=size, color_scheme=theme, offline=True, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: _note(asked.url, wrong))
        page.goto(path.as_uri())
        if path.name == "index.html" and path.parent.name != "claims":
            page.wait_for_selector("body[data-ready]", timeout=60_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _note(url: str, wrong: list[str]) -> None:
    if not url.startswith(("file:", "data:", "blob:")):
        wrong.append(f"asked for {url}")
