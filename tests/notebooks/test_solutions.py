"""The lessons with every task solved: complete, and our answers pass their own checks."""

import make_solutions
import pytest

from course_lib import notebooks
from course_lib.questions import practice

LESSONS = notebooks.lessons(make_solutions.ROOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("solutions")
    assert make_solutions.main(["--to", str(place)]) == 0
    return place


@pytest.mark.parametrize("path", LESSONS.values(), ids=lambda path: path.stem)
def test_no_stub_is_left_and_nothing_else_has_changed(path, folder):
    learner, solution = (notebooks.read(where) for where in (path, folder / path.name))
    assert len(learner.cells) == len(solution.cells)
    for before, after in zip(learner.cells, solution.cells, strict=True):
        tasks = make_solutions.CHECK.findall(before.source)
        if before.cell_type == "code" and tasks:
            assert "raise NotImplementedError" not in after.source
            for task in tasks:
                assert practice.find(task).reference.strip() in after.source
        else:
            assert before.source == after.source


def test_only_the_lessons_that_were_asked_for_are_written(tmp_path):
    make_solutions.main(["02", "--to", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["02_three_strategies.ipynb"]


def test_a_task_without_its_starter_is_an_error():
    with pytest.raises(ValueError, match="02-split does not have its starter"):
        make_solutions.solved('x = 1\ncheck("02-split", x)')
