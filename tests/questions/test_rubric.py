"""The rubric that a learner sees in lesson 08 is the one that the graded project is judged by."""

import re
from pathlib import Path

from course_lib.questions.format import load_bank

ROOT = Path(__file__).parents[2]
LESSON = (ROOT / "notebooks/source/08_your_project.py").read_text(encoding="utf-8")


def test_the_rubric_of_the_lesson_and_of_the_graded_project_are_the_same():
    quiz = load_bank(ROOT / "quizzes" / "bank")["lesson08"]
    (project,) = [q for q in quiz.questions if q.id == "l08-project"]
    shown = re.findall(r"(?m)^# \| (\w+) \| ([A-Z].*\.) \|$", LESSON)
    graded = [item.text.split(": ", 1) for item in project.rubric]
    assert [[name.lower(), text[0].upper() + text[1:]] for name, text in graded] == list(
        map(list, shown)
    )
    assert len(shown) == sum(item.points for item in project.rubric) == project.points
