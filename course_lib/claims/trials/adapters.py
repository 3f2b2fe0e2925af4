"""A head alone, LoRA of several ranks, full fine-tuning: what each learns, costs and forgets."""

import math
import time
from dataclasses import replace

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.backbones import Backbone
from course_lib.backbones.inference import chunk_size, default_device, evaluating
from course_lib.claims.trials import transfer as shared
from course_lib.claims.trials.forgetting import left
from course_lib.data.task import Task
from course_lib.data.tasks import load_task
from course_lib.lab.looks import BASELINES
from course_lib.train import strategies as S
from course_lib.train.evaluation import evaluate
from course_lib.train.fit import fit
from course_lib.train.loop import frozen_part
from course_lib.train.lora import add_lora, take_off
from course_lib.train.stepping import forward_pass, update

HEAD, FULL = shared.HEAD_ONLY, shared.FULL
RANKS = (1, 2, 4, 8)
ADAPTED = ("layer3", "layer4")
DRIFTING_RANK = 4
DRIFTING = f"LoRA, rank {DRIFTING_RANK}, batch norm in train mode"
LORA = "LoRA, rank 1 to 8"  # the line through all ranks
WEIGHT_DECAY = 1e-2  # as the strategies have it
LEARNS = "learns"  # the one group of the optimizer: adapter and head
EPOCHS, BATCH = 25, 16
# Chosen by benchmarks/tune_adapters.py on draws that no trial uses, the same search for each
# method; frozen before the first measured draw. {task: {method: peak rate}}
RATES: dict[str, dict[str, float]] = {
    "digits": {
        HEAD: 1e-2,
        "LoRA, rank 1": 3e-3,
        "LoRA, rank 2": 1e-2,
        "LoRA, rank 4": 1e-2,
        "LoRA, rank 8": 3e-3,
        FULL: 1e-2,
    },
    "radiographs": {
        HEAD: 3e-2,
        "LoRA, rank 1": 1e-2,
        "LoRA, rank 2": 1e-2,
        "LoRA, rank 4": 1e-2,
        "LoRA, rank 8": 1e-3,
        FULL: 1e-2,
    },
}


def lora(rank: int) -> str:
    return f"LoRA, rank {rank}"


RANK_OF = {**{lora(rank): rank for rank in RANKS}, DRIFTING: DRIFTING_RANK}
METHODS = (HEAD, *RANK_OF, FULL)


def adapter_trials(size: dict) -> list[dict]:
    """Every method and both baselines on every draw of every task."""
    return [
        {
            "task": task,
            "train": size["train"],
            "seed": seed,
            "method": method,
            **({} if method in BASELINES else how(size, task, method)),
        }
        for task in size["tasks"]
        for method in (*size["methods"], *BASELINES)
        for seed in size["seeds"]
    ]


def how(size: dict, task: str, method: str) -> dict:
    # The statistics drift at the rate that was chosen for the same adapter without drift.
    rate = RATES[task][lora(DRIFTING_RANK) if method == DRIFTING else method]
    same = {name: size[name] for name in ("epochs", "batch", "source_pictures")}
    return {**same, "rate": rate, "rank": RANK_OF.get(method)}


def adapting(trial: dict) -> dict:
    """One method once, or a baseline.

    trial: task, train (labels in all), seed, method, rate (peak), rank (None without an adapter),
    epochs, batch, source_pictures.
    Gives source: accuracy on the source task under the old head after training; before: the same
    before it. With an adapter also off: the same once it is taken off; loaded: test score when
    adapter and head, and nothing else, are put on a fresh copy of the backbone.
    """
    if trial["method"] in BASELINES:
        return shared.baseline(trial, trial["method"])
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    begin = time.perf_counter()
    model = train_lora(trial, task) if trial["rank"] else train_plainly(trial, task)
    numbers, n = {"seconds": time.perf_counter() - begin}, trial["source_pictures"]
    numbers |= {
        "test": evaluate(model, task),
        "validation": evaluate(model, task, "validation"),
        "source": left(model, n),
        "before": left(shared.backbone(), n),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    if trial["rank"]:
        numbers["loaded"] = evaluate(loaded(model), task)
        model.net = take_off(model.net)
        numbers["off"] = left(model, n)
    return numbers


def train_plainly(trial: dict, task: Task) -> Backbone:
    """Head alone or full fine-tuning, as the other lessons train them."""
    return fit(
        shared.backbone(),
        task,
        replace(shared.STRATEGIES[trial["method"]], lr=trial["rate"]),
        trial["epochs"],
        batch_size=trial["batch"],
        seed=trial["seed"],
        validate_every=0,
        test=False,
        progress=False,
    ).model


def train_lora(trial: dict, task: Task) -> Backbone:
    """An adapted copy of the backbone with a new head, trained as `fit` trains: the same order of
    pictures, AdamW, warm-up and cosine, one rate for adapter and head.
    """
    model = adapted(trial["rank"], len(task.classes), trial["seed"]).to(default_device())
    drifts = trial["method"] == DRIFTING
    # The stages below the first adapted one are computed once, unless their statistics move.
    start = 0 if drifts else model.stage_names.index(ADAPTED[0])
    inputs, labels = below(model, task.train.pictures, start), task.train.labels.to(model.device)
    for module in model.modules():
        module.training = drifts and isinstance(module, nn.modules.batchnorm._BatchNorm)
    learn = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"name": LEARNS, "params": learn, "weight_decay": WEIGHT_DECAY}], lr=0.0
    )
    batches = math.ceil(len(labels) / trial["batch"])
    step, steps = 0, batches * trial["epochs"]
    for epoch in range(trial["epochs"]):
        generator = torch.Generator().manual_seed(trial["seed"] * 100_003 + epoch)
        order = torch.randperm(len(labels), generator=generator).to(model.device)
        for rows in order.tensor_split(batches):
            with forward_pass(trial["seed"], step, model.device):
                logits = model.head(model.run_stages(inputs[rows], start))
                loss = F.cross_entropy(logits.float(), labels[rows])
            now = trial["rate"] * S.cosine_with_warmup((step + 0.5) / steps)
            update(optimizer, loss, {LEARNS: now}, step)
            step += 1
    return model.eval()


def adapted(rank: int, classes: int, seed: int) -> Backbone:
    """The backbone with a new head and a LoRA around every layer of ADAPTED; only these learn.

    alpha is the rank, so that the correction counts once whatever the rank.
    """
    model = shared.backbone().with_head(classes, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.net = add_lora(model.net, ADAPTED, rank, alpha=rank)
    model.head.requires_grad_(True)
    return model.eval()


def below(model: Backbone, pictures: Tensor, start: int) -> Tensor:
    """What stage `start` takes of all pictures, without gradients."""
    with evaluating(model):
        chunks = pictures.split(chunk_size(model))
        return torch.cat([frozen_part(model, one.to(model.device), start) for one in chunks])


def loaded(model: Backbone) -> Backbone:
    """Adapter and head of a trained model on a fresh copy of the backbone, as if sent in a file:
    statistics of batch norm are not in it."""
    fresh = model.copy()
    kept = {name: value.clone() for name, value in shared.backbone().net.named_buffers()}
    fresh.net.load_state_dict(kept, strict=False)
    return fresh


def with_lines(rows: pd.DataFrame) -> pd.DataFrame:
    """More columns. line: the method, all ranks of LoRA as one. thousands: of numbers learnt, to
    two figures; none for baselines. lost: what an adapter loses when it is loaded elsewhere."""
    ranks = {lora(rank): LORA for rank in RANKS}
    learnt = rows["trainable_parameters"].map(
        lambda n: float(f"{n / 1_000:.2g}"), na_action="ignore"
    )
    return rows.assign(
        line=rows["method"].replace(ranks),
        thousands=learnt,
        lost=rows["test"] - rows.get("loaded", math.nan),
    )
