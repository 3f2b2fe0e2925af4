"""What nbgrader's own commands and buttons run instead of its release and autograding steps.

``quizzes/nbgrader_config.py`` puts these in place of nbgrader's preprocessors, so that the
formgrader's buttons neither run a submission in an unprotected kernel nor publish keys. They need
the scores to be there already: grading is done by ``course quiz grade``.
"""

from __future__ import annotations

import os

import nbformat
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor

from course_lib.grading import build
from course_lib.questions.format import load_bank

MESSAGE = (
    "Nothing is run here. Use `course quiz grade {quiz}`: it grades in the sandbox and writes the "
    "gradebook that formgrader shows."
)


class Release(NbGraderPreprocessor):
    """Replace the source notebook by the one that ``course quiz build`` releases.

    The bank is the folder ``bank`` of the course folder, or what COURSE_BANK names.
    """

    def preprocess(self, nb, resources):
        name = resources["nbgrader"]["assignment"]
        quiz = load_bank(os.environ.get("COURSE_BANK", "bank"))[name]
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
