"""A figure goes out with its alt text, in every form that some viewer prefers."""

import base64

import matplotlib

matplotlib.use("agg")

import pytest  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402

from course_lib.errors import CourseError  # noqa: E402
from course_lib.measure import figures  # noqa: E402


@pytest.fixture
def shown(monkeypatch):
    """What `display` was called with: a list of (bundle, metadata)."""
    calls = []
    monkeypatch.setattr(
        "IPython.display.display",
        lambda data, metadata, raw: calls.append((data, metadata)),
    )
    return calls


def test_a_figure_is_shown_as_png_html_and_text_with_the_same_alt_text(shown):
    figures.show(plt.figure(), alt='  A "curve" that\n rises & falls. ')
    ((data, metadata),) = shown
    alt = 'A "curve" that rises & falls.'
    assert metadata == {"image/png": {"alt": alt}}
    assert data["text/plain"] == alt
    assert 'alt="A &quot;curve&quot; that rises &amp; falls."' in data["text/html"]
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["image/png"] in data["text/html"]


def test_a_figure_is_closed_once_it_is_shown(shown):
    figure = plt.figure()
    figures.show(figure, alt="Nothing.")
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize("alt", ["", "  \n", None, 3])
def test_a_figure_without_alt_text_is_refused_and_not_shown(shown, alt):
    with pytest.raises(CourseError, match="alt text"):
        figures.show(plt.figure(), alt=alt)
    assert not shown
    plt.close("all")


def test_names_at_the_ends_of_lines_keep_apart_on_a_logarithmic_axis_too():
    fig, ax = plt.subplots()
    ax.set_yscale("log")
    ax.set_ylim(1e-4, 1)
    names = {"low": 1e-3, "high": 1e-1, "near": 1.01e-3}
    figures.label_ends(ax, names, colors=dict.fromkeys(names, "#123456"))
    places = {text.get_text(): text.xy[1] for text in ax.texts}
    assert set(places) == set(names)
    assert places["low"] == pytest.approx(0.25, abs=1e-3)
    assert places["high"] == pytest.approx(0.75, abs=1e-3)
    assert places["near"] == pytest.approx(places["low"] + 0.065, abs=1e-3)
    assert {text.get_color() for text in ax.texts} == {"#123456"}
    plt.close(fig)
