"""The program inside the sandbox: import once, then fork one contained child per answer.

Started as ``python -S -B runner.py CONTROL_FD MODE SITE_DIRS MODULES``; MODE is ``contained``
(inside bubblewrap), ``plain`` (no sandbox; the learner's own code) or ``once`` (inside a container
engine, or where there is no fork: one request on standard input, one result on standard output).

A request is of one of two roles, each in a child of its own. ``answer`` runs the student's code and
describes what it gave; ``harness`` never runs it: it runs the reference answer, and tests what was
described. See ``answer_role`` and ``harness_role``.

The parent never sees an answer or an input: requests and results travel through file descriptors
that it only hands on to the child, so nothing of one answer is left in memory for the next. Before
the child runs anything it has namespaces of its own (it is process 1 and sees no other), fresh
capped tmpfs, an empty /proc, resource limits, no capabilities, and a seccomp filter.
"""

import builtins
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import types

try:
    import resource
except ImportError:  # Windows
    resource = None

NEWNS, NEWIPC, NEWPID = 0x00020000, 0x08000000, 0x20000000
REC, PRIVATE, NOSUID, NODEV, NOEXEC, RDONLY = 0x4000, 1 << 18, 2, 4, 8, 1


def main(argv):
    control_fd, mode, sites, modules = int(argv[1]), argv[2], argv[3], argv[4]
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if p != here] + [p for p in sites.split(os.pathsep) if p]
    sys.path.append(here)
    if mode == "once":
        start(modules)
        return once(importlib.import_module("wire"))
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = own_pid_namespace(libc) if mode == "contained" else None
    start(modules)
    import cell  # noqa: F401, here, since a child cannot read files
    import seccomp
    import wire

    control = socket.socket(fileno=control_fd)
    control.sendall(json.dumps({"ready": True, "versions": versions(modules)}).encode() + b"\n")
    while True:
        try:
            message, fds, _, _ = socket.recv_fds(control, 4096, 2)
        except OSError:
            return
        if not message:
            return
        if len(fds) != 2:
            continue  # a kill that came after its child had ended
        limits = json.loads(message)
        started = time.monotonic()
        if namespace is not None:
            check(libc.setns(namespace, NEWPID), "setns")
            check(libc.unshare(NEWPID), "unshare")
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                child(libc, control, fds, limits, mode == "contained", seccomp, wire)
                code = 0
            finally:
                os._exit(code)
        for fd in fds:
            os.close(fd)
        reply = wait_for(pid, control, limits)
        reply["seconds"] = round(time.monotonic() - started, 4)
        try:
            control.sendall(json.dumps(reply).encode() + b"\n")
        except OSError:
            return


def start(modules):
    for name in modules.split(","):
        importlib.import_module(name)
    if "torch" in sys.modules:
        warm(sys.modules["torch"])


def warm(torch):
    """Do one training step, so that what torch imports at its first use is there for every
    child."""
    torch.set_num_threads(1)
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    torch.nn.functional.cross_entropy(layer(torch.zeros(1, 2)), torch.zeros(1).long()).backward()
    optimizer.step()


def versions(modules):
    return {n: getattr(sys.modules[n], "__version__", "") for n in modules.split(",")}


def check(result, what):
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def own_pid_namespace(libc):
    """Become process 1 of a process namespace that this user namespace owns; return a handle.

    Only then may later children be given namespaces of their own, one after the other.
    """
    check(libc.unshare(NEWPID), "unshare")
    pid = os.fork()
    if pid:
        os.close(int(sys.argv[1]))
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    return os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)


def wait_for(pid, control, limits):
    """Wait for the child; kill it at its deadline, on request, or when the grader is gone."""
    deadline = time.monotonic() + limits["seconds"]
    poll, reason = select.poll(), ""
    poll.register(control, select.POLLIN)
    handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    if handle is not None:
        poll.register(handle, select.POLLIN)
    try:
        while True:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            if done:
                break
            left = deadline - time.monotonic()
            if left <= 0:
                reason = "timeout"
            else:
                ready = poll.poll(1000 * left + 1 if handle is not None else min(20, 1000 * left))
                if any(fd == control.fileno() for fd, _ in ready):
                    if not control.recv(1):
                        kill(pid)
                        os._exit(0)
                    reason = "stopped"
            if reason:
                kill(pid)
                _, status, usage = os.wait4(pid, 0)
                break
    finally:
        if handle is not None:
            os.close(handle)
    code = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    if not reason and code in (-signal.SIGKILL, -signal.SIGXCPU) and cpu >= limits["cpu"] - 0.5:
        reason = "timeout"
    return {"code": code, "reason": reason, "cpu": round(cpu, 4)}


def kill(pid):
    try:
        os.killpg(pid, signal.SIGKILL)  # also what a plain child has started
    except OSError:
        os.kill(pid, signal.SIGKILL)


def child(libc, control, fds, limits, contained, seccomp, wire):
    """Confine this process, run the answer, write the result. Never returns to the parent's
    loop."""
    os.setsid()
    request_fd, result_fd = 3, 4
    high = [os.dup2(fd, 200 + i) for i, fd in enumerate(fds)]
    pages = 0
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
    if contained:
        contain(libc, limits)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    control.detach()
    os.dup2(high[0], request_fd)
    os.dup2(high[1], result_fd)
    os.closerange(
        5,
        65536
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 65536
        else max(256, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    )
    limit(limits, pages * resource.getpagesize(), contained)
    if contained:
        drop_capabilities(libc)
        seccomp.install(libc)
    request = read_all(request_fd)
    os.close(request_fd)
    serve(wire.decode(request), wire, lambda data: send(result_fd, data))


def read_all(fd):
    data, offset = bytearray(), 0
    while block := os.pread(fd, 1 << 20, offset):
        data += block
        offset += len(block)
    return bytes(data)


def send(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def contain(libc, limits):
    check(libc.unshare(NEWNS | NEWIPC), "unshare")
    check(libc.mount(b"none", b"/", None, REC | PRIVATE, None), "mount")
    options = f"size={limits['tmp_mb']}m,nr_inodes={limits['inodes']},mode=1777".encode()
    for path in (b"/tmp", b"/dev/shm"):
        check(libc.mount(b"tmpfs", path, b"tmpfs", NOSUID | NODEV | NOEXEC, options), "mount")
    # What all answers would share: processes, and the times and mode of /dev/pts/ptmx.
    flags = RDONLY | NOSUID | NODEV
    for path in (b"/proc", b"/dev/pts"):
        if path == b"/proc" or os.path.isdir(path):
            check(libc.mount(b"tmpfs", path, b"tmpfs", flags, b"size=4k"), "mount")
    os.chdir("/tmp")


def limit(limits, present, contained):
    memory = present + (limits["memory_mb"] << 20)
    pairs = [("RLIMIT_CPU", int(limits["cpu"])), ("RLIMIT_CORE", 0)]
    if contained:
        pairs += [
            ("RLIMIT_AS", memory),
            ("RLIMIT_FSIZE", limits["tmp_mb"] << 20),
            ("RLIMIT_NOFILE", 256),
            ("RLIMIT_NPROC", limits["threads"]),
            ("RLIMIT_MEMLOCK", 0),
            ("RLIMIT_MSGQUEUE", 0),
            ("RLIMIT_SIGPENDING", 256),
        ]
    elif sys.platform == "linux":
        pairs += [("RLIMIT_AS", memory)]
    for name, value in pairs:
        number = getattr(resource, name, None)
        if number is not None:
            resource.setrlimit(number, (value, value))


def drop_capabilities(libc):
    for number in range(64):
        libc.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP; fails past the last one
    libc.prctl(47, 4, 0, 0, 0)  # PR_CAP_AMBIENT, clear all
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    check(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def once(wire):
    """One request from standard input to standard output, inside a container engine."""
    data = sys.stdin.buffer.read()
    out = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    serve(wire.decode(data), wire, lambda data: send(out, data))


def serve(request, wire, write):
    for case in request["cases"]:
        for holder in (case, case.get("test", {})):
            for key, value in holder.items():
                if hasattr(value, "setflags"):
                    holder[key] = value.copy()  # what was received is read-only
    role = harness_role if request["role"] == "harness" else answer_role
    role(request, wire, write)


def answer_role(request, wire, write):
    """Run ``{"answer", "check", "cases"}``: the parts that the check's ``run`` yields for each
    case."""
    harness = module("check", request["check"])
    result = []
    try:
        answer = module("answer", request["answer"])
    except BaseException as error:
        return write(wire.error_frame(wire.WHOLE, "e", *describe(error)))
    for number, case in enumerate(request["cases"]):
        try:
            for name, value in harness.run(answer, case):
                result.append(wire.frame(number, "p", name, wire.encode(value)))
        except BaseException as error:
            result.append(wire.error_frame(number, "e", *describe(error)))
    write(b"".join(result))


def harness_role(request, wire, write):
    """Run ``{"reference", "check", "cases", "given"}``.

    First the parts of the reference answer, as P. If the check has a ``test``, then both what the
    reference gave and what ``given`` (an answer's message) describes go through it.
    """
    harness = module("check", request["check"])
    reference = module("reference", request["reference"])
    test = getattr(harness, "test", None)
    declared, result = [], []
    for number, case in enumerate(request["cases"]):
        own = {key: value for key, value in case.items() if key != "test"}
        try:
            parts = [(name, wire.encode(v)) for name, v in harness.run(reference, own)]
            declared.append({name: wire.declare(wire.decode(data)) for name, data in parts})
            if test:
                described = {name: wire.decode(data) for name, data in parts}
                parts = [(name, wire.encode(v)) for name, v in test(case, described)]
            result += [wire.frame(number, "P", name, data) for name, data in parts]
        except Exception as error:
            return write(b"".join([*result, wire.error_frame(number, "E", *describe(error))]))
    write(b"".join(result))
    given = request.get("given")
    if test is None or given is None:
        return
    result = []
    try:
        described, _ = wire.gather(given.tobytes(), declared)
    except wire.WireError:
        return
    for number, (case, parts) in enumerate(zip(request["cases"], described, strict=True)):
        try:
            for name, value in test(case, parts):
                result.append(wire.frame(number, "p", name, wire.encode(value)))
        except Exception:
            pass  # what cannot be rebuilt has not passed
    write(b"".join(result))


def module(name, source):
    import cell

    result = sys.modules[name] = types.ModuleType(name)  # where dataclasses look for it
    cell.run(source, f"<{name}>", result.__dict__)
    return result


def describe(error):
    """The kind of an error and its line in the answer; never its text, which could hold an
    input."""
    kind = type(error)
    while getattr(builtins, kind.__name__, None) is not kind:
        kind = kind.__base__
    name = kind.__name__
    if name == "RuntimeError" and "allocate memory" in str(error)[:400]:
        name = "MemoryError"
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "<answer>":
            line = step.tb_lineno
        step = step.tb_next
    if not line and isinstance(error, SyntaxError):
        line = error.lineno or 0
    return name, line if isinstance(line, int) and 0 <= line < 1 << 31 else 0


if __name__ == "__main__":
    main(sys.argv)
