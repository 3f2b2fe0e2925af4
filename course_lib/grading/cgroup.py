"""Limits of a whole sandbox by control groups (cgroup v2), where this user may make some.

They count all processes of a sandbox together, and its files in memory, which limits of single
processes cannot. Where there are none the limits in ``inside/runner.py`` hold alone.
"""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

from course_lib.grading.outcome import Limits

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
SPARE_MB, SPARE_PIDS = 128, 32  # for the sandbox's own processes
_numbers = itertools.count()


class Group:
    """A control group that was made for one sandbox."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._before: int | None = None

    def enter(self, command: list[str]) -> list[str]:
        """The command, started inside the group: it enters before it starts anything itself."""
        enter = 'echo $$ > "$0" && exec "$@"'
        return ["/bin/sh", "-c", enter, str(self.folder / "cgroup.procs"), *command]

    def limit(self, limits: Limits) -> None:
        """Set what the next run may use beyond what the warm interpreter holds."""
        if self._before is None:
            self._before = int(self._read("memory.current") or 0)
        extra = limits.memory_mb + 2 * limits.tmp_mb + SPARE_MB
        self._write("memory.max", self._before + (extra << 20))
        self._write("memory.swap.max", 0)
        self._write("pids.max", limits.threads + SPARE_PIDS)

    def remove(self) -> None:
        """Remove the group when its processes have ended."""
        self._write("cgroup.kill", 1)
        for _ in range(20):
            try:
                return self.folder.rmdir()
            except OSError:
                time.sleep(0.05)

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text()
        except OSError:
            return ""

    def _write(self, name: str, value: int) -> None:
        try:
            (self.folder / name).write_text(f"{value}\n")
        except OSError:
            pass  # a kernel without this file; the limits of single processes hold


def make() -> Group | None:
    """A new group under this process's own, or None where that is not possible."""
    try:
        lines = OWN.read_text().splitlines()
        own = next(line[3:] for line in lines if line.startswith("0::"))
        parent = ROOT / own.lstrip("/")
        control = parent / "cgroup.subtree_control"
        if not {"memory", "pids"} <= set(control.read_text().split()):
            control.write_text("+memory +pids\n")
        folder = parent / f"course-sandbox-{os.getpid()}-{next(_numbers)}"
        folder.mkdir()
    except (OSError, StopIteration):
        return None
    if not os.access(folder, os.W_OK) or not (folder / "memory.max").exists():
        folder.rmdir()
        return None
    return Group(folder)
