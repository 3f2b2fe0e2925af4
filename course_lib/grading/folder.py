"""An instructor's folder: found from anywhere, made by ``course quiz init``."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.grading import policy
from course_lib.questions.format import load_bank

CONFIG = "nbgrader_config.py"
USUAL = Path("quizzes")  # the sample course of this repository
BANK = "bank"

_CONFIG = '''\
"""nbgrader's settings for this course folder; course.yaml beside it has dates and rules."""

from course_lib.grading.hooks import configure

configure(get_config(), __file__)
'''

_RULES = """\
# The rules of this course. docs/grading.md explains each line; all but the first may go.
course: {course}
{bank}{exchange}timezone: {zone}             # of times without one

counts: last                # which hand-in: last, last_before_due, best
before_closing: receipt     # what feedback shows until then: receipt, points
late: {{percent_per_day: 0, at_most: 100, grace: 15m}}

quizzes:
{quizzes}
extra_time: {{}}              # such as {{ann: 2d, bob: {{{first}: 36h}}}}
corrections: {{}}             # such as {{l01-layers: {{accept: [c]}}}}
"""

# Where hand-ins, keys and grades are: none of it belongs into a repository that others can read.
_IGNORED = """\
/source/
/submitted/
/autograded/
/feedback/
/personal/
/gradebook.db*
/.gradebook.*
/.grader-secret
/.grading.lock
/.grades/
/.handins/
/roster.csv
/report.html
*.part
"""


def find(given: Path | None = None) -> Path:
    """The course folder: the one given, COURSE_DIR, the nearest from here up, or ``quizzes``.

    Raises CourseError when there is none.
    """
    named = given or (Path(os.environ["COURSE_DIR"]) if os.environ.get("COURSE_DIR") else None)
    if named is not None:
        if not named.is_dir():
            raise CourseError(f"There is no course folder {named}. Give it with --course-dir.")
        return named
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / policy.FILE).is_file() or (folder / CONFIG).is_file():
            return folder
    if USUAL.is_dir():
        return USUAL
    raise CourseError(
        f"There is no course folder here: neither {here} nor a folder above it has "
        f"{policy.FILE}. Give it with --course-dir (or COURSE_DIR), or make one: "
        "course quiz init FOLDER."
    )


def bank_of(course: Path) -> Path:
    """The folder of a course's questions, as ``course.yaml`` names it."""
    named = Path(policy.load(course).bank or BANK).expanduser()
    return named if named.is_absolute() else course / named


def name_of(course: Path) -> str:
    """The course's name in nbgrader's exchange."""
    return policy.load(course).course or course.resolve().name


def init(
    course: Path,
    bank: Path | None = None,
    name: str = "",
    zone: str = "UTC",
    exchange: str = "",
) -> list[Path]:
    """Make a course folder; return what was written.

    Args:
        course: the folder. It may be there already, without a ``course.yaml``.
        bank: a folder of questions, which stays where it is; None copies the sample bank into the
            course, to be changed there.
        name: of the course in nbgrader's exchange; default: the folder's name.
        exchange: nbgrader's exchange folder; "" where there is none.

    Raises CourseError when the folder is a course already, and for a bank that cannot be read.
    """
    if (course / policy.FILE).exists():
        raise CourseError(f"{course} is a course already: it has {policy.FILE}. Change that.")
    name = name or course.resolve().name
    if not re.fullmatch(r"[\w.@-][\w.@ -]{0,99}", name):
        raise CourseError(f"{name!r} cannot be a course's name: letters, digits and . @ - _ only.")
    source = bank or sample_bank()
    quizzes = load_bank(source)
    course.mkdir(parents=True, exist_ok=True)
    written = [course / policy.FILE, course / CONFIG, course / ".gitignore"]
    line = ""
    if bank is None:
        if (course / BANK).exists():
            raise CourseError(f"{course / BANK} is there already; name it with --bank.")
        shutil.copytree(source, course / BANK, ignore=shutil.ignore_patterns("__pycache__"))
        written.append(course / BANK)
    elif bank.resolve() != (course / BANK).resolve():
        line = f"bank: {_quoted(_from(course, bank))}\n"
    listed = "".join(
        f"  {quiz}: {{}}  # such as {{due: 2026-10-09 23:59, closes: 2026-10-12 23:59}}\n"
        for quiz in quizzes
    )
    rules = _RULES.format(
        course=_quoted(name),
        bank=line,
        exchange=f"exchange: {_quoted(exchange)}\n" if exchange else "",
        zone=zone,
        quizzes=listed,
        first=next(iter(quizzes)),
    )
    write_atomically(course / policy.FILE, rules)
    try:
        policy.load(course)
    except CourseError:
        (course / policy.FILE).unlink()
        raise
    write_atomically(course / CONFIG, _CONFIG)
    write_atomically(course / ".gitignore", _IGNORED)
    return written


def sample_bank() -> Path:
    """The bank of this repository. Raises CourseError for a package without its repository."""
    place = Path(__file__).resolve().parents[2] / USUAL / BANK
    if not place.is_dir():
        raise CourseError(
            "The sample bank stands in the course's repository, which is not here. Name a folder "
            "of questions with --bank."
        )
    return place


def _from(course: Path, bank: Path) -> str:
    """The bank's path as seen from the course where it is near, else the whole of it."""
    near = os.path.relpath(bank.resolve(), course.resolve())
    return str(bank.resolve()) if near.startswith(os.path.join("..", "..")) else near


def _quoted(text: str) -> str:
    """A YAML text; quoted where it could be read as something else."""
    plain = re.fullmatch(r"[A-Za-z./~][\w./~-]*", text) and text.lower() not in _WORDS
    return text if plain else "'" + text.replace("'", "''") + "'"


_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n", "~")
