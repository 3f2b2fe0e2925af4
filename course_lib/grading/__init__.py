"""Graded quizzes: questions, build, sandbox, scoring, gradebook, feedback.

Nothing here imports torch or another part of the course, so grading starts at once and an answer
can be judged on a machine that has neither.
"""
