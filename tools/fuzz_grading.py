"""Send the grader replies and notebooks that are damaged or forged; every one must end in a state.

    python tools/fuzz_grading.py [--replies 100000] [--notebooks 2000] [--seed 0] [--sandbox]

Replies are what an answer's process could send: rows of frames of real tasks, with bytes, sizes,
shapes, names and trees changed. Notebooks are hand-ins of the sample bank with bytes, cells and
trees changed. With --sandbox the notebooks' code runs, too. Prints how often each state was the
end, and the most memory that this process and any judge held.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import struct
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from course_lib.grading import assess, build
from course_lib.grading.inside import wire
from course_lib.grading.outcome import Limits, Outcome
from course_lib.questions.format import load_bank
from course_lib.questions.question import Question
from course_lib.questions.scoring import load_check

BANK = Path(__file__).resolve().parents[1] / "quizzes" / "bank"
TASKS = ("l01-code-cka", "l03-code-decay", "l03-code-schedule", "l07-code-zero-shot")
REBUILT = "l02-code-freeze"  # its parts come from the harness, which has read a description
GRADED = ("right", "partial", "wrong", "error", "not attempted")
STATES = {*GRADED, *assess.STATES}
HUGE = (-1, 0, 1, 255, 256, 65535, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 62, (1 << 64) - 1)
ODD = (
    None,
    True,
    -1,
    0,
    1e308,
    float("nan"),
    10**400,
    "",
    "x" * 5000,
    "\ud800",
    "\u0000",
    [],
    {},
    [[]] * 50,
    {"__array__": ["float64", [1 << 40, 1 << 40, 0]]},
    {"__array__": ["float64", [3, 0]]},
    {"__array__": ["object", [1]]},
    {"__array__": [["float64"], [2]]},
    {"__array__": ["float64", [1 << 62]]},
    {"__array__": ["uint8", [True]]},
    {"__array__": None},
)


# --- replies -------------------------------------------------------------------------------------


def sample(question: Question) -> tuple[bytes, bytes]:
    """A harness' message and the message of an answer that is right."""
    check, cases = load_check(question), None
    cases = check.inputs(np.random.default_rng(0))
    wanted, given = [], []
    if question.id == REBUILT:
        values = {p.id: [np.ones((4, 4), "float32"), np.zeros(4)] for p in question.parts}
        described = {"learns": {"fc.weight": True}, "hooks": [0, 0]}
        for number in range(len(cases)):
            data = [(name, wire.encode(value)) for name, value in values.items()]
            wanted += [wire.frame(number, "P", *item) for item in data]
            wanted += [wire.frame(number, "p", *item) for item in data]
            given += [wire.frame(number, "p", n, wire.encode(v)) for n, v in described.items()]
        return b"".join(wanted), b"".join(given)
    space: dict = {}
    exec(question.reference, space)
    answer = type("answer", (), {k: staticmethod(v) for k, v in space.items() if callable(v)})
    for number, case in enumerate(cases):
        for name, value in check.run(answer, case):
            wanted.append(wire.frame(number, "P", name, wire.encode(value)))
            given.append(wire.frame(number, "p", name, wire.encode(value)))
    return b"".join(wanted), b"".join(given)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The message with some bytes changed, cut, doubled or put in."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        place = rng.randrange(len(result) + 1)
        kind = rng.randrange(6)
        if kind == 0 and place < len(result):
            result[place] = rng.randrange(256)
        elif kind == 1:
            del result[place : place + rng.choice((1, 4, 8, 100))]
        elif kind == 2:
            result[place:place] = rng.randbytes(rng.choice((1, 8, 64)))
        elif kind == 3:
            result[place:place] = result[place : place + rng.choice((8, 64, 1000))]
        elif kind == 4:
            form, value = rng.choice(("<H", "<I", "<Q")), rng.choice(HUGE)
            size = struct.calcsize(form)
            value %= 1 << 8 * size
            result[place : place + size] = struct.pack(form, value)
        else:
            del result[place:]
    return bytes(result)


def forged(data: bytes, rng: random.Random) -> bytes:
    """The message with well-made frames that hold other things."""
    frames = [(c, k, n, bytes(v)) for c, k, n, v in wire.frames(data)]
    for _ in range(rng.choice((1, 2, 5))):
        index = rng.randrange(len(frames))
        case, kind, name, value = frames[index]
        what = rng.randrange(7)
        if what == 0:
            case = rng.choice((0, 1, 2, 3, 1000, wire.WHOLE))
        elif what == 1:
            kind = rng.choice("peEPxé"[:5])
        elif what == 2:
            name = rng.choice(("", "a", "x" * 255, "points", name))
        elif what == 3:
            value = struct.pack("<HI", rng.randrange(1 << 16), rng.randrange(1 << 32))
        elif what == 4:
            frames += [frames[index]] * (12_000 if rng.random() < 0.1 and len(value) < 99 else 2)
        else:
            value = _tree(value, rng)
        frames[index] = case, kind, name, value
    return b"".join(wire.frame(*frame) for frame in frames)


def _tree(value: bytes, rng: random.Random) -> bytes:
    """A part whose JSON was changed, its arrays' bytes kept or not."""
    (size,) = struct.unpack_from("<Q", value.ljust(8, b"{"))
    size = min(size, len(value))
    try:
        tree = json.loads(value[8 : 8 + size])
    except (ValueError, RecursionError):
        return value[::-1]
    text = _dumped(changed(tree, rng)) if rng.random() < 0.9 else b"[" * rng.choice((20, 100_000))
    blob = value[8 + size :] if rng.random() < 0.7 else rng.randbytes(rng.randrange(200))
    return struct.pack("<Q", len(text)) + text + blob


def changed(tree: object, rng: random.Random) -> object:
    """The tree with something in it replaced."""
    if isinstance(tree, (dict, list)) and tree and rng.random() < 0.75:
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        key = rng.choice(keys)
        copy = dict(tree) if isinstance(tree, dict) else list(tree)
        copy[key] = changed(copy[key], rng)
        if rng.random() < 0.1:
            del copy[key]
        return copy
    if isinstance(tree, str) and rng.random() < 0.5:
        place = rng.randrange(len(tree) + 1)
        return (
            tree[:place] + rng.choice(("\x00", "é", "\U0001f600", "(" * 300, "\n")) + tree[place:]
        )
    if type(tree) is int and rng.random() < 0.7:
        return rng.choice(HUGE)
    return rng.choice(ODD)


def _dumped(tree: object) -> bytes:
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def replies(count: int, seed: int = 0) -> Counter:
    """Score so many damaged replies; count the states."""
    rng, states = random.Random(seed), Counter()
    questions = {q.id: q for quiz in load_bank(BANK).values() for q in quiz.questions}
    samples = {key: sample(questions[key]) for key in (*TASKS, REBUILT)}
    try:
        for number in range(count):
            key = rng.choice(list(samples))
            wanted, given = samples[key]
            change = rng.choice((damaged, forged))
            if key == REBUILT and rng.random() < 0.7:
                own = [f for f in wire.frames(wanted) if f[1] == "P"]
                rest = b"".join(wire.frame(c, "p", n, bytes(v)) for c, _, n, v in own)
                wanted = b"".join(wire.frame(c, k, n, bytes(v)) for c, k, n, v in own)
                wanted = (wanted + change(rest, rng))[: Limits().output_mb << 20]
            else:
                given = change(given, rng)
            most = Limits().output_mb << 20
            state = "flooded" if len(given) > most else "done"
            sent = {"answer": Outcome(state, given[:most]), "harness": Outcome("done", wanted)}

            def run(request: dict, limits: Limits, sent: dict = sent) -> Outcome:
                return sent[request["role"]]

            result = assess.scored_code(questions[key], "x = 1", number, run)
            if result.state not in STATES or (result.score is None) != (
                result.state in ("waiting", "could_not_grade")
            ):
                raise SystemExit(f"Reply {number} of seed {seed} ended in {result}.")
            states[result.state] += 1
    finally:
        assess.close()
    return states


# --- notebooks -----------------------------------------------------------------------------------


def mutated(notebook: dict, rng: random.Random) -> bytes:
    """A hand-in with something changed."""
    kind, tree = rng.randrange(8), json.loads(json.dumps(notebook))
    if kind == 0:
        return damaged(_dumped(tree), rng)
    if kind == 1:
        cells = tree["cells"]
        for _ in range(rng.choice((1, 3, 20))):
            cells.insert(rng.randrange(len(cells) + 1), json.loads(json.dumps(rng.choice(cells))))
        rng.shuffle(cells)
    elif kind == 2:
        tree["cells"] = rng.sample(tree["cells"], rng.randrange(len(tree["cells"])))
    elif kind == 3:
        big = rng.choice((b"[],", b'{"a":1},', b"1,", b'"\\ud83d",', b'"' + b"x" * 900 + b'",'))
        data = big * (rng.choice((1 << 16, 1 << 16, 1 << 20, 1 << 22, 24 << 20)) // len(big))
        place = rng.choice((b'"outputs": [', b'"cells": ['))
        return _dumped(tree).replace(place, place + data, 1)
    elif kind == 4:
        cell = rng.choice(tree["cells"])
        cell["source"] = rng.choice(
            ("answer = " + "-" * 9000 + "1", "answer = " + "[" * 3000, "(" * 100_000, "\r" * 999)
        )
    elif kind == 5:
        text = json.dumps(tree, ensure_ascii=False)
        return text.encode(rng.choice(("utf-16", "utf-8-sig", "utf-32", "cp1252")), "replace")
    else:
        for _ in range(rng.choice((1, 3, 10))):
            tree = changed(tree, rng)
    return _dumped(tree)


def notebooks(count: int, seed: int = 0, sandbox: str = "") -> Counter:
    """Grade so many changed notebooks; count the states."""
    rng, states = random.Random(seed), Counter()
    quizzes = list(load_bank(BANK).values())
    if not sandbox:
        quizzes = [
            replace(quiz, questions=tuple(q for q in quiz.questions if q.kind != "code"))
            for quiz in quizzes
        ]
    sources = {
        quiz.id: build.notebook(quiz, {q.id: build.solution(q) for q in quiz.questions})
        for quiz in quizzes
    }
    try:
        for number in range(count):
            quiz = rng.choice(quizzes)
            data = mutated(sources[quiz.id], rng)
            seeds = dict.fromkeys((q.id for q in quiz.questions), number)
            record, notebook = assess.grade_submission(
                assess.Job("fuzz", quiz, data, seeds, sandbox)
            )
            json.dumps(record)
            if record["state"] not in assess.STATES or not isinstance(notebook, bytes):
                raise SystemExit(f"Notebook {number} of seed {seed} ended in {record['state']}.")
            states[record["state"]] += 1
    finally:
        assess.close()
    return states


def memory_mb() -> tuple[float, float]:
    """The most that this process, and any of its children that ended, have held. Linux only."""
    status = Path("/proc/self/status").read_text()  # getrusage would count who started us, too
    own = int(re.search(r"VmHWM:\s+(\d+)", status)[1])
    return own / 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replies", type=int, default=100_000)
    parser.add_argument("--notebooks", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sandbox", action="store_true", help="run the notebooks' code, too")
    options = parser.parse_args()
    kind = "bubblewrap" if options.sandbox else ""
    for label, count, work in (
        ("replies", options.replies, lambda: replies(options.replies, options.seed)),
        ("notebooks", options.notebooks, lambda: notebooks(options.notebooks, options.seed, kind)),
    ):
        started = time.monotonic()
        states = work()
        own, judge = memory_mb()
        children = "sandbox or judge" if options.sandbox else "judge"
        print(
            f"{count} {label}, {time.monotonic() - started:.0f} s: "
            + ", ".join(f"{n} {state}" for state, n in states.most_common())
            + f"; grader at most {own:.0f} MB, {children} at most {judge:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
