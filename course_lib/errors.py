"""The one exception that is meant for the person at the keyboard."""


class CourseError(ValueError):
    """Input that the course cannot use: what was given, what is allowed, what to do."""


class Diverged(CourseError):
    """A net whose loss or whose outputs are no longer numbers."""
