"""Large networks by switch: what is skipped says why, and nothing is replaced in silence."""

import pytest

from course_lib.errors import CourseError
from course_lib.real import real_mode, tiny_or_real


def test_nothing_runs_unless_it_was_asked_for(monkeypatch, capsys):
    monkeypatch.delenv("COURSE_REAL", raising=False)
    assert tiny_or_real(lambda tiny: pytest.fail("it ran")) is None
    assert "Skipped" in capsys.readouterr().out


@pytest.mark.parametrize(("mode", "tiny"), [("tiny", True), ("real", False)])
def test_the_job_hears_which_size_is_wanted(mode, tiny):
    assert tiny_or_real(lambda tiny: ("did", tiny), mode=mode) == ("did", tiny)


def test_a_missing_package_is_named_with_the_line_that_brings_it(capsys):
    assert tiny_or_real(lambda tiny: 1, "json", "no_such_package", mode="tiny") is None
    assert "`pip install no_such_package`" in capsys.readouterr().out


def wrapped():
    try:
        raise TimeoutError("name not known")
    except TimeoutError:
        raise RuntimeError("the library says it in its own words") from None


@pytest.mark.parametrize(
    "problem",
    [OSError("no route to host"), RuntimeError("Failed to download weights for tag 'x'.\nMore.")],
)
def test_weights_that_cannot_be_had_end_in_a_message(problem, capsys):
    def job(tiny):
        raise problem

    assert tiny_or_real(job, mode="real") is None
    told = capsys.readouterr().out
    assert "cannot be had here" in told and "More." not in told


def test_a_failed_download_is_found_behind_a_librarys_own_error(capsys):
    def job(tiny):
        wrapped()

    assert tiny_or_real(job, mode="real") is None
    assert "in its own words" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["tiny", "real"])
def test_a_mistake_in_the_code_stays_an_error(mode):
    def job(tiny):
        raise ValueError("three classes, four labels")

    with pytest.raises(ValueError, match="three classes"):
        tiny_or_real(job, mode=mode)


def test_another_word_for_the_switch_is_refused(monkeypatch):
    monkeypatch.setenv("COURSE_REAL", "big")
    with pytest.raises(CourseError, match="COURSE_REAL"):
        real_mode()
