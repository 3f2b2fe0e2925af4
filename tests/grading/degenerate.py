"""Answers that did not do the work, at least six for every coding task.

For each task what its function is called, what the public example would let one guess, and an
answer of the right shape with the wrong work in it; the other four are made for all tasks alike: a
constant, nothing, a library that agrees to everything, and the right numbers in the wrong object.
``CHEATS`` are the ones that once got full marks.
"""

from __future__ import annotations

from course_lib.questions.question import Question

PATCHES = """
import builtins, numpy as np
for n in ("allclose", "array_equal", "isclose", "all", "equal"):
    setattr(np, n, lambda *a, **k: True)
try:
    import torch
    torch.equal = torch.allclose = lambda *a, **k: True
    torch.optim.SGD.step = torch.optim.Optimizer.step = lambda *a, **k: None
    torch.nn.Module.train = lambda self, mode=True: self
    for kind in (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d):
        kind.forward = lambda self, x: x
except ImportError:
    pass
"""

# id: (name of the function, an expression after the example, a body of right shape and wrong work)
TASKS = {
    "01-hook": (
        "collect",
        "__import__('torch').zeros(2, 8)",
        "return getattr(net, stage)(pictures).detach().mean((2, 3))",
    ),
    "01-probe": ("probe", "1.0", "return float((test_labels == train_labels[0]).float().mean())"),
    "02-loop": (
        "train_one_epoch",
        "None",
        "net.train()\n    for pictures, labels in loader:\n        net(pictures)",
    ),
    "02-accuracy": (
        "accuracy",
        "2 / 3",
        "net.eval()\n    means = [(net(x).argmax(1) == y).float().mean() for x, y in loader]\n"
        "    return float(sum(means) / len(means))",
    ),
    "02-mode": ("learning_mode", "[True, False, True]", "net.train()"),
    "02-split": (
        "split",
        "[60, 20, 20]",
        "return list(range(n * 3 // 5)), list(range(n // 5)), list(range(n // 5))",
    ),
    "03-schedule": ("scale", "[0.5, 0.99, 0.5, 0.01]", "return step / steps"),
    "l01-code-cka": ("linear_cka", "1.0", "return float((x * x).mean() / (1 + (y * y).mean()))"),
    "l01-code-features": (
        "stage_features",
        "__import__('torch').zeros(2, 4)",
        "return getattr(net, stage)[0](pictures).mean((2, 3)) if stage == 'layer1' "
        "else net(pictures).detach().mean((2, 3))",
    ),
    "l02-code-head": (
        "replace_head",
        "__import__('torch').nn.Linear(6, 3)",
        "net.fc = __import__('torch').nn.Linear(net.fc.in_features, classes, net.fc.bias is None)\n"
        "    return net",
    ),
    "l02-code-freeze": (
        "freeze",
        "net.bn.eval()",
        "net.requires_grad_(False)\n    net.fc.requires_grad_(True)\n    net.eval()",
    ),
    "l02-code-loop": (
        "train",
        "[0.5] * epochs",
        "net.eval()\n    x, y = validation\n"
        "    return [float((net(x).argmax(1) == y).double().mean())] * epochs",
    ),
    "l02-code-count": ("count", "(8, 8)", "return len(list(net.parameters())), 8"),
    "l03-code-groups": (
        "groups",
        "[{'params': net.layer1.parameters(), 'lr': 0.001}, {'params': net.fc.parameters()}]",
        "return [{'params': list(net.fc.parameters()), 'lr': backbone}, {'params': [p for n, p in "
        "net.named_parameters() if not n.startswith('fc.')], 'lr': head}]",
    ),
    "l03-code-decay": (
        "decayed_rates",
        "dict(zip(names, (0.25, 0.5, 1.0)))",
        "return {name: head_rate for name in names}",
    ),
    "l03-code-schedule": (
        "learning_stages",
        "['layer3']",
        "return list(stages)[-1:] if epoch >= every else []",
    ),
    "l04-code-forgetting": (
        "forgetting",
        "(1.0, 1.0)",
        "a = ((after @ head.T).argmax(1) == labels).mean()\n    return a, 1 - a",
    ),
    "l04-code-l2sp": (
        "l2sp",
        "net.fc.weight.sum() * 0",
        "return sum(p.pow(2).sum() for p in net.parameters())",
    ),
    "l05-code-grl": ("reverse", "x * 1", "return x - strength * x"),
    "l05-code-coral": ("coral", "source.sum() * 0", "return (source.mean() - target.mean()) ** 2"),
    "l06-code-preprocess": (
        "preprocess",
        "__import__('numpy').ones((3, crop, crop), 'float32')",
        "return picture[:crop, :crop].transpose(2, 0, 1) / 255 - 0.5",
    ),
    "l06-code-grey": (
        "to_grey",
        "lambda x: conv(x.repeat(1, 3, 1, 1))",
        "import torch\n    grey = torch.nn.Conv2d(1, conv.out_channels, conv.kernel_size, "
        "conv.stride, conv.padding, bias=conv.bias is not None)\n    return grey",
    ),
    "06-threshold": ("cheapest", "0.3", "return float(probabilities[labels == 1].min())"),
    "06-grey": (
        "one_channel",
        "conv",
        "import torch\n    grey = torch.nn.Conv2d(1, conv.out_channels, conv.kernel_size, "
        "conv.stride, conv.padding, bias=conv.bias is not None)\n    return grey",
    ),
    "l06-code-folds": (
        "folds",
        "__import__('numpy').array([1, 0, 1, 0, 0, 1])",
        "return __import__('numpy').sort(__import__('numpy').arange(len(groups)) % k)",
    ),
    "l07-code-lora": (
        "LoRA",
        "layer",
        "import torch\n    lora = torch.nn.Module()\n"
        "    lora.a = torch.nn.Parameter(torch.zeros(rank, linear.in_features))\n"
        "    lora.b = torch.nn.Parameter(torch.zeros(linear.out_features, rank))\n"
        "    lora.forward = linear\n    return lora",
    ),
    "07-lora": (
        "LoRALinear",
        "layer",
        "import torch\n    lora = torch.nn.Module()\n    lora.layer = layer\n"
        "    lora.down = torch.nn.Linear(layer.in_features, rank, bias=False)\n"
        "    lora.up = torch.nn.Linear(rank, layer.out_features, bias=False)\n"
        "    lora.forward = layer\n    return lora",
    ),
    "07-lora-conv": (
        "LoRAConv",
        "layer",
        "import torch\n    lora = torch.nn.Module()\n    lora.layer = layer\n"
        "    lora.down = torch.nn.Conv2d(layer.in_channels, rank, 1, bias=False)\n"
        "    lora.up = torch.nn.Conv2d(rank, layer.out_channels, 1, bias=False)\n"
        "    lora.forward = layer\n    return lora",
    ),
    "07-lora-learns": ("only_adapters", "[1, 2]", "return list(net.eval().fc.parameters())"),
    "l07-code-zero-shot": (
        "zero_shot",
        "__import__('numpy').arange(len(pictures)) % 2",
        "return (pictures @ texts.mean(1).T).argmin(1)",
    ),
    "07-contrastive": (
        "contrastive_loss",
        "0.1269 + 0 * (pictures.sum() + texts.sum())",
        "return (1 - (pictures * texts).sum(1)).mean() * scale",
    ),
    "07-zero-shot": (
        "zero_shot",
        "__import__('torch').tensor([[0.12, 0.88]]).repeat(len(pictures), 1)",
        "import torch\n    first = torch.stack([text[0] for text in texts])\n"
        "    return (scale * pictures @ first.T).softmax(1)",
    ),
    "p01-code-probe": ("probe_accuracy", "1.0", "return float((labels == 0).mean())"),
    "01-new-head": (
        "new_head",
        "__import__('torch').nn.Linear(8, 3)",
        "net.fc = __import__('torch').nn.Linear(net.fc.in_features, net.fc.out_features)\n"
        "    return net",
    ),
    "p02-code-trainable": ("only_head", "net.requires_grad_(False)", "return net.eval()"),
    "02-freeze": (
        "freeze",
        "net.eval()",
        "net.requires_grad_(False)\n    net.fc.requires_grad_(True)",
    ),
    "p03-code-warmup": ("warmup", "rate", "return rate * step / steps"),
    "03-groups": (
        "parameter_groups",
        "[{'params': [p], 'lr': 1.0} for p in net.parameters()]",
        "return [{'params': list(c.parameters()), 'lr': head_rate} for c in net.children()]",
    ),
    "p04-code-average": (
        "interpolate",
        "{n: v * 0 + 0.25 for n, v in start.items()}",
        "return {n: (start[n] + end[n]) / 2 for n in start}",
    ),
    "04-interpolate": (
        "interpolate",
        "{'w': __import__('torch').full((2,), 0.25), 'num_batches_tracked': 8}",
        "return {n: v.clone() for n, v in start.items()}",
    ),
    "04-old": (
        "old_accuracy",
        "0.5",
        "new, net.fc = net.fc, old_head\n    net.eval()\n"
        "    means = [(net(x).argmax(1) == y).float().mean() for x, y in loader]\n"
        "    net.fc = new\n    return float(sum(means) / len(means))",
    ),
    "04-l2sp": (
        "l2sp",
        "net.weight.sum() * 0 + 4.5",
        "return strength / 2 * sum(p.square().sum() for p in net.parameters())",
    ),
    "04-replay": (
        "replay",
        "__import__('torch').tensor(2.0).log()",
        "return __import__('torch').nn.functional.cross_entropy(old_head(net(pictures)), labels)",
    ),
    "05-reversal": ("reverse", "x * 1", "return x - strength * x"),
    "05-doorman": (
        "domain_loss",
        "__import__('torch').tensor(2.0).log()",
        "return doorman(source).mean() - doorman(target).mean()",
    ),
    "05-adabn": (
        "adabn",
        "None",
        "net.eval()\n    for pictures in batches:\n        net(pictures)",
    ),
    "p06-code-normalise": ("normalise", "x / 2", "return (x - mean.mean()) / std.mean()"),
    "07-masked-loss": (
        "masked_loss",
        "__import__('torch').tensor(0.693)",
        "return (scores.logsumexp(-1) - scores[..., 0]).mean()",
    ),
    "l07-code-masked": (
        "masked_loss",
        "0.5",
        "import numpy as np\n    return float(np.log(np.exp(scores).sum(-1)).mean())",
    ),
    "06-split": (
        "hold_out",
        "__import__('numpy').array([True, True, False, False, False, False, False, True])",
        "import numpy as np\n    return np.random.default_rng(seed).random(len(patients)) < share",
    ),
}
ARGUMENTS = {
    "l07-code-lora": "linear, rank, alpha",
    "07-lora": "layer, rank, alpha",
    "07-lora-conv": "layer, rank, alpha",
}
REPLACED = """
_right = {name}
def {name}(*args):
    return {{"value": _right(*args)}}
"""
PROXY = """
_right = {name}
class Wrong:
    def __init__(self, inner): self.__dict__["inner"] = inner
    def __getattr__(self, name): return getattr(self.inner, name)
    def __call__(self, *args): return self.inner(*args)
def {name}(*args):
    return Wrong(_right(*args))
"""
# Objects that are used like modules.
PROXIED = ("l02-code-head", "l06-code-grey", "l07-code-lora", "07-lora", "07-lora-conv")
# Where the work is done in place, it is done on a copy.
ON_A_COPY = """
import copy
_right = {name}
def {name}(net, *args): return _right(copy.deepcopy(net))
"""


def answers(question: Question) -> dict[str, str]:
    """At least six answers that did not do the work, by kind."""
    name, example, body = TASKS[question.id]
    arguments = ARGUMENTS.get(question.id) or _arguments(question.starter, name)
    first = arguments.split(",")[0]
    in_place = name in ("freeze", "train", "train_one_epoch", "learning_mode", "adabn")
    nothing = f"def {name}({arguments}):\n    return {first}\n"
    other = PROXY if question.id in PROXIED else REPLACED
    wrong = (ON_A_COPY if in_place else other).format(name=name)
    return {
        "a constant": f"def {name}(*args): return 1.0\n",
        "the example": f"def {name}({arguments}):\n    return {example}\n",
        "a patched library": PATCHES + nothing,
        "wrong work": f"def {name}({arguments}):\n    {body}\n",
        "the wrong object": question.reference + wrong,
        "nothing": nothing,
    }


def _arguments(starter: str, name: str) -> str:
    start = starter.index(f"def {name}(") + len(name) + 5
    return starter[start : starter.index(")", start)]


CHEATS = {
    "l06-code-grey": {
        "a lambda that repeats channels": (
            "def to_grey(conv): return lambda x: conv(x.repeat(1, 3, 1, 1))"
        ),
        "a module that repeats channels": """
from torch import nn
class Conv2d(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv
    def forward(self, x): return self.conv(x.repeat(1, 3, 1, 1))
def to_grey(conv): return Conv2d(conv)
""",
        "a convolution that lies in its forward": """
from torch import nn
kind = nn.Conv2d
class Conv2d(kind):
    def forward(self, x): return self.old[0](x.repeat(1, 3, 1, 1))
def to_grey(conv):
    grey = Conv2d(1, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                  bias=conv.bias is not None)
    grey.old = [conv]
    return grey
""",
    },
    "l02-code-freeze": {
        "a patched optimiser and batch norm": """
import torch
from torch import nn
def step(self, closure=None):
    pass
torch.optim.SGD.step = step
for kind in (nn.BatchNorm1d, nn.BatchNorm2d):
    kind.forward = lambda self, x: nn.functional.batch_norm(
        x, self.running_mean, self.running_var, self.weight, self.bias)
def freeze(net): pass
""",
        "a disabled net.train": """
def freeze(net):
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith("fc"))
    net.eval()
    net.train = lambda mode=True: net
""",
        "a disabled Module.train": """
from torch import nn
def freeze(net):
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith("fc"))
    net.eval()
    nn.Module.train = lambda self, mode=True: self
""",
    },
    "l05-code-grl": {
        "a hook on the caller's tensor": """
def reverse(x, strength):
    x.register_hook(lambda gradient: -strength * gradient)
    return x
""",
        "a hook on the caller's tensor, and a view": """
def reverse(x, strength):
    x.register_hook(lambda gradient: -strength * gradient)
    return x.view_as(x)
""",
    },
    "l03-code-groups": {
        "a group for every parameter": """
def groups(net, head, backbone):
    return [{"params": [p], "lr": head if n.startswith("fc.") else backbone}
            for n, p in net.named_parameters() if p.requires_grad]
""",
        "a third, empty group": """
def groups(net, head, backbone):
    named = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
    return [{"params": [p for n, p in named if n.startswith("fc.")], "lr": head},
            {"params": [p for n, p in named if not n.startswith("fc.")], "lr": backbone},
            {"params": [], "lr": 1.0}]
""",
        "a decay that nobody asked for": """
def groups(net, head, backbone):
    named = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
    return [{"params": [p for n, p in named if n.startswith("fc.")], "lr": head},
            {"params": [p for n, p in named if not n.startswith("fc.")], "lr": backbone,
             "weight_decay": 0.9}]
""",
    },
    "l02-code-head": {
        "the rest set to not learn": """
from torch import nn
def replace_head(net, classes):
    net.requires_grad_(False)
    net.fc = nn.Linear(net.fc.in_features, classes, bias=net.fc.bias is not None)
    return net
""",
        "a head that cannot learn": """
from torch import nn
def replace_head(net, classes):
    net.fc = nn.Linear(net.fc.in_features, classes, bias=net.fc.bias is not None)
    net.fc.requires_grad_(False)
    return net
""",
    },
    "l04-code-l2sp": {
        "gradients written by hand": """
import torch
def l2sp(net, start, alpha, beta):
    total = torch.zeros((), requires_grad=True)
    value = 0.0
    for name, p in net.named_parameters():
        there = start[name] if name in start else 0
        strength = alpha if name in start else beta
        p.grad = (strength * (p - there)).detach()
        value += float(strength / 2 * (p - there).pow(2).sum())
    return total + value
""",
    },
    "l07-code-lora": {
        "an optimiser that spares the frozen layer": """
import torch
from torch import nn
class LoRA(nn.Module):
    def __init__(self, linear, rank, alpha):
        super().__init__()
        self.linear = linear
        self.a = nn.Parameter(torch.randn(rank, linear.in_features) * 0.01)
        self.b = nn.Parameter(torch.zeros(linear.out_features, rank))
        self.scale = alpha / rank
        torch.optim.SGD.step = lambda *args: None
    def forward(self, x):
        return self.linear(x) + self.scale * (x @ self.a.T @ self.b.T)
""",
    },
}
