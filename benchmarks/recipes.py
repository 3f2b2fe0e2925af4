"""Which parts of the pretraining recipe pay off, at equal steps?

    python benchmarks/recipes.py [--data FOLDER] [--pictures 20000] [--epochs 3] [--seeds 0]

Each variant changes one thing and sees as many pictures in as many steps. Measured: accuracy on
fresh source pictures, and a linear probe (penalty chosen on validation) on every target of
benchmarks/transfer.py, five draws of the labels. Rows go to benchmarks/results/recipes.json as they
come; a stopped run goes on.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from transfer import targets

from course_lib.backbones import load_backbone
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine
from course_lib.train.baselines import linear_probe
from course_lib.worldnet.card import export
from course_lib.worldnet.pretraining import pretrain
from course_lib.worldnet.recipe import Recipe

OUT = Path(__file__).parent / "results" / "recipes.json"
DRAWS = 5


def variants(pictures: int, epochs: int) -> dict[str, Recipe]:
    plain = Recipe(pictures=pictures, fractals=0, epochs=epochs, augment=False, distractors=0)
    fifth = pictures // 5
    return {
        "plain": plain,
        "no shape and texture losses": replace(plain, parts_weight=0.0),
        "with factor losses": replace(plain, factors_weight=0.5),
        "with augmentation": replace(plain, augment=True),
        "with distractors": replace(plain, distractors=2),
        "a fifth fractals": replace(plain, pictures=pictures - fifth, fractals=fifth),
        "everything": replace(
            plain, augment=True, distractors=2, pictures=pictures - fifth, fractals=fifth
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the real pictures")
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    arguments = parser.parse_args()
    study = {"made_with": machine(), "rows": []}
    if OUT.exists():
        study = json.loads(OUT.read_text())
    done = {(row["variant"], row["seed"], row["pictures"], row["epochs"]) for row in study["rows"]}
    for seed in arguments.seeds:
        for name, recipe in variants(arguments.pictures, arguments.epochs).items():
            key = (name, seed, arguments.pictures, arguments.epochs)
            if key in done:
                continue
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder)
                checkpoint = pretrain(replace(recipe, seed=seed), out, say=lambda _: None)
                card = export(checkpoint, out / "worldnet.safetensors")
                model = load_backbone("worldnet", weights=out / "worldnet.safetensors")
            row = dict(zip(("variant", "seed", "pictures", "epochs"), key, strict=True))
            row |= {"steps": card["steps"], "seconds": card["seconds"],
                    "source": card["source_accuracy"]["class"], "probe": {}}  # fmt: skip
            for what in targets(arguments.data):
                if what.get("views"):
                    continue  # the same pictures again
                scores = [
                    linear_probe(model, what["load"](what["labels"], draw), seed=draw).test
                    for draw in range(DRAWS)
                ]
                row["probe"][f"{what['target']}, {what['labels']}"] = scores
            study["rows"].append(row)
            text = json.dumps(study, indent=1) + "\n"
            write_atomically(OUT, text)
            means = {k: round(torch.tensor(v).mean().item(), 3) for k, v in row["probe"].items()}
            print(name, round(row["source"], 3), means, flush=True)


if __name__ == "__main__":
    main()
