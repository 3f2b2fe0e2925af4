"""What the grader adds to scoring: seeds, and code made fit to run."""

from course_lib.grading import score


def test_seeds_differ_by_student_question_and_secret_and_repeat_exactly():
    seeds = {
        score.seed(key, name, q)
        for key in (b"k" * 32, b"l" * 32)
        for name in ("ann", "bob")
        for q in ("q1", "q2")
    }
    assert len(seeds) == 8
    assert score.seed(b"k" * 32, "ann", "q1") == score.seed(b"k" * 32, "ann", "q1")
