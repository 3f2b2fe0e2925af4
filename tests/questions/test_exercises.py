"""The fill-in cells of lessons 03 and 04: right answers pass, each known wrong one is told why."""

import pytest

from course_lib.exercises import check, hint


def groups(net, head_rate, ratio, decay):
    parts = [["fc"], ["layer4"], ["layer3"], ["layer2"], ["layer1"], ["conv1", "bn1"]]
    rates = [head_rate, *(head_rate / ratio * decay**k for k in range(5))]
    return [
        {"params": [p for name in names for p in getattr(net, name).parameters()], "lr": rate}
        for names, rate in zip(parts, rates, strict=True)
    ]


def renamed(net, *given):
    return [{"params": g["params"], "lr_scale": g["lr"]} for g in groups(net, *given)]


def repeated(net, *given):
    return [*groups(net, *given), {"params": list(net.fc.parameters()), "lr": given[0]}]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (groups, "Right"),
        (lambda *given: groups(*given)[:-1], "`conv1.weight` is in no group"),
        (lambda net, head, ratio, decay: groups(net, head, ratio, 1.0), "should learn at"),
        (lambda net, head, ratio, decay: groups(net, head, ratio, 1 / decay), "should learn at"),
        (renamed, "no entry `lr`"),
        (repeated, "ValueError"),
        (lambda *given: None, "raised"),
    ],
)
def test_parameter_groups_are_checked_tensor_by_tensor(answer, words):
    assert words in repr(check("03-groups", answer))


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (line, "Right"),
        (lambda a, b, t: {n: (1 - t) * a[n] + t * b[n] for n in a}, "whole numbers"),
        (lambda a, b, t: line(b, a, t), "quarter of the way"),
        (lambda a, b, t: {"fc.weight": a["fc.weight"]}, "same names"),
        (in_place, "`start` was changed"),
    ],
)
def test_interpolation_is_checked_with_its_traps(answer, words):
    assert words in repr(check("04-interpolate", answer))


@pytest.mark.parametrize("name", ["03-groups", "04-interpolate"])
def test_an_empty_cell_is_not_attempted_and_there_is_a_hint(name):
    def empty(*given):
        raise NotImplementedError

    assert "Not attempted" in repr(check(name, empty))
    assert len(repr(hint(name))) > 60
