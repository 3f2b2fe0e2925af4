"""What commands share when they report: tables for people, JSON for machines."""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from course_lib.errors import CourseError


def table(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    """Columns under their headings; numbers (int, float) stand flush right."""
    cells = [[str(value) for value in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    numeric = [
        bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        for i in range(len(header))
    ]
    lines = []
    for row in cells:
        columns = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(columns).rstrip())
    return "\n".join(lines)


def to_json(value) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write the whole file or leave the old one as it was. Raises CourseError when it cannot."""
    path = Path(path)
    part = None
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            dir=path.parent,
            prefix=f".{path.name}.",
            suffix=".part",
            delete=False,
        ) as file:
            part = Path(file.name)
            file.write(text)
        part.chmod(0o666 & ~_umask())  # a temporary file is private; this one is meant to be read
        os.replace(part, path)
    except OSError as error:
        if part:
            part.unlink(missing_ok=True)
        raise CourseError(
            f"Cannot write {path}: {error.strerror or error}. What was there before is unchanged."
        ) from error


def note(text: str) -> None:
    """Progress, for a person: on stderr, so that stdout stays clean."""
    print(text, file=sys.stderr, flush=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
