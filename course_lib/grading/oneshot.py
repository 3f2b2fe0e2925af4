"""One request in a process of its own: in a container engine, or plainly where there is no fork.

Slower than the warm sandbox, since every request starts an interpreter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time

from course_lib.grading.confine import INSIDE, ORDINARY_USER, environment, interpreter
from course_lib.grading.inside import wire
from course_lib.grading.outcome import Limits, Outcome, SandboxError, outcome


def engine() -> str | None:
    """The container engine of this machine, podman first."""
    return shutil.which("podman") or shutil.which("docker")


def in_container(request: dict, limits: Limits) -> Outcome:
    """Run a request in a fresh container, as tight as the engine makes it. Raises SandboxError."""
    program, image = engine(), os.environ.get("COURSE_GRADER_IMAGE")
    if not program or not image:
        raise SandboxError("No container engine, or COURSE_GRADER_IMAGE is not set.")
    name = f"course-{os.getpid()}-{time.monotonic_ns()}"
    memory = f"{limits.memory_mb + 1024}m"
    command = [
        program,
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

    def remove() -> None:
        subprocess.run(
            [program, "rm", "-f", name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )

    return _run(command, None, request, limits, remove)


def plainly(request: dict, limits: Limits, imports: tuple[str, ...]) -> Outcome:
    """Run a learner's own code in a process with a time limit and no protection."""
    python, sites = interpreter()
    command = [python, "-S", "-B", "-s", "-P", str(INSIDE / "runner.py"), "-1", "once"]
    command += [os.pathsep.join(sites), ",".join(imports)]
    inherited = {k: v for k, v in os.environ.items() if k in ("SYSTEMROOT", "TEMP", "TMP", "PATH")}
    return _run(command, environment() | inherited, request, limits, lambda: None)


def _run(command, env, request: dict, limits: Limits, remove) -> Outcome:
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
            env=env,
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
        remove()
    seconds = time.monotonic() - started
    code = -9 if code == 137 else code
    reply = {"code": code, "reason": "timeout" if late else "", "seconds": seconds}
    return outcome(reply, bytes(data), flooded)
