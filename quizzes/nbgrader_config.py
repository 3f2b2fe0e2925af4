"""nbgrader's settings for this course folder; course.yaml beside it has dates and rules."""

from course_lib.grading.hooks import configure

configure(get_config(), __file__)  # noqa: F821
