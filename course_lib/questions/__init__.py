"""One question type for lessons and quizzes: format, scoring, practice with hints and solutions.

A lesson takes from here what helps with an answer; ``course_lib.widgets.selfcheck`` shows questions
and asks for predictions.
"""

from course_lib.questions.own import mine_or_ours
from course_lib.questions.practice import check, help_for, hint, solution
from course_lib.questions.predicting import Bands, compare, expectations, judge

__all__ = [
    "Bands",
    "check",
    "compare",
    "expectations",
    "help_for",
    "hint",
    "judge",
    "mine_or_ours",
    "solution",
]
