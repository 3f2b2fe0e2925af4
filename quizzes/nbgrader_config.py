"""nbgrader's settings for this course folder (read when nbgrader or formgrader starts in it)."""

from course_lib.grading.hooks import refuse_autograde

c = get_config()  # noqa: F821
refuse_autograde()

# Files beside a notebook in a submission are never copied: only the answers are taken.
c.CourseDirectory.ignore = ["*"]
# nbgrader would run hidden tests inside the student's kernel. Grading is done by `course quiz
# grade`.
c.Autograde.sanitize_preprocessors = ["course_lib.grading.hooks.Refuse"]
c.Autograde.autograde_preprocessors = ["course_lib.grading.hooks.Refuse"]
c.GenerateAssignment.preprocessors = ["course_lib.grading.hooks.Release"]

# `nbgrader zip_collect QUIZ`: files as Canvas names them in its archives, and STUDENT_QUIZ.ipynb.
# For other names see nbgrader's documentation of FileNameCollectorPlugin.
c.FileNameCollectorPlugin.named_regexp = (
    r"(?:.*/)?(?P<student_id>[\w.@+-]+?)(?:_LATE)?(?:_\d+_\d+)?_(?P<file_id>[A-Za-z0-9-]+?)"
    r"(?:-\d+)?\.ipynb$"
)
