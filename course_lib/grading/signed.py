"""Records that only the grader can write: JSON with an HMAC, and a log whose lines are chained.

The key is the course's own secret. A record that was edited, moved to another student or cut counts
as missing, so it is made again from what was handed in; a changed log is told with its line.
"""

from __future__ import annotations

import datetime
import getpass
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_lib.files import write_atomically

LOG = Path(".grades") / "log.jsonl"


class StoreError(CourseError):
    """The gradebook or the course folder cannot be used; nothing was scored."""


def secret(course: Path) -> bytes:
    """The grader's secret, made at the first use and readable by its owner only."""
    path = course / ".grader-secret"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(fd, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(fd)
    try:
        value = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        value = b""
    if len(value) < 32:
        raise StoreError(
            f"{path} is damaged. Restore it from a backup. Without one delete it: the next run "
            "makes a new one, every hand-in is graded again with new inputs, and arrival times "
            "and the log before today no longer count as certain."
        )
    return value


def mac(key: bytes, *parts: str) -> str:
    """An HMAC over texts; no two lists of texts give the same bytes."""
    data = json.dumps(parts, ensure_ascii=True).encode()
    return hmac.new(key, data, hashlib.sha256).hexdigest()


def write(path: Path, key: bytes, purpose: str, value: Any) -> None:
    """Write a value that only this key, for this purpose, reads back. Raises CourseError."""
    text = json.dumps(value, sort_keys=True)
    body = {"mac": mac(key, purpose, text), "value": json.loads(text)}
    write_atomically(path, json.dumps(body, sort_keys=True) + "\n", 0o600)


def read(path: Path, key: bytes, purpose: str) -> Any:
    """The value of a signed file; None when it is missing, damaged, forged or unsigned."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        text = json.dumps(body["value"], sort_keys=True)
        good = hmac.compare_digest(body["mac"], mac(key, purpose, text))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return body["value"] if good else None


def iso(moment: float) -> str:
    """A time, in seconds since 1970, as it is written in records and in the log: UTC."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="seconds")


def now() -> str:
    return iso(time.time())


def user() -> str:
    """Who works at this machine, as well as the system knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"


class Log:
    """Who changed what, and when: one line an event, each signed together with the one before."""

    def __init__(self, course: Path, key: bytes):
        self.path, self.key = course / LOG, key
        self._last: str | None = None  # the mac of the last line, once it is known

    def add(self, what: str, student: str = "", quiz: str = "", **details: Any) -> None:
        """Append one event. Only the holder of the course's lock may call this."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        before, whole = self._end() if self._last is None else (self._last, True)
        event = {"when": now(), "who": user(), "what": what, "student": student, "quiz": quiz}
        line = self._line(event | {k: v for k, v in details.items() if v is not None}, before)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(("" if whole else "\n") + line)  # a line that was cut stays one line
        self._last = json.loads(line)["mac"]

    def _line(self, event: dict, before: str) -> str:
        text = json.dumps(event, sort_keys=True)
        return json.dumps({"event": event, "mac": mac(self.key, "log", before, text)}) + "\n"

    def _end(self) -> tuple[str, bool]:
        """The last line's mac, and whether that line was written to its end."""
        try:
            with open(self.path, "rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 65_536))
                data = file.read()
        except FileNotFoundError:
            return "", True
        lines = data.decode("utf-8", "replace").splitlines()
        for line in reversed(lines):
            try:
                return json.loads(line)["mac"], data.endswith(b"\n")
            except (ValueError, TypeError, KeyError):
                continue
        return "", not data or data.endswith(b"\n")

    def events(self) -> Iterator[tuple[dict, bool]]:
        """Every event, and whether it stands as it was written, after the one it was written
        after."""
        before = ""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                item = json.loads(line)
                event, given = dict(item["event"]), str(item["mac"])
            except (ValueError, TypeError, KeyError):
                yield {"what": "unreadable line"}, False
                continue
            text = json.dumps(event, sort_keys=True)
            yield event, hmac.compare_digest(given, mac(self.key, "log", before, text))
            before = given

    def rewrite(self, change: Callable[[dict], dict]) -> None:
        """Change every event and chain them anew: for deleting a student, and for nothing else.

        Lines that do not stand as they were written are marked as such.
        """
        before, lines = "", []
        for event, good in self.events():
            event = change(event) | ({} if good else {"doubtful": True})
            lines.append(self._line(event, before))
            before = json.loads(lines[-1])["mac"]
        if lines:
            write_atomically(self.path, "".join(lines))
        self._last = before
