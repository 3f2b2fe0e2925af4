"""Files from the internet: said before, fetched once, checked, resumed, never half there.

Everything lies below one folder, `data_folder()`, laid out as torchvision.datasets lays out its
`root`, so that what is there already is used. A file appears under its name only when it is whole
and its checksum is right; until then it is NAME.part, and the next call goes on where that ends.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from time import monotonic as clock

from course_lib import checks
from course_lib.errors import CourseError

TIMEOUT = 10  # seconds without an answer or without a byte
PATIENCE = 600  # seconds to wait for another process that downloads the same file
ATTEMPTS = 3  # connections tried in one call; each goes on where the one before broke off
CHUNK = 1 << 18
WINDOW = 30  # seconds in which LEAST bytes must come: a server that drips is given up
LEAST = 100_000  # bytes: 3 kB a second
MARGIN = 50_000_000  # bytes that stay free on the disk
MB = 1e6


@dataclass(frozen=True)
class File:
    """One file on the internet.

    what: in words, such as "Imagenette". size: bytes. digest: "md5:HEX" or "sha256:HEX"; the first
    digits are enough. licence: of the content. folder: where it goes, below `data_folder()`.
    unpacked: bytes that its unpacked content takes beside it, 0 when it is used as it is.
    """

    what: str
    url: str
    size: int
    digest: str
    licence: str
    folder: str = ""
    unpacked: int = 0

    @property
    def name(self) -> str:
        return self.url.split("?")[0].rsplit("/", 1)[-1]

    @property
    def target(self) -> Path:
        return data_folder() / self.folder / self.name


def data_folder() -> Path:
    """Where downloads lie: $COURSE_DATA, else a folder of this account's cache."""
    if os.environ.get("COURSE_DATA"):
        return checks.path(os.environ["COURSE_DATA"], "COURSE_DATA")
    cache = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "transfer-learning-course"


def shown(folder: Path) -> str:
    """A folder as a person would write it: home is ~."""
    return str(folder).replace(str(Path.home()), "~", 1)


def describe(files: Sequence[File]) -> str:
    """What a download would bring, one line per file: size, licence, and what is here already."""
    lines = []
    for file in files:
        state = "here already" if file.target.is_file() else f"from {file.url}"
        lines.append(f"{file.what}: {_mb(file.size)}, {file.licence}; {state}")
    return "\n".join(lines)


def fetch(file: File, also: Sequence[Path] = (), say: Callable[[str], None] = print) -> Path:
    """The local path of a file, downloaded when it is not there yet.

    also: further folders in which a copy may lie. say: gets a line with size and licence before
    anything is downloaded.

    Raises CourseError when the file cannot be had or is not what it should be; what was on disk
    before is as it was, but for a .part that the next call continues.
    """
    folders = list(dict.fromkeys([file.target.parent, *map(Path, also)]))
    for folder in folders:
        if (folder / file.name).is_file():
            _check(folder / file.name, file, "Delete it and run this again.")
            return folder / file.name
    by_hand = (
        f"{file.what}: {file.url} ({_mb(file.size)}, {file.licence}) is not on this machine; "
        f"looked in {' and '.join(map(shown, folders))}. To work offline, put a copy of "
        f"{file.name} into {shown(folders[0])} (COURSE_DATA names another place)."
    )
    part = file.target.with_name(f"{file.name}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with _alone(part, file):
            if not file.target.is_file():  # another process may have brought it meanwhile
                _check_space(file, part)
                say(f"Downloading {describe([file])}")
                say(f"into {shown(part.parent)}")
                _download(file, part)
                os.replace(part, file.target)
    except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors too
        raise CourseError(f"{_reason(error, part, file)} {by_hand}") from error
    return file.target


def unpack(archive: Path, folder: Path, inside: str, wanted: Callable[[str], bool]) -> Path:
    """Unpack what lies below `inside` in a .zip or .tar.gz as `folder`, all of it or nothing.

    wanted(name): whether to take the member of this name, such as "images/pug_1.jpg".
    Does nothing when `folder` is there. Raises CourseError for a damaged archive or a full disk.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=f".{folder.name}-", ignore_cleanup_errors=True
        ) as made:
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as pack:
                    pack.extractall(made, [name for name in pack.namelist() if wanted(name)])
            else:
                with tarfile.open(archive) as pack:
                    members = (m for m in pack if m.isfile() and wanted(m.name.removeprefix("./")))
                    pack.extractall(made, members, filter="data")
            content = Path(made) / inside
            if not content.is_dir():
                raise CourseError(f"{archive} holds nothing of {inside}/. Delete it, run again.")
            with contextlib.suppress(FileExistsError):  # another process was quicker
                os.replace(content, folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise CourseError(f"{archive} is damaged ({error}). Delete it and run this again.") from (
            error
        )
    except OSError as error:
        if not folder.is_dir():
            raise CourseError(
                f"Cannot unpack {archive} in {folder.parent}: {error.strerror or error}. "
                "What was there before is unchanged."
            ) from error
    return folder


def _download(file: File, part: Path) -> None:
    """Bring `part` to its full length and check it."""
    began = part.stat().st_size if part.exists() else 0
    for attempt in range(1, ATTEMPTS + 1):
        before = part.stat().st_size if part.exists() else 0
        try:
            _stream(file, part)
            break
        except (OSError, HTTPException) as error:
            after = part.stat().st_size if part.exists() else 0
            if attempt == ATTEMPTS or after <= before or isinstance(error, urllib.error.HTTPError):
                raise
    try:
        _check(part, file, "It was not kept; try again later, or put a copy there by hand.")
    except CourseError:
        part.unlink()
        if not began:
            raise
        _download(file, part)  # the beginning came from an earlier call: without it


def _stream(file: File, part: Path) -> None:
    """One connection: append what is missing. Raises OSError when it ends too early.

    What is here already stays until the host has sent more than that.
    """
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(file.url, headers={"User-Agent": "transfer-learning-course"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if not have or error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return  # nothing is missing
        part.unlink()
        return _stream(file, part)
    with answer:
        if answer.headers.get_content_type() == "text/html":
            raise OSError(
                "the host sent a web page in place of the file, as a network does that wants a "
                "login first"
            )
        if not have or answer.status == 206:
            _receive(answer, file, part, have)
            return
        anew = part.with_name(f"{part.name}.anew")  # this server starts at the beginning
        try:
            _receive(answer, file, anew, 0)
            if not _fits(anew, file):
                raise OSError(f"the host sent {_mb(anew.stat().st_size)} of something else")
            os.replace(anew, part)
        finally:
            if anew.exists() and anew.stat().st_size > have:
                os.replace(anew, part)
            anew.unlink(missing_ok=True)


def _receive(answer, file: File, part: Path, have: int) -> None:
    """Append what an open connection sends to the `have` bytes of `part`."""
    from tqdm import tqdm

    length = int(answer.headers.get("Content-Length") or 0)
    total = have + length if length else None
    since, came = clock(), 0
    with (
        open(part, "ab" if have else "wb") as out,
        tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=file.what) as bar,
    ):
        while block := answer.read1(CHUNK):  # what has come, without waiting for more
            out.write(block)
            bar.update(len(block))
            have, came = have + len(block), came + len(block)
            if clock() - since > WINDOW:
                if came < LEAST:
                    raise OSError(f"the host sent only {came} bytes in {WINDOW} seconds")
                since, came = clock(), 0
    # A host that tells no length may have ended or broken off. Sizes are rounded for some files.
    if have < (total or 0.99 * file.size):
        raise OSError(f"the connection ended after {_mb(have)} of {_mb(total or file.size)}")


def _check(path: Path, file: File, mend: str) -> None:
    if not _fits(path, file):
        kind, expected = file.digest.split(":")
        raise CourseError(
            f"{file.what}: {path} is damaged ({kind.upper()} {_digest(path, kind)[:12]}…, expected "
            f"{expected[:12]}…). {mend}"
        )


def _fits(path: Path, file: File) -> bool:
    kind, expected = file.digest.split(":")
    return _digest(path, kind).startswith(expected)


def _digest(path: Path, kind: str) -> str:
    with open(path, "rb") as content:
        return hashlib.file_digest(
            content, lambda: hashlib.new(kind, usedforsecurity=False)
        ).hexdigest()


def _check_space(file: File, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    needed = max(0, file.size - have) + file.unpacked + MARGIN
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{_mb(needed)} are needed, {_mb(free)} are free")


@contextlib.contextmanager
def _alone(part: Path, file: File) -> Iterator[None]:
    """One process at a time downloads a file; the others wait and find it there."""
    from filelock import FileLock, Timeout

    # The lock is never removed: who waits for it must find the same one as who comes later.
    lock = data_folder() / ".locks" / f"{file.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=PATIENCE):
            yield
    except Timeout as error:
        raise CourseError(
            f"Another process has been downloading {file.what} for {PATIENCE // 60} minutes "
            f"({part}). Run this again when it is done."
        ) from error


def _reason(error: Exception, part: Path, file: File) -> str:
    if getattr(error, "errno", None) == errno.ENOSPC:
        free = _mb(shutil.disk_usage(part.parent).free)
        return (
            f"No space left in {part.parent}: {_mb(file.size + file.unpacked)} are needed, {free} "
            "are free."
        )
    if isinstance(error, PermissionError):
        return f"No permission to write in {part.parent}; set COURSE_DATA to a folder of yours."
    kept = part.stat().st_size if part.exists() else 0
    resume = f" {_mb(kept)} are kept; the next try goes on from there." if kept else ""
    why = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
    return f"The download failed: {why}.{resume}"


def _mb(size: float) -> str:
    return f"{size / MB:.0f} MB" if size >= 10 * MB else f"{size / MB:.1f} MB"
