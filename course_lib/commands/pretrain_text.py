"""`course pretrain-text`: train the miniature language model anew, or go on where it stopped."""

from dataclasses import fields
from pathlib import Path

from course_lib.commands import UsageError, number
from course_lib.errors import CourseError
from course_lib.text.card import export
from course_lib.text.pretraining import Recipe, pretrain


def add_arguments(parser) -> None:
    """Options of `course pretrain-text`."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/language"),
        metavar="FOLDER",
        help="tokens, checkpoint and the finished weights (default: %(default)s); a run found "
        "there is resumed",
    )
    for field in fields(Recipe):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=field.type,
            default=field.default,
            help=f"default: {field.default}",
        )
    parser.add_argument(
        "--libraries", nargs="+", metavar="NAME", help="whose docstrings (default: all installed)"
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: a GPU when there is one"
    )
    parser.add_argument("--checkpoint-every", type=number(least=0), default=60.0, metavar="SECONDS")


def run(arguments) -> int:
    """Train or resume, then write language.safetensors, its card and vocabulary to --out."""
    try:
        recipe = Recipe(**{field.name: getattr(arguments, field.name) for field in fields(Recipe)})
    except CourseError as error:
        raise UsageError(f"course pretrain-text: {error}") from error
    pretrain(
        recipe,
        arguments.out,
        libraries=arguments.libraries,
        device=arguments.device,
        checkpoint_every=arguments.checkpoint_every,
    )
    card = export(arguments.out, arguments.out / "language.safetensors")
    last = card["curve"][-1]
    print(
        f"{arguments.out / 'language.safetensors'}: {last['right']:.1%} of the hidden tokens of "
        f"held-out files guessed, loss {last['held_out']:.2f}, {card['bytes'] / 1e6:.1f} MB"
    )
    return 0
