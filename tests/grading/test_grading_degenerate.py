"""No answer that did not do the work gets full marks; the ones that once did are among them."""

from pathlib import Path

import degenerate
import pytest

from course_lib.grading import judge, sandbox, score
from course_lib.questions import scoring
from course_lib.questions.format import load_bank

BANKS = (Path(__file__).parents[2] / "quizzes" / "bank", Path(scoring.__file__).parent / "bank")
CODE = {
    q.id: q
    for bank in BANKS
    for quiz in load_bank(bank).values()
    for q in quiz.questions
    if q.kind == "code"
}
ANSWERS = [
    (key, kind, code) for key, q in CODE.items() for kind, code in degenerate.answers(q).items()
]
CHEATS = [(key, kind, c) for key, kinds in degenerate.CHEATS.items() for kind, c in kinds.items()]


@pytest.fixture(scope="module")
def run(bubblewrap):
    with sandbox.Sandbox(("numpy", "torch")) as box:
        yield box.run


def result(key, code, run):
    found = score.score_code(CODE[key], code, 7, run, judge.compare)
    assert found.score is not None, found
    return found


@pytest.mark.parametrize(
    ("key", "kind", "code"), ANSWERS + CHEATS, ids=[f"{a}: {b}" for a, b, _ in ANSWERS + CHEATS]
)
def test_an_answer_that_did_not_do_the_work_gets_less_than_full_marks(key, kind, code, run):
    found = result(key, code, run)
    assert found.score < CODE[key].points, found


def test_every_coding_task_has_six_degenerate_answers_that_are_python():
    assert set(degenerate.TASKS) == set(CODE)
    for key, kind, code in ANSWERS:
        compile(code, f"{key}, {kind}", "exec")
    assert all(len(degenerate.answers(q)) >= 6 for q in CODE.values())


OTHER_WAYS = {
    "l02-code-freeze": """
from torch import nn
def freeze(net):
    for name, child in net.named_children():
        if name != "fc":
            child.requires_grad_(False)
    train = net.train
    def trained(mode=True):
        train(mode)
        for name, child in net.named_children():
            if name != "fc":
                for part in child.modules():
                    if isinstance(part, nn.modules.batchnorm._BatchNorm):
                        part.eval()
        return net
    net.train = trained
    trained()
""",
    "l03-code-groups": """
def groups(net, head, backbone):
    own = {id(p) for p in net.fc.parameters()}
    rest = (p for p in net.parameters() if p.requires_grad and id(p) not in own)
    return [dict(params=rest, lr=backbone), dict(params=net.fc.parameters(), lr=head)]
""",
    "l05-code-grl": """
def reverse(x, strength):
    out = x.clone()
    if out.requires_grad:
        out.register_hook(lambda gradient: -strength * gradient)
    return out
""",
    "l06-code-grey": """
import copy
from torch import nn
def to_grey(conv):
    grey = copy.deepcopy(conv)
    grey.in_channels = 1
    grey.weight = nn.Parameter(conv.weight.detach().sum(1, keepdim=True))
    return grey
""",
    "l02-code-head": """
import torch
def replace_head(net, classes):
    old = net.fc
    del net.fc
    net.add_module("fc", torch.nn.Linear(old.weight.shape[1], classes, old.bias is not None))
    return net
""",
}


@pytest.mark.parametrize("key", OTHER_WAYS)
def test_other_honest_ways_get_full_marks(key, run):
    found = result(key, OTHER_WAYS[key], run)
    assert found.score == CODE[key].points, found
