"""`course pretrain`: train WorldNet anew, or go on where a run was stopped."""

import os
from pathlib import Path

from course_lib.commands import UsageError, number
from course_lib.errors import CourseError
from course_lib.worldnet.card import export
from course_lib.worldnet.pretraining import pretrain
from course_lib.worldnet.recipe import Recipe


def add_arguments(parser) -> None:
    """Options of `course pretrain`."""
    defaults = Recipe()
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/worldnet"),
        metavar="FOLDER",
        help="checkpoints, curve and the finished weights (default: %(default)s); "
        "a run found there is resumed",
    )
    for name, kind in (
        ("pictures", int),
        ("fractals", int),
        ("epochs", int),
        ("batch", int),
        ("rate", float),
        ("distractors", int),
        ("seed", int),
        ("parts-weight", float),
        ("factors-weight", float),
    ):
        default = getattr(defaults, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"default: {default}")
    parser.add_argument(
        "--no-augment", action="store_true", help="train on the pictures as they are"
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: a GPU when there is one"
    )
    parser.add_argument("--checkpoint-every", type=number(least=0), default=60.0, metavar="SECONDS")
    parser.add_argument(
        "--keep",
        type=number(above=0, most=1),
        nargs="*",
        default=[],
        metavar="SHARE",
        help="keep the weights at these shares of the run, such as 0.05 0.2",
    )


def run(arguments) -> int:
    """`course pretrain`: train or resume, then write worldnet.safetensors and worldnet.json to
    --out."""
    try:
        recipe = Recipe(
            pictures=arguments.pictures,
            fractals=arguments.fractals,
            epochs=arguments.epochs,
            batch=arguments.batch,
            rate=arguments.rate,
            distractors=arguments.distractors,
            seed=arguments.seed,
            parts_weight=arguments.parts_weight,
            factors_weight=arguments.factors_weight,
            augment=not arguments.no_augment,
        )
    except CourseError as error:
        raise UsageError(f"course pretrain: {error}") from error
    checkpoint = pretrain(
        recipe,
        arguments.out,
        device=arguments.device,
        keep=tuple(arguments.keep),
        checkpoint_every=arguments.checkpoint_every,
    )
    if int(os.environ.get("RANK", 0)) == 0:
        card = export(checkpoint, arguments.out / "worldnet.safetensors")
        accuracy = card["source_accuracy"]["class"]
        print(
            f"{arguments.out / 'worldnet.safetensors'}: {accuracy:.1%} on fresh pictures of "
            f"{len(card['classes'])} classes, {card['bytes'] / 1e6:.1f} MB"
        )
    return 0
