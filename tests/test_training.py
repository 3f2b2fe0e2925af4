import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from course_lib import Backbone, CourseError, evaluate, fit, load_backbone, predict, prepare_run
from course_lib import strategies as S
from course_lib.data import augmentation
from course_lib.data.split import Split
from course_lib.train import loop as training
from tests.fakes import STAGES, DroppingNet, pictures, small_backbone, small_task

TRANSFER = [s for s in S.ALL if not s.from_scratch]


def by_name(strategy):
    return strategy.name


def weights(model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.net.state_dict().items()}


def changed(before: dict, after: dict, stage: str) -> set[str]:
    """Names in a stage, buffers included, whose bytes differ."""
    stem = ("conv1", "bn1")
    mine = [n for n in before if n.split(".")[0] in (stem if stage == "stem" else (stage,))]
    assert mine
    return {name for name in mine if not torch.equal(before[name], after[name])}


def quick(model, task, strategy, epochs=2, **settings):
    return fit(model, task, strategy, epochs, **{"progress": False, "batch_size": 5, **settings})


def test_a_finished_run_keeps_its_weights_but_neither_gradients_nor_moments():
    run = prepare_run(small_backbone(), small_task(), S.FULL_FINE_TUNING, 1)
    next(tick for tick in run.ticks() if tick.kind == "train")
    assert run.optimizer.state and run.model.head.weight.grad is not None
    trainable = run.trainable_parameters
    list(run.ticks())
    assert not run.optimizer.state and all(p.grad is None for p in run.model.parameters())
    assert run.trainable_parameters == trainable > 0 and 0 <= run.test <= 1


@pytest.mark.parametrize("batch_norm", ["eval", "train"])
@pytest.mark.parametrize("trainable", [0, 1, 3, ("layer2",)])
@pytest.mark.parametrize("cache", [True, False])
def test_a_frozen_stage_is_byte_identical_after_fit(batch_norm, trainable, cache):
    model, task = small_backbone(), small_task()
    before = weights(model)
    strategy = S.Strategy("x", trainable=trainable, batch_norm=batch_norm)
    after = weights(quick(model, task, strategy, cache=cache).model)
    learning = S.learning_stages(strategy, STAGES)
    for stage in STAGES:
        assert bool(changed(before, after, stage)) == (stage in learning), stage


def test_batch_norm_statistics_change_only_where_the_strategy_says():
    model, task = small_backbone(), small_task()
    before = weights(model)
    statistics = {}
    for mode in S.BATCH_NORM_MODES:
        run = quick(model, task, S.Strategy("x", trainable=1, batch_norm=mode))
        after = weights(run.model)
        statistics[mode] = {
            stage for stage in STAGES
            if any("running" in name for name in changed(before, after, stage))
        }  # fmt: skip
    assert statistics == {"eval": set(), "train": {"layer4"}, "adapt": set(STAGES)}


def test_adapting_batch_norm_leaves_locked_weights_alone():
    model, task = small_backbone(), small_task()
    before = weights(model)
    after = weights(quick(model, task, S.Strategy("x", batch_norm="adapt")).model)
    for stage in STAGES:
        names = changed(before, after, stage)
        assert names and all("running" in n or "num_batches" in n for n in names)


@pytest.mark.parametrize("strategy", S.ALL, ids=by_name)
def test_every_parameter_that_learns_is_in_exactly_one_group(strategy):
    model = small_backbone()
    optimizer = training.make_optimizer(model, strategy)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert len(held) == len(set(held))
    parts = {**model.stages, "head": model.head}
    learning = (*S.learning_stages(strategy, STAGES), "head")
    assert set(held) == {id(p) for name in learning for p in parts[name].parameters()}
    for epoch in range(10):  # whatever learns at some time has its group
        training.set_trainable(model, strategy, epoch)
        assert {id(p) for p in model.parameters() if p.requires_grad} <= set(held)


def test_parameters_learn_from_the_epoch_that_the_schedule_says():
    model = small_backbone()
    strategy = replace(S.GRADUAL_UNFREEZING, head_epochs=1, unfreeze_every=1)
    starts = [training.set_trainable(model, strategy, epoch) for epoch in range(7)]
    assert starts == [5, 4, 3, 2, 1, 0, 0]


@pytest.mark.parametrize("strategy", S.ALL, ids=by_name)
def test_the_rate_in_every_group_is_the_intended_one_at_every_step(strategy):
    epochs = 7
    run = prepare_run(small_backbone(), small_task(), strategy, epochs, batch_size=5)
    assert run.batches == 3  # 14 pictures: 5, 5, 4
    steps = 0
    for tick in run.ticks():
        if tick.kind == "train":
            intended = S.rates(run.strategy, STAGES, (steps + 0.5) / 3, epochs)
            assert {g["name"]: g["lr"] for g in run.optimizer.param_groups} == intended
            steps += 1
    assert steps == epochs * 3


@pytest.mark.parametrize("strategy", TRANSFER, ids=by_name)
def test_the_cached_and_the_plain_path_agree(strategy):
    model, task = small_backbone(), small_task()
    cached, plain = (quick(model, task, strategy, 7, cache=c) for c in (True, False))
    for key, value in cached.model.state_dict().items():
        torch.testing.assert_close(value, plain.model.state_dict()[key], rtol=1e-3, atol=1e-5)
    assert cached.validation == plain.validation


def test_the_cached_and_the_plain_path_agree_on_augmented_views():
    model, task = small_backbone(), small_task()
    cached, plain = (
        quick(model, task, S.FINE_TUNING, 5, cache=c, augment=2, lr=1e-3) for c in (True, False)
    )
    for key, value in cached.model.state_dict().items():
        torch.testing.assert_close(value, plain.model.state_dict()[key], rtol=1e-3, atol=1e-5)


def count_stage_runs(monkeypatch, run) -> list[int]:
    """Numbers of pictures that each call of the first stage gets, while `run` goes on."""
    sizes = []
    run.model.net.conv1.register_forward_hook(lambda m, x, y: sizes.append(len(y)))
    return sizes


def test_frozen_stages_see_each_picture_once(monkeypatch):
    run = prepare_run(small_backbone(), small_task(), S.FINE_TUNING, 4, batch_size=5)
    sizes = count_stage_runs(monkeypatch, run)
    list(run.ticks())
    assert sum(sizes) == 14 + 12 + 18  # train, validation, test


def test_each_view_is_computed_once_and_again_when_unfreezing_moves_the_boundary(monkeypatch):
    run = prepare_run(
        small_backbone(), small_task(), S.FEATURE_EXTRACTION, 6, augment=2, validate_every=0
    )
    sizes = count_stage_runs(monkeypatch, run)
    list(run.ticks())
    assert sum(sizes) == 2 * 14 + 18
    strategy = S.Strategy("x", trainable=2, unfreeze_every=2)
    run = prepare_run(small_backbone(), small_task(), strategy, 6, validate_every=0)
    sizes = count_stage_runs(monkeypatch, run)
    list(run.ticks())
    assert sum(sizes) == 2 * 14 + 18  # once with layer4 learning, once with layer3 too


def test_features_beyond_the_limit_are_not_kept(monkeypatch):
    model, task = small_backbone(), small_task()
    kept = quick(model, task, S.FINE_TUNING)
    monkeypatch.setattr(training, "CACHE_LIMIT", 100)
    run = prepare_run(model, task, S.FINE_TUNING, 2, batch_size=5)
    for _ in run.ticks():
        assert not run._cache
    torch.testing.assert_close(run.model.net.fc.weight, kept.model.net.fc.weight)


def test_the_original_model_is_untouched():
    model, task = small_backbone(), small_task()
    before = weights(model)
    gradients = [p.requires_grad for p in model.parameters()]
    for strategy in (S.FULL_FINE_TUNING, S.SCRATCH, S.Strategy("x", batch_norm="adapt")):
        quick(model, task, strategy)
    after = weights(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [p.requires_grad for p in model.parameters()] == gradients
    assert not any(m.training for m in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_no_hooks_stay_behind():
    model = small_backbone()
    run = quick(model, small_task(), S.FULL_FINE_TUNING)
    for module in [*model.modules(), *run.model.modules()]:
        assert not module._forward_hooks and not module._forward_pre_hooks
        assert not module._backward_hooks and not module._backward_pre_hooks


@pytest.mark.parametrize("strategy", [S.SCRATCH, S.FINE_TUNING], ids=by_name)
@pytest.mark.parametrize("net", [None, DroppingNet])
def test_the_same_seed_gives_the_same_result_on_the_cpu(strategy, net):
    kwargs = {"net": net} if net else {}
    model, task = small_backbone(**kwargs), small_task()
    first = quick(model, task, strategy, seed=3)
    torch.rand(7)  # what others draw in between plays no part
    again, other = (quick(model, task, strategy, seed=s) for s in (3, 4))
    for key, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[key]), key
    assert not torch.equal(first.model.head.weight, other.model.head.weight)


def test_two_runs_stepped_in_turn_end_as_they_would_alone():
    model, task = small_backbone(net=DroppingNet), small_task()
    alone = quick(model, task, S.FULL_FINE_TUNING, lr=1e-3)
    runs = [
        prepare_run(model, task, s, 2, batch_size=5, lr=1e-3)
        for s in (S.FULL_FINE_TUNING, S.SCRATCH)
    ]
    for _ in range(100):
        for run in runs:
            next(run.ticks(), None)
    assert all(run.finished for run in runs)
    for key, value in alone.model.state_dict().items():
        assert torch.equal(value, runs[0].model.state_dict()[key]), key


def test_fit_leaves_the_global_random_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    quick(small_backbone(net=DroppingNet), small_task(), S.SCRATCH, augment=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_scratch_starts_from_new_weights_everywhere():
    model = small_backbone()
    run = prepare_run(model, small_task(), S.SCRATCH)
    for (name, old), new in zip(
        model.net.named_parameters(), run.model.net.parameters(), strict=True
    ):
        if old.ndim > 1:
            assert old.shape != new.shape or not torch.isclose(old, new).any(), name
        else:  # batch norm as in a fresh net; the head's bias is new
            assert "fc" in name or torch.equal(new, torch.full_like(new, "weight" in name))
    for name, value in run.model.net.named_buffers():
        if "running" in name:
            assert torch.equal(value, torch.full_like(value, "var" in name)), name


def test_fit_learns_an_easy_task():
    run = quick(small_backbone(), small_task(train=60), S.SCRATCH, 40, lr=1e-2)
    assert run.test > 0.9 and run.validation > 0.9
    assert run.history[-1].loss < run.history[0].loss


def test_the_history_has_an_entry_for_each_epoch():
    run = quick(small_backbone(), small_task(), S.FINE_TUNING, 4, validate_every=2)
    assert [epoch.epoch for epoch in run.history] == [1, 2, 3, 4]
    assert [epoch.validation is None for epoch in run.history] == [True, False, True, False]
    assert run.history[-1].validation == run.validation
    assert set(run.history[0].rates) == {"layer4", "head"}
    assert sum(epoch.seconds for epoch in run.history) == pytest.approx(run.seconds)


def test_seconds_leave_out_what_happens_between_ticks(monkeypatch):
    now = [0.0]

    def clock():  # a second passes at each look
        now[0] += 1
        return now[0]

    monkeypatch.setattr(training.time, "perf_counter", clock)
    run = prepare_run(small_backbone(), small_task(), S.SCRATCH, 2, batch_size=5)
    for _ in run.ticks():
        now[0] += 1000
    assert run.seconds == 6  # one second for each of 2 x 3 steps
    assert run.evaluation_seconds == 3  # validation twice, test once


def test_trainable_parameters_are_those_of_learning_stages_and_the_new_head():
    run = prepare_run(small_backbone(), small_task(), S.FEATURE_EXTRACTION)
    assert run.trainable_parameters == 8 * 3 + 3
    everything = prepare_run(small_backbone(), small_task(), S.FULL_FINE_TUNING)
    assert everything.trainable_parameters == sum(p.numel() for p in everything.model.parameters())


def test_a_run_can_be_left_read_and_taken_up_again():
    model, task = small_backbone(), small_task()
    whole = quick(model, task, S.FINE_TUNING, 3)
    run = prepare_run(model, task, S.FINE_TUNING, 3, batch_size=5)
    for tick in run.ticks():
        if tick.kind == "train" and tick.step == 4:
            break
    assert not run.finished and run.step == 4
    assert 0 <= run.test <= 1
    for _ in run.ticks():
        pass
    assert run.finished and run.step == 9
    assert torch.equal(run.model.head.weight, whole.model.head.weight)


def test_an_interrupt_leaves_a_usable_run(monkeypatch):
    original = torch.optim.AdamW.step
    calls = []

    def step(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    run = quick(small_backbone(), small_task(), S.SCRATCH, 5)
    assert run.step == 2 and not run.finished
    assert 0 <= run.test <= 1
    assert not any(module.training for module in run.model.modules())


def test_a_loss_that_is_no_number_stops_with_advice():
    model, task = small_backbone(), small_task()
    with torch.no_grad():
        model.net.layer4[1].bn2.weight.fill_(float("nan"))
    with pytest.raises(CourseError, match="loss became nan in step 1, at a .*smaller lr"):
        quick(model, task, S.FEATURE_EXTRACTION)


def test_the_best_epoch_by_validation_can_be_kept():
    run = quick(small_backbone(), small_task(), S.SCRATCH, 6, lr=0.1, keep_best=True)
    best = max(epoch.validation for epoch in run.history)
    assert run.validation == best
    assert evaluate(run.model, run.task, "validation") == best


def test_the_source_accuracy_of_a_frozen_backbone_is_what_it_was():
    model, task = small_backbone(), small_task()
    source = replace(
        small_task(), name="source", classes=model.source_classes, test=pictures(20, 5, 9)
    )
    # Labels that the net itself gives, so that it starts at 100 %.
    labels = predict(model, source.test.pictures).argmax(1)
    source = replace(source, test=Split(source.test.pictures, labels))
    assert quick(model, task, S.FEATURE_EXTRACTION).source_accuracy(source) == 1
    damaged = quick(model, task, replace(S.FULL_FINE_TUNING, head_lr_ratio=1), 20, lr=0.1)
    assert damaged.source_accuracy(source) < 1


def test_scratch_knows_nothing_of_a_source_that_random_weights_never_had():
    run = prepare_run(small_backbone().fresh(), small_task(), S.FEATURE_EXTRACTION)
    with pytest.raises(CourseError, match="random weights"):
        run.source_accuracy()


def test_evaluate_finds_the_classes_of_a_task_by_name():
    model = small_backbone(classes=3)
    task = replace(small_task(), classes=("source 2", "source 0", "source 1"))
    logits = predict(model, task.test.pictures)
    expected = (logits.argmax(1) == torch.tensor([2, 0, 1])[task.test.labels]).float().mean()
    assert evaluate(model, task) == pytest.approx(expected.item())


def test_evaluate_takes_pictures_and_labels():
    model, (x, y) = small_backbone(classes=3), pictures(9)
    expected = (model(model.prepare(x)).argmax(1) == y).float().mean().item()
    assert evaluate(model, (x, y)) == pytest.approx(expected)


def test_predict_gives_the_same_logits_whatever_the_chunks(monkeypatch):
    model, (x, _) = small_backbone(), pictures(11)
    whole = predict(model, x)
    monkeypatch.setattr(training, "chunk_size", lambda model: 3)
    torch.testing.assert_close(predict(model, x), whole)
    assert predict(model, x[:0]).shape == (0, 5)


def resnet() -> Backbone:
    return load_backbone("resnet18", pretrained=False)


@pytest.mark.parametrize("make", [small_backbone, resnet])
@pytest.mark.parametrize("strategy", [S.FINE_TUNING, S.FULL_FINE_TUNING], ids=by_name)
def test_without_a_cache_fit_is_a_plain_loop_to_the_last_bit(make, strategy):
    model, task, epochs, batches, lr = make(), small_task(), 2, 3, 1e-3
    strategy = replace(S.for_net(strategy, model), lr=lr)
    learning = S.learning_stages(strategy, model.stage_names)
    twin = model.with_head(len(task.classes), seed=0)
    net, (pictures, labels) = twin.net, task.train
    body = [p for name in learning for p in twin.stages[name].parameters()]

    # The same recipe in plain PyTorch.
    net.requires_grad_(False).eval()
    groups = []
    for held, rate in ((body, lr / strategy.head_lr_ratio), ([*twin.head.parameters()], lr)):
        vectors = [p for p in held if p.ndim < 2 and not strategy.decay_vectors]
        others = [p for p in held if p.ndim >= 2 or strategy.decay_vectors]
        groups.append({"params": others, "rate": rate})
        groups.append({"params": vectors, "rate": rate, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, weight_decay=strategy.weight_decay, fused=True)
    for step in range(epochs * batches):
        order = torch.Generator().manual_seed(step // batches)
        rows = torch.randperm(14, generator=order).tensor_split(batches)[step % batches]
        at = (step + 0.5) / (epochs * batches)
        share = at / 0.1 if at < 0.1 else 0.5 * (1 + math.cos(math.pi * (at - 0.1) / 0.9))
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * share
            for parameter in group["params"]:
                parameter.requires_grad_(True)
        loss = F.cross_entropy(net(model.prepare(pictures[rows])), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    run = quick(model, task, strategy, epochs, cache=False)
    for key, value in run.module.state_dict().items():
        assert torch.equal(value, net.state_dict()[key]), key


def test_weight_decay_spares_vectors_where_the_net_wants_it():
    model = small_backbone()
    for spared in (True, False):
        strategy = replace(S.for_net(S.FULL_FINE_TUNING, model), decay_vectors=not spared)
        for group in training.make_optimizer(model, strategy).param_groups:
            vectors = [p.ndim < 2 for p in group["params"]]
            assert group["weight_decay"] == (0 if spared and any(vectors) else 0.01)
            assert not spared or all(vectors) or not any(vectors)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"seed": -1}, "seed must be"),
        ({"augment": -1}, "augment must be"),
        ({"lr": -1.0}, "lr must be"),
        ({"validate_every": 0, "keep_best": True}, "validate_every"),
        ({"strategy": S.LP_FT, "epochs": 5}, "head alone for 5 epochs"),
        ({"strategy": "fine-tuning"}, "needs a Strategy"),
        ({"model": torch.nn.Linear(1, 1)}, "needs a Backbone"),
        ({"task": "new-shapes"}, "needs a Task"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(settings, message):
    start = {"model": small_backbone(), "task": small_task(), "strategy": S.SCRATCH}
    with pytest.raises(CourseError, match=message):
        fit(**{**start, "epochs": 2, "progress": False, **settings})


def test_a_task_without_training_pictures_is_refused():
    with pytest.raises(CourseError, match="0 training pictures"):
        quick(small_backbone(), replace(small_task(), train=pictures(0)), S.SCRATCH)


def test_evaluate_says_when_classes_do_not_fit():
    task = small_task()
    with pytest.raises(CourseError, match="Train a head first"):
        evaluate(small_backbone(), task)
    with pytest.raises(CourseError, match="Labels must lie between 0 and 4"):
        evaluate(small_backbone(), (task.test.pictures, task.test.labels + 4))
    with pytest.raises(CourseError, match="18 pictures and 17 labels"):
        evaluate(small_backbone(), (task.test.pictures, task.test.labels[1:]))
    with pytest.raises(CourseError, match="No split 'tests'"):
        evaluate(small_backbone(), task, "tests")
    with pytest.raises(CourseError, match="No pictures"):
        evaluate(small_backbone(), (task.test.pictures[:0], task.test.labels[:0]))


def test_augmented_views_depend_on_the_seed_and_keep_the_format():
    x = pictures(6).pictures
    first, same, other = (augmentation.augmented(x, seed) for seed in (1, 1, 2))
    assert torch.equal(first, same) and not torch.equal(first, other)
    assert first.shape == x.shape and first.dtype == torch.uint8
    assert not torch.equal(first, x)


def test_an_augmented_view_of_a_flat_picture_only_changes_its_brightness():
    flat = torch.full((4, 3, 16, 16), 100, dtype=torch.uint8)
    views = augmentation.augmented(flat, 0)
    assert (views == views[:, :, :1, :1]).all()
    assert (views.float() - 100).abs().max() <= 255 * augmentation.BRIGHTNESS + 1


@pytest.mark.gpu
@pytest.mark.parametrize("strategy", S.ALL, ids=by_name)
def test_fit_works_on_a_gpu_and_leaves_the_model_where_it_was(strategy):
    model, task = small_backbone(), small_task(train=30)
    run = fit(model, task, strategy, 10, lr=1e-2, device="cuda", progress=False)
    assert run.model.device.type == "cuda" and model.device.type == "cpu"
    assert run.model.net.conv1.weight.dtype == torch.float32
    assert 0 <= run.test <= 1


@pytest.mark.gpu
def test_a_frozen_stage_is_byte_identical_after_fit_on_a_gpu():
    model, task = small_backbone(), small_task()
    before = weights(model)
    after = weights(fit(model, task, S.FINE_TUNING, 2, device="cuda", progress=False).model.cpu())
    for stage in STAGES[:-1]:
        assert not changed(before, after, stage)
    assert changed(before, after, "layer4")
