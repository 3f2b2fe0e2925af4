"""The caption search on a page: by keyboard, by click, and heard."""

import pytest

from course_lib.widgets.captions import CaptionSearch
from tests.browser.bare import show
from tests.fakes import small_backbone
from tests.joint.toy import toy_towers

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def search():
    return CaptionSearch(toy_towers(), small_backbone(), pictures=40)


def test_a_caption_typed_and_entered_brings_its_pictures_and_says_what_they_show(page):
    widget = search()
    show(page.page, widget)
    line, told = (
        page.page.get_by_role("textbox", name="A caption"),
        page.page.locator(".live-result"),
    )
    shown = page.page.get_by_role("list", name="Nearest pictures").get_by_role("img")
    assert line.input_value() == "a striped heart" and told.get_attribute("role") == "status"
    before = [image.get_attribute("alt") for image in shown.all()]
    line.fill("a golden wavy key")
    page.page.keyboard.press("Enter")
    page.page.get_by_text("golden", exact=True).wait_for()
    after = [image.get_attribute("alt") for image in shown.all()]
    assert len(before) == len(after) == 12 and before != after
    assert after == [one["says"] for one in widget.nearest("a golden wavy key")["pictures"]]
    assert shown.first.evaluate("image => image.complete && image.naturalWidth") == 64
    crossed = page.page.locator(".word.unknown")
    assert crossed.all_text_contents() == ["golden not known"]
    assert told.text_content().endswith("they are left out: golden.")
    assert page.page.evaluate("() => document.activeElement.type") == "text"  # the focus stays
    assert not page.errors and not page.outside


def test_an_example_is_a_click_and_an_unknown_word_alone_finds_nothing(page):
    show(page.page, search())
    line = page.page.get_by_role("textbox", name="A caption")
    page.page.get_by_role("button", name="a red key").click()
    page.page.locator(".said", has_text="key").wait_for()
    assert line.input_value() == "a red key"
    line.fill("crown")
    page.page.get_by_role("button", name="Find pictures").click()
    page.page.get_by_text("So there is nothing to look for.").wait_for()
    assert page.page.get_by_role("img").count() == 0
    assert not page.errors


def test_text_that_looks_like_markup_stays_text(page):
    show(page.page, search())
    page.page.get_by_role("textbox", name="A caption").fill("<img src=x onerror=alert(1)> heart")
    page.page.keyboard.press("Enter")
    page.page.get_by_text("onerror", exact=True).wait_for()
    assert page.page.locator("main img").count() == 12  # the pictures, and no other
    assert not page.errors
