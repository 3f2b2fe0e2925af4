"""Kill and resume, and a real dask.distributed cluster."""

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import quizlab

from course_lib import executors
from course_lib.errors import CourseError
from course_lib.grading import cli, grade


def benchmark(name):
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.workers
def test_kills_a_locked_gradebook_and_a_full_disk_change_no_grade(bubblewrap):
    found = benchmark("grading_kill").compare(quizlab.BANK, "mini", 30, 2, 2, seed=1, bad=6)
    assert found["kills"] == 2 and found["full_disk_said"]


def test_a_class_from_templates_is_graded_exported_and_reported(
    tmp_path, monkeypatch, empty_gradebook, capsys
):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    large = benchmark("grading_class")
    course, place, quiz, damaged, wrong_key = large.planted(tmp_path, 50)
    shutil.copy(empty_gradebook, course / "gradebook.db")
    monkeypatch.chdir(course)
    for words in (
        ["grade"],
        ["export", "--accept", "--out", "canvas.csv"],
        ["export", "--format", "answers", "--out", "answers.csv"],
        ["report"],
    ):
        given = ["--course-dir", str(course), "--bank", str(place)]
        assert cli.main([*words, *given]) == 0, capsys.readouterr()
    large.looked_at(course, quiz, 50, damaged, wrong_key)  # everybody is there; the key is named


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two worker processes, started by their own commands."""
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    start = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(file),
    ]
    work = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        "--scheduler-file",
        str(file),
        "--nthreads",
        "1",
        "--no-dashboard",
        "--local-directory",
        str(folder),
    ]
    with (folder / "log").open("wb") as log:
        processes = [subprocess.Popen(start, stdout=log, stderr=log)]
        processes += [subprocess.Popen(work, stdout=log, stderr=log) for _ in range(2)]
    try:
        deadline = time.monotonic() + 60
        while not file.exists() or not file.read_text():
            assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
            time.sleep(0.2)
        import json

        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.mark.slow
@pytest.mark.workers
def test_a_dask_cluster_gives_the_same_grades_as_this_process(course, cluster):
    quizlab.submit(course, "ann")
    quizlab.submit(course, "bob", {"mini-scale": "import os\nos._exit(1)"})
    quizlab.submit(course, "cid", {})
    quizlab.submit(course, "dan", b"no notebook")
    there = quizlab.graded(course, scheduler=cluster, trust_network=True)
    for path in (course / ".grades/mini").iterdir():
        path.unlink()
    here = quizlab.graded(course)
    assert {n: quizlab.scores(r) for n, r in there.items()} == {
        n: quizlab.scores(r) for n, r in here.items()
    }
    assert [there[n]["state"] for n in ("ann", "bob", "cid", "dan")] == [
        "graded",
        "crashed",
        "graded",
        "could_not_grade",
    ]


@pytest.mark.workers
def test_no_scheduler_at_the_address_is_told():
    with pytest.raises(CourseError, match="No dask scheduler"):
        with executors.make(grade.grade_submission, 1, "tcp://127.0.0.1:1", True):
            pass
