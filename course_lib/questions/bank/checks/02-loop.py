"""Inputs: pictures and labels. Output: every weight and statistic after one epoch of the answer."""

RTOL, ATOL = 1e-4, 1e-6


def inputs(rng):
    return [
        {
            "pictures": rng.normal(size=(14, 3, 8, 8)).astype("float32"),
            "labels": rng.integers(0, 3, 14).tolist(),
            "seed": int(rng.integers(1_000)),
        }
    ]


def network(seed):
    import torch
    from torch import nn

    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(36, 3),
    )  # fmt: skip


# The state of a net after the function has gone once over batches of 5, 5 and 4 pictures.
def trained(function, case):
    import torch

    net = network(case["seed"])
    pictures, labels = torch.tensor(case["pictures"]), torch.tensor(case["labels"])
    batches = list(zip(pictures.split(5), labels.split(5), strict=True))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    torch.manual_seed(case["seed"])  # dropout
    net.eval()  # as a measurement before it leaves it
    function(net, batches, optimizer)
    return {name: value.double().tolist() for name, value in net.state_dict().items()}


def run(answer, case):
    yield "weights", trained(answer.train_one_epoch, case)


def explain(case, want, have):
    import numpy as np
    import torch.nn.functional as F

    def like(function):
        made = trained(function, case)
        return all(np.allclose(made[k], have["weights"][k], 1e-4, 1e-6) for k in made)

    def with_a_slip(mode="train", zero=True, backward=True, step=True, batches=None):
        def loop(net, loader, optimizer):
            getattr(net, mode)()
            for pictures, labels in loader[:batches]:
                loss = F.cross_entropy(net(pictures), labels)
                if zero:
                    optimizer.zero_grad()
                if backward:
                    loss.backward()
                if step:
                    optimizer.step()

        return loop

    def once(net, loader, optimizer):
        net.train()
        for pictures, labels in loader:
            loss = F.cross_entropy(net(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    slips = {
        "The gradients of earlier batches are still there and add up: call "
        "`optimizer.zero_grad()` in every step, before `backward()`.": with_a_slip(zero=False),
        "The network was in evaluation mode: `net.train()` stands before the loop, since a "
        "measurement leaves it in evaluation mode.": with_a_slip(mode="eval"),
        "Weights and gradients have not met: `optimizer.step()` is missing.": with_a_slip(
            step=False
        ),
        "No gradient was computed: `loss.backward()` is missing.": with_a_slip(backward=False),
        "Only the first batch was used: is something inside the loop that leaves it, or a "
        "`return`?": with_a_slip(batches=1),
        "There was one step in the whole epoch: backward and step belong inside the loop.": once,
    }
    for text, function in slips.items():
        if like(function):
            return text
    return "The weights after one epoch are others than those of the plain loop."
