"""Run an answer where it can reach nothing: the grader's side of the sandbox.

``Sandbox.run`` sends one request into a contained child (see ``inside/runner.py``) and returns what
came back, as bytes that nobody has looked into. Three kinds: ``bubblewrap`` (Linux; the one to
use), ``container`` (docker or podman, an image with numpy and torch named by
``COURSE_GRADER_IMAGE``), ``none`` (no protection at all: only for a learner's own code, or on the
instructor's word).
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from course_lib.grading import cgroup, confine, oneshot
from course_lib.grading.confine import environment, interpreter, must_hide, place
from course_lib.grading.inside import wire
from course_lib.grading.outcome import STANDARD, Limits, Outcome, SandboxError, outcome

START_SECONDS = 120


@dataclass(frozen=True)
class Status:
    """Which sandbox this machine has and, if none, why and what helps."""

    kind: str  # bubblewrap, container, none
    ok: bool
    message: str


class Sandbox:
    """A warm interpreter in which answers run one at a time, each in a child of its own.

    ``hidden`` are folders that must not be visible inside (bank, gradebook, repository). Use it as
    a context manager, or call close().
    """

    def __init__(
        self,
        imports: Iterable[str] = ("numpy",),
        kind: str = "bubblewrap",
        hidden: Iterable[str | Path] = (),
    ):
        self.imports = tuple(imports) or ("numpy",)
        self.kind = kind
        self.hidden = tuple(str(Path(p).resolve()) for p in hidden)
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._group: cgroup.Group | None = None
        self.versions: dict[str, str] = {}

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the warm interpreter's outermost process, if it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the interpreter unless it runs. Raises SandboxError."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        ours, theirs = socket.socketpair()
        errors = tempfile.TemporaryFile()
        self._group = cgroup.make() if self.kind == "bubblewrap" else None
        command = self._command(theirs.fileno())
        try:
            self._process = (
                _spawner()
                .submit(
                    subprocess.Popen,
                    self._group.enter(command) if self._group else command,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    cwd="/",
                    env=environment(),
                    start_new_session=True,
                )
                .result()
            )
        except OSError as error:
            ours.close()
            raise SandboxError(f"The sandbox could not be started: {error}.") from None
        finally:
            theirs.close()
        self._control = ours
        ours.settimeout(START_SECONDS)
        try:
            reply = self._line()
        except (OSError, ValueError) as error:
            self.close()
            errors.seek(0)
            text = errors.read(4000).decode(errors="replace").strip().splitlines()
            raise SandboxError(
                "The sandbox did not start: "
                + (text[-1] if text else str(error) or "no answer")
                + "."
            ) from None
        finally:
            errors.close()
        self.versions = reply.get("versions", {})

    def run(self, request: dict, limits: Limits = STANDARD) -> Outcome:
        """Run a request of ``runner.answer_role`` or ``runner.harness_role``.

        Raises SandboxError when the sandbox does not start, and never for what an answer does. The
        state is ``lost`` when the sandbox ended under the run.
        """
        if self.kind == "container":
            return oneshot.in_container(request, limits)
        if self.kind == "none" and not hasattr(os, "fork"):
            return oneshot.plainly(request, limits, self.imports)
        self.start()
        if self._group:
            self._group.limit(limits)
        read_end, write_end = os.pipe()
        try:
            with tempfile.TemporaryFile() as file:
                file.write(wire.encode(request))
                file.flush()
                settings = json.dumps(asdict(limits)).encode()
                try:
                    socket.send_fds(self._control, [settings], [file.fileno(), write_end])
                except OSError:
                    self.close()
                    return Outcome("lost")
            os.close(write_end)
            write_end = -1
            data, flooded = self._collect(read_end, limits)
            os.close(read_end)
            read_end = -1
            self._control.settimeout(limits.seconds + 10)
            try:
                reply = self._line()
            except (OSError, ValueError):
                self.close()  # the interpreter died or hangs: the next run starts a fresh one
                return Outcome("lost", seconds=limits.seconds)
        finally:
            for fd in (read_end, write_end):
                if fd >= 0:
                    os.close(fd)
        return outcome(reply, data, flooded)

    def _collect(self, fd: int, limits: Limits) -> tuple[bytes, bool]:
        """Read the result up to its cap; a child that sends more is stopped."""
        data, cap = bytearray(), limits.output_mb << 20
        poll, deadline = select.poll(), time.monotonic() + limits.seconds + 10
        poll.register(fd, select.POLLIN)
        while poll.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
            block = os.read(fd, 1 << 16)
            if not block:
                break
            data += block
            if len(data) > cap:
                try:
                    self._control.sendall(b"k")
                except OSError:
                    pass
                return b"", True
        return bytes(data), False

    def _line(self) -> dict:
        data = b""
        while not data.endswith(b"\n"):
            block = self._control.recv(4096)
            if not block or len(data) > 1 << 16:
                raise ValueError("no answer")
            data += block
        return json.loads(data)

    def close(self) -> None:
        """Stop the interpreter and all that runs in it."""
        control, process = self._control, self._process
        self._control = self._process = None
        if control is not None:
            control.close()
        if process is not None:
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._group is not None:
            self._group.remove()
            self._group = None

    def _command(self, control: int) -> list[str]:
        python, sites = interpreter()
        plain = self.kind == "none"
        shown = str if plain else place
        run = [
            shown(python),
            "-S",
            "-B",
            "-s",
            "-P",
            shown(str(confine.INSIDE / "runner.py")),
            str(control),
            "plain" if plain else "contained",
            os.pathsep.join(map(shown, sites)),
            ",".join(self.imports),
        ]
        return run if plain else [*confine.wrapper(self.hidden), "--", *run]


@cache
def _spawner() -> ThreadPoolExecutor:
    """A thread that lives as long as the process.

    ``--die-with-parent`` kills the sandbox when the *thread* that started it ends, which in a pool
    of threads may be long before the process does.
    """
    return ThreadPoolExecutor(1, thread_name_prefix="sandbox-spawner")


PROBE_CHECK = "def run(answer, case):\n    yield 'double', answer.double(case['x'])\n"


def status(image: str | None = None) -> Status:
    """Try the sandbox for real, best kind first, and say what works."""
    try:
        with Sandbox() as box:
            value = _probe(box)
        if value != 42:
            raise SandboxError("The sandbox ran but gave a wrong result.")
        return Status("bubblewrap", True, "bubblewrap works: code answers run confined.")
    except SandboxError as error:
        reason = str(error)
    if not sys.platform.startswith("linux"):
        reason = "bubblewrap exists for Linux only (on Windows use WSL 2)."
    elif "uid map" in reason or "user namespace" in reason or "Permission" in reason:
        reason += (
            " This system may forbid user namespaces to ordinary users (on Ubuntu see "
            "kernel.apparmor_restrict_unprivileged_userns)."
        )
    engine = oneshot.engine()
    if engine and (image or os.environ.get("COURSE_GRADER_IMAGE")):
        try:
            with Sandbox(kind="container") as box:
                if _probe(box) == 42:
                    return Status(
                        "container",
                        True,
                        f"{os.path.basename(engine)} works: code "
                        f"answers run in a container. ({reason})",
                    )
            reason += f" {os.path.basename(engine)} did not give a result either."
        except SandboxError as error:
            reason += f" {error}"
    elif engine:
        reason += (
            f" {os.path.basename(engine)} is there: set COURSE_GRADER_IMAGE to an image that "
            "has Python, numpy and torch, and code answers run in it."
        )
    return Status("none", False, reason)


def _probe(box: Sandbox) -> object:
    found = box.run(
        {
            "role": "answer",
            "answer": "def double(x):\n    return 2 * x\n",
            "check": PROBE_CHECK,
            "cases": [{"x": 21}],
        },
        Limits(seconds=30),
    )
    try:
        values, _ = wire.gather(found.data, [{"double": wire.declare(42)}])
    except wire.WireError:
        return None
    return values[0].get("double")


__all__ = ["Limits", "Outcome", "Sandbox", "SandboxError", "Status", "must_hide", "status"]
