"""What one run in the sandbox may use, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from course_lib.errors import CourseError


class SandboxError(CourseError):
    """The sandbox itself does not work; says why and what to do. No answer was judged."""


@dataclass(frozen=True)
class Limits:
    """What one answer may use. Memory is counted beyond what the interpreter already holds."""

    seconds: float = 20.0  # wall clock
    cpu: float = 20.0  # processor seconds
    memory_mb: int = 1024
    tmp_mb: int = 32  # each of /tmp and /dev/shm
    inodes: int = 1000  # files in each of them
    threads: int = 64
    output_mb: int = 8


STANDARD = Limits()


@dataclass(frozen=True)
class Outcome:
    """How a run ended: ``state`` is done, timeout, out_of_memory, crashed or flooded.

    ``data`` are the bytes that came back, at most ``output_mb``. Nobody has looked into them.
    """

    state: str
    data: bytes = b""
    seconds: float = 0.0


def outcome(reply: dict, data: bytes, flooded: bool) -> Outcome:
    """The outcome from the sandbox's own reply: how its child ended, and why."""
    seconds = float(reply.get("seconds", 0.0))
    if flooded:
        return Outcome("flooded", seconds=seconds)
    if reply.get("reason") == "timeout":
        return Outcome("timeout", data, seconds)
    if reply.get("code") == -9:
        return Outcome("out_of_memory", data, seconds)
    if reply.get("code") != 0 or not data:
        return Outcome("crashed", data, seconds)
    return Outcome("done", data, seconds)
