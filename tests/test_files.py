"""Files that are whole at every moment."""

from course_lib import files


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write_atomically(path, b"old")
    monkeypatch.setattr(files.os, "fsync", lambda fd: (_ for _ in ()).throw(OSError("disk full")))
    try:
        files.write_atomically(path, b"new")
    except OSError:
        pass
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["file"]
