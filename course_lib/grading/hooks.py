"""What nbgrader's own commands and buttons run instead of its release and autograding steps.

``quizzes/nbgrader_config.py`` puts these in place of nbgrader's preprocessors, so that the
formgrader's buttons neither run a submission in an unprotected kernel nor publish keys. They need
the scores to be there already: grading is done by ``course quiz grade``.
"""

from __future__ import annotations

import os

import nbformat
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


class Refuse(NbGraderPreprocessor):
    """Stop nbgrader's autograder before it touches a submission."""

    def preprocess(self, nb, resources):
        raise RuntimeError(MESSAGE.format(quiz=resources["nbgrader"]["assignment"]))
