"""What is read: docstrings of the libraries that the course itself needs, as they are installed.

Files of the eight libraries of the task (`passages`) are divided once and for all by their path:
training files may be read in pretraining, validation and test files never are. All files of other
libraries may be read. A paragraph that stands in several files counts once, and not at all for
pretraining when one of them is held out.
"""

import hashlib
import re
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from course_lib.errors import CourseError
from course_lib.text.prose import Section, docstrings, sections

# Distribution -> what is imported. Left out: plotly, whose docstrings come from a template.
TASK_LIBRARIES = {
    "matplotlib": "matplotlib", "networkx": "networkx", "numpy": "numpy", "pandas": "pandas",
    "scikit-learn": "sklearn", "scipy": "scipy", "sqlalchemy": "sqlalchemy", "torch": "torch",
}  # fmt: skip
OTHER_LIBRARIES = {
    "alembic": "alembic", "anyio": "anyio", "attrs": "attr", "babel": "babel",
    "beautifulsoup4": "bs4", "bleach": "bleach", "click": "click", "dask": "dask",
    "distributed": "distributed", "fsspec": "fsspec", "ipykernel": "ipykernel",
    "ipython": "IPython", "ipywidgets": "ipywidgets", "jinja2": "jinja2", "joblib": "joblib",
    "jsonschema": "jsonschema", "jupyter_client": "jupyter_client", "jupyter_core": "jupyter_core",
    "jupyter_events": "jupyter_events", "jupyter_server": "jupyter_server",
    "jupyterlab": "jupyterlab", "jupyterlab_server": "jupyterlab_server", "mistune": "mistune",
    "mpmath": "mpmath", "narwhals": "narwhals", "nbclient": "nbclient", "nbconvert": "nbconvert",
    "nbformat": "nbformat", "nbgrader": "nbgrader", "notebook": "notebook",
    "packaging": "packaging", "pillow": "PIL", "prompt_toolkit": "prompt_toolkit",
    "pygments": "pygments", "pyparsing": "pyparsing", "pytest": "_pytest",
    "python-dateutil": "dateutil", "requests": "requests", "setuptools": "setuptools",
    "sympy": "sympy", "timm": "timm", "torchvision": "torchvision",
    "tornado": "tornado", "traitlets": "traitlets",
}  # fmt: skip
PYTHON = "python"  # its own standard library
LIBRARIES = {**TASK_LIBRARIES, **OTHER_LIBRARIES, PYTHON: ""}
PARTS = {"train": 60, "validation": 10, "test": 30}  # per cent of a task library's files
SKIPPED = {"tests", "test", "idlelib", "site-packages", "dist-packages", "_vendor", "externals",
           "_array_api_compat", "array_api_compat", "array_api_extra"}  # fmt: skip


class Document(NamedTuple):
    """The prose of one file. part: "train", "validation" or "test". docstrings: its docstrings,
    each a list of sections."""

    library: str
    path: str
    part: str
    docstrings: tuple[tuple[Section, ...], ...]


def read_library(name: str) -> list[Document]:
    """All files of an installed library that have prose; no code of it is run.

    Raises CourseError for a library that is not installed.
    """
    folder = _folder(name)
    found = []
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder.parent)
        if SKIPPED & set(inside.parts) or path.name.startswith("test_"):
            continue
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        texts = tuple(tuple(sections(text)) for text in docstrings(source))
        texts = tuple(text for text in texts if text)
        if texts:
            where = inside.as_posix()
            found.append(Document(name, where, part_of(name, where), texts))
    return found


def part_of(library: str, path: str) -> str:
    """Which part of the data a file belongs to, from nothing but its name."""
    if library not in TASK_LIBRARIES:
        return "train"
    place = int(hashlib.sha256(f"{library} {path}".encode()).hexdigest()[:8], 16) % 100
    for part, share in PARTS.items():
        if place < share:
            return part
        place -= share
    raise AssertionError("the shares sum to 100")


def versions(names: Iterable[str]) -> dict[str, str]:
    """Installed versions of libraries."""
    return {
        name: sysconfig.get_python_version() if name == PYTHON else metadata.version(name)
        for name in names
    }


def installed() -> list[str]:
    """The libraries of LIBRARIES that are there."""
    return [name for name, package in LIBRARIES.items() if name == PYTHON or find_spec(package)]


def texts(documents: Iterable[Document], part: str) -> list[str]:
    """One text per file of a part, for pretraining ("train") or to validate it on.

    Paragraphs that were there before are left out; from training texts also those that any held-out
    file has.
    """
    documents = list(documents)
    seen = set()
    if part == "train":
        seen = {key(p) for d in documents if d.part != "train" for p in paragraphs(d)}
    found = []
    for document in documents:
        if document.part != part:
            continue
        mine = []
        for paragraph in paragraphs(document):
            if (name := key(paragraph)) not in seen:
                seen.add(name)
                mine.append(paragraph)
        if mine:
            found.append("\n".join(mine))
    return found


def paragraphs(document: Document) -> Iterator[str]:
    """All paragraphs of a file in order."""
    for docstring in document.docstrings:
        for section in docstring:
            yield from section.paragraphs


def key(paragraph: str) -> str:
    """What two paragraphs share that count as the same: letters only, in lower case."""
    return re.sub(r"[^a-z]+", " ", paragraph.lower())


def _folder(name: str) -> Path:
    if name == PYTHON:
        return Path(sysconfig.get_path("stdlib"))
    spec = find_spec(LIBRARIES[name])
    if spec is None or not spec.submodule_search_locations:
        raise CourseError(f"{name} is not installed, so its docstrings cannot be read.")
    return Path(next(iter(spec.submodule_search_locations)))
