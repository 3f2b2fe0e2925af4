"""A classifier learns, its rivals too, and the given model stays as it was."""

import pytest
import torch

from course_lib.errors import CourseError, Diverged
from course_lib.text.finetuning import count_words, features, fine_tune, head_alone, tokens_of


def test_fine_tuning_learns_and_leaves_the_given_model_alone(tiny_model, tiny_task):
    before = {name: value.clone() for name, value in tiny_model.body.state_dict().items()}
    run = fine_tune(tiny_model, tiny_task, rate=3e-3, epochs=12, watch=True)
    assert run.test > 0.9 and run.history[-1].loss < run.history[0].loss
    assert len(run.history) == 12 and run.history[-1].validation > 0.8
    for name, value in tiny_model.body.state_dict().items():
        assert value.equal(before[name])
    assert not run.model.body.tokens.weight.equal(tiny_model.body.tokens.weight)
    assert not tiny_model.body.layers[0].dropout


def test_the_same_seed_gives_the_same_run(tiny_model, tiny_task):
    def trained(seed):
        run = fine_tune(tiny_model, tiny_task, rate=1e-3, epochs=2, seed=seed, test=False)
        assert run.test is None and run.history[0].validation is None
        return run.model.head.weight

    assert trained(0).equal(trained(0)) and not trained(0).equal(trained(1))


def test_a_rate_that_is_far_too_large_is_said(tiny_model, tiny_task):
    with pytest.raises(Diverged, match="lower the rate"):
        fine_tune(tiny_model, tiny_task, rate=1e30, epochs=4)


@pytest.mark.parametrize("given", [{"rate": 0.0, "epochs": 1}, {"rate": 0.1, "epochs": 0}])
def test_settings_without_sense_are_refused(tiny_model, tiny_task, given):
    with pytest.raises(CourseError):
        fine_tune(tiny_model, tiny_task, **given)


def test_the_rivals_sort_what_single_words_give_away(tiny_model, tiny_task):
    assert count_words(tiny_task, strength=10.0)[0] > 0.9
    assert head_alone(tiny_model, tiny_task, strength=1.0, part="validation")[0] > 0.7


def test_features_are_means_over_the_words_of_a_passage(tiny_model, tiny_task):
    found = features(tiny_model, tiny_task.validation)
    tokens = tokens_of(tiny_model, tiny_task.validation)
    with torch.no_grad():
        states = tiny_model.body(tokens[3:4])[0]
    torch.testing.assert_close(found[3], states[tokens[3] != 0].mean(0))
