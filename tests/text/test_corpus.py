"""Whose files are read, and that what is held out stays out."""

from collections import Counter

import pytest

from course_lib.errors import CourseError
from course_lib.text import corpus
from course_lib.text.corpus import Document
from course_lib.text.prose import Section


def document(path, part, *paragraphs, library="numpy"):
    return Document(library, path, part, ((Section("description", paragraphs),),))


def test_a_file_s_part_depends_on_its_name_alone_and_follows_the_shares():
    parts = Counter(corpus.part_of("numpy", f"numpy/{k}.py") for k in range(4000))
    for part, share in corpus.PARTS.items():
        assert parts[part] == pytest.approx(40 * share, rel=0.1)
    assert corpus.part_of("click", "click/core.py") == "train"
    assert sum(corpus.PARTS.values()) == 100


def test_a_paragraph_counts_once_and_never_when_it_is_held_out():
    documents = [
        document("a.py", "train", "Sort the values.", "Kept as it is."),
        document("b.py", "train", "Sort the VALUES!", "Only here."),
        document("c.py", "test", "Kept, as it is.", "Held out."),
    ]
    assert corpus.texts(documents, "train") == ["Sort the values.", "Only here."]
    assert corpus.texts(documents, "test") == ["Kept, as it is.\nHeld out."]
    assert corpus.texts(documents, "validation") == []


def test_a_library_is_read_from_its_files_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "made_up"
    (package / "tests").mkdir(parents=True)
    said = '"""This is a sentence that says what the module is for."""\n'
    (package / "__init__.py").write_text(said + "raise SystemExit\n")
    (package / "tests" / "test_it.py").write_text(said)
    (package / "empty.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(corpus.LIBRARIES, "made-up", "made_up")
    (found,) = corpus.read_library("made-up")
    assert found.path == "made_up/__init__.py"
    assert list(corpus.paragraphs(found)) == [
        "This is a sentence that says what the module is for."
    ]


def test_a_library_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setitem(corpus.LIBRARIES, "nowhere", "no_such_package_anywhere")
    with pytest.raises(CourseError, match="nowhere is not installed"):
        corpus.read_library("nowhere")
    assert "nowhere" not in corpus.installed() and "numpy" in corpus.installed()


def test_versions_are_those_installed():
    import numpy

    assert corpus.versions(["numpy"]) == {"numpy": numpy.__version__}
