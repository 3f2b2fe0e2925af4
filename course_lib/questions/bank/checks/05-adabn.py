"""Inputs: pictures in batches, and which network. Outputs: the statistics of its batch norms;
which weights changed; which modules are not in evaluation mode; whether gradients were recorded."""

RTOL, ATOL = 1e-4, 1e-5


def inputs(rng):
    return [
        {
            "pictures": (3 + 2 * rng.normal(size=(24, 3, 8, 8))).astype("float32"),
            "seed": int(rng.integers(1_000)),
        }
        for _ in range(2)
    ]


def network(seed):
    import torch
    from torch import nn

    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(36, 5),
        nn.BatchNorm1d(5),
    )


def run(answer, case):
    import torch
    from torch import nn

    net = network(case["seed"])
    recorded = []
    net.register_forward_hook(lambda *_: recorded.append(torch.is_grad_enabled()))
    net.train()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    torch.manual_seed(case["seed"])  # dropout
    answer.adabn(net, list(torch.tensor(case["pictures"]).split(8)))
    norms = [m for m in net if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    yield "statistics", [s for norm in norms for s in (norm.running_mean, norm.running_var)]
    after = dict(net.named_parameters())
    yield "weights", [name for name, value in before.items() if not value.equal(after[name])]
    yield "mode", [name for name, module in net.named_modules() if module.training]
    yield "gradients", any(recorded)


def explain(case, want, have):
    import numpy as np

    if have.get("weights"):
        return f"A weight has changed: `{have['weights'][0]}`. Only statistics may."
    if have.get("gradients"):
        return "Gradients were recorded all the while: `with torch.no_grad():` around the loop."
    right, found = want["statistics"], have.get("statistics")
    if found is None:
        return "The batch norms have no statistics afterwards."
    if not np.allclose(found[0], right[0], 1e-3, 1e-4):
        return (
            "The first batch norm's mean is not that of the pictures. Reset it, and set its "
            "`momentum` to `None`: with 0.1 it still remembers what was there before."
        )
    if not all(np.allclose(a, b, 1e-3, 1e-4) for a, b in zip(found, right, strict=True)):
        return (
            "The last batch norm's statistics are off: what passes before it was not still. Only "
            "the batch norms go into train mode; dropout has to sleep."
        )
    return "Afterwards the whole network belongs into evaluation mode: `net.eval()`."
