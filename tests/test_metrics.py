import pytest
import torch

from course_lib import CourseError
from course_lib.measure import metrics


def test_accuracy_is_the_share_of_right_classes():
    logits = torch.tensor([[1.0, 0], [0, 1], [2, 3], [1, 0]])
    assert metrics.score("accuracy", logits, torch.tensor([0, 1, 0, 0])) == 0.75


def test_auc_is_the_share_of_pairs_in_the_right_order_with_ties_half():
    scores = torch.tensor([0.1, 0.4, 0.4, 0.9])
    logits = torch.stack([torch.zeros(4), scores], 1)
    # Pairs (positive, negative): .4>.1, .4=.4, .9>.1, .9>.4
    assert metrics.score("auc", logits, torch.tensor([0, 0, 1, 1])) == pytest.approx(3.5 / 4)


def test_auc_does_not_depend_on_the_scale_of_the_logits():
    logits, labels = torch.randn(30, 2), torch.arange(30) % 2
    assert metrics.auc(logits * 1e4, labels) == pytest.approx(metrics.auc(logits, labels))


def test_auc_of_several_classes_is_one_for_a_perfect_order():
    labels = torch.arange(9) % 3
    assert metrics.auc(torch.eye(3)[labels], labels) == 1


def test_half_precision_logits_are_taken():
    logits = torch.tensor([[1.0, 0], [0, 1]], dtype=torch.bfloat16)
    assert metrics.score("auc", logits, torch.tensor([0, 1])) == 1


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(CourseError, match="No metric 'f1'"):
        metrics.score("f1", torch.zeros(1, 2), torch.zeros(1).long())
    with pytest.raises(CourseError, match="every class"):
        metrics.score("auc", torch.zeros(3, 2), torch.zeros(3).long())
    with pytest.raises(CourseError, match="No pictures"):
        metrics.score("accuracy", torch.zeros(0, 2), torch.zeros(0).long())
