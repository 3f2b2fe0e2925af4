"""What stands behind the sandbox: limits of groups, no memory between answers, refusals, and a
learner's own grading where the system offers nothing."""

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import quizlab

from course_lib import executors
from course_lib.errors import CourseError
from course_lib.grading import (
    assess,
    cgroup,
    cli,
    grade,
    judge,
    mine,
    oneshot,
    sandbox,
    score,
    unsafe_mode,
)
from course_lib.grading.inside import wire
from course_lib.grading.outcome import Limits
from course_lib.questions.format import load_bank

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def box(bubblewrap):
    with sandbox.Sandbox() as box:
        yield box


def value(box, code):
    """What ``f()`` of the code gives inside."""
    check = "def run(answer, case):\n    yield 'v', answer.f()\n"
    request = {"role": "answer", "answer": code, "check": check, "cases": [{}]}
    ((_, kind, _, data),) = wire.frames(box.run(request, Limits(seconds=10)).data)
    assert kind == "p", data
    return wire.decode(data)


# --- nothing that one answer leaves for the next -------------------------------------------------


def test_no_terminal_is_shared_whose_times_and_mode_could_carry_a_bit(box):
    look = (
        "import os\ndef f():\n"
        "    try: os.chmod('/dev/pts/ptmx', 0o600)\n"
        "    except OSError: pass\n"
        "    try: os.utime('/dev/pts', (1, 1))\n"
        "    except OSError: pass\n"
        "    there = os.stat('/dev/pts').st_mtime\n"
        "    return [os.listdir('/dev/pts'), os.path.exists('/dev/ptmx'), there]"
    )
    first, second = value(box, look), value(box, look)
    assert first[:2] == second[:2] == [[], False] and 1 not in (first[2], second[2])


PATHS = (
    "import os\ntops = ('/dev', '/tmp', '/dev/shm', '/proc', '/')\n"
    "paths = [*tops, *(os.path.join(top, n) for top in tops for n in os.listdir(top))]\n"
)


def test_times_and_modes_that_an_answer_may_set_are_fresh_for_the_next(box):
    mark = PATHS + (
        "def f():\n    done = []\n    for path in paths:\n"
        "        try: os.utime(path, (7, 7), follow_symlinks=False); done.append(path)\n"
        "        except OSError: pass\n"
        "        try: os.chmod(path, 0o731)\n"
        "        except OSError: pass\n"
        "    return done"
    )
    seen = PATHS + (
        "def f():\n    infos = [(path, os.lstat(path)) for path in paths]\n"
        "    return [p for p, i in infos if i.st_mtime == 7 or i.st_mode & 0o777 == 0o731]"
    )
    assert set(value(box, mark)) <= {"/tmp", "/dev/shm"}  # its own, and gone with it
    assert value(box, seen) == []


def test_an_answer_sees_how_it_is_called_and_nothing_else_of_the_check(box):
    look = (
        "import sys\ndef f():\n"
        "    check = sys.modules['check']\n"
        "    return [n for n in dir(check) if not n.startswith('_')]"
    )
    assert set(value(box, look)) <= {"run", "display", "get_ipython"}
    banks = (ROOT / "quizzes/bank", ROOT / "course_lib/questions/bank")
    for quiz in [q for folder in banks for q in load_bank(folder).values()]:
        for question in quiz.questions:
            if question.kind == "code":
                side = score.answer_side(question.check)
                for hidden in ("def inputs", "def test", "def explain", "rng", '"""', "'test'"):
                    assert hidden not in side, (question.id, hidden)
                assert "def run" in side and question.reference not in side


def test_what_a_test_keeps_for_itself_does_not_reach_the_answer():
    asked = []

    def run(request, limits):
        asked.append(request)
        return sandbox.Outcome("done", b"x")

    question = load_bank(ROOT / "quizzes/bank")["lesson06"].question("l06-code-grey")
    score.score_code(question, "x = 1", 1, run, judge.compare)
    answer, harness = asked[:2]
    assert "test" not in answer["cases"][0] and "test" in harness["cases"][0]
    assert "answer" not in harness and "reference" not in answer


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "class Secret42(ValueError): pass\nraise Secret42('Secret42')",
        "E = type('Secret42', (Exception,), {})\nraise E('Secret42')",
        "import builtins\nbuiltins.Secret42 = type('Secret42', (Exception,), {})\n"
        "raise builtins.Secret42('Secret42')",
        "import sys\nsys.modules['wire'].ERRORS = ('Secret42',) * 99\nraise ValueError('Secret42')",
        "exec(compile('\\n' * 4000 + 'raise ValueError', '<answer>', 'exec'))",
    ],
)
def test_feedback_on_an_error_holds_a_known_kind_and_a_line_of_the_cell(course, code):
    quizlab.submit(course, "ann", {"mini-scale": code})
    result = quizlab.graded(course)["ann"]["questions"][3]
    text = result["reason"]
    assert "Secret42" not in text and "4001" not in text and "Your code raised " in text
    kind = text.split("Your code raised ")[1].split(" ")[0].rstrip(".")
    assert kind in wire.ERRORS


# --- control groups ------------------------------------------------------------------------------


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A stand-in for cgroup v2: folders and files as the kernel makes them."""
    own = tmp_path / "cgroup"
    own.write_text("1:name=systemd:/other\n0::/user.slice/me\n")
    parent = tmp_path / "fs" / "user.slice" / "me"
    parent.mkdir(parents=True)
    (parent / "cgroup.subtree_control").write_text("cpu memory pids\n")
    made = Path.mkdir

    def mkdir(self, *args, **options):
        made(self, *args, **options)
        if self.parent == parent:
            for name in ("memory.max", "memory.swap.max", "pids.max", "cgroup.procs"):
                (self / name).write_text("max\n")
            (self / "memory.current").write_text(f"{100 << 20}\n")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(cgroup, "ROOT", tmp_path / "fs")
    monkeypatch.setattr(cgroup, "OWN", own)
    return parent


def test_a_sandbox_enters_a_group_that_limits_its_memory_and_processes(groups, bubblewrap):
    with sandbox.Sandbox() as box:
        assert value(box, "def f(): return 7") == 7
        (folder,) = (path for path in groups.iterdir() if path.is_dir())
        assert int((folder / "cgroup.procs").read_text()) == box.pid
        expected = 100 + 1024 + 2 * 32 + cgroup.SPARE_MB
        assert int((folder / "memory.max").read_text()) == expected << 20
        assert int((folder / "memory.swap.max").read_text()) == 0
        assert int((folder / "pids.max").read_text()) == 64 + cgroup.SPARE_PIDS


@pytest.mark.parametrize("what", ["no v2", "no controllers", "read-only"])
def test_without_writable_groups_the_limits_of_processes_hold_alone(groups, what, monkeypatch):
    if what == "no v2":
        cgroup.OWN.write_text("4:memory:/me\n")
    elif what == "no controllers":
        (groups / "cgroup.subtree_control").unlink()
        (groups / "cgroup.subtree_control").mkdir()
    else:
        monkeypatch.setattr(os, "access", lambda *_: False)
        monkeypatch.setattr(Path, "rmdir", lambda self: None)
    assert cgroup.make() is None


# --- refusals ------------------------------------------------------------------------------------


@pytest.fixture
def no_sandbox(monkeypatch):
    monkeypatch.setattr(grade, "status", lambda: grade.Status("none", False, "No bubblewrap."))


def test_unprotected_grading_is_refused_for_root(course, no_sandbox, monkeypatch):
    quizlab.submit(course, "ann")
    monkeypatch.setattr(unsafe_mode.os, "geteuid", lambda: 0)
    with pytest.raises(CourseError, match="refused for root"):
        quizlab.graded(course, unsafe=True)


def test_unprotected_grading_is_refused_beside_a_gradebook_with_students(
    course, no_sandbox, monkeypatch
):
    monkeypatch.setattr(unsafe_mode.os, "geteuid", lambda: 1000)
    quizlab.submit(course, "ann")
    said = []
    record = quizlab.graded(course, unsafe=True, tell=said.append)["ann"]
    assert record["score"] == quizlab.RIGHT_SCORE and said[0].startswith("UNSAFE")
    with pytest.raises(CourseError, match="gradebook with 1 student:"):
        quizlab.graded(course, unsafe=True)
    (course / "gradebook.db").write_bytes(b"no database" * 200)
    with pytest.raises(CourseError, match="cannot be read"):
        unsafe_mode.refuse(course)


def test_a_scheduler_without_tls_is_refused_unless_the_network_is_trusted(monkeypatch):
    with pytest.raises(CourseError, match="tls://.*--trust-network"):
        executors.Dask(len, "tcp://10.0.0.1:8786")


def test_a_scheduler_without_workers_is_told_after_a_while(monkeypatch):
    import distributed

    asked = []

    class Client:
        def __init__(self, address, **options):
            asked.append(address)

        def wait_for_workers(self, count, timeout):
            asked.append((count, timeout))
            raise TimeoutError

        def close(self):
            asked.append("closed")

    monkeypatch.setattr(distributed, "Client", Client)
    with pytest.raises(CourseError, match="no workers after 30 seconds"):
        executors.Dask(len, "tls://10.0.0.1:8786")
    assert asked == ["tls://10.0.0.1:8786", (1, 30.0), "closed"]


def test_the_command_line_passes_on_that_the_network_is_trusted(course, monkeypatch):
    asked = []

    @contextmanager
    def make(function, *settings):
        asked.append(settings)
        raise CourseError("enough")
        yield

    monkeypatch.setattr(grade.executors, "make", make)
    quizlab.submit(course, "ann")
    args = ["grade", "--course-dir", str(course), "--bank", str(quizlab.BANK)]
    assert cli.main([*args, "--scheduler", "tcp://x:1", "--trust-network"]) == 1
    assert asked == [(1, "tcp://x:1", True)]


# --- a learner's own grading ---------------------------------------------------------------------

WITHOUT = """
import os, sys
for name in ("fcntl", "resource", "pwd", "grp"):
    sys.modules[name] = None
for name in ("fork", "geteuid", "getuid", "pidfd_open"):
    delattr(os, name)
import select, socket
del select.poll, socket.send_fds, socket.recv_fds
"""


def test_mine_works_where_fcntl_resource_and_fork_are_absent(tmp_path):
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps(quizlab.notebook(quizlab.RIGHT)))
    program = (
        f"{WITHOUT}\nfrom course_lib.grading import cli\n"
        f"sys.exit(cli.main(['mine', {str(path)!r}, '--bank', {str(quizlab.BANK)!r}, "
        f"'--course-dir', {str(tmp_path)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"{quizlab.RIGHT_SCORE:g} of 12 points" in done.stdout
    assert "unprotected" in done.stdout and "Nothing limits their memory" in done.stdout


def test_the_program_inside_serves_one_request_without_fcntl_and_resource():
    runner = Path(sandbox.confine.INSIDE) / "runner.py"
    check = "def run(answer, case):\n    yield 'v', answer.f()\n"
    request = {"role": "answer", "answer": "def f(): return 7", "check": check, "cases": [{}]}
    program = (
        f"{WITHOUT}\nimport runpy\n"
        f"sys.argv = ['runner.py', '-1', 'once', '', 'numpy']\n"
        f"runpy.run_path({str(runner)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=wire.encode(request), capture_output=True
    )
    ((_, kind, name, data),) = wire.frames(done.stdout)
    assert (kind, name, wire.decode(data)) == ("p", "v", 7), done.stderr


def test_a_learners_endless_loop_is_stopped_without_a_sandbox():
    request = {"role": "answer", "answer": "while True: pass", "check": "", "cases": []}
    found = oneshot.plainly(request, Limits(seconds=-9), ("numpy",))
    assert found.state == "timeout"


def test_what_is_not_protected_is_said_as_it_is(monkeypatch):
    assert "read and change your files" in mine.unprotected()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "memory" in mine.unprotected()


def test_a_judge_is_stopped_with_the_sandboxes_of_a_thread():
    import psutil

    assess.grade_submission(assess.Job("ann", quizlab.mini(), b"{}", {}, ""))
    pid = assess._judge().pid
    assess.close()
    assert not psutil.pid_exists(pid)
