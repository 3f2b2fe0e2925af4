"""A notebook cell as plain Python: what only IPython knows is blanked, all else is left alone."""

from __future__ import annotations

import ast
import re

LIMIT = 200  # lines that are blanked; a cell of nothing but magics is nobody's answer
MAGIC = re.compile(r"\s*(%|!|\?)")
ASSIGNED = re.compile(r"(\s*[\w.,\[\]'\" ]+?=)\s*[%!]")
HELP = re.compile(r"\s*[\w.*]+\?{1,2}\s*")


def without_magics(source: str) -> str:
    """Blank the lines that only IPython reads: magics, shell lines, ``?`` help.

    Lines keep their numbers. A line counts as one of these only if it is no Python where it
    stands: a long expression may well go on with ``% divisor``. A cell that is no Python for
    another reason comes back with its magics blanked as far as they were found.
    """
    lines = source.split("\n")
    for _ in range(LIMIT):
        try:
            compile("\n".join(lines), "<cell>", "exec", _FLAGS, dont_inherit=True)
            return "\n".join(lines)
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
        except (ValueError, MemoryError, RecursionError):
            break
        if not 0 <= at < len(lines) or not _blank(lines, at):
            break
    return "\n".join(lines)


_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def _blank(lines: list[str], at: int) -> bool:
    line = lines[at]
    indent = line[: len(line) - len(line.lstrip())]
    assigned = ASSIGNED.match(line)
    if assigned:
        lines[at] = assigned[1] + " None"
    elif MAGIC.match(line) or HELP.fullmatch(line):
        lines[at] = indent + "pass"
    else:
        return False
    while line.rstrip().endswith("\\") and at + 1 < len(lines):  # the command goes on
        at += 1
        line, lines[at] = lines[at], ""
    return True
