"""Hostile code answers: each gets the score it deserves and nothing else in the world changes."""

import hashlib
import os
import socket
import sqlite3
from pathlib import Path

import payloads
import psutil
import pytest
import quizlab

from course_lib.grading import grade, sandbox

REPOSITORY = Path(sandbox.__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def known_status(monkeypatch, bubblewrap):
    """Trying the sandbox anew for each of a hundred cases would only cost time."""
    monkeypatch.setattr(grade, "status", lambda: sandbox.Status("bubblewrap", True, "works"))


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def digest(folder):
    """Content of every file of a folder that the hostile student has no right to change."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        name = str(path.relative_to(folder))
        others = ("attacker", "gradebook.db", "log.jsonl")  # a log tells of every hand-in
        if path.is_file() and not any(part in name for part in others):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def grades(course, without="attacker"):
    with sqlite3.connect(course / "gradebook.db") as db:
        rows = db.execute("""
            select s.student_id, c.name, g.auto_score, g.manual_score, g.needs_manual_grade
            from grade g join submitted_notebook n on g.notebook_id = n.id
            join submitted_assignment s on n.assignment_id = s.id
            join base_cell c on g.cell_id = c.id""").fetchall()
    return {row for row in rows if row[0] != without}


def living():
    """Processes that this test process has started, the ones that only wait included."""
    return {
        p.pid
        for p in psutil.Process(os.getpid()).children(recursive=True)
        if p.status() != psutil.STATUS_ZOMBIE
    }


@pytest.mark.parametrize("name", payloads.CODE)
def test_a_hostile_answer_gets_what_it_deserves_and_harms_nothing(course, listener, name):
    code, deserved = payloads.CODE[name]
    witness = quizlab.submit(course, "witness")
    assert quizlab.graded(course)["witness"]["score"] == quizlab.RIGHT_SCORE
    for word, value in (
        ("COURSE", course),
        ("BANK", quizlab.BANK),
        ("REPOSITORY", REPOSITORY),
        ("WITNESS", witness),
        ("PORT", listener.getsockname()[1]),
    ):
        code = code.replace(word, str(value))
    quizlab.submit(course, "attacker", {"mini-scale": code, "mini-choice": 'answer = "b"'})
    before = digest(course), digest(quizlab.BANK), grades(course), living()
    record = quizlab.graded(course)["attacker"]
    after = digest(course), digest(quizlab.BANK), grades(course), living()
    result = next(q for q in record["questions"] if q["id"] == "mini-scale")
    assert result["score"] == deserved, result
    assert record["score"] == deserved + 1  # the other answer keeps its point
    assert record["state"] in grade.STATES and record["message"] and result["reason"]
    assert record["state"] == payloads.STATE_OF.get(name, record["state"])
    assert after == before
    assert not (REPOSITORY / "pwned").exists() and not Path("/usr/pwned").exists()
    with pytest.raises(BlockingIOError):
        listener.accept()


TORCH = {
    "patched torch comparisons": "import torch\n"
    "torch.equal = torch.allclose = lambda *a, **k: True\n"
    "torch.Tensor.__eq__ = lambda s, o: True\ndef freeze(module): pass\n",
    "a forged flag": "def freeze(module):\n    module.frozen = module.requires_grad = True\n",
    "an optimiser that does nothing": "import torch\ntorch.optim.SGD.step = lambda *a, **k: None\n"
    "def freeze(module): pass\n",
    "a pickle with a payload": "import torch, io\n"
    "class B:\n    def __reduce__(s): return eval, ('1',)\n"
    "f = io.BytesIO()\ntorch.save(B(), f)\nf.seek(0)\n"
    "torch.load(f, weights_only=False)\ndef freeze(module): pass\n",
    "swapped tensor methods": "import torch\n"
    "torch.Tensor.numpy = lambda s: __import__('numpy').zeros("
    "(4, 3), 'float32')\ndef freeze(module):\n"
    "    [p.requires_grad_(False) for p in module.parameters()]\n",
}


@pytest.mark.parametrize("name", TORCH)
def test_hostile_torch_answers_get_nothing(course, name):
    quizlab.submit(course, "attacker", {"mini-freeze": TORCH[name]}, "mini-torch")
    quizlab.submit(
        course, "honest", {"mini-freeze": "def freeze(m): m.requires_grad_(False)"}, "mini-torch"
    )
    records = quizlab.graded(course)
    assert records["attacker"]["score"] == 0, records["attacker"]
    assert records["honest"]["score"] == 2
