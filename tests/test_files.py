"""Writing a file: the old content or the new one, never half."""

import pytest

from course_lib import CourseError, files


@pytest.mark.parametrize("content", ["new", b"new", lambda part: part.write_text("new")])
def test_text_bytes_and_what_a_function_writes_replace_a_file(tmp_path, content):
    path = tmp_path / "file"
    path.write_text("old and longer")
    files.write_atomically(path, content)
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_keeps_what_was_there_and_says_so(tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_text("old")

    def full(part):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(CourseError, match="checkpoint.pt: No space left .* is unchanged"):
        files.write_atomically(path, full)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    "error, told", [(OSError("disk full"), CourseError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch, error, told, step):
    def fails(*given):
        raise error

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(files.os, step, fails)
    with pytest.raises(told):
        files.write_atomically(path, b"new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_folders_above_a_file_are_made_and_one_that_cannot_be_is_named(tmp_path):
    path = tmp_path / "new" / "file"
    files.write_atomically(path, "text")
    assert path.read_text() == "text"
    with pytest.raises(CourseError, match="new/file is a file, not a folder"):
        files.write_atomically(path / "below", "text")
