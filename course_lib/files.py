"""Files that are whole at every moment."""

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that at every moment either the old or the new content stands there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    no_link = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | no_link, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
