"""Subcommands of `course`, a module each: add_arguments(parser), run(args) -> exit code."""

from course_lib.errors import CourseError


class UsageError(CourseError):
    """The command line asks for something that does not exist. `course` exits with 2."""
