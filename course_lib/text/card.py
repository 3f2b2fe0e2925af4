"""The shipped language model: fp16 weights, the vocabulary, and the card that says what they are.

language.safetensors  the weights, half precision
language.json         recipe, texts, loss on held-out files, versions, hardware, SHA-256
vocabulary.json       the 4,000 tokens
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from course_lib.errors import CourseError
from course_lib.facts import read_facts
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine
from course_lib.text.bert import Bert
from course_lib.text.pretraining import Recipe, read_checkpoint
from course_lib.text.wordpiece import read_tokenizer

SHIPPED = Path(__file__).parent / "shipped"
WEIGHTS = SHIPPED / "language.safetensors"
VOCABULARY = "vocabulary.json"
_CARD = {
    "type": "object",
    "properties": {
        "recipe": {"type": "object"},
        "corpus": {"type": "object"},
        "sha256": {"type": "string"},
    },
    "required": ["recipe", "corpus", "sha256"],
}


class LanguageModel(NamedTuple):
    """A pretrained body, its tokenizer and its card."""

    body: Bert
    tokenizer: Tokenizer
    card: dict


def export(out: Path, weights: Path) -> dict:
    """Write weights, card and vocabulary of the finished run in `out`; return the card.

    Raises:
        CourseError: no checkpoint, an unfinished one, one of another version.
    """
    state = read_checkpoint(out / "checkpoint.pt")
    try:
        recipe = Recipe(**state["recipe"])
        body = Bert(recipe.size)
        body.load_state_dict(state["model"])
    except (TypeError, RuntimeError) as error:
        raise CourseError(
            f"{out} holds a checkpoint of another version: {error}. Train anew in another folder."
        ) from error
    if state["step"] < recipe.steps:
        raise CourseError(
            f"The run in {out} stands at step {state['step']} of {recipe.steps}: the same command "
            "goes on."
        )
    tensors = {name: value.half().contiguous() for name, value in body.state_dict().items()}
    weights.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(weights, lambda part: save_file(tensors, part))
    vocabulary = (out / VOCABULARY).read_bytes()
    write_atomically(weights.with_name(VOCABULARY), vocabulary)
    card = {
        "name": "language model in miniature",
        "parameters": sum(p.numel() for p in body.parameters()),
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes() + vocabulary).hexdigest(),
        **{name: state[name] for name in ("recipe", "seconds", "corpus", "curve")},
        "never_read": "validation and test files of the task; see corpus.part_of",
        "made_with": machine(),
    }
    write_atomically(weights.with_suffix(".json"), json.dumps(card, indent=1) + "\n")
    return card


def read_card(weights: Path = WEIGHTS) -> dict:
    """The card beside some weights, the shipped ones unless others are named.

    Raises CourseError when it is missing or no card.
    """
    mend = "Install the course anew, or make it with `course pretrain-text`."
    path = weights.with_suffix(".json")
    return read_facts(path, f"{path} is not the card of a language model", _CARD, mend)


def load_language_model(weights: Path = WEIGHTS, pretrained: bool = True) -> LanguageModel:
    """The shipped model, or another that `course pretrain-text` made.

    pretrained: False gives the same tokenizer and a body with random weights, as before
    pretraining (drawn from torch's random numbers).

    Raises CourseError for files that are missing, damaged or not of one run.
    """
    card = read_card(weights)
    recipe = Recipe(**card["recipe"])
    body = Bert(recipe.size)
    if pretrained:
        body.load_state_dict({name: value.float() for name, value in _tensors(weights).items()})
    return LanguageModel(body.eval(), read_tokenizer(weights.with_name(VOCABULARY)), card)


@lru_cache(maxsize=2)
def _tensors(weights: Path) -> dict:
    data = weights.read_bytes() if weights.exists() else b""
    words = weights.with_name(VOCABULARY)
    vocabulary = words.read_bytes() if words.exists() else b""
    if hashlib.sha256(data + vocabulary).hexdigest() != read_card(weights)["sha256"]:
        raise CourseError(
            f"{weights} and {words.name} are not those of the card beside them. Install the course "
            "anew, or make them with `course pretrain-text`."
        )
    return load_file(weights)
