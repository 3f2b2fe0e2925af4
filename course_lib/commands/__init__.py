"""Subcommands of `course`, a module each: add_arguments(parser), run(args) -> exit code."""

import argparse
from collections.abc import Callable

from course_lib import checks
from course_lib.errors import CourseError


class UsageError(CourseError):
    """The command line asks for something that does not exist. `course` exits with 2."""


def whole_number(least: int = 0, most: int | None = None) -> Callable[[str], int]:
    """What argparse calls a type: text -> a whole number within limits."""
    return _read(int, lambda value: checks.whole_number(value, "it", least, most))


def number(**limits) -> Callable[[str], float]:
    """What argparse calls a type: text -> a finite number; limits as for checks.number."""
    return _read(float, lambda value: checks.number(value, "it", **limits))


def _read(kind: type, check: Callable) -> Callable:
    def read(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = text  # which the check refuses in its own words
        try:
            return check(value)
        except CourseError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read
