"""The fill-in cells of the lessons: right answers pass, each likely mistake is named."""

import ast
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import CourseError, decisions
from course_lib.adaptation import reverse_gradient
from course_lib.questions import check, mine_or_ours, practice

LESSONS = Path(__file__).parents[2] / "notebooks" / "source"
EXERCISES = [key for key in practice.bank() if key[:2].isdigit()]


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


def text(name, answer):
    return repr(check(name, answer, seed=0))


@pytest.mark.parametrize("name", EXERCISES)
def test_the_lesson_shows_the_starter_and_checks_it(name):
    (lesson,) = LESSONS.glob(f"{name[:2]}_*.py")
    q = practice.find(name)
    cell = next(c for c in lesson.read_text("utf-8").split("# %%") if f'check("{name}"' in c)
    assert q.starter.strip() in cell
    *_, call = ast.parse(cell).body
    space = {"check": check}
    exec(q.starter, space)
    assert eval(ast.unparse(call), space).state == "not attempted"


# --- 01: a new head ------------------------------------------------------------------------------


def new_head(net, classes):
    net.fc = nn.Linear(net.fc.in_features, classes)
    return net


def retrained(net, classes):
    net.conv1.weight.data.zero_()
    return new_head(net, classes)


def head_for(features=None, classes=None):
    def answer(net, wanted):
        net.fc = nn.Linear(features or net.fc.in_features, classes or wanted)
        return net

    return answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (new_head, "Right"),
        (lambda net, classes: net.fc.in_features, "Return the network"),
        (lambda net, classes: net, "should be a new `nn.Linear`"),
        (head_for(features=4), "features; the new head must read as many"),
        (head_for(classes=3), "For 7 classes the head gives 3 logits"),
        (retrained, "The backbone has changed"),
    ],
)
def test_a_new_head_must_fit_and_leave_the_backbone(answer, words):
    assert words in text("01-new-head", answer)


# --- 01: a hook and a probe ----------------------------------------------------------------------


def hooked(keep=lambda given, answer: answer.mean((2, 3)), remove=True, quiet=True, always=None):
    """A learner's `collect` from what it keeps of a module's input and output."""

    def collect(net, stage, pictures):
        kept = []
        handle = getattr(net, always or stage).register_forward_hook(
            lambda module, given, answer: kept.append(keep(given[0], answer))
        )
        with torch.set_grad_enabled(not quiet):
            net(pictures)
        if remove:
            handle.remove()
        return kept[0]

    return collect


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (hooked(), "Right"),
        (hooked(remove=False), "`handle.remove()`"),
        (hooked(keep=lambda given, answer: answer), "the mean over their places is missing"),
        (hooked(quiet=False), "`with torch.no_grad():`"),
        (hooked(keep=lambda given, answer: given.mean((2, 3))), "what the stage was *given*"),
        (hooked(keep=lambda given, answer: answer.amax((2, 3))), "the numbers are not"),
        (hooked(keep=lambda given, answer: answer.flatten(1)), "features have the shape (5, 6)"),
        (hooked(always="layer2"), "Every stage gives the same"),
        (lambda net, stage, pictures: net(pictures).detach(), "Those are the logits"),
        (lambda net, stage, pictures: net.layer9, "AttributeError"),
    ],
)
def test_a_hook_reads_the_stage_that_was_asked_for_and_is_taken_off(answer, words):
    assert words in text("01-hook", answer)


def probing(steps=200, zero=True, on_train=False, percent=False):
    """A learner's `probe` with a slip."""

    def probe(train, train_labels, test, test_labels):
        middle, spread = train.mean(0), train.std(0) + 1e-6
        train, test = (train - middle) / spread, (test - middle) / spread
        head = nn.Linear(train.shape[1], int(train_labels.max()) + 1)
        optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
        for _ in range(steps):
            loss = nn.functional.cross_entropy(head(train), train_labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        rows, labels = (train, train_labels) if on_train else (test, test_labels)
        share = (head(rows).argmax(1) == labels).float().mean().item()
        return 100 * share if percent else share

    return probe


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (probing(), "Right"),
        (probing(steps=0), "the probe did not find them"),
        (probing(on_train=True), "labels of one trial were drawn by lot"),
        (probing(percent=True), "a share from 0 to 1"),
        (lambda *given: 0.5, "the probe did not find them"),
        (lambda *given: 1.0, "labels of one trial were drawn by lot"),
        (lambda train, labels: 1.0, "raised TypeError"),
    ],
)
def test_a_probe_is_tried_on_what_can_be_read_and_on_labels_drawn_by_lot(answer, words):
    assert words in text("01-probe", answer)


@pytest.mark.parametrize("seed", range(6))
def test_a_right_probe_passes_whatever_the_draw(seed):
    assert check("01-probe", probing(), seed=seed).state == "right"


# --- 02: freezing --------------------------------------------------------------------------------


def freeze(net):
    net.requires_grad_(False)
    net.fc.requires_grad_(True)
    net.eval()


def forgets_batch_norm(net):
    net.requires_grad_(False)
    net.fc.requires_grad_(True)


def forgets_a_layer(net):
    freeze(net)
    net.layer4.requires_grad_(True)


def stops_the_head(net):
    freeze(net)
    for parameter in net.fc.parameters():
        parameter.register_hook(torch.zeros_like)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (freeze, "Right"),
        (forgets_batch_norm, "running statistics"),
        (forgets_a_layer, "3 tensors outside the head still learn, such as `layer4"),
        (lambda net: net.requires_grad_(False).eval(), "The head must learn"),
        (stops_the_head, "The head did not move"),
        (lambda net: net.layer9, "AttributeError"),
    ],
)
def test_freezing_leaves_only_the_head_to_move(answer, words):
    assert words in text("02-freeze", answer)


# --- 03: parameter groups ------------------------------------------------------------------------


def groups(net, head_rate, ratio, decay):
    parts = [["fc"], ["layer4"], ["layer3"], ["layer2"], ["layer1"], ["conv1", "bn1"]]
    rates = [head_rate, *(head_rate / ratio * decay**k for k in range(5))]
    made = []
    for names, rate in zip(parts, rates, strict=True):
        held = [p for name in names for p in getattr(net, name).parameters()]
        made.append({"params": [p for p in held if p.ndim > 1], "lr": rate})
        made.append({"params": [p for p in held if p.ndim < 2], "lr": rate, "weight_decay": 0})
    return made


def decayed(net, *given):
    return [{"params": g["params"], "lr": g["lr"]} for g in groups(net, *given)]


def undecayed(net, *given):
    return [{**g, "weight_decay": 0} for g in groups(net, *given)]


def renamed(net, *given):
    return [{"params": g["params"], "lr_scale": g["lr"]} for g in groups(net, *given)]


def repeated(net, *given):
    return [*groups(net, *given), {"params": list(net.fc.parameters()), "lr": given[0]}]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (groups, "Right"),
        (lambda *given: groups(*given)[:-2], "`conv1.weight` is in no group"),
        (decayed, "`bn1.weight` has one dimension"),
        (undecayed, "The matrices should keep"),
        (lambda net, head, ratio, decay: groups(net, head, ratio, 1.0), "should learn at"),
        (lambda net, head, ratio, decay: groups(net, head, ratio, 1 / decay), "should learn at"),
        (renamed, "no entry `lr`"),
        (repeated, "ValueError"),
        (lambda *given: len(given), "raised TypeError"),
    ],
)
def test_parameter_groups_are_checked_tensor_by_tensor(answer, words):
    assert words in text("03-groups", answer)


# --- 04: interpolation ---------------------------------------------------------------------------


def line(start, end, share):
    return {
        name: (1 - share) * start[name] + share * end[name]
        if end[name].is_floating_point()
        else end[name]
        for name in start
    }


def in_place(start, end, share):
    for name, value in line(start, end, share).items():
        start[name].copy_(value)
    return start


def in_the_end(start, end, share):
    mixed = line(start, end, share)
    end["fc.bias"].zero_()
    return mixed


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (line, "Right"),
        (lambda a, b, t: {n: (1 - t) * a[n] + t * b[n] for n in a}, "there is no quarter"),
        (lambda a, b, t: line(b, a, t) | {n: b[n] for n in b if b[n].ndim == 0}, "a quarter of"),
        (lambda a, b, t: line(a, b, 0.25), "% of the way from start to end"),
        (lambda a, b, t: {"fc.weight": a["fc.weight"]}, "same names"),
        (in_place, "`start` was changed"),
        (in_the_end, "`end` was changed"),
        (lambda a, b, t: dict.fromkeys(a, "half"), "AttributeError"),
        (
            lambda a, b, t: line(a, b, t) | {"fc.bias": list("half")},
            "the real numbers lie on the line",
        ),
    ],
)
def test_interpolation_is_checked_with_its_traps(answer, words):
    assert words in text("04-interpolate", answer)


# --- 05: gradient reversal -----------------------------------------------------------------------


def layer(backward, forward=lambda context, x: x.view_as(x)):
    """A learner's `reverse` from its two methods."""

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(context, x, strength):
            context.strength = strength
            return forward(context, x)

        @staticmethod
        def backward(context, gradient):
            return backward(context, gradient), None

    return Reverse.apply


class OnlyForwards(torch.autograd.Function):
    @staticmethod
    def forward(context, x, strength):
        return x.view_as(x)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reverse_gradient, "Right"),
        (layer(lambda c, g: -c.strength * g), "Right"),
        (layer(lambda c, g: g), "unchanged"),
        (layer(lambda c, g: c.strength * g), "wrong sign"),
        (layer(lambda c, g: -g), "strength is missing"),
        (layer(lambda c, g: -2 * g), "came out"),
        (layer(lambda c, g: -c.strength * g, lambda c, x: -x), "Forwards"),
        (lambda x, strength: strength, "Forwards"),
        (lambda x, strength: x.detach(), "No gradient"),
        (lambda x: x, "TypeError"),
        (OnlyForwards.apply, "Your code raised NotImplementedError"),
    ],
)
def test_the_reversal_layer_is_checked_both_ways(answer, words):
    assert words in text("05-reversal", answer)


def test_what_lies_above_a_reversal_layer_must_get_its_ordinary_gradient():
    explain = practice.load_check(practice.find("05-reversal")).explain
    case = {"x": np.ones(1), "weight": np.full(1, 2.0), "strength": 0.5}
    have = {"forward": np.ones(1), "gradient": np.full(1, -1.0), "above": np.zeros(1)}
    assert "ordinary gradient" in explain(case, {}, have)


# --- 06: a split by patient ----------------------------------------------------------------------


def by_picture(patients, share, seed):
    return np.random.default_rng(seed).random(len(patients)) < share


def first_ones(patients, share, seed):
    names = np.unique(patients)
    return np.isin(patients, names[: int(share * len(names))])


def without_a_seed(patients, share, seed):
    return decisions.grouped_split(patients, share, int(np.random.default_rng().integers(1 << 30)))


def half(patients, share, seed):
    return decisions.grouped_split(patients, 0.5, seed)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (decisions.grouped_split, "Right"),
        (by_picture, "both sides"),
        (first_ones, "Another seed"),
        (without_a_seed, "same seed"),
        (half, "Asked for a quarter of the patients, you held out 50%"),
        (lambda patients, share, seed: patients, "must be as many bools; got int64"),
    ],
)
def test_a_split_is_checked_by_patient_share_and_seed(answer, words):
    assert words in text("06-split", answer)


# --- the learner's own functions in the rest of a lesson ------------------------------------------


def test_a_right_function_is_used_and_a_wrong_or_missing_one_replaced(capsys):
    def scale(step, steps, warmup=0.1):
        t = (step + 0.5) / steps
        if t < warmup:
            return t / warmup
        return (1 + math.cos(math.pi * (t - warmup) / (1 - warmup))) / 2

    assert mine_or_ours("03-schedule", {"scale": scale}) is scale
    assert "scale: yours" in capsys.readouterr().out
    for wrong in (lambda step, steps, warmup=0.1: 1.0, lambda: 1 / 0, None, "text"):
        ours = mine_or_ours("03-schedule", {"scale": wrong})
        assert ours is not wrong and ours(5, 10) == pytest.approx(0.5)
        assert "ours, until yours passes" in capsys.readouterr().out
    with pytest.raises(CourseError, match="has no function"):
        mine_or_ours("p02-race", {})


# --- 07: the masked-token loss -------------------------------------------------------------------


def per_passage(scores, tokens, hidden):
    rows = [
        nn.functional.cross_entropy(s[h], t[h])
        for s, t, h in zip(scores, tokens, hidden, strict=True)
        if h.any()
    ]
    return torch.stack(rows).mean()


def loss_at(where, **how):
    def answer(scores, tokens, hidden):
        places = where(hidden)
        return nn.functional.cross_entropy(scores[places], tokens[places], **how)

    return answer


def over_all_places(scores, tokens, hidden):
    each = nn.functional.cross_entropy(scores.flatten(0, 1), tokens.flatten(), reduction="none")
    return (each * hidden.flatten()).mean()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (loss_at(lambda hidden: hidden), "Right"),
        (loss_at(torch.ones_like), "mean over all places"),
        (loss_at(lambda hidden: ~hidden), "\\*not\\* hidden"),
        (loss_at(lambda hidden: hidden, reduction="sum"), "take their mean"),
        (loss_at(lambda hidden: hidden, reduction="none"), "Return one number"),
        (over_all_places, "divided by the number of all places"),
        (per_passage, "Each passage counts the same"),
        (lambda s, t, h: loss_at(lambda h: h)(s, t, h).detach(), "no gradient comes back"),
        (lambda s, t, h: s.sum(), "mean of -log"),
    ],
)
def test_the_masked_loss_asks_for_the_hidden_words_alone(answer, words):
    assert re.search(words, text("07-masked-loss", answer))
