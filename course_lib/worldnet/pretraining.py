"""Pretrain WorldNet on the image world: `course pretrain`.

The order of the pictures depends only on (seed, epoch) and their augmentation on (seed, step). A
checkpoint therefore holds the step, the weights and the optimizer, and a run that was killed
resumes to the same curve. Under `torchrun` every process takes its share of each batch.
"""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from course_lib import checks
from course_lib.devices import usable_device
from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.worldnet.checkpoint import damaged, read_checkpoint
from course_lib.worldnet.recipe import (
    Pupil,
    Recipe,
    augment,
    loss_of,
    make_pool,
    normalise,
    rate_at,
)


def pretrain(
    recipe: Recipe,
    out: Path,
    *,
    device: str | None = None,
    checkpoint_every: float = 60.0,
    stop_after: int | None = None,
    keep: tuple[float, ...] = (),
    say=print,
) -> Path:
    """Train, or go on with what `out` holds, and return the path of the final checkpoint.

    Args:
        recipe: what to train.
        out: folder for `checkpoint.pt`, `curve.json` and the kept checkpoints.
        device: "cpu", "cuda" or None for the best there is.
        checkpoint_every: seconds between checkpoints.
        stop_after: stop at this step as a kill would, for tests.
        keep: shares of the run (such as 0.1) at which weights are kept for later study.

    Raises:
        CourseError: `out` holds a damaged checkpoint or a run of another recipe, or cannot be
            written; a device that is not there.
    """
    out = checks.path(out, "out")
    checkpoint_every = checks.number(checkpoint_every, "checkpoint_every", least=0)
    keep = checks.numbers_of(keep, "keep", above=0, most=1) if keep else ()
    rank, processes = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = usable_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    joined = processes > 1 and not torch.distributed.is_initialized()
    if joined:
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        every = {"checkpoint_every": checkpoint_every, "stop_after": stop_after, "keep": keep}
        return _train(recipe, out, device, rank, processes, say, **every)
    finally:
        if joined:
            torch.distributed.destroy_process_group()


def _train(
    recipe, out, device, rank, processes, say, *, checkpoint_every, stop_after, keep
) -> Path:
    if recipe.batch % processes:
        raise CourseError(f"A batch of {recipe.batch} does not divide among {processes} processes.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(
            f"Cannot make the folder {out}: {error.strerror or error}. Choose another with --out."
        ) from error

    torch.manual_seed(recipe.seed)
    pupil = Pupil(recipe).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        pupil.parameters(),
        recipe.rate,
        recipe.momentum,
        nesterov=True,
        weight_decay=recipe.weight_decay,
    )
    done, curve, spent = _resume(out, recipe, pupil, optimizer, device)
    say(f"rendering {recipe.pictures + recipe.fractals:,} pictures on {device}")
    pool = make_pool(recipe, rank, processes, device)
    mine = len(pool.label)
    per_epoch = mine // (recipe.batch // processes)
    steps = per_epoch * recipe.epochs
    model = pupil if processes == 1 else nn.parallel.DistributedDataParallel(pupil)
    started, saved = time.perf_counter(), time.perf_counter()
    keep_at = {max(1, round(share * steps)): share for share in keep}

    for step in range(done, steps):
        epoch, place = divmod(step, per_epoch)
        if place == 0 or step == done:
            order = torch.randperm(
                mine, generator=torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
            )
        batch = recipe.batch // processes
        rows = order[place * batch : (place + 1) * batch]
        x = normalise(pool.pictures[rows].to(device))
        if recipe.augment:
            own = (recipe.seed * 1_000_003 + step) * processes + rank
            x = augment(x, torch.Generator().manual_seed(own))
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, steps, recipe)
        with torch.autocast(device.type, torch.bfloat16):
            outputs = model(x.contiguous(memory_format=torch.channels_last))
        loss = loss_of(outputs, pool, rows, recipe)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

        told = (step + 1) % 100 == 0 or step + 1 == steps
        if told:
            shared = _mean_of_ranks(loss.detach(), processes)
            if not torch.isfinite(shared):  # the same on every rank: none is left waiting
                raise CourseError(f"The loss became {shared.item()} at step {step}; lower --rate.")
        if told and rank == 0:
            hit = (outputs["label"].argmax(1).cpu() == pool.label[rows]).float().mean().item()
            curve.append({"step": step + 1, "loss": shared.item(), "accuracy": hit})
            seconds = (time.perf_counter() - started) / (step + 1 - done)
            say(
                f"step {step + 1:,} of {steps:,}  loss {shared.item():.3f}  accuracy {hit:.3f}  "
                f"{seconds * 1000:.0f} ms a step, {seconds * (steps - step - 1) / 60:.1f} min left"
            )
        if rank == 0 and step + 1 in keep_at:
            share = keep_at[step + 1]
            weights = {
                k: v.half() if v.is_floating_point() else v
                for k, v in pupil.net.state_dict().items()
            }
            write_atomically(out / f"weights-{share:g}.pt", lambda p, w=weights: torch.save(w, p))
        last = step + 1 == steps or step + 1 == stop_after
        if rank == 0 and (last or time.perf_counter() - saved > checkpoint_every):
            seconds = spent + time.perf_counter() - started
            _save(out, recipe, pupil, optimizer, step + 1, curve, seconds)
            saved = time.perf_counter()
        if step + 1 == stop_after:
            break
    if processes > 1:
        torch.distributed.barrier()
    return out / "checkpoint.pt"


def _mean_of_ranks(value: torch.Tensor, processes: int) -> torch.Tensor:
    if processes > 1:
        torch.distributed.all_reduce(value)
    return value / processes


def _save(out, recipe, pupil, optimizer, step: int, curve: list[dict], seconds: float) -> None:
    state = {
        "recipe": asdict(recipe),
        "step": step,
        "seconds": round(seconds, 1),
        "pupil": pupil.state_dict(),
        "optimizer": optimizer.state_dict(),
        "curve": curve,
    }
    write_atomically(out / "checkpoint.pt", lambda part: torch.save(state, part))
    write_atomically(out / "curve.json", json.dumps(curve))


def _resume(out, recipe, pupil, optimizer, device) -> tuple[int, list[dict], float]:
    path = out / "checkpoint.pt"
    if not path.exists():
        return 0, [], 0.0
    state = read_checkpoint(path, device)
    if state["recipe"] != asdict(recipe):
        raise CourseError(
            f"{out} holds a run of another recipe: {state['recipe']}. Choose another folder with "
            "--out, or remove that one."
        )
    try:
        pupil.load_state_dict(state["pupil"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, error) from error
    return state["step"], state["curve"], state["seconds"]
