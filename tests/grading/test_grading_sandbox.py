"""What an answer can and cannot do inside the sandbox."""

import errno
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from course_lib.errors import CourseError
from course_lib.grading import confine, sandbox
from course_lib.grading.inside import seccomp, wire
from course_lib.grading.sandbox import Limits, Sandbox

SHORT = Limits(seconds=3, cpu=2, memory_mb=200, tmp_mb=4, inodes=50)


@pytest.fixture(scope="module")
def box(bubblewrap, tmp_path_factory):
    with Sandbox() as box:
        yield box


def value(box, code, limits=SHORT):
    """What ``f()`` of the code gives inside, or the error's kind, or how the run ended."""
    outcome = box.run(
        {
            "role": "answer",
            "answer": code,
            "check": "def run(answer, case):\n    yield 'v', answer.f()\n",
            "cases": [{}],
        },
        limits,
    )
    if outcome.state != "done":
        return outcome.state
    try:
        ((_, kind, _, data),) = wire.frames(outcome.data)
    except wire.WireError:
        return "malformed"
    if kind == "e":
        return wire.ERRORS[int.from_bytes(data[:2], "little")]
    return wire.decode(data)


def test_an_answer_runs_and_its_value_comes_back(box):
    assert value(box, "import numpy as np\ndef f(): return np.arange(3) * 2").tolist() == [0, 2, 4]


def test_each_answer_starts_from_a_clean_interpreter(box):
    dirty = (
        "import numpy, os, tempfile\nnumpy.pi = 3\nopen('/tmp/left', 'w').write('x')\n"
        "open('/dev/shm/left', 'w').write('x')\ndef f(): return numpy.pi"
    )
    assert value(box, dirty) == 3
    clean = (
        "import numpy, os\ndef f(): return [numpy.pi > 3.1, os.listdir('/tmp'), "
        "os.listdir('/dev/shm')]"
    )
    assert value(box, clean) == [True, [], []]


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("while True: pass", "timeout"),
        (
            "import time\ndef f():\n    while True:\n        try: time.sleep(1)\n"
            "        except BaseException: pass",
            "timeout",
        ),
        (
            "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
            "    except BaseException: pass\nwhile True: pass",
            "timeout",
        ),
        ("import os\nos._exit(0)", "crashed"),
        ("import os\nos._exit(9)", "crashed"),
        ("import ctypes\nctypes.string_at(0)", "crashed"),
        ("import os\nos.abort()", "crashed"),
        ("import os\nwhile True: os.write(4, bytes(1 << 20))", "flooded"),
        ("import os\nos.write(4, b'x' * 100)\nos._exit(0)", "malformed"),
        ("x = bytearray(10**9)", "MemoryError"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", "MemoryError"),
        ("import mmap\nx = mmap.mmap(-1, 10**9)", "OSError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(:", "SyntaxError"),
        ("input()", "EOFError"),
    ],
)
def test_a_run_that_does_not_end_well_is_named(box, code, ends):
    assert value(box, code) == ends
    assert value(box, "def f(): return 1") == 1  # and the next one is not disturbed


@pytest.mark.parametrize(
    "code",
    [
        "import os\ndef f(): return os.fork()",
        "import subprocess\ndef f(): return subprocess.run(['/bin/true']).returncode",
        "import os\ndef f(): os.execv('/bin/true', ['true'])",
        "import socket\ndef f(): return socket.socket().fileno()",
        "import socket\ndef f(): return socket.socket(socket.AF_UNIX).fileno()",
        "import os\ndef f(): return os.memfd_create('x')",
        "import os\ndef f(): os.kill(2, 9)",
        "import os\ndef f(): os.setuid(0)",
        "def f(): return open('/proc/self/mem').name",
        "def f(): return open('/proc/1/environ').name",
        "def f(): return open('/new', 'w').name",
        "def f(): return open('/dev/new', 'w').name",
        "def f(): return open('/usr/new', 'w').name",
        "def f(): return open('/etc/passwd').name",
        "import os\ndef f(): return os.listdir('/home')",
        "import course_lib\ndef f(): return 1",
        "def f(): return [open(f'/tmp/{i}', 'w').close() for i in range(100)]",
        "def f(): return open('/tmp/big', 'wb').write(bytes(8 << 20))",
        "def f():\n    for i in range(9): open(f'/tmp/{i}', 'wb').write(bytes(1 << 20))",
        "def f():\n    for i in range(9): open(f'/dev/shm/{i}', 'wb').write(bytes(1 << 20))",
        "import os\ndef f(): return [os.open('/dev/null', 0) for _ in range(1000)]",
        "import threading, time\ndef f():\n    for _ in range(1000): "
        "threading.Thread(target=time.sleep, args=(1,), daemon=True).start()",
    ],
)
def test_what_an_answer_must_not_do_raises_an_error_in_it(box, code):
    assert value(box, code) in {
        "PermissionError",
        "OSError",
        "FileNotFoundError",
        "RuntimeError",
        "ModuleNotFoundError",
        "ProcessLookupError",
        "BlockingIOError",
    }


@pytest.mark.parametrize(
    "call",
    [
        "unshare(0x10000000)",
        "unshare(0x00020000)",
        "mount(b'x', b'/tmp', b'tmpfs', 0, None)",
        "ptrace(0, 0, 0, 0)",
        "setns(0, 0)",
        "chroot(b'/tmp')",
        "umount2(b'/tmp', 2)",
        "syscall(435, 0, 0)",
        "syscall(425, 1, 0)",
        "shmget(0, 4096, 0o1600)",
        "socketpair(0, 1, 0, 0)",
    ],
)
def test_system_calls_that_widen_the_reach_are_refused(box, call):
    code = f"import ctypes\nc = ctypes.CDLL(None, use_errno=True)\ndef f(): return c.{call}"
    assert value(box, code) == -1


def test_an_answer_has_no_name_no_rights_and_no_environment(box):
    code = (
        "import os, ctypes\n"
        "def f():\n"
        "    c = ctypes.CDLL(None)\n"
        "    data = (ctypes.c_uint32 * 6)()\n"
        "    c.capget((ctypes.c_uint32 * 2)(0x20080522, 0), data)\n"
        "    return [os.getpid(), os.getuid(), list(data), c.prctl(39, 0, 0, 0, 0),\n"
        "            sorted(os.environ), os.listdir('/proc'), os.listdir('/tmp')]"
    )
    pid, uid, capabilities, no_new_privileges, names, processes, files = value(box, code)
    assert (pid, uid, no_new_privileges) == (1, 1000, 1)
    assert capabilities == [0] * 6 and processes == [] and files == []
    assert not [n for n in names if "TOKEN" in n or "KEY" in n or "PASS" in n]


def test_only_two_descriptors_and_three_empty_ones_are_open(box):
    code = (
        "import os\ndef f():\n    found = []\n    for fd in range(300):\n"
        "        try: os.fstat(fd); found.append(fd)\n        except OSError: pass\n"
        "    return found"
    )
    assert value(box, code) == [0, 1, 2, 4]


def test_an_earlier_request_is_not_in_a_later_answers_memory(box):
    marker = "CANARY" + os.urandom(8).hex()
    value(box, f"def f(): return '{marker}'")
    code = (
        "import ctypes, gc, sys\n"
        "def f():\n"
        "    half = 'CANARY'\n"
        f"    wanted = half + '{marker[6:]}'[::-1][::-1]\n"
        "    return [o for o in gc.get_objects() if isinstance(o, dict) "
        "and any(isinstance(v, str) and v == wanted for v in list(o.values()))] != []"
    )
    assert value(box, code) is False


def test_hidden_folders_under_a_visible_one_are_masked(bubblewrap):
    with Sandbox(hidden=["/usr/share"]) as box:
        assert value(box, "import os\ndef f(): return os.listdir('/usr/share')") == []


def test_the_repository_is_not_visible(box):
    root = Path(sandbox.__file__).resolve().parents[2]
    code = f"import os\ndef f(): return os.path.exists('{root}/pyproject.toml')"
    assert value(box, code) is False
    code = f"import os\ndef f(): return sorted(os.listdir('{root}/course_lib/grading'))"
    assert value(box, code) in (["inside"], "FileNotFoundError")


def test_a_clone_that_lies_below_tmp_can_grade(bubblewrap, monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        inside = Path(shutil.copytree(confine.INSIDE, Path(folder) / "inside"))
        monkeypatch.setattr(confine, "INSIDE", inside)
        with Sandbox() as box:
            assert value(box, "import os\ndef f(): return os.listdir('/tmp')") == []


def test_when_the_grader_dies_the_sandbox_dies(bubblewrap, tmp_path):
    program = (
        "import sys, time\nfrom course_lib.grading.sandbox import Sandbox, Limits\n"
        "box = Sandbox(); box.start(); print(box.pid, flush=True)\n"
        "box.run({'role': 'answer', 'answer': 'while True: pass', 'check': '', 'cases': []}, "
        "Limits(seconds=60, cpu=60))"
    )
    grader = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pid = int(grader.stdout.readline())
    time.sleep(0.3)
    inside = psutil.Process(pid).children(recursive=True)
    assert inside
    grader.kill()
    grader.wait()
    gone, alive = psutil.wait_procs([*inside], timeout=5)
    assert not alive and not psutil.pid_exists(pid)


def test_closing_leaves_no_process(bubblewrap):
    box = Sandbox()
    box.start()
    family = [psutil.Process(box.pid), *psutil.Process(box.pid).children(recursive=True)]
    box.close()
    assert not psutil.wait_procs(family, timeout=5)[1]
    assert value(box, "def f(): return 7") == 7  # a closed sandbox starts again when used
    box.close()


def test_a_killed_interpreter_costs_one_run_and_is_replaced(bubblewrap):
    with Sandbox() as box:
        box.start()
        psutil.Process(box.pid).children()[0].kill()
        assert value(box, "def f(): return 1") == "lost"
        assert value(box, "def f(): return 1") == 1


def test_without_bubblewrap_the_message_says_what_to_install(monkeypatch, bubblewrap):
    monkeypatch.setattr(confine.shutil, "which", lambda name: None)
    status = sandbox.status()
    assert (status.kind, status.ok) == ("none", False)
    assert "apt-get install bubblewrap" in status.message
    with pytest.raises(CourseError, match="bubblewrap"):
        Sandbox().start()


def test_a_failing_start_is_reported_with_bubblewraps_words(monkeypatch, bubblewrap):
    monkeypatch.setattr(confine, "wrapper", lambda hidden: ["/usr/bin/bwrap", "--no-such-option"])
    with pytest.raises(sandbox.SandboxError, match="no-such-option"):
        Sandbox().start()


def test_a_container_engine_gets_a_confined_container(monkeypatch, tmp_path, bubblewrap):
    # A stand-in engine that notes its arguments and runs the runner as an engine would.
    log = tmp_path / "arguments"
    engine = tmp_path / "podman"
    engine.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n'
        f"exec {sys.executable} {confine.INSIDE / 'runner.py'} -1 once '' numpy\n"
    )
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("COURSE_GRADER_IMAGE", "grader")
    status = sandbox.status()
    assert (status.kind, status.ok) == ("container", True), status.message
    arguments = log.read_text()
    for option in (
        "--network none",
        "--read-only",
        "--cap-drop ALL",
        "no-new-privileges",
        "--pids-limit",
        "--memory",
    ):
        assert option in arguments


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_well_formed_on_both_machines(machine):
    program = seccomp.program(machine)
    assert len(program) % 8 == 0 and 8 * 60 < len(program) < 8 * 4096
    for place in range(0, len(program), 8):  # no jump leaves the program
        code, yes, no = program[place], program[place + 2], program[place + 3]
        if code & 0x07 == 0x05:
            assert place // 8 + 1 + max(yes, no) < len(program) // 8
    assert len(set(seccomp.DENIED[machine])) == len(seccomp.DENIED[machine])


def verdict(machine, number, flags=0):
    """What the filter says about a system call, run here step by step."""
    program, place = seccomp.program(machine), 0
    data = {0: number, 4: seccomp.AUDIT_ARCH[machine], 16: flags}
    while True:
        code, yes, no, value = struct.unpack_from("<HBBI", program, 8 * place)
        place += 1
        if code == 0x20:
            register = data[value]
        elif code == 0x06:
            return value
        else:
            test = {0x15: register == value, 0x35: register >= value, 0x45: register & value}[code]
            place += yes if test else no


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_allows_threads_and_refuses_processes_and_whatever_is_newer(machine):
    allowed, refused = 0x7FFF0000, (0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS)
    read, futex, openat = {"x86_64": (0, 202, 257), "aarch64": (63, 98, 56)}[machine]
    for number in (read, futex, openat):
        assert verdict(machine, number) == allowed
    clone = seccomp.CLONE[machine]
    assert verdict(machine, clone, seccomp.CLONE_THREAD) == allowed
    assert verdict(machine, clone) in refused
    for number in (*seccomp.DENIED[machine], 435, *range(450, 700), 1 << 20):
        assert verdict(machine, number) in refused


def test_importing_the_grader_loads_neither_torch_nor_nbgrader():
    code = (
        "import sys, course_lib.grading.cli, course_lib.grading.grade; "
        "print([m for m in ('torch', 'nbgrader', 'course_lib.train.loop') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
