"""What each method may change, what it may see, and that it learns."""

from dataclasses import replace

import pytest
import torch

from course_lib.adaptation import (
    Method,
    adabn,
    adapt,
    continue_pretraining,
    domain_accuracy,
    load_domains,
    methods,
    prepare_adaptation,
    tent,
)
from course_lib.adaptation.domains import Domains
from course_lib.adaptation.rotation import quarter_turns
from course_lib.adaptation.selection import RULES, density
from course_lib.adaptation.statistics import batch_norms
from course_lib.errors import CourseError
from tests.fakes import pictures, small_backbone

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def small_domains(n: int = 48) -> Domains:
    """Brightness in noise; the target is darker, so a source net misjudges it."""
    source, target, test = (pictures(n, 3, seed) for seed in (1, 2, 3))
    dark = [(split.pictures // 2, split.labels) for split in (target, test)]
    return Domains(
        "small",
        "light -> dark",
        source,
        pictures(n, 3, 4),
        dark[0][0],
        replace_pictures(test, dark[1][0]),
        target.labels,
        ("a", "b", "c"),
    )


def replace_pictures(split, shown):
    return split._replace(pictures=shown)


def quick(method, steps=6, **how):
    how = {"progress": False, "batch": 8, **how}
    return adapt(small_backbone(), small_domains(), method, steps, **how)


def changes(before: dict, after: dict) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_adabn_changes_statistics_and_nothing_else_and_leaves_the_original_alone():
    model, shown = small_backbone(), small_domains().target
    before = {k: v.clone() for k, v in model.state_dict().items()}
    moved = changes(before, adabn(model, shown).state_dict())
    assert moved and all(name.endswith(STATISTICS) for name in moved)
    assert not changes(before, model.state_dict())


def test_adabn_holds_the_mean_and_variance_of_the_pictures():
    model, shown = small_backbone(), small_domains(40).target
    twin = adabn(model, shown)
    first = batch_norms(twin)[0]
    with torch.no_grad():
        x = twin.net.conv1(twin.prepare(shown))
    assert torch.allclose(first.running_mean, x.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(first.running_var, x.var((0, 2, 3)), rtol=1e-3)


def test_tent_changes_only_scale_shift_and_statistics_of_batch_norms():
    model, shown = small_backbone(), small_domains().target
    before = {k: v.clone() for k, v in model.state_dict().items()}
    twin = tent(model, shown, steps=3, lr=0.05, batch=16)
    norms = {
        f"{name}.{part}"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
        for part in ("weight", "bias", *STATISTICS)
    }
    moved = changes(before, twin.state_dict())
    assert moved <= norms
    assert any(name.endswith("weight") for name in moved)
    assert not changes(before, model.state_dict())


def test_tent_makes_the_net_more_certain():
    from course_lib.adaptation import entropy
    from course_lib.backbones.inference import predict

    model, shown = small_backbone(), small_domains().target
    before = entropy(predict(adabn(model, shown), shown))
    after = entropy(predict(tent(model, shown, steps=30, lr=0.02, batch=16), shown))
    assert after < before - 0.02


@pytest.mark.parametrize(
    "method", [replace(m, at="") for m in methods.ALL], ids=lambda method: method.name
)
def test_every_method_runs_on_the_same_inputs_and_gives_a_net(method):
    run = quick(method)
    assert 0 <= run.test <= 1
    assert [step.number for step in run.history] == [1, 2, 3, 4, 5, 6]
    assert set(run.history[-1].terms) == set(method.terms)
    assert not run.model.training


@pytest.mark.parametrize(
    "method", [replace(m, at="") for m in methods.ALL if not m.on_target], ids=lambda m: m.name
)
def test_no_method_but_the_oracle_sees_a_target_label(method):
    """With the target's labels turned around, training gives the same weights to the byte."""
    domains = small_domains()
    other = replace(domains, oracle_labels=2 - domains.oracle_labels)
    nets = [
        adapt(small_backbone(), d, method, 4, batch=8, progress=False).model.state_dict()
        for d in (domains, other)
    ]
    assert not changes(*nets)


def test_the_oracle_does():
    domains = small_domains()
    other = replace(domains, oracle_labels=2 - domains.oracle_labels)
    nets = [
        adapt(small_backbone(), d, methods.ORACLE, 4, batch=8, progress=False).model.state_dict()
        for d in (domains, other)
    ]
    assert changes(*nets)


def test_equal_seeds_give_equal_nets_and_others_do_not():
    one, again, other = (
        quick(replace(methods.DANN, at=""), seed=seed).model.state_dict() for seed in (1, 1, 2)
    )
    assert not changes(one, again)
    assert changes(one, other)


def test_apart_each_domain_is_normalised_by_its_own_statistics():
    """Together, what the net makes of a source picture depends on the target batch beside it."""
    domains = small_domains()
    rows = domains.source.pictures[:8], domains.target[:8]
    seen = {}
    for way in ("separate", "together"):
        method = replace(methods.CORAL, batch_norm=way)
        run = prepare_adaptation(small_backbone(), domains, method, 2, batch=8, device="cpu")
        run.learner.train()
        with_dark = run._see(*rows)[0].logits
        with_bright = run._see(rows[0], domains.source.pictures[8:16])[0].logits
        seen[way] = torch.allclose(with_dark, with_bright, atol=1e-6)
    assert seen == {"separate": True, "together": False}


def test_alignment_at_a_stage_compares_the_output_of_that_stage():
    method = replace(methods.CORAL, at="layer2")
    run = prepare_adaptation(small_backbone(), small_domains(), method, 2, batch=8, device="cpu")
    seen = run._see(small_domains().source.pictures[:8], small_domains().target[:8])[0]
    assert seen.aligned.shape == (8, 4 * 4 * 4)  # 4 channels; 32 pixels are 4 x 4 after layer2
    with pytest.raises(CourseError, match="layer9"):
        prepare_adaptation(small_backbone(), small_domains(), replace(method, at="layer9"), 2)


def test_source_only_on_shifted_pictures_is_mended_by_adabn():
    before, after = (quick(m, 120, lr=1e-2).test for m in (methods.SOURCE_ONLY, methods.ADABN))
    assert after > before + 0.1


def test_the_model_that_is_given_is_not_changed():
    model = small_backbone()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    adapt(model, small_domains(), methods.SELF_TRAINING, 3, batch=8, progress=False)
    continue_pretraining(model, small_domains().target, steps=2, batch=8)
    assert not changes(before, model.state_dict())


def test_continued_pretraining_moves_the_stages_and_keeps_the_head():
    model = small_backbone()
    turned = continue_pretraining(model, small_domains().target, steps=2, batch=8)
    moved = changes(model.state_dict(), turned.state_dict())
    assert moved and not any(".fc." in name for name in moved)


def test_quarter_turns_turn():
    picture = torch.arange(4.0).view(1, 1, 2, 2).repeat(4, 3, 1, 1)
    turned = quarter_turns(picture, torch.arange(4))[:, 0].flatten(1).tolist()
    assert turned == [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]]


def test_density_counts_equal_neighbours():
    """n equal rows: every other one is as near, so the entropy is log(n - 1)."""
    assert density(torch.ones(6, 3)) == pytest.approx(torch.tensor(5.0).log().item())
    # Two far pairs: each row has one neighbour that stands out.
    pairs = torch.tensor([[1.0, 0], [1, 0], [-1, 0], [-1, 0]])
    assert density(pairs) == pytest.approx(0, abs=1e-6)


def test_every_rule_is_computed_without_target_labels():
    run = quick(methods.SOURCE_ONLY)
    values = {name: rule(run) for name, rule in RULES.items()}
    run.domains = replace(
        run.domains,
        oracle_labels=2 - run.domains.oracle_labels,
        test=run.domains.test._replace(labels=2 - run.domains.test.labels),
    )
    assert values == {name: rule(run) for name, rule in RULES.items()}


def test_a_domain_probe_guesses_on_equal_features_and_sees_a_shift():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(400, 6, generator=generator) for _ in range(2))
    assert abs(domain_accuracy(a, b) - 0.5) < 0.1
    assert domain_accuracy(a, b + 3) > 0.95
    assert domain_accuracy(a, 4 * b) > 0.8  # the same mean, another spread


def test_bad_methods_and_settings_are_refused_in_words():
    with pytest.raises(CourseError, match="adversary"):
        Method("x", terms={"magic": 1.0})
    with pytest.raises(CourseError, match="separate"):
        Method("x", batch_norm="mixed")
    with pytest.raises(CourseError, match="steps"):
        quick(methods.DANN, steps=0)
    with pytest.raises(CourseError, match="Method"):
        adapt(small_backbone(), small_domains(), "DANN")
    with pytest.raises(CourseError, match="digits"):
        load_domains("digts")
    with pytest.raises(CourseError, match="from 20"):
        load_domains("night", 3)


@pytest.mark.parametrize("name", ("digits", "night", "scanners"))
def test_domains_hold_different_pictures_of_the_same_classes(name):
    one = load_domains(name, 40, seed=3)
    assert len(one.source.pictures) == len(one.target) == len(one.oracle_labels) == 40
    seen = [
        {picture.numpy().tobytes() for picture in shown}
        for shown in (one.source.pictures, one.source_validation.pictures, one.target)
    ]
    test = {picture.numpy().tobytes() for picture in one.test.pictures}
    assert not any(part & test for part in seen)
    again, other = load_domains(name, 40, seed=3), load_domains(name, 40, seed=4)
    assert torch.equal(one.target, again.target)
    assert not torch.equal(one.target, other.target)
    assert torch.equal(one.test.pictures, other.test.pictures)


def test_an_argument_of_the_first_edition_says_its_new_name():
    with pytest.raises(CourseError, match="ratio is called head_lr_ratio now"):
        prepare_adaptation(None, None, None, ratio=10)
