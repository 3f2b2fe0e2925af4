"""What an answer's process may send instead of results: it costs that answer and nobody else."""

import pytest
import quizlab

from course_lib.grading import grade, sandbox

SEND = """
import os, struct, json
def part(tree, blob=b"", case=0, kind=b"p", name=b"scale"):
    text = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    value = struct.pack("<Q", len(text)) + text + blob
    return struct.pack("<HcBI", case, kind, len(name), len(value)) + name + value
def send(*parts):
    data = memoryview(b"".join(parts))
    while data:
        data = data[os.write(4, data):]
    os._exit(0)
def array(*shape, dtype="float64"):
    return {"__array__": [dtype, list(shape)]}
"""
REPLIES = {
    "a shape of 2^40 by 2^40 by 0": "send(part(array(1 << 40, 1 << 40, 0)))",
    "three million rows of nothing": "send(part(array(3_000_000, 0)))",
    "many empty rows": "send(*[part(array(60_000, 0), case=c) for c in range(3)] * 3000)",
    "a deep list": "send(part(b'[' * 100_000))",
    "a wide list": "send(part([0] * 1_000_000))",
    "dense text": "send(part(b'[' + b'[],' * 2_000_000 + b'[]]'))",
    "a large number": "send(part(b'9' * 100_000))",
    "not a number": "send(part(b'NaN'), part(b'-Infinity', name=b'total'))",
    "a huge integer": "send(part(b'1' + b'0' * 4000))",
    "a million frames": "send(part(0) * 300_000)",
    "a part of no question": "send(part(4, name=b'points'), part(4, name=b'score'))",
    "the reference's own frames": "send(part(0, kind=b'P'), part(0, kind=b'E'))",
    "a size that lies": "send(struct.pack('<HcBI', 0, b'p', 0, 0xFFFFFFFF))",
    "a name that is cut": "send(struct.pack('<HcBI', 0, b'p', 255, 0) + b'x')",
    "an error with a text": "send(part('the hidden check', kind=b'e'))",
    "objects": "send(part(array(3, dtype='object'), bytes(24)))",
    "complex numbers": "send(part(array(3, dtype='complex128'), bytes(48)))",
    "text of other alphabets": "send(part('\\U0001f600' * 100_000))",
    "random bytes": "send(os.urandom(1 << 20))",
}


@pytest.fixture(autouse=True)
def known_status(monkeypatch, bubblewrap):
    monkeypatch.setattr(grade, "status", lambda: sandbox.Status("bubblewrap", True, "works"))


def test_forged_replies_end_in_a_state_without_points_and_the_run_goes_on(course):
    for number, reply in enumerate(REPLIES.values()):
        code = f"{SEND}\ndef scale(x, factor): {reply}\n"
        quizlab.submit(course, f"s{number:02}", {"mini-scale": code, "mini-choice": "answer = 'b'"})
    quizlab.submit(course, "zoe")
    records = quizlab.graded(course)
    for number, name in enumerate(REPLIES):
        result = records[f"s{number:02}"]["questions"][3]
        assert result["score"] == 0, (name, result)
        assert result["state"] in ("crashed", "wrong", "error"), (name, result)
        assert "hidden" not in result["reason"]
        assert records[f"s{number:02}"]["score"] == 1
    assert records["zoe"]["score"] == quizlab.RIGHT_SCORE


LIES = {
    "an empty description": "pass",
    "everything frozen": "frames(False, False)",
    "everything learns": "frames(True, True)",
    "names of another network": "frames(True, False, ('stem.0.weight', 'fc.weight'))",
}
LIE = """
import os, sys
def freeze(net):
    wire = sys.modules["wire"]
    def frames(learns, trains, names=None):
        names = names or [n for n, _ in net.named_parameters()]
        modules = [n for n, _ in net.named_modules() if n]
        kinds = {n: type(m).__name__ for n, m in net.named_modules() if n}
        for case in range(2):
            for name, value in (("learns", {n: learns for n in names}),
                                ("trains", {n: trains for n in modules}),
                                ("hooks", [0] * len(names)), ("state", dict(net.state_dict())),
                                ("kinds", kinds)):
                os.write(4, wire.frame(case, "p", name, wire.encode(value)))
        os._exit(0)
    LIE
"""


@pytest.mark.parametrize("name", LIES)
def test_a_description_that_lies_earns_nothing(name, bubblewrap):
    from pathlib import Path

    from course_lib.grading import judge, score
    from course_lib.questions.format import load_bank

    bank = load_bank(Path(sandbox.__file__).parents[2] / "quizzes" / "bank")
    question = bank["lesson02"].question("l02-code-freeze")
    with sandbox.Sandbox(("numpy", "torch")) as box:
        code = LIE.replace("LIE", LIES[name])
        result = score.score_code(question, code, 5, box.run, judge.compare)
    assert result.score == 0, result
