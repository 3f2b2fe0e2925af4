"""The value in an answer cell, read from its text: parsed, never executed.

A choice is a plain value. A number may be arithmetic of literals, which is evaluated here over its
syntax tree by a short list of what is allowed, in floating point, so that no answer can be large.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from course_lib.questions.magics import without_magics

LITERAL_LIMIT = 10_000  # characters of an answer


class NotALiteral(ValueError):
    """An answer cell that does not hold a plain value; the text says what to write."""


class Unclear(NotALiteral):
    """An answer that a person understands and no rule should: a decimal comma, a unit."""


def parse_literal(source: str) -> Any:
    """The value of the last ``answer = ...`` of a cell, without running it.

    A bare value and a bare letter (``answer = b``) are taken as well. None means not attempted.
    """
    try:
        node = _answer_of(_body(source))
    except SyntaxError:
        raise NotALiteral(
            'The cell is not readable Python; write for example answer = "a".'
        ) from None
    if node is None:
        return None
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and len(inner.id) == 1:
            inner.__class__ = ast.Constant
            inner.value, inner.kind = inner.id, None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise NotALiteral(
            "The answer is not a plain value; write the value itself, for example "
            'answer = "a" or answer = 0.5.'
        ) from None


def parse_number(source: str, unit: str = "") -> Any:
    """The number of the last ``answer = ...`` of a cell; None means not attempted.

    Arithmetic of numbers, of names that the cell gave a number before, and of ``round``, ``abs``,
    ``min``, ``max``, ``sqrt``, ``exp``, ``log`` is evaluated. The question's own ``unit`` may stand
    behind the number. Anything else that is a plain value comes back as it is. Raises Unclear for
    a decimal comma or another unit, NotALiteral for the rest.
    """
    try:
        body = _body(source)
    except SyntaxError:
        found = _with_its_unit(_last_line(source), unit)
        if found is not None:
            return found
        _tell_comma_or_unit(_last_line(source))
        raise NotALiteral(
            "The cell is not readable Python; write for example answer = 0.5."
        ) from None
    names: dict[str, float] = {}
    answer = _answer_of(body)
    for statement in body:
        if not isinstance(statement, ast.Assign) or statement.value is answer:
            continue
        for target in statement.targets:
            if isinstance(target, ast.Name):
                try:
                    names[target.id] = _number(statement.value, names)
                except _NoNumber:
                    names.pop(target.id, None)
    if answer is None:
        return None
    if isinstance(answer, ast.Constant) and isinstance(answer.value, str):
        text = answer.value.strip()
        found = _with_its_unit(text, unit)
        if found is not None:
            return found
        _tell_comma_or_unit(text)
        try:
            inner = ast.parse(text, mode="eval").body if text else None
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return text
        answer = answer if inner is None else inner
    if isinstance(answer, ast.Tuple):
        _tell_comma_or_unit(_last_line(source))
    try:
        return _number(answer, names)
    except _NoNumber as error:
        if str(error):
            raise NotALiteral(str(error)) from None
    found = _with_its_unit(_last_line(source), unit)  # such as 3e8 * m / s
    return parse_literal(source) if found is None else found


def _body(source: str) -> list[ast.stmt]:
    """The statements of a cell. Raises SyntaxError when it is no Python, NotALiteral if long."""
    if len(source) > LITERAL_LIMIT:
        raise NotALiteral(f"The answer is longer than {LITERAL_LIMIT} characters; write one value.")
    try:
        return ast.parse(without_magics(source)).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise SyntaxError from None


def _answer_of(body: list[ast.stmt]) -> ast.expr | None:
    node = None
    for statement in body:
        if isinstance(statement, ast.Assign):
            if any(isinstance(t, ast.Name) and t.id == "answer" for t in statement.targets):
                node = statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            if isinstance(statement.target, ast.Name) and statement.target.id == "answer":
                node = statement.value
        elif isinstance(statement, ast.Expr) and node is None and len(body) == 1:
            node = statement.value
    return node


# --- numbers -------------------------------------------------------------------------------------


class _NoNumber(Exception):
    """Not arithmetic of numbers; a text says why where that helps."""


_BINARY: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
}
_FUNCTIONS: dict[str, tuple[Callable, int, int]] = {  # name: function, fewest, most arguments
    "round": (lambda x, digits=0.0: round(x, int(digits)), 1, 2),
    "abs": (abs, 1, 1),
    "float": (float, 1, 1),
    "int": (lambda x: float(int(x)), 1, 1),
    "min": (min, 2, 20),
    "max": (max, 2, 20),
    "sqrt": (math.sqrt, 1, 1),
    "exp": (math.exp, 1, 1),
    "log": (math.log, 1, 2),
    "log2": (math.log2, 1, 1),
    "log10": (math.log10, 1, 1),
}
_MODULES = ("math", "np", "numpy")
_CONSTANTS = {"pi": math.pi, "e": math.e}


def _number(node: ast.expr, names: dict[str, float]) -> float:
    try:
        value = _value(node, names)
    except ZeroDivisionError:
        raise _NoNumber("The answer divides by zero; write a number.") from None
    except OverflowError:
        return math.inf
    except (ValueError, TypeError):
        raise _NoNumber("The arithmetic of the answer has no value; write a number.") from None
    except (RecursionError, MemoryError):
        raise _NoNumber("The answer is too deeply nested; write a number.") from None
    return value


def _value(node: ast.expr, names: dict[str, float]) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        value = _value(node.operand, names)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, names), _value(node.right, names))
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.Attribute) and _of_module(node) and node.attr in _CONSTANTS:
        return _CONSTANTS[node.attr]
    if isinstance(node, ast.Call) and not node.keywords:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if isinstance(node.func, ast.Attribute) and _of_module(node.func):
            name = node.func.attr
        if name in _FUNCTIONS:
            function, fewest, most = _FUNCTIONS[name]
            if fewest <= len(node.args) <= most:
                return function(*(_value(argument, names) for argument in node.args))
    raise _NoNumber


def _of_module(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in _MODULES


def _with_its_unit(text: str, unit: str) -> float | None:
    """The number before the question's own unit; None where there is none."""
    text, unit = (unicodedata.normalize("NFKC", part).strip("\"' ") for part in (text, unit))
    letters = [re.escape(letter) for letter in unit if not letter.isspace()]
    head = re.fullmatch(r"(.*?)\s*\*?\s*" + r"\s*".join(letters), text) if letters else None
    if head is None or not head[1]:
        return None
    try:
        node = ast.parse(head[1], mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    try:
        return _number(node, {})
    except _NoNumber:
        return None


_FIGURE = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?"
_WITH_UNIT = re.compile(rf"({_FIGURE})\s*\*?\s*([^\W\d_]|[%\u00b0\u2030$\u20ac])[^\n]{{0,40}}")


def _last_line(source: str) -> str:
    """What stands right of the last ``answer =``, or the last line; without its comment."""
    lines = [line.split("#")[0].strip() for line in source.splitlines()]
    for line in reversed(lines):
        found = re.fullmatch(r"answer\s*(?::[^=]*)?=(.*)", line)
        if found:
            return found[1].strip()
    return next((line for line in reversed(lines) if line), "")


def _tell_comma_or_unit(text: str) -> None:
    text = text.strip("\"' ")
    if re.fullmatch(_FIGURE, text) and "," in text:
        raise Unclear(f"{text!r} is not a number: write {text.replace(',', '.')}.")
    found = _WITH_UNIT.fullmatch(text)
    if found:
        number = found[1].replace(",", ".")
        raise Unclear(f"{text!r} is not a number: write {number}, without the unit.")
