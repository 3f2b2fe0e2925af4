"""The site for those who see little, listen, or use the keyboard alone.

Pages, states and the least numbers of texts with enough contrast stand in docs/accessibility.md.
"""

import re

import pytest

from tests.browser.axe import ROOT, findings

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("site")]

ROW = re.compile(r"^\| [^|]+ \| `(\S+)` \| (light|dark), ([\d,]+) px \| ([\d,]+) \|$", re.MULTILINE)
TABLE = ROW.findall((ROOT / "docs" / "accessibility.md").read_text("utf-8"))


def number(text: str) -> int:
    return int(text.replace(",", ""))


def train_a_head(page) -> None:
    page.get_by_role("button", name="Teach it two new shapes").click()
    page.locator("#own .result table").wait_for(timeout=60_000)
    page.get_by_role("button", name="Try a drawn picture").click()
    page.locator("#own .chances p").wait_for()
    for folded in page.locator("summary").all():
        folded.click()


def test_the_table_of_pages_has_each_kind_in_both_themes_and_widths():
    kinds = {page for page, *_ in TABLE}
    assert {"index.html", "02_three_strategies.html", "90_lab_book.html"} <= kinds
    assert {"claims/C06.html", "class.html", "tools.html"} <= kinds
    for kind in kinds:
        states = {(theme, width) for page, theme, width, _ in TABLE if page == kind}
        assert {("light", "1,280"), ("dark", "320")} <= states


@pytest.mark.parametrize(("name", "theme", "width", "least"), TABLE)
def test_axe_finds_nothing(site, offline, name, theme, width, least):
    page = offline(site / name, number(width), 900, theme)
    if name == "index.html":
        train_a_head(page)
    assert findings(page, number(least)) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= number(width)


def test_at_400_percent_nothing_is_cut_off(site, offline):
    """WCAG's reflow: a window of 1,280 by 1,024 at 400 % has 320 by 256 pixels of its own."""
    page = offline(site / "index.html", 320, 256, device_scale_factor=4)
    train_a_head(page)
    assert findings(page, least=30) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
