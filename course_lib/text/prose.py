"""English prose out of docstrings: no code, no tables, no signatures.

A docstring is cut into sections by the three habits there are: numpydoc (a heading, underlined),
Google ("Args:") and Sphinx (":param x: ..."). What is left of a section is its paragraphs.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

# What authors call a section -> what it is called here. Other headings: "other"; "" is left out.
SECTIONS = {
    "parameters": "parameters", "other parameters": "parameters", "args": "parameters",
    "arguments": "parameters", "keyword args": "parameters", "keyword arguments": "parameters",
    "attributes": "parameters", "param": "parameters", "parameter": "parameters",
    "arg": "parameters", "keyword": "parameters", "ivar": "parameters",
    "returns": "returns", "return": "returns", "yields": "returns", "raises": "raises",
    "warns": "raises", "raise": "raises", "except": "raises",
    "notes": "notes", "note": "notes", "warning": "notes", "warnings": "notes", "details": "notes",
    "examples": "examples", "example": "examples",
    "see also": "", "references": "",
}  # fmt: skip
DESCRIPTION, OTHER = "description", "other"
GOOGLE = re.compile(r"^(\s*)(Args|Arguments|Keyword args|Keyword arguments|Attributes|Returns|"
                    r"Return|Yields|Raises|Notes?|Warnings?|Examples?):\s*$", re.I)  # fmt: skip
FIELD = re.compile(r"^\s*:(param|parameter|arg|keyword|ivar|returns?|raises?|except|yields)\b"
                   r"[^:]*:\s*(.*)$")  # fmt: skip
UNDERLINE = re.compile(r"^\s*([-=~^*\"+#])\1{2,}\s*$")
# "name : type" of numpydoc and "name (type): text" of Google, where a list of parameters is read.
SIGNATURE = re.compile(r"^\S[\w*.`,/\\ ]{0,60}\s:(\s|$)|^\S[\w*.`, ]{0,40}$")
ENTRY = re.compile(r"^\s*[\w*.`]{1,40}\s*(\([^)]*\)+)?:\s+(?=\S)")
TALKING = ("note", "warning", "tip", "important", "seealso", "hint", "caution", "admonition")
DIRECTIVE = re.compile(r"^(\s*)\.\.\s+(?:([\w-]+)::|\[|_|\|)")
TABLE = re.compile(r"^\s*[+|=][-=+| ]{3,}|\S\s{3,}\S+\s{3,}\S|^\s*\|.*\|\s*$")
ROLE = re.compile(r":[\w:+-]+:`([^`]*)`")
MATH = re.compile(r":math:`[^`]*`|\$[^$\n]+\$")
CALL = re.compile(r"^[\w.]+\([^)]*\)(\s*->\s*[\w.\[\], ]+?)?\s+(?=[A-Z][a-z]*\b)")
URL = re.compile(r"\S*(?:https?://|www\.)\S*")
COMMON = frozenset(
    "the a an of to in is are be and or for with if that this it as by on from not will can when "
    "which you at have has was but all any should may used than into".split()
)


class Section(NamedTuple):
    """A section of a docstring. kind: one of SECTIONS' values, "description" or "other".
    paragraphs: clean prose, each on one line."""

    kind: str
    paragraphs: tuple[str, ...]


def docstrings(source: str) -> Iterator[str]:
    """The docstrings of a Python file, and texts handed to `add_docstr` and the like.

    Nothing is imported or run. A file that Python cannot parse has none.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found = [node.body[0].value] if node.body and isinstance(node.body[0], ast.Expr) else []
        elif isinstance(node, ast.Assign):
            named = any("doc" in ast.unparse(target).lower() for target in node.targets)
            found = [node.value] if named else []
        elif isinstance(node, ast.Call):
            named = "doc" in ast.unparse(node.func).lower()[:80]
            found = node.args if named else []
        else:
            continue
        for value in found:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def sections(docstring: str) -> list[Section]:
    """The prose of a docstring, section by section; sections without any are left out."""
    found: list[tuple[str, bool, list[str]]] = [(DESCRIPTION, False, [])]
    lines = inspect.cleandoc(docstring.expandtabs(4)).splitlines()
    for line, below in pairwise([*lines, ""]):
        if UNDERLINE.match(below) and line.strip() and not UNDERLINE.match(line):
            found.append((SECTIONS.get(line.strip().lower(), OTHER), True, []))
        elif UNDERLINE.match(line):
            continue
        elif heading := GOOGLE.match(line):
            found.append((SECTIONS.get(heading[2].lower(), OTHER), False, []))
        elif field := FIELD.match(line):
            found.append((SECTIONS.get(field[1], "returns"), False, [field[2]]))
        else:
            found[-1][2].append(line)
    kept: list[Section] = []
    for kind, listed, lines in found:
        paragraphs = tuple(_paragraphs(lines, kind, listed))
        if not kind or not paragraphs:
            continue
        if kept and kept[-1].kind == kind:  # every ":param x:" begins anew
            paragraphs = kept.pop().paragraphs + paragraphs
        kept.append(Section(kind, paragraphs))
    return kept


def _paragraphs(lines: list[str], kind: str, listed: bool) -> Iterator[str]:
    """listed: lines that are not indented may be the "name : type" of a numpydoc list."""
    block: list[str] = []
    for line in [*_without_code(lines), ""]:
        bullet = re.match(r"^\s*([-*•]|\d+[.)]|[a-z]\))\s+", line)
        entry = ENTRY.match(line) if kind in ("parameters", "returns", "raises") else None
        named = listed and kind in ("parameters", "returns", "raises") and SIGNATURE.match(line)
        if not line.strip() or bullet or entry or named:
            text = plain(" ".join(block))
            if is_prose(text):
                yield text
            block = []
        if named:
            continue
        start = max((match.end() for match in (bullet, entry) if match), default=0)
        block.append(line[start:].strip())


def _without_code(lines: list[str]) -> Iterator[str]:
    """Lines outside of doctests, literal blocks, tables and directives that don't talk."""
    deeper: int | None = None  # lines that are indented more than this belong to a block to skip
    doctest = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if deeper is not None and (not line.strip() or indent > deeper):
            continue
        deeper = None
        if line.lstrip().startswith((">>>", "In [", "Out[", "$ ", "%")):
            doctest = True
        if doctest:  # until the blank line that ends its output
            doctest = bool(line.strip())
            if not doctest:
                yield ""
            continue
        if directive := DIRECTIVE.match(line):
            if directive[2] in TALKING:
                yield ""
                yield line[directive.end() :].strip()
            else:
                deeper = indent
                yield ""
            continue
        if re.match(r"^\s*:[\w-]+:(?!`)", line) or TABLE.search(line):  # an option, or a table
            yield ""
            continue
        if line.rstrip().endswith("::"):
            deeper = indent
            yield line.rstrip().rstrip(":") + ":"
            yield ""
            continue
        yield line


def plain(text: str) -> str:
    """Markup off: roles, quotes, stars, footnotes, addresses; formulas become the letter x."""
    text = CALL.sub("", MATH.sub(" x ", text))
    text = ROLE.sub(_last_name, text)
    text = re.sub(r"`([^`<]*?)\s*<[^>]*>`__?", r"\1", text)
    text = URL.sub(" ", text)
    text = re.sub(r"\s*\[\d+\]_|\|[^|\s]+\||\\[a-z]+\{[^}]*\}|%\([^)]*\)s|\{\w+\}", " ", text)
    text = re.sub(r"`+|\*\*?(?=\w)|(?<=\w)\*\*?|_(?=\s|$)", "", text)
    return re.sub(r"\s+([,.;:)])(?=\s|$)", r"\1", re.sub(r"\s+", " ", text)).strip()


def _last_name(role: re.Match) -> str:
    """What a reader of the built page sees of a role: its title, or the last part of a path."""
    title = re.sub(r"\s*<[^>]*>$", "", role[1])
    return title if " " in title else title.lstrip("~!._").rsplit(".", 1)[-1]


def is_prose(text: str) -> bool:
    """Whether a clean paragraph is English sentences and not code, numbers or a list of names."""
    words = text.split()
    if len(words) < 6 or not text.isascii():
        return False
    letters = sum(character.isalpha() or character.isspace() for character in text)
    simple = [word.strip(".,;:()'\"!?-").lower() for word in words]
    ordinary = sum(word.isalpha() for word in simple)
    common = sum(word in COMMON for word in simple)
    return (
        letters >= 0.85 * len(text)
        and ordinary >= 0.75 * len(words)
        and common >= 0.16 * len(words)
        and max(map(len, words)) <= 40
    )
