"""What commands share when they report: tables for people, JSON for machines."""

import json
import sys
from collections.abc import Sequence


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


def note(text: str) -> None:
    """Progress, for a person: on stderr, so that stdout stays clean."""
    print(text, file=sys.stderr, flush=True)
