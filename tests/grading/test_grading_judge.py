"""The judge: whatever is read, decoded or compared ends in a state, within bounds of memory and
time."""

import json
import os
import signal
import subprocess
import sys
import time

import fuzz_grading
import numpy as np
import psutil
import pytest
import quizlab

from course_lib.grading import assess, judge, judging, score
from course_lib.grading.inside import wire
from course_lib.grading.outcome import Outcome

GRADED = ("right", "partial", "wrong", "error", "not attempted")


@pytest.fixture
def one():
    with judging.Judge() as one:
        yield one


def test_damaged_and_forged_replies_all_end_in_a_state_in_little_memory():
    program = (
        "import fuzz_grading as f, json\n"
        "states = f.replies(2000, seed=3)\n"
        "states += f.notebooks(100, seed=3)\n"
        "print(json.dumps([states, f.memory_mb()]))"
    )
    tools = os.path.dirname(fuzz_grading.__file__)
    root = os.path.dirname(tools)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((root, tools))},
        capture_output=True,
        text=True,
        check=True,
    )
    states, memory = json.loads(done.stdout)
    assert sum(states.values()) == 2100 and set(states) <= fuzz_grading.STATES
    assert {"right", "wrong", "crashed", "graded", "could_not_grade"} <= set(states)
    assert max(memory) < 300


SPEC = [{"scale": wire.declare(np.zeros(4)), "total": wire.declare(1.5)}]


def part(tree, blob=b"", name="scale"):
    text = json.dumps(tree).encode()
    return wire.frame(0, "p", name, len(text).to_bytes(8, "little") + text + blob)


@pytest.mark.parametrize(
    "message",
    [
        part({"__array__": ["float64", [1 << 40, 1 << 40, 0]]}),
        part({"__array__": ["float64", [3_000_000, 0]]}),
        part({"__array__": ["float64", [0, 3_000_000]]}),
        part({"__array__": ["float64", [4, 0]]}),
        part({"__array__": ["float64", [1 << 62]]}),
        part({"__array__": ["complex128", [4]]}, bytes(64)),
        part({"__array__": ["float64", [5]]}, bytes(40)),
        part({"__array__": ["float64", [4]]}, bytes(24)),
        part({"__array__": ["float64", [4]]}, bytes(40)),
        part([0] * 5),
        part([[]] * 4),
        part([0, 0, 0, [0]]),
        part({"a": 1}),
        part("x" * 4),
        part(None),
        part([0.0] * 4 + [[]] * 10_000),
        wire.frame(0, "p", "scale", b""),
        wire.frame(0, "p", "scale", (1 << 63).to_bytes(8, "little") + b"0"),
    ],
)
def test_only_what_is_declared_gets_through_and_nothing_is_allocated_for_the_rest(message):
    import tracemalloc

    tracemalloc.start()
    values, error = wire.gather(message, SPEC)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values == [{}] and error is None and peak < 400_000


@pytest.mark.parametrize(
    "value", [np.arange(4), np.arange(4.0, dtype="float32"), [0, 1, 2, 3], list(np.arange(4))]
)
def test_an_array_may_come_as_any_numbers_of_its_shape(value):
    values, _ = wire.gather(wire.frame(0, "p", "scale", wire.encode(value)), SPEC)
    assert np.array_equal(values[0]["scale"], np.arange(4))


def test_the_first_of_two_frames_counts_and_unknown_ones_do_not():
    rows = [part([1, 1, 1, 1]), part([2, 2, 2, 2]), part(1, name="points")]
    values, _ = wire.gather(b"".join(rows), SPEC)
    assert values == [{"scale": [1, 1, 1, 1]}]


def test_what_a_harness_sends_after_it_read_an_answer_changes_nothing_of_the_reference():
    question = quizlab.mini().question("mini-scale")
    right = {"scale": np.ones(3), "total": 3.0}
    frames = [wire.frame(0, "P", name, wire.encode(value)) for name, value in right.items()]
    forged = [wire.frame(0, "P", name, wire.encode(value)) for name, value in right.items()]
    forged[0] = wire.frame(0, "P", "scale", wire.encode(np.zeros(3)))
    forged.append(wire.frame(0, "P", "other", b"unreadable"))
    given = wire.frame(0, "p", "scale", wire.encode(np.zeros(3)))
    late = b"".join([*frames, *forged, wire.error_frame(0, "E", "ValueError", 1), b"cut"])
    found = judge.compare(question, late, given, 1, 1)
    assert found == {"passed": [], "error": None, "malformed": False, "fault": ""}


def test_an_error_is_a_known_kind_and_a_line_of_the_cell():
    names = [{}]
    frame = wire.error_frame(0, "e", "ZeroDivisionError", 3)
    assert wire.gather(frame, names, lines=5)[1] == ("ZeroDivisionError", 3)
    assert wire.gather(frame, names, lines=2)[1] == ("ZeroDivisionError", 0)
    frame = wire.error_frame(0, "e", "the hidden check says 42", 1)
    assert wire.gather(frame, names, lines=5)[1] == ("Exception", 1)
    with pytest.raises(wire.WireError):
        wire.gather(wire.frame(0, "e", "", b"the hidden check"), names)


def test_a_judge_that_is_killed_is_replaced_and_nobody_notices(one):
    quiz, data = quizlab.mini(), json.dumps(quizlab.notebook(quizlab.RIGHT)).encode()
    first = one.ask("read", quiz, data)
    os.kill(one.pid, signal.SIGKILL)
    assert one.ask("read", quiz, data) == first


def test_a_judge_that_always_dies_or_hangs_is_given_up_and_leaves_no_process(one, monkeypatch):
    monkeypatch.setattr(judging.sys, "executable", "/bin/false")
    with pytest.raises(judging.JudgeLost, match="ended"):
        one.ask("read", quizlab.mini(), b"")
    monkeypatch.undo()
    with judging.Judge() as slow:
        slow.ask("read", quizlab.mini(), b"")
        slow.seconds = 0.3
        os.kill(slow.pid, signal.SIGSTOP)
        pid = slow.pid
        with pytest.raises(judging.JudgeLost, match="time"):
            slow.ask("read", quizlab.mini(), b"")
        assert not psutil.pid_exists(pid)
        slow.seconds = 30
        assert slow.ask("read", quizlab.mini(), b"")["state"]


@pytest.mark.parametrize(
    ("reason", "state", "points"),
    [("ended", "could_not_grade", None), ("time", "could_not_grade", None)],
)
def test_a_lost_judge_costs_one_submission_its_score_and_no_points(
    monkeypatch, reason, state, points
):
    class Lost:
        def ask(self, *args):
            raise judging.JudgeLost(reason)

        def close(self):
            pass

    monkeypatch.setattr(assess, "_judge", Lost)
    quiz = quizlab.mini()
    record, notebook = assess.grade_submission(assess.Job("ann", quiz, b"{}", {}, ""))
    assert record["state"] == state and json.loads(notebook)
    assert {q["score"] for q in record["questions"]} == {points}


def test_a_dense_notebook_is_refused_within_the_judges_memory(one):
    started = time.monotonic()
    data = b'{"cells": [' + b"[]," * 10_000_000 + b"1]}"
    quiz = quizlab.mini()
    try:
        found = one.ask("read", quiz, data)
    except judging.JudgeLost as lost:
        assert lost.reason == "memory"
    else:
        assert found["state"] in ("invalid", "could_not_grade")
    assert time.monotonic() - started < judging.SECONDS
    notebook = quizlab.notebook(quizlab.RIGHT)
    notebook["cells"].append({"outputs": ["x" * (25 << 20)]})  # large, and yet a notebook
    assert "texts" in one.ask("read", quiz, json.dumps(notebook).encode())


def sent(answer: bytes = b"", harness: bytes = b"", state="done", harness_state="done"):
    def run(request, limits):
        if request["role"] == "answer":
            return Outcome(state, answer)
        return Outcome(harness_state, harness)

    return run


@pytest.mark.parametrize(
    ("run", "state", "points"),
    [
        (sent(state="lost"), "could_not_grade", None),
        (sent(state="timeout"), "timeout", 0),
        (sent(state="out_of_memory"), "out_of_memory", 0),
        (sent(state="crashed"), "crashed", 0),
        (sent(state="flooded"), "crashed", 0),
        (sent(b"x", harness_state="timeout"), "could_not_grade", None),
        (sent(b"x", b"x", "done", "crashed"), "could_not_grade", None),
        (sent(b"x", wire.error_frame(0, "E", "ValueError", 0)), "could_not_grade", None),
    ],
)
def test_every_way_a_run_can_end_has_its_state_and_only_faults_of_others_have_no_score(
    run, state, points
):
    question = quizlab.mini().question("mini-scale")
    result = score.score_code(question, "x = 1", 1, run, judge.compare)
    assert (result.state, result.score) == (state, points) and result.reason
