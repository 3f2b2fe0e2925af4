"""Downloads from a host that breaks off, stalls, lies or is not there at all."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from course_lib import CourseError
from course_lib.data import downloads
from course_lib.data.downloads import File, data_folder, describe, fetch, unpack
from tests.fileserver import serving

CONTENT = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    """An empty place for downloads."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def host():
    with serving() as server:
        server.files["/set.bin"] = CONTENT
        yield server


def a_file(host, content: bytes = CONTENT, **changes) -> File:
    digest = f"md5:{hashlib.md5(content).hexdigest()}"
    file = File("a set", f"{host.url}/set.bin?download=1", len(content), digest, "CC0", "sets")
    return replace(file, **changes)


def kept(folder: Path) -> dict[str, bytes]:
    """What lies below the folder, without locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".locks" not in path.parts
    }


def test_size_and_licence_are_said_before_a_file_comes_and_it_comes_once(host, data):
    said = []
    path = fetch(a_file(host), say=said.append)
    assert path == data / "sets" / "set.bin"
    assert kept(data) == {"sets/set.bin": CONTENT}
    assert "a set: 0.0 MB, CC0; from http://127.0.0.1" in said[0]
    assert fetch(a_file(host), say=said.append) == path
    assert len(host.requests) == 1 and len(said) == 2


def test_a_copy_in_another_folder_is_used(host, tmp_path):
    (tmp_path / "set.bin").write_bytes(CONTENT)
    assert fetch(a_file(host), also=[tmp_path]) == tmp_path / "set.bin"
    assert not host.requests


def test_a_connection_that_breaks_is_taken_up_where_it_ended(host, data):
    host.breaks_after = 4000
    assert fetch(a_file(host)).read_bytes() == CONTENT
    assert [asked for _, asked in host.requests] == [None, "bytes=4000-", "bytes=8000-"]
    assert kept(data) == {"sets/set.bin": CONTENT}


def test_a_truncated_download_is_kept_as_a_part_and_finished_by_the_next_call(host, data):
    host.breaks_after = 1000
    with pytest.raises(CourseError, match="ended after .* goes on from there"):
        fetch(a_file(host))
    assert kept(data) == {"sets/set.bin.part": CONTENT[:3000]}
    host.breaks_after = None
    assert fetch(a_file(host)).read_bytes() == CONTENT
    assert host.requests[-1][1] == "bytes=3000-"
    assert kept(data) == {"sets/set.bin": CONTENT}


def test_a_host_that_knows_no_ranges_starts_anew(host, data):
    (data / "sets").mkdir(parents=True)
    (data / "sets" / "set.bin.part").write_bytes(CONTENT[:77])
    host.ranges = False
    assert fetch(a_file(host)).read_bytes() == CONTENT


@pytest.mark.parametrize("part", [CONTENT, b"something else", b"x" * (len(CONTENT) + 5)])
def test_whatever_an_earlier_call_left_the_file_is_right_in_the_end(host, data, part):
    (data / "sets").mkdir(parents=True)
    (data / "sets" / "set.bin.part").write_bytes(part)
    assert fetch(a_file(host)).read_bytes() == CONTENT
    assert kept(data) == {"sets/set.bin": CONTENT}


def test_a_wrong_checksum_leaves_nothing_behind(host, data):
    with pytest.raises(CourseError, match="a set: .* is damaged .MD5 .* not kept"):
        fetch(a_file(host, digest="md5:" + "0" * 32))
    assert kept(data) == {}


def test_a_host_that_stalls_is_given_up_and_what_came_is_kept(host, data, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.3)
    host.breaks_after, host.stalls = 2000, True
    with pytest.raises(CourseError, match="timed out.*are kept"):
        fetch(a_file(host))
    (part,) = kept(data).values()
    assert part == CONTENT[: len(part)] and part


def test_a_file_that_the_host_lacks_is_named_with_its_answer(host, data):
    with pytest.raises(CourseError, match="404") as error:
        fetch(replace(a_file(host), url=f"{host.url}/gone.bin"))
    assert "gone.bin into" in str(error.value)
    assert kept(data) == {}


def test_without_a_network_the_message_says_what_how_large_where_and_what_to_do(data, monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("Network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    file = File("Pets", "https://example.org/pets.tgz", 791_000_000, "md5:0", "CC BY-SA 4.0")
    with pytest.raises(CourseError) as error:
        fetch(file, also=[data / "elsewhere"])
    for part in (
        "Network is unreachable",
        "Pets: https://example.org/pets.tgz (791 MB, CC BY-SA 4.0)",
        f"looked in {data} and {data / 'elsewhere'}",
        f"put a copy of pets.tgz into {data}",
        "COURSE_DATA",
    ):
        assert part in str(error.value)


def test_a_disk_too_small_is_seen_before_anything_is_downloaded(host, data, monkeypatch):
    usage = namedtuple("usage", "total used free")(100, 50, 60_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(CourseError, match="No space left in .*sets: 101 MB are needed, 60 MB are"):
        fetch(a_file(host, size=1_000_000, unpacked=100_000_000))
    assert not host.requests and kept(data) == {}


def test_a_folder_of_somebody_else_is_refused_with_advice(host, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(downloads, "_stream", refuse)
    with pytest.raises(CourseError, match="No permission .* set COURSE_DATA"):
        fetch(a_file(host))


def test_a_damaged_file_on_disk_is_named_and_kept(host, data):
    (data / "sets").mkdir(parents=True)
    (data / "sets" / "set.bin").write_bytes(b"other")
    with pytest.raises(CourseError, match="Delete it"):
        fetch(a_file(host))
    assert kept(data) == {"sets/set.bin": b"other"}


@pytest.mark.workers
def test_processes_that_want_the_same_file_download_it_once(host, data):
    file = a_file(host)
    code = f"from course_lib.data.downloads import File, fetch; fetch({file!r})"
    crowd = [subprocess.Popen([sys.executable, "-c", code], cwd=os.getcwd()) for _ in range(3)]
    assert [process.wait(60) for process in crowd] == [0, 0, 0]
    assert len(host.requests) == 1
    assert kept(data) == {"sets/set.bin": CONTENT}


def test_describe_tells_what_is_here_and_what_is_not(host):
    assert describe([a_file(host)]).endswith(f"from {host.url}/set.bin?download=1")
    fetch(a_file(host))
    assert describe([a_file(host)]) == "a set: 0.0 MB, CC0; here already"


def test_downloads_go_to_the_cache_when_nobody_says_where(monkeypatch, tmp_path):
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "transfer-learning-course"


def part_of(data: Path, content: bytes) -> Path:
    """What an earlier call has left."""
    (data / "sets").mkdir(parents=True)
    part = data / "sets" / "set.bin.part"
    part.write_bytes(content)
    return part


@pytest.mark.parametrize("kind", ["text/html", "text/html; charset=utf-8", None])
@pytest.mark.parametrize("length", [True, False])
def test_a_web_page_in_place_of_the_file_leaves_what_is_kept(host, data, kind, length):
    part_of(data, CONTENT[:7000])
    host.page, host.kind, host.length = b"<html>Please log in</html>", kind, length
    with pytest.raises(CourseError, match="are kept; the next try goes on from there"):
        fetch(a_file(host))
    assert kept(data) == {"sets/set.bin.part": CONTENT[:7000]}
    host.page = host.kind = None
    assert fetch(a_file(host)).read_bytes() == CONTENT
    assert host.requests[-1][1] == "bytes=7000-"


def test_a_web_page_is_named_as_one(host, data):
    host.page, host.kind = b"<html>Please log in</html>", "text/html"
    with pytest.raises(CourseError, match="web page in place of the file.*wants a login"):
        fetch(a_file(host))
    assert kept(data) == {}


def test_a_break_is_no_damage_where_the_host_tells_no_length(host, data):
    host.length, host.breaks_after = False, 4000
    assert fetch(a_file(host)).read_bytes() == CONTENT
    assert [asked for _, asked in host.requests] == [None, "bytes=4000-", "bytes=8000-"]


def test_what_came_without_a_length_is_kept_for_the_next_call(host, data):
    host.length, host.breaks_after = False, 1000
    with pytest.raises(CourseError, match="ended after .* goes on from there"):
        fetch(a_file(host))
    assert kept(data) == {"sets/set.bin.part": CONTENT[:3000]}


def test_a_whole_file_without_a_length_is_judged_by_its_checksum(host, data):
    host.length = False
    assert fetch(a_file(host)).read_bytes() == CONTENT
    (data / "sets" / "set.bin").unlink()
    with pytest.raises(CourseError, match="damaged"):
        fetch(a_file(host, digest="md5:" + "0" * 32))
    assert kept(data) == {}


def test_a_host_without_ranges_that_breaks_early_takes_nothing_away(host, data):
    part_of(data, CONTENT[:7000])
    host.ranges, host.breaks_after = False, 2000
    with pytest.raises(CourseError, match="ended after"):
        fetch(a_file(host))
    assert kept(data) == {"sets/set.bin.part": CONTENT[:7000]}
    host.breaks_after = 9000
    with pytest.raises(CourseError, match="ended after"):
        fetch(a_file(host))
    assert kept(data) == {"sets/set.bin.part": CONTENT[:9000]}


class Clock:
    """Time that passes by `seconds` whenever somebody looks."""

    def __init__(self, seconds: float):
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def test_a_host_that_drips_is_given_up_and_what_came_is_kept(host, data, monkeypatch):
    host.piece = 20
    monkeypatch.setattr(downloads, "clock", Clock(downloads.WINDOW + 1))
    monkeypatch.setattr(downloads, "CHUNK", 20)
    with pytest.raises(CourseError, match="sent only 20 bytes in 30 seconds.*are kept"):
        fetch(a_file(host))
    (part,) = kept(data).values()
    assert part == CONTENT[: len(part)] and part


def test_a_slow_host_that_is_fast_enough_is_waited_for(host, data, monkeypatch):
    monkeypatch.setattr(downloads, "clock", Clock(downloads.WINDOW + 1))
    monkeypatch.setattr(downloads, "CHUNK", 2_000)
    monkeypatch.setattr(downloads, "LEAST", 1)
    assert fetch(a_file(host)).read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["~nosuch", "~nosuch/data", "a" * 5_000])
def test_a_place_for_downloads_that_cannot_be_is_refused_by_name(monkeypatch, place):
    monkeypatch.setenv("COURSE_DATA", place)
    with pytest.raises(CourseError, match="^COURSE_DATA '"):
        data_folder()


# --- unpacking ------------------------------------------------------------------------------------


def packed(path: Path, members: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as pack:
            for name, content in members.items():
                pack.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as pack:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                pack.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("kind", ["set.zip", "set.tgz"])
def test_only_the_wanted_members_are_unpacked(tmp_path, kind):
    archive = packed(tmp_path / kind, {"set/a/1": b"one", "set/b/2": b"two", "set/b/3": b"three"})
    folder = unpack(archive, tmp_path / "there", "set", lambda name: "/b/" in name)
    assert kept(folder) == {"b/2": b"two", "b/3": b"three"}
    archive.unlink()
    assert unpack(archive, tmp_path / "there", "set", lambda name: True) == folder


@pytest.mark.parametrize("kind", ["set.zip", "set.tgz"])
@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"nothing of the kind"])
def test_a_damaged_archive_leaves_no_folder(tmp_path, kind, damage):
    archive = packed(tmp_path / kind, {f"set/{i}": os.urandom(3000) for i in range(5)})
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(CourseError, match="damaged"):
        unpack(archive, tmp_path / "there", "set", lambda name: True)
    assert list(tmp_path.iterdir()) == [archive]


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    archive = packed(tmp_path / "set.tgz", {"../../evil": b"x", "set/1": b"y"})
    with pytest.raises(CourseError):
        unpack(archive, tmp_path / "deep" / "there", "set", lambda name: True)
    assert not list(tmp_path.rglob("evil"))
