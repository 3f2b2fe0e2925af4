"""One block of a net that knows the task is trained on shifted pictures (C13)."""

import torch
from torch.nn.functional import cross_entropy
from torchvision.transforms.functional import gaussian_blur

from course_lib.backbones.backbone import Backbone
from course_lib.claims.trials import transfer as shared
from course_lib.data.tasks import load_task
from course_lib.lab import cache
from course_lib.train import strategies as S
from course_lib.train.evaluation import evaluate
from course_lib.train.fit import fit
from course_lib.train.stepping import forward_pass, update

SHIFTS = ("blur", "colour", "relabelled")  # the first two change the input, the last the output
EVERYTHING, NOTHING = "everything", "nothing"


def shifted(pictures, labels, shift: str, classes: int):
    """The same pictures and labels with something changed: their sharpness, their colours, or what
    the classes are called.

    pictures: uint8 (n, 3, height, width). shift: "blur" (Gaussian, sigma 2 pixels), "colour" (the
    channels change places and lose contrast), "relabelled" (every class takes its neighbour's
    number). Gives (pictures, labels) of the same types.
    """
    if shift == "blur":
        return gaussian_blur(pictures, 13, 2.0), labels
    if shift == "colour":
        turned = pictures[:, [2, 0, 1]].float()
        return (255 - 0.6 * turned).byte(), labels
    return pictures, (labels + 1) % classes


def surgery_trials(size: dict) -> list[dict]:
    blocks = (*shared.backbone().stage_names, S.HEAD)
    return [
        {
            **{key: size[key] for key in ("task", "train", "target", "epochs", "batch")},
            "rates": list(size["rates"]),
            "shift": shift,
            "block": block,
            "seed": seed,
        }
        for seed in size["seeds"]
        for shift in SHIFTS
        for block in (*blocks, EVERYTHING, NOTHING)
    ]


def surgery(trial: dict) -> dict:
    """Take a net that knows the task and train one block of it on shifted pictures.

    Everything else, the head included, keeps its weights. The rate is chosen on validation.
    """
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    knows = _expert(trial["task"], trial["train"], trial["seed"], trial["batch"])
    parts = {
        split: shifted(*getattr(task, split), trial["shift"], len(task.classes))
        for split in ("validation", "test")
    }
    fresh = load_task(trial["task"], train=trial["target"], seed=trial["seed"] + 500)
    pictures, labels = shifted(*fresh.train, trial["shift"], len(task.classes))
    if trial["block"] == NOTHING:
        return {"test": evaluate(knows, parts["test"]), "lr": 0.0}
    best = None
    for lr in trial["rates"]:
        model = tune_block(
            knows, pictures, labels, trial["block"], lr, trial["epochs"], trial["seed"]
        )
        score = evaluate(model, parts["validation"])
        if best is None or score > best[0]:
            best = (score, lr, model)
    return {"test": evaluate(best[2], parts["test"]), "lr": best[1], "validation": best[0]}


@cache.kept(maxsize=4)
def _expert(task: str, train: int, seed: int, batch: int) -> Backbone:
    return fit(
        shared.backbone(),
        load_task(task, train=train, seed=seed),
        S.FULL_FINE_TUNING,
        5,
        batch_size=batch,
        seed=seed,
        validate_every=0,
        test=False,
        progress=False,
    ).model


def tune_block(model, pictures, labels, block: str, lr: float, epochs: int, seed: int = 0):
    """A copy of `model` in which one stage (or "head", or "everything") was trained, eval mode.

    Surgical fine-tuning: Lee et al. 2022.
    """
    model = model.copy().eval().requires_grad_(False)
    parts = {**model.stages, S.HEAD: model.head, EVERYTHING: model}
    parts[block].requires_grad_(True)
    optimizer = torch.optim.AdamW(parts[block].parameters(), lr=lr)
    optimizer.param_groups[0]["name"] = block
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        batches = torch.randperm(len(labels), generator=generator).split(16)
        for step, rows in enumerate(batches, epoch * len(batches)):
            with forward_pass(seed, step, model.device):
                x = model.prepare(pictures[rows].to(model.device))
                loss = cross_entropy(model(x), labels[rows].to(model.device))
            update(optimizer, loss, {block: lr}, step)
    return model
