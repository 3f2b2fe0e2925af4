"""The grader's side of the judge: started at its first use, stopped when late, replaced."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

SECONDS = 30.0  # for one request
REPLY_LIMIT = 64 << 20
PACKAGE = Path(__file__).resolve().parents[2]


class JudgeLost(Exception):
    """A judge that could not say anything; ``reason`` is memory, time, or what it ended with."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Judge:
    """A warm judge process (see ``course_lib.grading.judge``), used by one thread."""

    def __init__(self, seconds: float = SECONDS):
        self.seconds = seconds
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the judge, if one runs."""
        return self._process.pid if self._process else None

    def ask(self, name: str, *args: Any) -> Any:
        """What the judge's function gives. Raises JudgeLost for every other end.

        One that dies is asked once more, in a new process; one that is late is not.
        """
        for last in (False, True):
            try:
                return self._ask(name, args)
            except JudgeLost as lost:
                self.close()
                if last or lost.reason != "ended":
                    raise
        raise AssertionError("not reached")

    def _ask(self, name: str, args: tuple) -> Any:
        process = self._start()
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self.seconds, stop)
        timer.start()
        try:
            request = pickle.dumps((name, args), pickle.HIGHEST_PROTOCOL)
            process.stdin.write(struct.pack("<Q", len(request)))
            process.stdin.write(request)
            process.stdin.flush()
            head = process.stdout.read(8)
            size = struct.unpack("<Q", head)[0] if len(head) == 8 else REPLY_LIMIT + 1
            text = process.stdout.read(size) if size <= REPLY_LIMIT else b""
            reply = json.loads(text) if len(text) == size else {"failed": "ended"}
        except (OSError, ValueError):
            reply = {"failed": "ended"}
        finally:
            timer.cancel()
        if "value" in reply:
            return reply["value"]
        raise JudgeLost("time" if late.is_set() else reply["failed"])

    def _start(self) -> subprocess.Popen:
        if self._process is None or self._process.poll() is not None:
            self.close()
            paths = [str(PACKAGE), os.environ.get("PYTHONPATH", "")]
            threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
            self._process = subprocess.Popen(
                [sys.executable, "-m", "course_lib.grading.judge"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ
                | dict.fromkeys(threads, "1")
                | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            )
        return self._process

    def close(self) -> None:
        """Stop the judge, if one runs."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            try:
                pipe.close()
            except OSError:
                pass
        process.kill()
        process.wait()
