"""The bubblewrap command that confines the sandbox: what it sees, and what it does not."""

from __future__ import annotations

import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from course_lib.grading.inside import seccomp
from course_lib.grading.outcome import SandboxError

INSIDE = Path(__file__).resolve().parent / "inside"
ORDINARY_USER = 65534  # "nobody": what root becomes before anything of a student runs
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/etc/ld.so.cache")


def environment() -> dict[str, str]:
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


def place(path: str) -> str:
    """Where the sandbox shows a path. Each answer gets an empty ``/tmp``, so an environment or a
    clone that lies there is shown elsewhere."""
    return f"/host{path}" if _under(path, "/tmp") else path


def must_hide(folders: Iterable[str | Path]) -> tuple[str, ...]:
    """Those of the folders that a sandbox would show because they lie under what it needs."""
    found = [str(Path(folder).resolve()) for folder in folders]
    return tuple(f for f in found if any(_under(f, p) for p in _visible()))


def wrapper(hidden: tuple[str, ...]) -> list[str]:
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
    for name, value in environment().items():
        command += ["--setenv", name, value]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in SYSTEM:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path).lstrip("/"), path]
    for path in visible:
        command += ["--ro-bind", path, place(path)]
    # An installed (not editable) course package would show answers; so would a bank under /usr.
    masked = [p for s in interpreter()[1] for p in (f"{s}/course_lib",) if os.path.isdir(p)]
    if str(INSIDE).startswith(tuple(m + "/" for m in masked)):
        for folder in masked:
            command += ["--tmpfs", place(folder)]
            command += ["--ro-bind", str(INSIDE), place(str(INSIDE))]
    else:
        for folder in masked:
            command += ["--tmpfs", place(folder)]
    for folder in must_hide(hidden):
        if os.path.isdir(folder):
            command += ["--tmpfs", place(folder)]
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
