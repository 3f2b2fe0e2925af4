"""The `course` command is a good Unix tool: exit codes, results on stdout, the rest on stderr."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_lib import cli, doctor, notebooks
from course_lib.commands import UsageError, lab, report
from course_lib.commands import run as run_command
from course_lib.errors import CourseError
from course_lib.measure import hardware


def course(*words, cwd=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "course_lib.cli", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


@pytest.fixture
def tree(tmp_path):
    """A course with a good lesson 00 and a lesson 07 that fails in its second cell."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    good = [
        new_markdown_cell("# A lesson"),
        new_code_cell("import os\nopen('left_behind', 'w').close()"),
        new_code_cell(
            "from IPython.display import display\n"
            "picture = {'image/png': 'iVBORw0KGgo='}\n"
            "display(picture, metadata={'image/png': {'alt': 'a dot'}}, raw=True)\n"
            "display(picture, raw=True)\n"
            "print(os.environ.get('COURSE_QUICK', 'full'))"
        ),
    ]
    bad = [new_code_cell("x = 1"), new_code_cell("x / 0"), new_code_cell("print('never')")]
    nbformat.write(new_notebook(cells=good), folder / "00_start_here.ipynb")
    nbformat.write(new_notebook(cells=bad), folder / "07_broken.ipynb")
    return tmp_path


# --- the command itself --------------------------------------------------------------------------


def test_help_lists_every_command():
    found = course("--help")
    assert found.returncode == 0
    assert all(name in found.stdout for name, _, _ in cli.COMMANDS)


def test_version_is_printed_on_stdout():
    found = course("--version")
    assert (found.returncode, found.stdout) == (0, "course 0.2.0\n")


@pytest.mark.parametrize(
    "words", [(), ("fly",), ("--fly",), ("tasks", "--fly"), ("run", "--timeout")]
)
def test_a_wrong_command_line_exits_with_2_and_says_so_on_stderr(words):
    found = course(*words)
    assert found.returncode == 2
    assert found.stdout == ""
    assert "usage: course" in found.stderr


@pytest.mark.parametrize("name", [name for name, _, _ in cli.COMMANDS])
def test_every_command_explains_itself(name):
    found = course(name, "--help")
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"usage: course {name}")


def fake_command(monkeypatch, failure):
    def run(args):
        raise failure

    module = SimpleNamespace(add_arguments=lambda parser: None, run=run)
    monkeypatch.setattr(cli, "COMMANDS", (("fake", "fake_module", "fail"),))
    monkeypatch.setitem(sys.modules, "fake_module", module)


@pytest.mark.parametrize(
    ("failure", "code"),
    [(CourseError("no such bird"), 1), (UsageError("no such bird"), 2), (KeyboardInterrupt(), 130)],
)
def test_a_failure_becomes_an_exit_code_and_one_line(monkeypatch, capsys, failure, code):
    fake_command(monkeypatch, failure)
    assert cli.main(["fake"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("course: ")
    assert captured.err.count("\n") == 1


def test_a_programming_error_is_not_hidden(monkeypatch):
    fake_command(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["fake"])


def test_help_loads_neither_torch_nor_jupyter():
    code = (
        "import sys; from course_lib import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'numpy', 'nbclient', 'IPython') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.splitlines()[-1] == "[]"


# --- course run ----------------------------------------------------------------------------------


def test_run_reports_seconds_memory_and_figures_and_leaves_the_tree_alone(tree):
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    found = course("run", "00", "--json", "out.json", cwd=tree)
    assert found.returncode == 0, found.stderr
    written = json.loads((tree / "out.json").read_text())
    (lesson,) = written["lessons"]
    assert written["ok"] is True
    assert lesson["lesson"] == "00"
    assert lesson["seconds"] > 0
    assert lesson["peak_memory_mb"] > 10
    assert (lesson["figures"], lesson["figures_without_alt"]) == (2, 1)
    assert lesson["errors"] == []
    assert "00_start_here.ipynb" in found.stdout
    after = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    del after[tree / "out.json"]
    assert after == before


def test_run_exits_with_1_when_a_lesson_fails_and_names_the_cell(tree):
    found = course("run", "0", "7", "--quick", "--json", "-", cwd=tree)
    assert found.returncode == 1
    result = json.loads(found.stdout)
    assert result["ok"] is False
    assert result["quick"] is True
    assert [lesson["lesson"] for lesson in result["lessons"]] == ["00", "07"]
    (error,) = result["lessons"][1]["errors"]
    assert error == {"cell": 2, "name": "ZeroDivisionError", "message": "division by zero"}
    assert "07_broken.ipynb, cell 2: ZeroDivisionError" in found.stderr


def test_run_refuses_a_lesson_that_does_not_exist_and_names_those_that_do(tree):
    found = course("run", "42", cwd=tree)
    assert found.returncode == 2
    assert "42" in found.stderr
    assert "00, 07" in found.stderr


def test_run_refuses_a_report_it_could_not_write_before_it_starts(tree):
    found = course("run", "--json", "no/such/folder/out.json", cwd=tree)
    assert found.returncode == 2
    assert "running" not in found.stderr


def test_a_lesson_file_that_is_cut_short_gives_a_message(tree):
    path = tree / "notebooks" / "07_broken.ipynb"
    path.write_text(path.read_text()[:50])
    found = course("run", "7", cwd=tree)
    assert found.returncode == 1
    assert "not a valid notebook" in found.stderr
    assert "Traceback" not in found.stderr


def test_quick_mode_reaches_the_kernel_and_is_off_otherwise(tree, monkeypatch):
    monkeypatch.delenv("COURSE_QUICK", raising=False)
    path = tree / "notebooks" / "00_start_here.ipynb"
    printed = []
    for quick in (True, False):
        notebook, _ = notebooks.execute_copy(path, quick=quick)
        printed.append(notebook.cells[2].outputs[-1].text.strip())
    assert printed == ["1", "full"]


@pytest.mark.parametrize(
    ("code", "name"),
    [("import time; time.sleep(60)", "Timeout"), ("import os; os._exit(9)", "KernelDied")],
)
def test_a_cell_that_hangs_or_kills_its_kernel_is_an_error_of_its_lesson(tmp_path, code, name):
    notebook = new_notebook(cells=[new_code_cell("1"), new_code_cell(code)])
    run = notebooks.execute(notebook, folder=tmp_path, timeout=2)
    assert [(error["cell"], error["name"]) for error in run.errors] == [(2, name)]


def test_ctrl_c_stops_a_run_at_once_and_its_kernel_with_it(tree):
    import psutil

    slow = new_notebook(cells=[new_code_cell("import time; time.sleep(300)")])
    nbformat.write(slow, tree / "notebooks" / "03_slow.ipynb")
    process = subprocess.Popen(
        [sys.executable, "-m", "course_lib.cli", "run", "3"],
        cwd=tree,
        stderr=subprocess.PIPE,
        # A background job of a shell ignores Ctrl-C and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not (kernels := psutil.Process(process.pid).children()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"course: stopped" in stderr
    assert b"Traceback" not in stderr
    assert kernels
    assert not [kernel for kernel in kernels if kernel.is_running()]


def test_a_lesson_given_twice_runs_once():
    lessons = {"00": "a", "02": "b"}
    assert run_command.choose(lessons, ["2", "02"]) == ["b"]
    assert run_command.choose(lessons, []) == ["a", "b"]


# --- the course's folder -------------------------------------------------------------------------


def test_the_course_is_found_from_a_folder_inside_it(tree):
    assert notebooks.find_root(tree / "notebooks") == tree


def test_outside_every_course_the_checkout_is_used_or_a_message_says_where_to_go(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(notebooks, "__file__", str(tmp_path / "site-packages/course_lib/x.py"))
    with pytest.raises(CourseError, match="No lessons found"):
        notebooks.find_root(tmp_path)


# --- course lab ----------------------------------------------------------------------------------


def lab_arguments(*words):
    return cli.parse(["lab", *words])


def test_lab_opens_lesson_00_of_this_course(tree):
    line = lab.command(tree, lab_arguments("--port", "9999", "--no-browser", "--", "--debug"))
    assert line[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={tree}" in line
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in line
    assert "--ServerApp.port=9999" in line
    assert "--no-browser" in line
    assert line[-1] == "--debug"


def test_lab_trusts_the_lessons(tree, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tree / "data"))
    executed = notebooks.executed(tree)
    shutil.copytree(tree / "notebooks", executed)
    lab.trust(tree)
    from nbformat.sign import NotebookNotary

    lessons = list(executed.glob("*.ipynb"))
    assert lessons and all(
        NotebookNotary().check_signature(notebooks.read(path)) for path in lessons
    )


def test_labs_defaults_stand_before_the_users_own_path(monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    assert lab.environment()["JUPYTER_CONFIG_PATH"].split(os.pathsep)[1:] == ["mine"]


# --- course doctor -------------------------------------------------------------------------------


def test_doctor_finds_this_machine_fit_and_says_so_to_a_machine():
    found = course("doctor", "--json")
    result = json.loads(found.stdout)
    problems = [check for check in result["checks"] if check["status"] == "problem"]
    assert not problems
    assert found.returncode == 0
    assert [check["name"] for check in result["checks"]] == [name for name, _ in doctor.CHECKS]


def test_doctor_says_how_to_mend_what_is_wrong_and_exits_with_1(monkeypatch, capsys):
    def broken():
        raise OSError("no such library")

    checks = (
        ("good", lambda: (doctor.OK, "fine", "")),
        ("close", lambda: (doctor.WARNING, "nearly full", "free some space")),
        ("bad", broken),
    )
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert cli.main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "ok       good   fine" in printed
    assert "-> free some space" in printed
    assert "no such library" in printed
    assert "1 problem and 1 warning" in printed


def test_doctor_sees_weights_that_were_changed(monkeypatch, tmp_path):
    from course_lib.backbones import loading

    copy = tmp_path / "worldnet.safetensors"
    copy.write_bytes(loading.WORLDNET_WEIGHTS.read_bytes()[:-1] + b"x")
    copy.with_suffix(".json").write_text(loading.WORLDNET_WEIGHTS.with_suffix(".json").read_text())
    monkeypatch.setattr(loading, "WORLDNET_WEIGHTS", copy)
    status, found, mend = doctor.check_weights()
    assert status == doctor.PROBLEM
    assert "SHA-256" in found
    assert mend


def test_doctor_sees_a_package_that_is_too_old(monkeypatch):
    monkeypatch.setattr(
        doctor.metadata, "requires", lambda name: ["numpy>=99", "absent-package>=1"]
    )
    status, found, _ = doctor.check_packages()
    assert status == doctor.PROBLEM
    assert "numpy" in found
    assert "absent-package is missing" in found


def test_doctor_sees_a_kernel_of_another_python(monkeypatch):
    spec = SimpleNamespace(argv=["/elsewhere/python"], resource_dir="/elsewhere/kernels/python3")
    monkeypatch.setattr(
        "jupyter_client.kernelspec.KernelSpecManager.get_kernel_spec", lambda self, name: spec
    )
    status, found, mend = doctor.check_kernel()
    assert status == doctor.PROBLEM
    assert "/elsewhere/python" in found
    assert "ipykernel install" in mend


def test_doctor_warns_when_memory_is_short(monkeypatch):
    monkeypatch.setattr(doctor.hardware, "memory", lambda: (8_000_000_000, 500_000_000))
    status, found, _ = doctor.check_memory()
    assert status == doctor.WARNING
    assert found == "0.5 GB free of 8.0"


# --- the machine's real size ---------------------------------------------------------------------


def test_a_containers_cpu_quota_limits_the_cores(tmp_path):
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    assert hardware.usable_cores(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert hardware.usable_cores(tmp_path) == 1


def test_without_a_quota_all_cores_of_the_affinity_count(tmp_path):
    cores = hardware.usable_cores(tmp_path)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert hardware.usable_cores(tmp_path) == cores >= 1


def test_a_containers_memory_limit_counts(tmp_path):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert hardware.memory(tmp_path) == (1_000_000, 600_000)


# --- reports -------------------------------------------------------------------------------------


def test_numbers_stand_flush_right_and_words_flush_left():
    text = report.table(("name", "size"), [("a", 5), ("long", 1234)])
    assert text == "name  size\na        5\nlong  1234"


def test_tasks_are_listed_for_people_and_for_machines():
    people, machines = course("tasks"), course("tasks", "--json")
    tasks = json.loads(machines.stdout)
    assert people.returncode == machines.returncode == 0
    assert {"name", "title", "metric", "train", "validation", "test"} <= set(tasks[0])
    assert all(task["name"] in people.stdout for task in tasks)


def test_a_reader_that_leaves_early_gets_no_traceback():
    found = subprocess.run(
        f"{sys.executable} -m course_lib.cli tasks | true",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in found.stderr
