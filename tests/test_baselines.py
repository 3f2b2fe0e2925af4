from dataclasses import replace

import torch

from course_lib.data.augmentation import augmented
from course_lib.data.split import Split
from course_lib.data.tasks import drain
from course_lib.train import baselines
from tests.fakes import small_backbone, small_task


def test_pixels_suffice_when_brightness_is_the_class():
    result = baselines.pixel_logistic_regression(small_task(train=60))
    assert result.test > 0.95 and result.C in baselines.PENALTIES


def test_without_test_pictures_validation_is_the_same_and_they_are_not_looked_at():
    model, task = small_backbone(), small_task(train=30)
    unseen = replace(task, test=Split(*(part[:0] for part in task.test)))
    for pieces in (
        lambda task, test: baselines.pixel_pieces(task, test=test),
        lambda task, test: baselines.random_pieces(model, task, test=test),
    ):
        whole, part = drain(pieces(task, True)), drain(pieces(unseen, False))
        assert part.validation == whole.validation and part.C == whole.C
        assert part.test is None and whole.test is not None


def test_baselines_know_auc_too():
    result = baselines.pixel_logistic_regression(small_task(train=30, classes=2, metric="auc"))
    assert 0.9 < result.test <= 1


def test_the_random_backbone_is_the_same_for_the_same_seed_and_not_the_given_one():
    model, task = small_backbone(), small_task(train=30)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    first, again = (baselines.random_frozen(model, task, seed=1) for _ in range(2))
    assert first.test == again.test and first.validation == again.validation
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_a_class_that_no_training_picture_shows_is_never_predicted():
    task = small_task(train=2)  # classes 0 and 1 of 3
    assert baselines.pixel_logistic_regression(task).test < 0.67


def test_adapted_statistics_are_those_of_the_pictures():
    model, task = small_backbone(), small_task(train=30)
    baselines.adapt_batch_norm(model, task.train.pictures)
    with torch.no_grad():
        x = model.net.conv1(model.prepare(task.train.pictures))
    torch.testing.assert_close(model.net.bn1.running_mean, x.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(model.net.bn1.running_var, x.var(dim=(0, 2, 3)))
    assert model.net.bn1.momentum == 0.1 and not model.net.bn1.training


def test_features_are_what_the_head_reads():
    model, task = small_backbone(), small_task()
    with torch.inference_mode():
        expected = model(model.prepare(task.test.pictures))
        logits = model.head(baselines.features(model, task.test.pictures))
    torch.testing.assert_close(logits, expected)


def test_a_linear_probe_learns_from_views_besides_the_pictures_themselves(monkeypatch):
    model, task = small_backbone(), small_task(train=30)
    seen = []
    real = baselines.features
    monkeypatch.setattr(baselines, "features", lambda m, p: seen.append(p) or real(m, p))
    plain, viewed = baselines.linear_probe(model, task), baselines.linear_probe(model, task, 2)
    again = baselines.linear_probe(model, task, 2)
    train = task.train.pictures
    assert torch.equal(seen[0], train) and plain.test > 0.6  # 1 of 3 by chance
    views = [augmented(train, seed=k) for k in (0, 1)]
    assert torch.equal(seen[3], torch.cat([train, *views]))
    assert (viewed.test, viewed.C) == (again.test, again.C)
