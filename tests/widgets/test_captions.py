"""The caption search without a page: what it finds, what it does not know, what it refuses."""

import pytest
import torch
from matplotlib import pyplot as plt

from course_lib.errors import CourseError
from course_lib.widgets import captions
from course_lib.widgets.captions import CaptionSearch, told
from tests.fakes import small_backbone
from tests.joint.toy import toy_towers


@pytest.fixture
def search():
    yield CaptionSearch(toy_towers(), small_backbone(), pictures=40)
    plt.close("all")


def test_the_nearest_pictures_stand_first_and_each_says_what_it_shows(search):
    found = search.nearest("a striped heart")
    cosines = search._vectors @ toy_towers().embed_texts(["a striped heart"])[0]
    order = cosines.argsort(descending=True)[:12].tolist()
    assert [one["number"] for one in found["pictures"]] == order
    assert found["pictures"][0]["cosine"] == pytest.approx(float(cosines.max()), abs=1e-3)
    for one in found["pictures"]:
        words = one["says"].split()
        assert search._words["shape"][one["number"]] in words
        assert search._words["texture"][one["number"]] in words


def test_it_counts_how_many_of_the_nearest_show_each_word(search, monkeypatch):
    def nearest(towers, pictures, caption, most):
        return torch.arange(most), torch.zeros(most)

    monkeypatch.setattr("course_lib.joint.nearest", nearest)
    for factor in ("shape", "texture", "colour", "size", "place"):
        search._words[factor] = ["x"] * 40
    search._words["shape"][:3] = ["heart"] * 3
    search._words["colour"][5:7] = ["red"] * 2
    search._words["colour"][30] = "blue"
    search._words["shape"][29:31] = ["heart"] * 2
    found = search.nearest("a red heart, not a blue fish")
    assert found["shown"] == {"red": 2, "heart": 3, "blue": 0} and found["all"] == (0, 0)
    assert search.nearest("a blue heart")["all"] == (1, 0)
    search._words["colour"][1] = "blue"
    told_all = told(search.nearest("a blue heart"), 40)
    assert told_all.endswith("blue 1, heart 3. 2 of all pictures show all of it, 1 of the nearest.")
    assert search.nearest("a heart")["all"] == ()


def test_words_that_no_caption_had_are_named_and_left_out(search):
    found = search.nearest("a golden crown of a heart")
    assert found["unknown"] == ["golden", "crown"] and "crown" not in found["shown"]
    again = search.nearest("a of a heart")
    assert [one["number"] for one in found["pictures"]] == [
        one["number"] for one in again["pictures"]
    ]
    assert told(found, 40).endswith("No caption ever had, so they are left out: golden, crown.")


@pytest.mark.parametrize(
    ("caption", "words"),
    [("crown", "No caption ever had: crown. So there is nothing"), ("  ", "has no words")],
)
def test_nothing_is_shown_where_no_word_is_known(search, caption, words):
    found = search.nearest(caption)
    assert found["pictures"] == [] and words in told(found, 40)
    search.act("search", caption=caption)
    assert search.figure()[1].startswith(told(found, 40))


def test_a_search_from_the_page_is_answered_with_pictures_and_kept_for_the_next_view(search):
    sent = []
    search.send = lambda content, buffers=None: sent.append(content)
    search._receive(search, {"do": "act", "name": "search", "values": {"caption": "a wavy key"}})
    (message,) = sent[0]["messages"]
    assert message["caption"] == search.caption == "a wavy key" and len(message["pictures"]) == 12
    assert all(one["url"].startswith("data:image/png;base64,") for one in message["pictures"])
    assert search.snapshot() == message and message["told"].startswith("The 12 nearest of 40")


@pytest.mark.parametrize("caption", [None, 7, "a " * 80])
def test_what_is_no_caption_is_refused_and_the_last_one_stays(search, caption):
    with pytest.raises(CourseError, match="caption"):
        search.act("search", caption=caption)
    assert search.caption == captions.EXAMPLES[0] and search.snapshot()["pictures"]
    with pytest.raises(CourseError, match="cannot 'paint'"):
        search.act("paint")


def test_too_few_pictures_are_refused():
    with pytest.raises(CourseError, match="pictures"):
        CaptionSearch(toy_towers(), small_backbone(), pictures=5)


def test_a_still_picture_and_plain_python_say_the_same(search, capsys):
    search.find("a dotted fish")
    assert capsys.readouterr().out.startswith("The 12 nearest of 40 pictures.")
    fig, alt = search.figure()
    assert "From the nearest on: " in alt and len([ax for ax in fig.axes if ax.images]) == 12
    data = search._repr_mimebundle_()[0]
    assert "image/png" in data and "application/vnd.jupyter.widget-view+json" in data
