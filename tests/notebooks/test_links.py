"""Badges, the cell for Colab and the repository's address: the same on every page."""

import re
import shutil
from pathlib import Path

import build_notebooks
import links
import nbformat
import pytest

from course_lib import CourseError, notebooks

ROOT = Path(__file__).resolve().parents[2]
LESSONS = list(notebooks.lessons(ROOT).values())
PAGES = [ROOT / page for page in links.PAGES if (ROOT / page).is_file()]
ADDRESSES = re.compile(r"(?:github\.com/|/github/|/gh/)([\w.-]+/[\w.-]+?)(?=[/)\"'\s#]|\.git\b|$)")


def opening(notebook):
    return [cell for cell in notebook.cells if links.TAG in cell.metadata.get("tags", ())]


@pytest.fixture
def tree(tmp_path):
    """A course with one small lesson, built, and a page that links to the repository."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    old = links.repository(ROOT)
    (tmp_path / "README.md").write_text(
        f"[code](https://github.com/{old}) {links.badges(old, '00_start')} github.com/other/one\n"
    )
    folder = tmp_path / "notebooks"
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "00_start.py").write_text("# %% [markdown]\n# # Title\n\n# %%\n6 * 7\n")
    notebook = build_notebooks.from_source(folder / "source" / "00_start.py")
    build_notebooks.write_cells(folder / "source" / "00_start.py", folder / "00_start.ipynb")
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    (folder / "executed").mkdir()
    nbformat.write(notebook, folder / "executed" / "00_start.ipynb")
    return tmp_path


def make_links(root, *address):
    """What `make links` does."""
    assert links.main(list(address), root) == 0
    assert build_notebooks.main(["--cells-only"], root) == 0


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_opens_with_its_badges_and_the_cell_for_colab(lesson):
    repo = links.repository(ROOT)
    badges, code = opening(notebooks.read(lesson))
    assert notebooks.read(lesson).cells[1:3] == [badges, code], "run `make links`"
    assert badges.source == links.badges(repo, lesson.stem)
    assert code.source == links.colab_code(repo)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_to_the_repository_names_the_same_one(page):
    own = links.repository(ROOT)
    for owner_name in ADDRESSES.findall(page.read_text(encoding="utf-8")):
        if owner_name.split("/")[1] == own.split("/")[1] or owner_name == "owner/name":
            assert owner_name in (own, "owner/name")


def test_a_new_address_reaches_every_page_and_lesson_without_running_them(tree):
    learners, target = (tree / "notebooks" / at / "00_start.ipynb" for at in ("", "executed"))
    make_links(tree, "someone/course.nb")
    assert links.repository(tree) == "someone/course.nb"
    text = (tree / "README.md").read_text()
    assert text.count("someone/course.nb") == 3 and "github.com/other/one" in text
    for path in (learners, target):
        badges, code = opening(notebooks.read(path))
        assert badges.source == links.badges("someone/course.nb", "00_start")
        assert "blob/main/notebooks/00_start.ipynb" in badges.source
        assert "git+https://github.com/someone/course.nb" in code.source
    assert build_notebooks.differences(tree / "notebooks/source/00_start.py", target) == []
    assert [c.execution_count for c in notebooks.read(target).cells if "execution_count" in c] == [
        1,
        2,
    ]
    nbformat.validate(notebooks.read(target))
    before = target.stat().st_mtime_ns
    make_links(tree)
    assert target.stat().st_mtime_ns == before


def test_a_lesson_that_was_never_run_is_not_made_to_look_so(tree):
    target = tree / "notebooks" / "executed" / "00_start.ipynb"
    notebook = notebooks.read(target)
    notebook.cells[-1].execution_count = None
    nbformat.write(notebook, target)
    make_links(tree, "someone/else")
    assert notebooks.read(target).cells[-1].execution_count is None


@pytest.mark.parametrize("address", ["nobody", "https://github.com/a/b", "a/b/c", "a b/c"])
def test_an_address_of_another_form_is_refused(tree, address):
    assert links.main([address], tree) == 1
    with pytest.raises(CourseError, match="owner/name"):
        links.rename(tree, address)


def test_off_colab_the_cell_for_colab_does_nothing(capsys, monkeypatch):
    monkeypatch.delitem(__import__("sys").modules, "google.colab", raising=False)
    exec(links.colab_code("a/b"), {})
    assert capsys.readouterr().out == ""


def test_on_colab_the_cell_fetches_the_course_once(monkeypatch):
    import importlib.util
    import subprocess
    import sys
    from types import ModuleType

    from course_lib import colab

    calls, ready = [], []
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setattr(subprocess, "run", lambda command, check: calls.append(command))
    monkeypatch.setattr(colab, "get_ready", lambda: ready.append(1))
    exec(links.colab_code("a/b"), {})
    assert not calls and ready  # it is installed here
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(links.colab_code("a/b"), {})
    assert calls[0][-2:] == ["--no-deps", "git+https://github.com/a/b"] and len(ready) == 2
