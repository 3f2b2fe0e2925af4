"""nbgrader's settings for this course folder (read when nbgrader or formgrader starts in it)."""

c = get_config()  # noqa: F821

# Files beside a notebook in a submission are never copied: only the answers are taken.
c.CourseDirectory.ignore = ["*"]
# nbgrader would run hidden tests inside the student's kernel. Grading is done by `course quiz
# grade`.
c.Autograde.sanitize_preprocessors = ["course_lib.grading.hooks.Refuse"]
c.Autograde.autograde_preprocessors = ["course_lib.grading.hooks.Refuse"]
c.GenerateAssignment.preprocessors = ["course_lib.grading.hooks.Release"]
