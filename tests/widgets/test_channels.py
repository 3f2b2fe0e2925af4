"""The channel browser without a page: what it shows, how it grows, what it refuses."""

import pytest
import torch
from matplotlib import pyplot as plt

from course_lib.errors import CourseError
from course_lib.widgets import channels
from tests.fakes import small_backbone


@pytest.fixture
def browser(monkeypatch):
    monkeypatch.setattr(channels, "STEPS", 8)
    pictures = torch.randint(0, 256, (12, 3, 32, 32), dtype=torch.uint8)
    yield channels.ChannelBrowser(small_backbone(), pictures, stage="layer1", channel=2)
    plt.close("all")


def test_what_is_shown_belongs_to_the_chosen_channel(browser):
    shown = browser.snapshot()
    assert (shown["stage"], shown["channel"], shown["example"]) == ("layer1", 2, 0)
    assert len(shown["strongest"]) == 9 and shown["optimised"] is None
    best = int(browser._peaks["layer1"][:, 2].argmax())
    assert shown["strongest"][0] == channels.data_url(browser._pictures[best])
    assert shown["filter"] == ""
    browser.act("choose", stage="stem", channel=1, example=3)
    assert browser.snapshot()["filter"].startswith("data:image/png")


def test_the_optimised_picture_grows_and_is_kept(browser):
    browser.start()
    messages = []
    while browser.running:
        messages += browser.tick()
    steps = [m["optimised"]["step"] for m in messages]
    assert steps == [4, 8] and messages[-1]["optimised"]["done"]
    browser.choose("layer2", 0)
    assert browser.snapshot()["optimised"] is None
    browser.choose("layer1", 2)
    assert browser.snapshot()["optimised"] == messages[-1]["optimised"]


def test_another_choice_ends_what_was_growing(browser):
    browser.start()
    browser.tick(0.0001)
    browser.choose("layer3", 0)
    assert not browser.running
    browser.start()
    message = browser.tick(60)[-1]
    assert (message["stage"], message["channel"]) == ("layer3", 0)


@pytest.mark.parametrize(
    ("stage", "channel", "example"), [("layer9", 0, 0), ("layer1", 99, 0), ("layer1", 0, 9)]
)
def test_what_is_not_there_is_refused(browser, stage, channel, example):
    with pytest.raises(CourseError, match="No (channel|picture)"):
        browser.choose(stage, channel, example)


def test_too_few_pictures_are_refused():
    with pytest.raises(CourseError, match="9 pictures or more"):
        channels.ChannelBrowser(small_backbone(), torch.zeros(3, 3, 32, 32, dtype=torch.uint8))


def test_a_still_picture_stands_beside_the_widget(browser):
    fig, alt = browser.figure()
    assert len(fig.axes) == 4 and "Channel 2 of layer1" in alt


def test_the_sheet_holds_every_map_in_order():
    maps = torch.zeros(5, 2, 2)
    assert channels._columns(5) ** 2 >= 5
    assert channels._sheet_url(maps).startswith("data:image/png")


def test_stages_that_tell_a_person_nothing_get_no_optimised_picture():
    pictures = torch.randint(0, 256, (12, 3, 32, 32), dtype=torch.uint8)
    model = small_backbone()
    browser = channels.ChannelBrowser(model, pictures, stage="layer4", optimise=["stem"])
    assert browser.snapshot()["optimises"] is False
    browser.start()
    while browser.running:
        assert browser.tick() == []
    fig, alt = browser.figure()
    assert len(fig.axes) == 3 and "optimised" not in alt
    browser.choose("stem", 0)
    assert browser.snapshot()["optimises"] is True
    plt.close("all")
    with pytest.raises(CourseError, match="stage to optimise for"):
        channels.ChannelBrowser(model, pictures, optimise=["layer9"])
