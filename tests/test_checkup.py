"""The machine check of lesson 00, on the kernel's side."""

from course_lib import doctor
from course_lib.doctor import Check
from course_lib.widgets.checkup import Checkup

CHECKS = (
    Check("torch", doctor.OK, "no GPU"),
    Check("disk", doctor.WARNING, "1.0 GB free here", "free some space"),
)


def test_the_page_gets_every_check_with_what_to_do():
    assert Checkup(CHECKS).snapshot()["checks"][1] == {
        "name": "disk",
        "status": "warning",
        "found": "1.0 GB free here",
        "mend": "free some space",
    }


def test_the_kernel_answers_the_page_and_keeps_what_it_said(monkeypatch):
    widget, sent = Checkup(CHECKS), []
    monkeypatch.setattr(widget, "send", sent.append)
    assert not widget.answered
    widget._receive(None, {"do": "act", "name": "arrived", "values": {"webgl": True}, "view": "v"})
    assert widget.answered and widget.webgl
    assert [m for reply in sent for m in reply.get("messages", ())] == [{"heard": "arrived"}]


def test_without_widgets_a_picture_tells_the_states_in_words():
    fig, alt = Checkup(CHECKS).figure()
    assert alt == "Checks of the machine: torch ok, disk warning."
    assert [t.get_text() for t in fig.axes[0].texts] == ["✓", "torch", "!", "disk"]


def test_the_checks_of_the_lesson_exist():
    assert set(doctor.LESSON) < {name for name, _ in doctor.CHECKS}
    assert [c.name for c in doctor.examine(("cores", "disk"))] == ["cores", "disk"]


def test_doctor_misses_the_extensions_that_lab_needs(monkeypatch):
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *_: [])
    monkeypatch.setattr("jupyter_core.paths.jupyter_config_path", lambda: [])
    assert doctor.check_widgets()[0] == doctor.PROBLEM
    for check in (doctor.check_3d, doctor.check_nbgrader):
        status, _, mend = check()
        assert status == doctor.WARNING and mend
