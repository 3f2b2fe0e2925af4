"""The repository's address: kept in pyproject.toml, stamped wherever it is needed.

    python tools/links.py [owner/name]

Every lesson opens with badges for Colab and Binder and with a cell that fetches the course on
Colab; build_notebooks adds both, so the sources need not name the repository. With owner/name this
command writes the new address to pyproject.toml, README.md and CONTRIBUTING.md; without it, it says
which one they have. `make links` then gives the lessons their opening cells anew.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

from nbformat import from_dict

from course_lib.commands.report import note
from course_lib.errors import CourseError
from course_lib.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
TAG = "opening"  # of the cells that are added to each lesson
BRANCH = "main"
PAGES = ("README.md", "CONTRIBUTING.md")
ADDRESS = re.compile(r'(?m)^Repository = "https://github\.com/([\w.-]+/[\w.-]+)"$')
NAME = r"[\w.-]+/[\w.-]+"


def repository(root: Path = ROOT) -> str | None:
    """owner/name as pyproject.toml has it, None for a tree without one."""
    path = root / "pyproject.toml"
    if not path.is_file():
        return None
    urls = tomllib.loads(path.read_text(encoding="utf-8"))["project"].get("urls", {})
    return urls["Repository"].removeprefix("https://github.com/") if "Repository" in urls else None


def badges(repo: str, lesson: str) -> str:
    """Markdown of the two links to a learner's notebook such as "02_three_strategies"."""
    path = f"notebooks/{lesson}.ipynb"
    colab = f"https://colab.research.google.com/github/{repo}/blob/{BRANCH}/{path}"
    binder = f"https://mybinder.org/v2/gh/{repo}/{BRANCH}?urlpath=lab/tree/{path}"
    return (
        # Words, not the usual pictures: a page that is open offline asks nobody for anything.
        f"**[Open in Colab]({colab})** · **[Open in Binder]({binder})**"
    )


def colab_code(repo: str) -> str:
    """The cell that fetches the course on Colab, in a form that Colab folds away."""
    return f"""\
# @title On Colab, run this first: it fetches the course. Elsewhere it does nothing.
import importlib.util
import subprocess
import sys

if "google.colab" in sys.modules:
    if importlib.util.find_spec("course_lib") is None:
        address = "git+https://github.com/{repo}"
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", address]
        subprocess.run(install, check=True)
        importlib.invalidate_caches()
    from course_lib.colab import get_ready

    get_ready()"""


def opening_cells(repo: str, lesson: str) -> list:
    """The cells that follow the title of a lesson, without ids."""
    hidden = {"tags": [TAG], "cellView": "form", "jupyter": {"source_hidden": True}}
    code = {"cell_type": "code", "source": colab_code(repo), "metadata": hidden}
    code |= {"outputs": [], "execution_count": None}
    text = {"cell_type": "markdown", "source": badges(repo, lesson), "metadata": {"tags": [TAG]}}
    return [from_dict(text), from_dict(code)]


def add_opening(notebook, repo: str | None, lesson: str) -> None:
    """Put the opening cells behind the title, in place of those that are there."""
    notebook.cells = [c for c in notebook.cells if TAG not in c.metadata.get("tags", ())]
    if repo is not None:
        notebook.cells[1:1] = opening_cells(repo, lesson)


def rename(root: Path, repo: str) -> None:
    """Write the address owner/name to every page that names the repository."""
    if not re.fullmatch(NAME, repo):
        raise CourseError(f"REPO must look like owner/name; got {repo!r}.")
    old = repository(root)
    path = root / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    if old is None or not ADDRESS.search(text):
        raise CourseError(f'{path} has no line Repository = "https://github.com/owner/name".')
    write_atomically(path, text.replace(f"https://github.com/{old}", f"https://github.com/{repo}"))
    for page in PAGES:
        path = root / page
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            new = re.sub(rf"(github\.com/|/github/|/gh/){re.escape(old)}\b", rf"\g<1>{repo}", text)
            if new != text:
                write_atomically(path, new)
                note(f"{page}: {repo}")


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description="Write the repository's address to all pages.")
    parser.add_argument("repo", nargs="?", metavar="owner/name", help="the new address")
    args = parser.parse_args(argv)
    try:
        if args.repo:
            rename(root, args.repo)
        note(f"the repository is {repository(root)}")
    except CourseError as error:
        note(f"links: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
