"""Guesses for gaps, and the widget around them."""

import pytest
from matplotlib import pyplot as plt

from course_lib.errors import CourseError
from course_lib.text.filling import fill_in
from course_lib.widgets.fill_in import FillIn


@pytest.mark.parametrize("text", ["the ___ has nodes", "the [MASK] has nodes", "the [mask] has __"])
def test_every_gap_gets_its_guesses_best_first(tiny_model, text):
    found = fill_in(text, 4, tiny_model)
    assert len(found) == text.count("_ ") + text.lower().count("[mask]") + text.endswith("__")
    for gap in found:
        shares = [guess.probability for guess in gap]
        assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1
        assert not any(guess.word.startswith("[") for guess in gap)


@pytest.mark.parametrize("text", ["", "   ", "no gap at all", "word " * 40 + "___", 3])
def test_a_text_without_a_gap_in_reach_is_refused(tiny_model, text):
    with pytest.raises(CourseError, match="gap"):
        fill_in(text, model=tiny_model)


def test_the_widget_answers_a_sentence_and_says_what_is_wrong(tiny_model):
    widget = FillIn("the ___ has nodes", tiny_model)
    sent = []
    widget.send = lambda content, buffers=None: sent.append(content)
    widget._receive(None, {"do": "act", "name": "guess", "values": {"text": "a ___ of ___"}})
    shown = sent[0]["messages"][0]
    assert shown["text"] == "a ___ of ___" and [len(gap) for gap in shown["guesses"]] == [5, 5]
    assert widget.error == ""
    widget.act("guess", text="no gap")
    assert "gap" in widget.error and widget.snapshot()["guesses"] == []


def test_a_picture_stands_in_for_the_page(tiny_model):
    widget = FillIn("the ___ has nodes", tiny_model)
    fig, alt = widget.figure()
    best = widget.snapshot()["guesses"][0][0][0]
    assert best in alt and len(fig.axes) == 1
    plt.close(fig)
