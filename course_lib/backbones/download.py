"""Fetch a file once: checked, atomic, never silent, never hanging."""

import errno
import hashlib
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from course_lib.errors import CourseError

TIMEOUT = 10  # seconds without an answer or without a byte
CHUNK = 1 << 20


def weights_folder() -> Path:
    """Where downloads go: $COURSE_DATA/weights when COURSE_DATA is set, else torch's own folder."""
    if os.environ.get("COURSE_DATA"):
        return Path(os.environ["COURSE_DATA"]).expanduser() / "weights"
    return _torch_folder()


def _torch_folder() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def fetch(url: str, megabytes: float, what: str) -> Path:
    """The local path of the file at `url`, downloaded when it is not there yet.

    The name must carry the first digits of the file's SHA-256, as torchvision's do
    (net-0123abcd.pth); a file that does not match is refused. A broken download leaves nothing
    behind but what was there before. Raises CourseError when the file cannot be had.
    """
    name = url.rsplit("/", 1)[-1]
    folders = list(dict.fromkeys([weights_folder(), _torch_folder()]))
    for folder in folders:
        if (folder / name).is_file():
            _check(folder / name, what)
            return folder / name
    target = folders[0] / name
    by_hand = (
        f"{what}: {url} ({megabytes:.0f} MB) is not on this machine; looked in "
        f"{' and '.join(map(str, folders))}. To work offline, put a copy of {name} into "
        f"{folders[0]}."
    )
    part = target.with_name(f"{name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _stream(url, part, what)
        _check(part, what)
        os.replace(part, target)
    except OSError as error:  # URLError and timeouts are OSErrors too
        if error.errno == errno.ENOSPC:
            why = f"No space left in {target.parent}; {megabytes:.0f} MB are needed."
        elif isinstance(error, PermissionError):
            why = (
                f"No permission to write in {target.parent}; set COURSE_DATA to a folder of yours."
            )
        else:
            why = f"The download failed: {getattr(error, 'reason', None) or error}."
        raise CourseError(f"{why} {by_hand}") from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _stream(url: str, part: Path, what: str) -> None:
    from tqdm import tqdm

    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, open(part, "wb") as file:
        total = int(answer.headers.get("Content-Length") or 0) or None
        with tqdm(total=total, unit="B", unit_scale=True, desc=f"Downloading {what}") as bar:
            while block := answer.read(CHUNK):
                file.write(block)
                bar.update(len(block))


def _check(path: Path, what: str) -> None:
    expected = re.search(r"-([0-9a-f]{8,})\.\w+(\.\d+\.part)?$", path.name)
    if expected is None:
        raise CourseError(f"The name of {path} carries no checksum; it cannot be checked.")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(expected[1]):
        raise CourseError(
            f"{what}: {path} is damaged (SHA-256 {found[:12]}…, expected {expected[1]}…). "
            "Delete it and "
            "run this again."
        )
