"""Every experiment of the site, finished by the keyboard alone.

With COURSE_PICTURES=FOLDER the first test also writes keyboard.png there, a film strip of its
steps.
"""

import io
import os
from pathlib import Path

import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("site")]

FOCUSED = """() => {
  const node = document.activeElement, style = getComputedStyle(node);
  const name = node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.textContent;
  return { name: name.trim(), outline: style.outlineStyle !== "none" &&
  parseFloat(style.outlineWidth) >= 2 };
}"""


class Keyboard:
    """Somebody without a mouse: goes from control to control and always sees where they are."""

    def __init__(self, page):
        self.page, self.frames = page, []

    def reach(self, name: str, most: int = 120) -> None:
        """Press Tab until the control whose name begins so has the focus."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            found = self.page.evaluate(FOCUSED)
            assert found["outline"] or found["name"] == "" or self.at_the_end(), found
            if found["name"].startswith(name):
                return
        raise AssertionError(f"{most} steps did not reach {name!r}")

    def at_the_end(self) -> bool:
        return self.page.evaluate("document.activeElement === document.body")

    def press(self, key: str = "Enter") -> None:
        self.page.keyboard.press(key)

    def frame(self) -> None:
        if "COURSE_PICTURES" in os.environ:
            self.frames.append(Image.open(io.BytesIO(self.page.screenshot())))


def strip(frames: list[Image.Image], path: Path, columns: int = 3) -> None:
    wide, high = (side // 2 for side in frames[0].size)
    rows = -(-len(frames) // columns)
    film = Image.new("RGB", (columns * wide, rows * high), "white")
    for i, frame in enumerate(frames):
        film.paste(frame.resize((wide, high)), (i % columns * wide, i // columns * high))
    film.quantize(64).save(path, optimize=True)


def told(page, place: str) -> str:
    return page.locator(f"{place} [role=status]").first.text_content()


def test_a_head_is_trained_tried_and_downloaded_by_keyboard_alone(site, offline):
    page = offline(site / "index.html", 900, 640, reduced_motion="reduce")
    hands = Keyboard(page)
    hands.reach("Another picture")
    before = told(page, "#first")
    hands.press()
    page.wait_for_function(
        "(text) => document.querySelector('#first [role=status]').textContent !== text", arg=before
    )
    hands.frame()
    hands.reach("Name")
    hands.reach("Fill with drawn pictures")
    hands.press("Space")
    assert "never seen" in told(page, "#own")
    hands.frame()

    page.keyboard.press("Shift+Tab")  # back among the pictures: the last one is taken away
    many = page.locator(".thumb").count()
    name = page.evaluate(FOCUSED)["name"]
    assert name.startswith("Remove picture")
    hands.press()
    assert page.locator(".thumb").count() == many - 1
    assert page.evaluate(FOCUSED)["name"].startswith("Remove picture")  # the focus is not lost
    hands.frame()

    hands.reach("Train a head")
    hands.press()
    page.locator("#own .result table").wait_for(timeout=60_000)
    assert told(page, "#own").startswith("Trained. Right of pictures that were left out: WorldNet")
    assert page.evaluate(FOCUSED)["name"] == "Train a head"
    hands.frame()
    hands.reach("Try a drawn picture")
    hands.press()
    page.locator("#own .chances p").wait_for()
    assert "%" in page.locator("#own .chances[role=status]").text_content()
    hands.frame()
    hands.reach("Download the head")
    with page.expect_download() as coming:
        hands.press()
    assert coming.value.suggested_filename == "head.json"
    hands.reach("Use it in Python")
    hands.press()
    assert page.locator("#own details").get_attribute("open") is not None
    hands.frame()
    if hands.frames:
        strip(hands.frames, Path(os.environ["COURSE_PICTURES"]) / "keyboard.png")


def test_one_press_teaches_two_shapes_and_brings_the_focus_along(site, offline):
    page = offline(site / "index.html")
    hands = Keyboard(page)
    hands.reach("Teach it two new shapes")
    hands.press()
    page.locator("#own .result table").wait_for(timeout=60_000)
    assert page.evaluate(FOCUSED)["name"] == "Your own classes"


def test_the_race_is_guessed_started_and_stopped_by_keyboard_alone(site, offline):
    page = offline(site / "index.html")
    hands = Keyboard(page)
    hands.reach("Which will win?")
    hands.press("ArrowDown")
    assert page.locator("#race select").input_value() == "head"
    hands.reach("Start the race")
    hands.press()
    page.get_by_text("Racing: head and last stage").wait_for(timeout=60_000)
    assert page.evaluate(FOCUSED)["name"] == "Stop"
    hands.press()
    assert told(page, "#race") == "Stopped."
    hands.reach("The numbers of the chart")
    hands.press()
    row = page.get_by_role("row", name="a new head on the frozen net").last
    cells = row.get_by_role("cell").all_text_contents()
    assert len(cells) == 10 and all(cell.endswith("%") for cell in cells)


def test_advisor_and_six_steps_are_worked_by_keyboard_alone(site, offline):
    page = offline(site / "tools.html")
    hands = Keyboard(page)
    hands.reach("Camera traps")
    hands.press()
    advice = page.locator("#advisor [role=status]")
    first = advice.text_content()
    assert first.startswith("Fine-tuning") and "Camera traps" in first
    hands.reach("Labelled pictures")
    hands.press("Home")
    assert advice.text_content().startswith("Feature extraction")
    hands.reach("1 Generic model")
    hands.press("End")
    assert page.evaluate(FOCUSED)["name"] == "6 Unfreeze"
    assert (
        page.get_by_role("tabpanel").filter(visible=True).get_by_text("tensors moved").count() == 6
    )
