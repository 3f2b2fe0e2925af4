"""The judge: all that is done with bytes of a student, in a small process of its own.

It reads notebooks, scores plain values, compares what came back from the sandbox and renders
written answers. It runs no answer. ``python -m course_lib.grading.judge`` serves
``judging.Judge`` over standard input and output; memory is limited here, time by who asks, and a
judge that ends is replaced.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
from dataclasses import asdict

from course_lib.grading import build, submission
from course_lib.grading.inside import wire
from course_lib.questions import scoring
from course_lib.questions.magics import without_magics
from course_lib.questions.question import Question, Quiz

MEMORY_MB = 224  # beyond what the program itself needs


def read(quiz: Quiz, data: bytes) -> dict:
    """Read a notebook and score what is a plain value.

    Returns ``texts`` (answer by question), ``blank`` and ``missing`` (ids), ``code`` (what is
    run, by question) and ``results`` (of choices and numbers, as dictionaries); or the ``state``
    and ``message`` of a notebook that is not read.
    """
    starters = {q.id: build.starter(q) for q in quiz.questions}
    try:
        found = submission.answers(data, starters)
        submission.require_copy(data, quiz.copy)
    except submission.Invalid as error:
        return {"state": error.state, "message": str(error)}
    texts = {key: text for key, text in found.items() if text is not None}
    blank = [key for key, text in texts.items() if submission.is_blank(text, starters[key])]
    results = {
        q.id: asdict(scoring.score_literal(q, texts[q.id]))
        for q in quiz.questions
        if q.kind not in ("code", "written") and q.id in texts and q.id not in blank
    }
    code = {
        q.id: without_magics(texts[q.id])
        for q in quiz.questions
        if q.kind == "code" and q.id in texts
    }
    missing = [key for key in found if key not in texts]
    return {"texts": texts, "blank": blank, "missing": missing, "code": code, "results": results}


def compare(question: Question, harness: bytes, answer: bytes, count: int, lines: int) -> dict:
    """Compare what an answer gave in ``count`` cases with what the reference gave.

    Args:
        harness: what the harness sent: the reference's parts and, if the check has a ``test``, the
            parts of what was rebuilt from the answer.
        answer: what the answer's process sent. It may be forged.
        lines: of the answer; an error's line cannot be larger.

    Returns:
        ``passed`` (ids of parts), ``error`` (kind and line, or None), ``malformed`` (bool), and
        ``fault`` (text): the reference or its check failed, and nothing was judged.
    """
    check = scoring.load_check(question)
    parts = {part.id for part in question.parts}
    wanted: list[dict] = [{} for _ in range(count)]
    found: dict = {"passed": [], "error": None, "malformed": False, "fault": ""}
    try:
        for case, kind, name, value in wire.frames(harness, cut=True):
            # What comes first counts: later the harness has read what an answer described.
            if kind == "P":
                if case < count and name in parts and name not in wanted[case]:
                    wanted[case][name] = wire.decode(value)
            elif kind == "E" and any(parts - given.keys() for given in wanted):
                return found | {"fault": "the reference answer or its check raised an error"}
    except wire.WireError as error:
        return found | {"fault": f"the harness sent what cannot be read: {error}"}
    if any(parts - given.keys() for given in wanted):
        return found | {"fault": "the reference answer gave no result"}
    declared = [{n: wire.declare(v) for n, v in given.items() if n in parts} for given in wanted]
    try:
        if hasattr(check, "test"):
            answered, _ = wire.gather(harness, declared, error="", cut=True)
            _, error = wire.gather(answer, [{}] * count, lines=lines)
        else:
            answered, error = wire.gather(answer, declared, lines=lines)
    except wire.WireError:
        return found | {"malformed": True}
    passed = scoring.passed_parts(question, check, wanted, answered)
    return found | {"passed": [part.id for part in passed], "error": error}


def render(text: str) -> str:
    """A student's Markdown as HTML, see ``rendering``."""
    from course_lib.grading import rendering  # a fifth of a second that grading does not need

    return rendering.markdown(text)


def limit_memory() -> None:
    """Hold this process to MEMORY_MB more than it has now, where the system can."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            present = int(file.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        return
    most = present + (MEMORY_MB << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    functions = {"read": read, "compare": compare, "render": render}
    limit_memory()
    while head := source.read(8):
        name, args, broken = "", (), False
        try:
            request = source.read(struct.unpack("<Q", head)[0])
            name, args = pickle.loads(request)  # the grader's own bytes
            del request
            reply = {"value": functions[name](*args)}
        except MemoryError:
            reply, broken = {"failed": "memory"}, True
        except Exception as error:
            reply, broken = {"failed": type(error).__name__}, True
        del args
        text = json.dumps(reply).encode()
        target.write(struct.pack("<Q", len(text)) + text)
        target.flush()
        if broken:
            return  # whatever this left behind ends here


if __name__ == "__main__":
    sys.exit(main())
