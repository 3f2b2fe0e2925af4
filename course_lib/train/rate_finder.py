"""Learning-rate finder: which rates make the loss fall, and from where on does it explode?

    search = find_rate(prepare_run(backbone, task, strategies.FULL_FINE_TUNING))
    search.steepest, search.tenth

A rising rate is tried for a few steps each on real batches; afterwards the run is as it was, so it
can start as if nothing had happened. Smith 2017, "Cyclical learning rates for training neural
networks", section 3.3.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from course_lib import checks
from course_lib.errors import Diverged
from course_lib.train import strategies
from course_lib.train.loop import Run, frozen_part, set_trainable
from course_lib.train.stepping import forward_pass, update
from course_lib.train.strategies import HEAD

SMOOTHING = 0.8  # share of the old value in the running mean of the losses
EXPLODED = 3.0  # the search ends when the smoothed loss is this many times its smallest value


@dataclass(frozen=True)
class RateSearch:
    """What `find_rate` saw. rates: of the head, rising. losses: smoothed, one for each rate.

    steepest: rate at which the loss fell fastest, the usual suggestion. tenth: a tenth of the rate
    at which the smoothed loss was lowest, the other usual one. Both come from a few dozen
    noisy steps: a place to begin, not an optimum.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    steepest: float
    tenth: float


def find_rate(
    run: Run,
    lowest: float = 1e-5,
    highest: float = 1.0,
    steps: int = 50,
    seed: int = 0,
) -> RateSearch:
    """Try head rates from `lowest` to `highest`; the stages' rates keep their proportion to it.

    run: from prepare_run, before or during training; stages that the strategy has not unlocked yet
    stay locked. Weights, buffers, optimizer state, gradients and modes are afterwards what they
    were, bit by bit, also when it fails.
    Raises CourseError for rates that do not rise and for fewer than 10 steps.
    """
    highest = checks.number(highest, "highest", above=0, most=strategies.LARGEST_RATE)
    lowest = checks.number(lowest, "lowest", above=0, below=highest)
    steps, seed = checks.whole_number(steps, "steps", 10), checks.seed(seed)
    rates = [lowest * (highest / lowest) ** (i / (steps - 1)) for i in range(steps)]
    before = _remember(run)
    try:
        losses = _losses(run, rates, seed)
    finally:
        _restore(run, before)
    rates = rates[: len(losses)]
    return RateSearch(tuple(rates), tuple(losses), _steepest(rates, losses), _tenth(rates, losses))


def _losses(run: Run, rates: list[float], seed: int) -> list[float]:
    model, task = run.model, run.task
    pictures, labels = (part.to(model.device) for part in task.train)
    start = set_trainable(model, run.strategy, run.epoch)
    peaks = strategies.peak_rates(run.strategy, model.stage_names)
    generator = torch.Generator().manual_seed(seed)
    mean = 0.0
    losses: list[float] = []
    for step, rate in enumerate(rates):
        rows = torch.randint(len(labels), (run.settings.batch_size,), generator=generator)
        rows = rows.to(model.device)
        with forward_pass(seed, step, model.device):
            x = frozen_part(model, pictures[rows], start)
            loss = F.cross_entropy(model.head(model.run_stages(x, start)).float(), labels[rows])
        tried = {name: rate * peak / peaks[HEAD] for name, peak in peaks.items()}
        try:
            update(run.optimizer, loss, tried, step)
        except Diverged:
            break
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss.item()
        smooth = mean / (1 - SMOOTHING ** (step + 1))  # without the pull of its start at 0
        if losses and smooth > EXPLODED * min(losses):
            break
        losses.append(smooth)
    return losses


def _steepest(rates: list[float], losses: list[float]) -> float:
    """Rate in the middle of the steepest fall per factor of rate, over three steps."""
    falls = [losses[i - 1] - losses[i + 1] for i in range(1, len(losses) - 1)]
    return rates[1 + max(range(len(falls)), key=falls.__getitem__)] if falls else rates[0]


def _tenth(rates: list[float], losses: list[float]) -> float:
    return rates[min(range(len(losses)), key=losses.__getitem__)] / 10


def _remember(run: Run) -> dict:
    model = run.model
    return {
        "weights": {name: value.clone() for name, value in model.state_dict().items()},
        "optimizer": copy.deepcopy(run.optimizer.state_dict()),
        "learning": [(p, p.requires_grad, p.grad) for p in model.parameters()],
        "modes": [(module, module.training) for module in model.modules()],
    }


def _restore(run: Run, before: dict) -> None:
    with torch.no_grad():
        for name, value in run.model.state_dict().items():
            value.copy_(before["weights"][name])
    run.optimizer.load_state_dict(before["optimizer"])
    for parameter, learns, gradient in before["learning"]:
        parameter.requires_grad_(learns)
        parameter.grad = gradient
    for module, training in before["modes"]:
        module.training = training
