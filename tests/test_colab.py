"""The first cell on Colab: what it installs, what it never touches, what it says."""

from types import SimpleNamespace

import pytest

from course_lib import CourseError, colab

REQUIRED = ["torch>=2.8", "ipywidgets>=7.7.1", "nbgrader>=0.9", "anywidget>=0.9", "tqdm>=4", "gone"]
INSTALLED = {"torch": "2.11.0", "ipywidgets": "7.7.1", "tqdm": "4.67", "course-lib": "0.2.0"}


@pytest.fixture(autouse=True)
def colabs_packages(monkeypatch):
    def version(name):
        if name not in INSTALLED:
            raise colab.metadata.PackageNotFoundError(name)
        return INSTALLED[name]

    monkeypatch.setattr(colab.metadata, "requires", lambda _: [*REQUIRED, "ruff; extra == 'dev'"])
    monkeypatch.setattr(colab.metadata, "version", version)


def test_only_what_a_lesson_needs_and_colab_lacks_is_installed():
    assert colab.missing() == ["anywidget>=0.9", "gone"]


def test_a_package_that_is_too_old_is_installed_anew(monkeypatch):
    monkeypatch.setitem(INSTALLED, "tqdm", "3.1")
    assert "tqdm>=4" in colab.missing()


def test_torch_and_ipywidgets_keep_the_versions_that_colab_has():
    commands = []

    def call(command, **_):
        commands.append(command)
        return SimpleNamespace(returncode=0)

    colab.install(["anywidget>=0.9"], call)
    ((*_, first, held, last),) = commands
    assert (first, held, last) == ("anywidget>=0.9", "ipywidgets==7.7.1", "torch==2.11.0")


def test_an_installation_that_fails_says_why_and_what_to_do():
    failed = SimpleNamespace(returncode=1, stderr="ERROR: no network")
    with pytest.raises(CourseError, match="could not install gone: ERROR: no network .*runtime"):
        colab.install(["gone"], lambda *_, **__: failed)


def test_a_second_call_installs_nothing_and_says_that_all_is_well(monkeypatch, capsys):
    monkeypatch.setattr(colab, "missing", lambda: [])
    monkeypatch.setattr(colab, "install", None)
    colab.get_ready()
    said = capsys.readouterr().out
    assert said.startswith("Ready: course 0.2.0 on ") and "ipywidgets 7.7.1" in said
    assert "names " in said and len(said.splitlines()) == 1
