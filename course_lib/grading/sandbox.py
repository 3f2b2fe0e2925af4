"""Run an answer where it can reach nothing: the grader's side of the sandbox.

``Sandbox.run`` sends one answer with its inputs into a contained child (see ``inside/runner.py``)
and returns what came back as bytes. Three kinds: ``bubblewrap`` (Linux; the one to use),
``container`` (docker or podman, an image with numpy and torch named by ``COURSE_GRADER_IMAGE``),
``none`` (no protection at all: only for a learner's own code, or on the instructor's word).
"""

from __future__ import annotations

import json
import os
import shutil
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_lib.grading.inside import seccomp, wire

INSIDE = Path(__file__).resolve().parent / "inside"
ORDINARY_USER = 65534  # "nobody": what root becomes before anything of a student runs
START_SECONDS = 120
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/etc/ld.so.cache")


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


@dataclass(frozen=True)
class Outcome:
    """How a run ended: ``state`` is done, timeout, out_of_memory, crashed or flooded."""

    state: str
    value: Any = None
    seconds: float = 0.0


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
        try:
            self._process = (
                _spawner()
                .submit(
                    subprocess.Popen,
                    self._command(theirs.fileno()),
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    cwd="/",
                    env=_environment(),
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

    def run(self, request: dict, limits: Limits = Limits()) -> Outcome:
        """Run ``{"answer", "check", "cases"}``; see ``runner.judge``. Never raises for what it
        does."""
        if self.kind == "container":
            return _run_in_container(request, limits)
        self.start()
        read_end, write_end = os.pipe()
        try:
            with tempfile.TemporaryFile() as file:
                file.write(wire.encode(request))
                file.flush()
                settings = json.dumps(asdict(limits)).encode()
                try:
                    socket.send_fds(self._control, [settings], [file.fileno(), write_end])
                except OSError as error:
                    self.close()
                    raise SandboxError(f"The sandbox is gone: {error}.") from None
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
                return Outcome("crashed", seconds=limits.seconds)
        finally:
            for fd in (read_end, write_end):
                if fd >= 0:
                    os.close(fd)
        return _outcome(reply, data, flooded)

    def _collect(self, fd: int, limits: Limits) -> tuple[bytes, bool]:
        """Read the result up to its cap; a child that sends more is stopped."""
        data, cap = bytearray(), limits.output_mb << 20
        while block := os.read(fd, 1 << 16):
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

    def _command(self, control: int) -> list[str]:
        python, sites = interpreter()
        plain = self.kind == "none"
        place = str if plain else _place
        run = [
            place(python),
            "-S",
            "-B",
            "-s",
            "-P",
            place(str(INSIDE / "runner.py")),
            str(control),
            "plain" if plain else "contained",
            os.pathsep.join(map(place, sites)),
            ",".join(self.imports),
        ]
        return run if plain else [*_wrapper(self.hidden), "--", *run]


def _outcome(reply: dict, data: bytes, flooded: bool) -> Outcome:
    seconds = float(reply.get("seconds", 0.0))
    if flooded:
        return Outcome("flooded", seconds=seconds)
    if reply.get("reason") == "timeout":
        return Outcome("timeout", seconds=seconds)
    if reply.get("code") == -9:
        return Outcome("out_of_memory", seconds=seconds)
    if reply.get("code") != 0 or not data:
        return Outcome("crashed", seconds=seconds)
    try:
        return Outcome("done", wire.decode(data), seconds)
    except (wire.WireError, MemoryError):
        return Outcome("crashed", seconds=seconds)


def _environment() -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "TORCHDYNAMO_DISABLE": "1",
    }


@cache
def interpreter() -> tuple[str, tuple[str, ...]]:
    """The real interpreter and the folders of installed packages, found without any ``.pth``
    file."""
    python = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    paths = sysconfig.get_paths()
    found = [paths["purelib"], paths["platlib"]]
    if "VIRTUAL_ENV" not in os.environ and sys.prefix == sys.base_prefix:
        found += site.getsitepackages()
    sites = tuple(dict.fromkeys(os.path.realpath(p) for p in found if os.path.isdir(p)))
    return python, sites


def _visible() -> list[str]:
    """What is bound read-only, outermost first, each real path once."""
    python, sites = interpreter()
    wanted = [p for p in SYSTEM if os.path.exists(p) and not os.path.islink(p)]
    wanted += [os.path.realpath(sys.base_prefix), python, *sites, str(INSIDE)]
    result: list[str] = []
    for path in sorted(dict.fromkeys(wanted), key=len):
        if not any(_under(path, other) for other in result):
            result.append(path)
    return result


def _under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _place(path: str) -> str:
    """Where the sandbox shows a path. Each answer gets an empty ``/tmp``, so an environment or a
    clone that lies there is shown elsewhere."""
    return f"/host{path}" if _under(path, "/tmp") else path


def must_hide(folders: Iterable[str | Path]) -> tuple[str, ...]:
    """Those of the folders that a sandbox would show because they lie under what it needs."""
    found = [str(Path(folder).resolve()) for folder in folders]
    return tuple(f for f in found if any(_under(f, p) for p in _visible()))


def _wrapper(hidden: tuple[str, ...]) -> list[str]:
    bwrap = shutil.which("bwrap")
    if not bwrap:
        raise SandboxError(
            "bubblewrap is not installed, so code answers cannot be run safely. "
            "Install it: apt-get install bubblewrap (Debian, Ubuntu), dnf install "
            "bubblewrap (Fedora)."
        )
    if not seccomp.supported():
        raise SandboxError(f"No seccomp filter is known for {os.uname().machine}.")
    bwrap, visible = os.path.realpath(bwrap), _visible()
    command = [
        bwrap,
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--new-session",
        "--die-with-parent",
        "--clearenv",
        "--uid",
        "1000",
        "--gid",
        "1000",
        "--hostname",
        "sandbox",
        "--cap-drop",
        "ALL",
        "--cap-add",
        "CAP_SYS_ADMIN",
        "--cap-add",
        "CAP_SETPCAP",
    ]
    for name, value in _environment().items():
        command += ["--setenv", name, value]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in SYSTEM:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path).lstrip("/"), path]
    for path in visible:
        command += ["--ro-bind", path, _place(path)]
    # An installed (not editable) course package would show answers; so would a bank under /usr.
    masked = [p for s in interpreter()[1] for p in (f"{s}/course_lib",) if os.path.isdir(p)]
    if str(INSIDE).startswith(tuple(m + "/" for m in masked)):
        for folder in masked:
            command += ["--tmpfs", _place(folder)]
            command += ["--ro-bind", str(INSIDE), _place(str(INSIDE))]
    else:
        for folder in masked:
            command += ["--tmpfs", _place(folder)]
    for folder in must_hide(hidden):
        if os.path.isdir(folder):
            command += ["--tmpfs", _place(folder)]
    command += ["--chdir", "/tmp", "--remount-ro", "/dev", "--remount-ro", "/"]
    if os.getuid() == 0:
        paths = os.pathsep.join([*visible, bwrap])
        user = str(ORDINARY_USER)
        command = [
            interpreter()[0],
            "-I",
            "-S",
            "-B",
            str(INSIDE / "drop.py"),
            user,
            user,
            paths,
            *command,
        ]
    return command


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
    engine = _engine()
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


def _probe(box: Sandbox) -> Any:
    outcome = box.run(
        {
            "answer": "def double(x):\n    return 2 * x\n",
            "check": PROBE_CHECK,
            "cases": [{"x": 21}],
        },
        Limits(seconds=30),
    )
    try:
        return wire.decode(outcome.value["cases"][0]["parts"]["double"].tobytes())
    except (TypeError, KeyError, IndexError, AttributeError, wire.WireError):
        return None


def _engine() -> str | None:
    return shutil.which("podman") or shutil.which("docker")


def _run_in_container(request: dict, limits: Limits) -> Outcome:
    """One answer in a fresh container: slower than bubblewrap, as tight as the engine makes it."""
    engine, image = _engine(), os.environ.get("COURSE_GRADER_IMAGE")
    if not engine or not image:
        raise SandboxError("No container engine, or COURSE_GRADER_IMAGE is not set.")
    name = f"course-{os.getpid()}-{time.monotonic_ns()}"
    memory = f"{limits.memory_mb + 1024}m"
    command = [
        engine,
        "run",
        "--rm",
        "-i",
        "--name",
        name,
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--user",
        f"{ORDINARY_USER}:{ORDINARY_USER}",
        "--memory",
        memory,
        "--memory-swap",
        memory,
        "--pids-limit",
        str(limits.threads),
        "--cpus",
        "1",
        "--ulimit",
        f"cpu={int(limits.cpu)}",
        "--tmpfs",
        f"/tmp:size={limits.tmp_mb}m,noexec",
        "--shm-size",
        f"{limits.tmp_mb}m",
        "--volume",
        f"{INSIDE}:/runner:ro",
        image,
        "python",
        "-B",
        "/runner/runner.py",
        "-1",
        "once",
        "",
        "numpy",
    ]
    started = time.monotonic()
    with tempfile.TemporaryFile() as file:
        file.write(wire.encode(request))
        file.seek(0)
        process = subprocess.Popen(
            command,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    timer = threading.Timer(limits.seconds + 10, process.kill)
    timer.start()
    data, cap, flooded = bytearray(), limits.output_mb << 20, False
    while block := process.stdout.read1(1 << 16):
        data += block
        if len(data) > cap:
            flooded = True
            process.kill()
            break
    code = process.wait()
    process.stdout.close()
    late = not timer.is_alive()
    timer.cancel()
    if late or flooded:
        subprocess.run(
            [engine, "rm", "-f", name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    seconds = time.monotonic() - started
    code = -9 if code == 137 else code
    return _outcome(
        {"code": code, "reason": "timeout" if late else "", "seconds": seconds},
        bytes(data),
        flooded,
    )
