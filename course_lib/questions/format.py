"""Questions as data: read a YAML quiz, check it, and say file, line and field when it is wrong.

A quiz file holds one quiz. Practice questions (``course_lib/questions/bank``) and graded questions
(``quizzes/bank``) share this format; only what is done with the answers differs.

A coding question names its check, ``checks/NAME.py`` beside the quiz file. It has

- ``inputs(rng)``: a list of cases, dictionaries of plain values, drawn with a numpy Generator;
- ``run(answer, case)``: a generator of ``(part, value)``; ``answer`` holds what was defined, the
  values are compared with the reference's, those of a part that the question lists under ``parts``;
- optionally ``test(case, given)``, for an answer about a live object: then ``run`` only describes
  the object as plain values of fixed shape, and ``test``, in a process that never ran the answer,
  rebuilds it from what was described (a dictionary, which may lack names and may lie), tries it on
  inputs that stand in the case under ``test``, unseen by the answer, and yields the parts;
- optionally ``RTOL`` and ``ATOL``, the tolerances of numbers;
- optionally ``explain(case, want, have)``, for practice only: from a case and the values by part of
  the reference and of the answer a sentence that says what is wrong, or None. It is asked for the
  cases that differ and in which nothing was raised; grading never tells so much.

A starter leaves ``...`` or ``raise NotImplementedError`` where code is to be written: an answer
that still does one of them counts as not attempted.

A quiz may differ between students. ``shuffle: true``, of a question or of the quiz, gives each the
choices in another order. ``variants`` are fields that replace the question's own, and ``values``
that fill in ``<<names>>`` in its texts; each student gets one of them. ``kind: pool`` holds
``questions`` of one kind and worth, of which ``draw`` are asked of each student.

A wrong choice may name its ``misconception``, what somebody believes who chooses it: ``course quiz
report`` counts these; without one it takes the choice's ``why``. Students see only ``why``.

A picture, ``![what it shows](file.png)`` in a prompt, is a file beside the quiz.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import fastjsonschema
import yaml

from course_lib.errors import CourseError
from course_lib.questions.question import Choice, Criterion, Part, Partial, Question, Quiz, Wrong
from course_lib.questions.schema import KINDS, validator

PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
PICTURE_LIMIT = 500_000  # bytes: it travels in every notebook
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")  # an SVG can hold a script


class QuestionError(CourseError):
    """A quiz file that cannot be used. The message starts with ``file:line: field:``."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 3.0e8 for a text; here it is the number that everybody means."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def load_quiz(path: str | Path) -> Quiz:
    """Read and check one quiz file.

    Raises QuestionError naming file, line and field for anything that does not fit.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise QuestionError(f"{path}:1: file: there is no such quiz file.") from None
    except UnicodeDecodeError as error:
        raise QuestionError(f"{path}:1: file: not UTF-8 text ({error.reason}).") from None
    try:
        node = yaml.compose(text, _Loader)
        data = yaml.load(text, _Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise QuestionError(f"{path}:{line}: YAML: {problem}.") from None
    fail = _Failer(path, node)
    fail.on_duplicate_keys(node)
    fail.on_schema(validator("quiz"), data, ())
    reader = _Reader(data, path, fail)
    questions = [
        question
        for index, raw in enumerate(data["questions"])
        for question in reader.entry(raw, ("questions", index))
    ]
    return Quiz(
        data["quiz"],
        data["title"],
        data["lesson"],
        tuple(questions),
        data.get("intro", ""),
        str(path),
    )


def load_bank(folder: str | Path) -> dict[str, Quiz]:
    """All quizzes of a folder by id, in order of file name. Ids must differ across files."""
    folder = Path(folder)
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise QuestionError(
            f"{folder}:1: folder: no .yaml quiz file in it. Give the folder of the "
            "question bank with --bank."
        )
    quizzes: dict[str, Quiz] = {}
    owners: dict[str, str] = {}
    for file in files:
        quiz = load_quiz(file)
        if quiz.id in quizzes:
            raise QuestionError(
                f"{file}:1: quiz: {quiz.id!r} is also the id of {quizzes[quiz.id].path}."
            )
        for question in {q.id: q for q in (*quiz.questions, *quiz.every)}.values():
            if question.id in owners:
                raise QuestionError(
                    f"{file}:1: id: {question.id!r} is also used in {owners[question.id]}."
                )
            owners[question.id] = str(file)
        quizzes[quiz.id] = quiz
    return quizzes


class _Reader:
    """Turns the entries of one file into questions."""

    def __init__(self, data: dict, path: Path, fail: _Failer):
        self.lesson, self.shuffle = data["lesson"], data.get("shuffle", False)
        self.path, self.fail = path, fail
        self.seen: set[str] = set()

    def entry(self, raw: dict, where: tuple) -> list[Question]:
        """The questions of an entry: one, or as many as are drawn from a pool."""
        if raw.get("kind") != "pool":
            return [self.question(raw, where)]
        fail = self.fail
        fail.on_schema(validator("pool"), raw, where)
        self._new(raw["id"], where)
        members = [
            self.question(item, where + ("questions", index))
            for index, item in enumerate(raw["questions"])
        ]
        if raw["draw"] > len(members):
            fail(where + ("draw",), f"{raw['draw']} are drawn from {len(members)} questions.")
        if len({(q.kind, q.points) for q in members}) > 1:
            fail(where + ("questions",), "all must be of one kind and have the same points.")
        slots = []
        for place in range(raw["draw"]):
            name = f"{raw['id']}-{place + 1}"
            self._new(name, where)
            changes = {"alternatives": tuple(members), "pool": raw["id"], "place": place}
            slots.append(replace(members[place], id=name, **changes))
        return slots

    def question(self, raw: dict, where: tuple) -> Question:
        """One question, with its variants."""
        fail, kind = self.fail, raw.get("kind")
        if kind not in KINDS:
            fail(
                where + (("kind",) if "kind" in raw else ()),
                f"kind is {kind!r}; it must be one of {', '.join(KINDS)}.",
            )
        if "variants" not in raw:
            fail.on_schema(validator(kind), raw, where)
            self._new(raw["id"], where)
            return self._built(raw, where)
        fail.on_schema(validator("variants"), raw["variants"], where + ("variants",))
        found = []
        for index, variant in enumerate(raw["variants"]):
            at = where + ("variants", index)
            merged = {k: v for k, v in (raw | variant).items() if k not in ("variants", "values")}
            merged = _filled(merged, variant.get("values", {}), fail, at)
            fail.on_schema(validator(kind), merged, at)
            built = self._built(merged, at)
            found.append(replace(built, id=f"{raw['id']}/{index + 1}"))
        self._new(raw["id"], where)
        return replace(found[0], id=raw["id"], alternatives=tuple(found))

    def _new(self, name: str, where: tuple) -> None:
        if name in self.seen:
            self.fail(where + ("id",), f"{name!r} is used twice; ids must differ.")
        self.seen.add(name)

    def _built(self, raw: dict, where: tuple) -> Question:
        path, fail = self.path, self.fail
        kind, points = raw["kind"], float(raw["points"])
        values = {k: v for k, v in raw.items() if k not in ("kind", "points", "check")}
        values["lesson"] = raw.get("lesson", self.lesson)
        values["choices"] = tuple(Choice(**c) for c in raw.get("choices", ()))
        values["wrong"] = tuple(Wrong(**w) for w in raw["wrong"])
        values["parts"] = tuple(Part(**p) for p in raw.get("parts", ()))
        values["partial"] = tuple(Partial(**p) for p in raw.get("partial", ()))
        values["rubric"] = tuple(Criterion(**c) for c in raw.get("rubric", ()))
        for name in ("hints", "covers", "claims"):
            values[name] = tuple(raw.get(name, ()))
        values["imports"] = tuple(raw.get("imports", ("numpy",)))
        if kind in ("choice", "multiple"):
            values["shuffle"] = raw.get("shuffle", self.shuffle)
        values["pictures"] = _pictures(raw["prompt"], path.parent, fail, where + ("prompt",))
        if kind == "code":
            check = path.parent / "checks" / f"{raw['check']}.py"
            if not check.is_file():
                missing = f"there is no file checks/{raw['check']}.py beside the quiz."
                fail(where + ("check",), missing)
            values["check"] = check.read_text(encoding="utf-8")
            for name in ("starter", "reference", "examples"):
                _compiles(raw[name], fail, where + (name,))
            for index, wrong in enumerate(raw["wrong"]):
                _compiles(wrong["answer"], fail, where + ("wrong", index, "answer"))
        question = Question(kind=kind, points=points, **values)
        _check_meaning(question, fail, where)
        return question


def _filled(value: Any, values: dict, fail: _Failer, where: tuple) -> Any:
    """A copy of plain data with ``<<names>>`` in its texts filled in."""
    if isinstance(value, dict):
        return {k: _filled(v, values, fail, where) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, values, fail, where) for v in value]
    if not isinstance(value, str):
        return value

    def put(found: re.Match) -> str:
        if found[1] not in values:
            fail(where + ("values",), f"<<{found[1]}>> has no value in this variant.")
        given = values[found[1]]
        return given if isinstance(given, str) else f"{given:.12g}"

    return re.sub(r"<<(\w+)>>", put, value)


def _pictures(text: str, folder: Path, fail: _Failer, where: tuple) -> tuple:
    """Names and bytes of the pictures that a prompt shows from beside the quiz."""
    found = {}
    for shows, name in PICTURE.findall(text):
        if re.match(r"[a-z]+:", name):
            fail(where, f"the picture {name} is not beside the quiz; put the file there.")
        if not shows.strip():
            fail(where, f"the picture {name} has no text that says what it shows: ![...]({name}).")
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            fail(where, f"there is no picture {name} beside the quiz.")
        if path.suffix.lower() not in PICTURES:
            fail(where, f"the picture {name} must be one of {', '.join(PICTURES)}.")
        if path.stat().st_size > PICTURE_LIMIT:
            fail(where, f"the picture {name} is larger than {PICTURE_LIMIT // 1000} kB.")
        found[name] = path.read_bytes()
    return tuple(found.items())


def _compiles(source: str, fail: _Failer, where: tuple) -> None:
    try:
        compile(source, "<quiz>", "exec")
    except SyntaxError as error:
        fail(where, f"is not Python: {error.msg} in its line {error.lineno}.")


def _check_meaning(q: Question, fail: _Failer, where: tuple) -> None:
    right = len(q.key)
    if q.kind == "choice" and right != 1:
        fail(where + ("choices",), f"{right} choices are marked correct; it must be exactly one.")
    if q.kind == "multiple" and not 1 <= right < len(q.choices):
        fail(
            where + ("choices",),
            f"{right} of {len(q.choices)} choices are marked correct; at "
            "least one must be right and one wrong.",
        )
    for index, choice in enumerate(q.choices):
        if choice.correct and choice.misconception:
            at = where + ("choices", index, "misconception")
            fail(at, "a right choice stands for no misconception.")
    for name, items in (("parts", q.parts), ("rubric", q.rubric)):
        total = sum(item.points for item in items)
        if items and not math.isclose(total, q.points):
            fail(where + (name,), f"its points sum to {total:g}, the question has {q.points:g}.")
    if len({p.id for p in q.parts}) != len(q.parts):
        fail(where + ("parts",), "two parts have the same id.")
    for index, item in enumerate(q.partial):
        if item.score >= q.points:
            fail(where + ("partial", index, "score"), f"{item.score:g} is not below the points.")
    if q.kind == "numeric" and not (q.tolerance or q.relative) and q.answer != round(q.answer):
        fail(where, "a number that is not whole needs a tolerance, or relative: a share of it.")
    letters = ascii_lowercase[: len(q.choices)]
    for index, wrong in enumerate(q.wrong):
        at = where + ("wrong", index)
        if wrong.score >= q.points:
            fail(
                at + ("score",),
                f"{wrong.score:g} is not below the question's {q.points:g} points"
                "; a wrong answer cannot earn them all.",
            )
        if q.kind in ("choice", "multiple"):
            given = set(wrong.answer)
            if given - set(letters):
                fail(at + ("answer",), f"{wrong.answer!r}: choices are {', '.join(letters)}.")
            if given == set(q.key):
                fail(at + ("answer",), "this is the right answer.")


class _Failer:
    """Raises QuestionError for a field, with the line at which that field stands."""

    def __init__(self, path: Path, node: yaml.Node | None):
        self.path, self.node = path, node

    def __call__(self, where: tuple, message: str) -> None:
        name = ""
        for step in where:
            name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else str(step)
        raise QuestionError(f"{self.path}:{self.line(where)}: {name or 'file'}: {message}")

    def line(self, where: tuple) -> int:
        node, line = self.node, 1
        if node is not None:
            line = node.start_mark.line + 1
        for step in where:
            found = None
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    if key.value == step:
                        found, line = value, key.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                if step < len(node.value):
                    found = node.value[step]
                    line = found.start_mark.line + 1
            if found is None:
                break
            node = found
        return line

    def on_schema(self, validate: Callable, data: Any, where: tuple) -> None:
        try:
            validate(data)
        except fastjsonschema.JsonSchemaValueException as error:
            at = where + tuple(int(p) if p.isdigit() else p for p in error.path[1:])
            holder = error.value if isinstance(error.value, dict) else {}
            if error.rule in ("additionalProperties", "required"):
                # An unknown field first: it often explains the missing one that was meant.
                allowed = error.definition["properties"]
                unknown = [name for name in holder if name not in allowed]
                if unknown:
                    self(
                        at + (unknown[0],),
                        "unknown field; allowed are " + ", ".join(sorted(allowed)) + ".",
                    )
                missing = [name for name in error.definition["required"] if name not in holder]
                self(at + (missing[0],), "this field is missing.")
            self(at, error.message.removeprefix(error.name).strip() + f"; it is {error.value!r}.")

    def on_duplicate_keys(self, node: yaml.Node | None, where: tuple = ()) -> None:
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.value in seen:
                    raise QuestionError(
                        f"{self.path}:{key.start_mark.line + 1}: {key.value}: "
                        "this field stands twice."
                    )
                seen.add(key.value)
                self.on_duplicate_keys(value, where + (key.value,))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.on_duplicate_keys(value, where + (index,))
