"""WorldNet as a file: fp16 weights and, beside them, the card that says what they are and what they
can do.

worldnet.safetensors   the weights, half precision
worldnet.json          recipe, accuracy, measured transfer, versions, hardware, SHA-256 of the
weights
"""

import hashlib
import json
from pathlib import Path

from safetensors.torch import save_file

from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine
from course_lib.worldnet.checkpoint import read_checkpoint
from course_lib.worldnet.recipe import MEAN, STD, Pupil, Recipe, class_names, source_accuracy


def export(checkpoint: Path, weights: Path, pictures: int = 4000) -> dict:
    """Write the weights of a finished pretraining and their card; return the card.

    Args:
        checkpoint: `checkpoint.pt` of `pretrain`.
        weights: where to write the .safetensors; the card goes beside it with the ending .json.
        pictures: how many fresh pictures to measure the accuracy on.

    Raises:
        CourseError: no checkpoint, an unfinished one, or no room to write.
    """
    if not checkpoint.exists():
        raise CourseError(f"No checkpoint at {checkpoint}. `course pretrain` makes one.")
    state = read_checkpoint(checkpoint)
    try:
        recipe = Recipe(**state["recipe"])
        pupil = Pupil(recipe)
        pupil.load_state_dict(state["pupil"])
    except (TypeError, RuntimeError) as error:
        raise CourseError(
            f"{checkpoint} is a checkpoint of another version: {error}. Train anew in another "
            "folder."
        ) from error
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in pupil.net.state_dict().items()
    }
    weights.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(weights, lambda part: save_file(tensors, part))
    pupil.net.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    )
    card = {
        "name": "worldnet",
        "classes": class_names(recipe),
        "mean": list(MEAN),
        "std": list(STD),
        "parameters": sum(p.numel() for p in pupil.net.parameters()),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "bytes": weights.stat().st_size,
        "recipe": state["recipe"],
        "steps": state["step"],
        "seconds": state["seconds"],
        "source_accuracy": source_accuracy(pupil.net, pictures),
        "curve": state["curve"],
        "made_with": machine(),
    }
    write_card(weights, card)
    return card


def write_card(weights: Path, card: dict) -> None:
    """Write the card beside the weights, atomically."""
    write_atomically(weights.with_suffix(".json"), json.dumps(card, indent=1) + "\n")


def transfer_table(card: dict) -> str:
    """The measured transfer of a card as a Markdown table, or a line that says there is none."""
    rows = card.get("transfer", [])
    if not rows:
        return "*The card of these weights holds no measured transfer yet.*"
    names = list(dict.fromkeys(name for row in rows for name in row["scores"]))
    lines = [
        "| target | labels | metric | " + " | ".join(names) + " |",
        "|---|--:|---|" + "--:|" * len(names),
    ]
    for row in rows:
        best = max(scores["mean"] for scores in row["scores"].values())
        cells = []
        for name in names:
            one = row["scores"].get(name)
            text = f"{one['mean']:.3f} ± {one['sd']:.3f}" if one else "–"
            cells.append(f"**{text}**" if one and one["mean"] == best else text)
        lines.append(
            f"| {row['target']} | {row['labels']} | {row['metric']} | {' | '.join(cells)} |"
        )
    draws = rows[0]["draws"]
    return "\n".join(lines) + (
        f"\n\nMean ± standard deviation over {draws} draws of the labels, on test pictures; every "
        "strategy chose its learning rate on validation pictures with the same budget."
    )
