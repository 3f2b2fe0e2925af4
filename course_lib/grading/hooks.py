"""What nbgrader's own commands and buttons run instead of its release and autograding steps.

A course's ``nbgrader_config.py`` calls ``configure``, which puts these in place of nbgrader's
preprocessors, so that the formgrader's buttons neither run a submission in an unprotected kernel
nor publish keys. They need the scores to be there already: grading is done by ``course quiz
grade``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Unicode

from course_lib.grading import build, folder, formgrading, policy
from course_lib.questions.format import load_bank

MESSAGE = (
    "Nothing is run here. Use `course quiz grade {quiz}`: it grades in the sandbox and writes the "
    "gradebook that formgrader shows."
)


# Files as Canvas names them in its archives, and STUDENT_QUIZ.ipynb: for `nbgrader zip_collect`.
# `course quiz collect --archive` knows Moodle's as well and needs no pattern.
NAMES = (
    r"(?:.*/)?(?P<student_id>[\w.@+-]+?)(?:_LATE)?(?:_\d+_\d+)?_(?P<file_id>[A-Za-z0-9-]+?)"
    r"(?:-\d+)?\.ipynb$"
)


def configure(c: Any, file: str) -> None:
    """Make nbgrader, wherever it was started, work in the course folder that holds ``file``.

    Args:
        c: nbgrader's configuration, which is changed.
        file: the path of the course's ``nbgrader_config.py``.
    """
    course = Path(file).resolve().parent
    rules = policy.load(course)
    refuse_autograde()
    formgrading.install(course)
    c.CourseDirectory.root = str(course)
    c.CourseDirectory.course_id = rules.course or course.name
    if rules.exchange:
        c.Exchange.root = str(course / rules.exchange)
    c.Release.bank = str(folder.bank_of(course))
    c.GenerateAssignment.preprocessors = ["course_lib.grading.hooks.Release"]
    # nbgrader would run hidden tests inside the student's kernel.
    c.Autograde.sanitize_preprocessors = ["course_lib.grading.hooks.Refuse"]
    c.Autograde.autograde_preprocessors = ["course_lib.grading.hooks.Refuse"]
    c.FileNameCollectorPlugin.named_regexp = NAMES


class Release(NbGraderPreprocessor):
    """Replace the source notebook by the one that ``course quiz build`` releases.

    The bank is the course's, or what COURSE_BANK names.
    """

    bank = Unicode("bank").tag(config=True)

    def preprocess(self, nb, resources):
        name = resources["nbgrader"]["assignment"]
        quiz = load_bank(os.environ.get("COURSE_BANK") or self.bank)[name]
        return nbformat.from_dict(build.release_notebook(quiz)), resources


def refuse_autograde() -> None:
    """Make nbgrader's autograder end before it begins.

    With ``--force``, which is what formgrader's button sends, it would delete what was autograded
    before a preprocessor is asked.
    """
    Autograde.start = _refused


def _refused(converter: Autograde) -> None:
    text = MESSAGE.format(quiz=converter.coursedir.assignment_id)
    converter.log.error(text)
    raise NbGraderException(text)


class Refuse(NbGraderPreprocessor):
    """Stop nbgrader's autograder before it touches a submission."""

    def preprocess(self, nb, resources):
        raise RuntimeError(MESSAGE.format(quiz=resources["nbgrader"]["assignment"]))
