"""Writing files so that nothing on disk is lost."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from course_lib.errors import CourseError


def write_atomically(
    path: Path, content: str | bytes | Callable[[Path], object], mode: int = 0o644
) -> None:
    """Write a file so that at every moment either the old or the new content stands there.

    content: text, bytes, or a function that writes to the path that it is given.
    mode: permissions of a new file; the process's umask is taken off. Folders above it are made.

    Raises CourseError when the file cannot be written; what was there before is unchanged.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    if isinstance(content, str):
        content = content.encode("utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        # "x": a new file, so that no link which lies in wait there is followed.
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except FileExistsError as error:
        raise CourseError(
            f"Cannot write {path}: {path.parent} is a file, not a folder. Choose another place."
        ) from error
    except OSError as error:
        with suppress(OSError):  # its folder may not be one
            part.unlink(missing_ok=True)
        raise CourseError(
            f"Cannot write {path}: {error.strerror or error}. What was there before is unchanged."
        ) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
