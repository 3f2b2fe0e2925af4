"""Every live widget for those who see little, use the keyboard alone, or listen."""

import pytest

import course_lib
from course_lib import forgetting
from course_lib.doctor import Check
from course_lib.widgets import advisor, selfcheck
from course_lib.widgets.captions import CaptionSearch
from course_lib.widgets.channels import ChannelBrowser
from course_lib.widgets.checkup import Checkup
from course_lib.widgets.embedding import Embedding
from course_lib.widgets.fill_in import FillIn
from course_lib.widgets.forgetting import ForgettingMeter
from course_lib.widgets.race import Race
from course_lib.widgets.rates import RateExplorer
from course_lib.widgets.weights_flow import WeightsFlow
from tests.browser.axe import findings, need_node
from tests.browser.bare import show, too_small, unreadable
from tests.fakes import pictures, small_backbone, small_language_model, small_task
from tests.joint.toy import toy_towers

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CELL = {
    "task": "a task",
    "metric": "AUC",
    "train": 800,
    "similarity": "different",
    "means": {"fine-tuning": 0.9, "scratch": 0.5},
    "spreads": {"fine-tuning": 0.01, "scratch": None},
    "best": "fine-tuning",
    "verdict": "holds",
}
CHECKS = tuple(Check(f"{state} part", state, "found", "mend") for state in ("ok", "problem"))


def race(epochs=2):
    widget = Race(task=small_task(40), backbone=small_backbone(), train=40, epochs=epochs)
    widget.lanes = widget.lanes[:3]  # one is switched off
    return widget


# name -> (how to make it, how many texts it has at least)
WIDGETS = {
    "race": (race, 80),
    "rates": (lambda: RateExplorer(train=40, epochs=4), 50),
    "forgetting": (lambda: ForgettingMeter(epochs=4), 25),
    "weights flow": (lambda: WeightsFlow(small_backbone(), classes=3), 30),
    "advisor": (advisor.Advisor, 28),
    "self-check": (lambda: selfcheck.ask("p01-recipe", "p01-stages", "p01-receptive"), 20),
    "prediction": (lambda: selfcheck.predict("l-x", "Which?", ["this", "that"]), 4),
    "checkup": (lambda: Checkup(CHECKS), 12),
    "channels": (lambda: ChannelBrowser(small_backbone(), pictures(32).pictures), 7),
    "embedding": (Embedding, 20),
    "captions": (lambda: CaptionSearch(toy_towers(), small_backbone(), pictures=40), 35),
    "fill in": (lambda: FillIn("the ___ has ___", small_language_model()), 24),
}
each_widget = pytest.mark.parametrize("name", WIDGETS)


@pytest.fixture(autouse=True)
def small_world(monkeypatch, tmp_path):
    def source(model, n, split="test", seed=0):
        return pictures(n, 5, seed)

    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(course_lib, "load_backbone", small_backbone)
    monkeypatch.setattr(course_lib, "load_task", lambda name, train, seed: small_task(train))
    monkeypatch.setattr(forgetting, "source_pictures", source)
    monkeypatch.setattr(advisor, "measured_cells", lambda: [CELL])


def use(page) -> None:
    """Do what there is to do, so that everything that a widget has to say is there."""
    for field in page.locator("fieldset").all():
        if field.get_by_role("textbox").count():
            field.get_by_role("textbox").fill("6")
        elif field.get_by_role("button").count():
            field.locator("input").nth(1).check()
        for button in field.get_by_role("button").all():
            button.click()
    train = page.get_by_role("button", name="Train", exact=True)
    train = train.or_(page.get_by_role("button", name="Train all"))
    if train.count():
        train.click()
        page.get_by_text("finished", exact=True).wait_for(timeout=60_000)


@pytest.mark.parametrize("place", ["light JupyterLab", "dark JupyterLab", "dark browser"])
@each_widget
def test_every_text_can_be_read_and_every_control_be_hit(page, name, place):
    make, least = WIDGETS[name]
    show(page.page, make(), place.split()[0], lab="JupyterLab" in place)
    page.page.wait_for_timeout(150)  # the first drawing
    assert unreadable(page.page, least=5 if name not in ("prediction",) else 4) == []
    use(page.page)
    assert unreadable(page.page, least) == []
    for tab in page.page.get_by_role("tab").all():
        tab.click()
        assert unreadable(page.page, least) == []
    assert too_small(page.page) == []
    assert not page.errors


def test_the_look_at_contrast_finds_what_it_should(page):
    show(page.page, Checkup(CHECKS))
    page.page.get_by_text("page and kernel").wait_for()
    page.page.add_style_tag(
        content=".mend { color: #fff !important; background: #2196f3; }"
        "[data-check='ok part'] { opacity: 0.45; }"
    )
    found = unreadable(page.page, least=12)
    assert any("'mend': 3.12" in line for line in found)
    assert any("'found'" in line for line in found)
    page.page.add_style_tag(content="main, main * { display: none !important; }")
    with pytest.raises(AssertionError, match="only 0 texts"):
        unreadable(page.page, least=1)


@each_widget
def test_on_a_phone_nothing_lies_beyond_the_edge_where_no_scrolling_reaches_it(page, name):
    show(page.page, WIDGETS[name][0](), width=320)
    page.page.wait_for_timeout(150)
    beyond = page.page.evaluate(
        """() => [...document.querySelectorAll('main *')]
            .filter((node) => node.checkVisibility() && !node.closest('.live-scroll')
                && node.getBoundingClientRect().right > innerWidth + 1)
            .map((node) => `${node.tagName} ${node.className} ${node.textContent.slice(0, 30)}`)"""
    )
    assert beyond == []
    scrolled = page.page.locator(".live-scroll")
    assert all(part.get_attribute("tabindex") == "0" for part in scrolled.all())


@pytest.mark.parametrize(("theme", "size"), [("light", (900, 2400)), ("dark", (320, 256))])
@each_widget
def test_axe_finds_nothing_in_a_widget_that_has_done_its_work(page, name, theme, size):
    """WCAG's reflow: a window of 1,280 by 1,024 at 400 % has 320 by 256 pixels of its own."""
    need_node()
    make, least = WIDGETS[name]
    show(page.page, make(), theme)
    page.page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    page.page.wait_for_timeout(150)
    use(page.page)
    assert findings(page.page, least // 2, "main") == []


def focused(page) -> str:
    return page.evaluate("() => document.activeElement.textContent")


def test_the_focus_stays_on_the_button_after_train_and_after_stop(page):
    show(page.page, race(epochs=30))
    page.page.keyboard.press("Tab")
    train, stop = (page.page.get_by_role("button", name=name) for name in ("Train all", "Stop"))
    train.focus()
    page.page.keyboard.press("Enter")
    page.page.get_by_text("training …", exact=True).wait_for()
    assert focused(page.page) == "Go on"
    page.page.keyboard.press("Tab")
    assert focused(page.page) == "Stop"
    page.page.keyboard.press("Enter")
    page.page.get_by_text("stopped", exact=True).wait_for()
    assert focused(page.page) == "Stop" and stop.get_attribute("aria-disabled") == "true"


def test_a_button_that_is_switched_off_does_nothing(page):
    widget = race()
    show(page.page, widget)
    stop = page.page.get_by_role("button", name="Stop")
    assert stop.get_attribute("aria-disabled") == "true"
    before = page.page.get_by_role("button", name="Train all").text_content()
    stop.focus()
    page.page.keyboard.press("Enter")
    page.page.wait_for_timeout(200)
    assert not widget.running
    assert page.page.get_by_role("button", name="Train all").text_content() == before


def test_a_run_that_ends_tells_its_results_with_numbers_to_those_who_listen(page):
    widget = race()
    show(page.page, widget)
    told = page.page.locator(".live-result")
    assert told.get_attribute("role") == "status" and told.text_content() == ""
    page.page.get_by_role("button", name="Train all").click()
    page.page.get_by_text("finished", exact=True).wait_for(timeout=60_000)
    said = told.text_content()
    assert said.startswith("On the test pictures, accuracy: ")
    for row in widget.results():
        assert f"{row['lane']} {row['test']:.3f}" in said
    page.page.get_by_role("button", name="Reset").click()
    page.page.get_by_role("button", name="Train all").wait_for()
    page.page.wait_for_function("() => !document.querySelector('.live-result').textContent")


def test_who_wants_less_motion_goes_through_training_step_by_step(page):
    page.page.emulate_media(reduced_motion="reduce")
    show(page.page, Embedding())
    at = page.page.get_by_label("Training step")
    assert page.page.get_by_role("button", name="Play").count() == 0
    page.page.get_by_role("button", name="Next step").click()
    first = at.input_value()
    page.page.wait_for_timeout(900)  # a frame more than playing would take
    assert at.input_value() == first == "0"  # after the last comes the first
    page.page.get_by_role("button", name="Next step").click()
    assert at.input_value() == "1"


def test_what_the_browser_draws_itself_is_dark_in_the_dark_theme_of_a_light_system(page):
    show(page.page, ChannelBrowser(small_backbone(), pictures(32).pictures), "dark")
    number = page.page.get_by_label("Channel")
    scheme = number.evaluate("node => getComputedStyle(node).colorScheme")
    ink, ground = (
        number.evaluate(f"node => getComputedStyle(node).{what}.match(/[0-9.]+/g).map(Number)")
        for what in ("color", "backgroundColor")
    )
    assert scheme == "dark"
    assert min(ink[:3]) > 180 and max(ground[:3]) < 80
