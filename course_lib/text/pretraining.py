"""Pretrain the miniature BERT on docstrings: `course pretrain-text`.

The order of the blocks depends only on (seed, epoch), what is hidden only on (seed, step). A
checkpoint therefore holds the step, the weights and the optimizer, and a run that was killed
resumes to the same curve. The tokens are kept beside it: an update of a library in between changes
nothing.
"""

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from course_lib import checks
from course_lib.devices import usable_device
from course_lib.errors import CourseError
from course_lib.files import write_atomically
from course_lib.text import corpus
from course_lib.text.bert import Bert, Size
from course_lib.text.masking import hide, masked_loss
from course_lib.text.wordpiece import (
    END,
    START,
    learn_vocabulary,
    read_tokenizer,
    write_vocabulary,
)

VALIDATION_BLOCKS = 512  # of held-out files, on which the loss is measured


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how. tokens: size of the vocabulary. longest: tokens of a block. steps,
    batch: blocks per step. rate: its peak, after a warm-up of 5 %, along half a cosine to 0."""

    tokens: int = 4000
    longest: int = 72
    width: int = 128
    layers: int = 3
    heads: int = 4
    steps: int = 2000
    batch: int = 64
    rate: float = 3e-3
    weight_decay: float = 0.01
    seed: int = 0

    def __post_init__(self):
        for name in ("tokens", "longest", "width", "layers", "heads", "steps", "batch"):
            checks.whole_number(getattr(self, name), name, least=1)
        checks.whole_number(self.tokens, "tokens", most=2**15 - 1)  # blocks are kept as int16
        checks.whole_number(self.seed, "seed")
        checks.number(self.rate, "rate", above=0)
        checks.number(self.weight_decay, "weight_decay", least=0)
        if self.width % self.heads:
            raise CourseError(f"width {self.width} does not divide among {self.heads} heads.")

    @property
    def size(self) -> Size:
        return Size(self.tokens, self.longest, self.width, self.layers, self.heads)


def pretrain(
    recipe: Recipe,
    out: Path,
    *,
    libraries: Sequence[str] | None = None,
    device: str | None = None,
    checkpoint_every: float = 60.0,
    stop_after: int | None = None,
    say=print,
) -> Path:
    """Train, or go on with what `out` holds, and return the path of the final checkpoint.

    Args:
        recipe: what to train.
        out: folder for the tokens, the vocabulary and `checkpoint.pt`.
        libraries: whose docstrings are read (default: those of corpus.LIBRARIES that are there).
        device: "cpu", "cuda" or None for the best there is.
        checkpoint_every: seconds between checkpoints.
        stop_after: stop at this step as a kill would, for tests.

    Raises:
        CourseError: `out` holds a damaged checkpoint or a run of another recipe, or cannot be
            written; too little text; a device that is not there.
    """
    out = checks.path(out, "out")
    checkpoint_every = checks.number(checkpoint_every, "checkpoint_every", least=0)
    where = usable_device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(
            f"Cannot make the folder {out}: {error.strerror or error}. Choose another with --out."
        ) from error
    text = _prepared(recipe, out, libraries, say)
    blocks, held_out = text["train"], text["validation"]
    torch.manual_seed(recipe.seed)
    model = Bert(recipe.size).to(where)
    optimizer = torch.optim.AdamW(_groups(model, recipe), betas=(0.9, 0.98))
    done, curve, spent = _resume(out, recipe, model, optimizer, where)
    if recipe.batch > len(blocks):
        raise CourseError(f"The text gives {len(blocks)} blocks, less than a batch.")
    per_epoch = len(blocks) // recipe.batch
    started = saved = time.perf_counter()
    say(
        f"{len(blocks):,} blocks of {recipe.longest} tokens, {recipe.steps / per_epoch:.1f} times "
        f"over, on {where}"
    )
    for step in range(done, recipe.steps):
        epoch, place = divmod(step, per_epoch)
        if place == 0 or step == done:
            order = torch.randperm(
                len(blocks), generator=torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
            )
        tokens = blocks[order[place * recipe.batch : (place + 1) * recipe.batch]].long()
        read, hidden = hide(tokens, recipe.tokens, _generator(recipe.seed, step))
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * scale(step, recipe.steps)
        loss = masked_loss(model, read.to(where), tokens.to(where), hidden.to(where))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

        last = step + 1 in (recipe.steps, stop_after)
        if (step + 1) % 100 == 0 or step + 1 == recipe.steps:
            if not torch.isfinite(loss):
                raise CourseError(f"The loss became {loss.item()} at step {step}; lower --rate.")
            found = held_out_loss(model, held_out, recipe)
            curve.append({"step": step + 1, "loss": loss.item(), **found})
            seconds = (time.perf_counter() - started) / (step + 1 - done)
            say(
                f"step {step + 1:,} of {recipe.steps:,}  loss {loss.item():.3f}  held out "
                f"{found['held_out']:.3f}, {found['right']:.1%} right  {seconds * 1000:.0f} ms a "
                f"step, {seconds * (recipe.steps - step - 1) / 60:.1f} min left"
            )
        if last or time.perf_counter() - saved > checkpoint_every:
            saved = time.perf_counter()
            state = {
                "recipe": asdict(recipe), "step": step + 1, "curve": curve,
                "seconds": round(spent + saved - started, 1), "corpus": text["about"],
                "model": model.state_dict(), "optimizer": optimizer.state_dict(),
            }  # fmt: skip
            _save(out / "checkpoint.pt", state)
        if step + 1 == stop_after:
            break
    return out / "checkpoint.pt"


def scale(step: int, steps: int, warmup: float = 0.05) -> float:
    """The share of the peak rate at a step: up a straight line, down half a cosine."""
    t = (step + 0.5) / steps
    return t / warmup if t < warmup else (1 + math.cos(math.pi * (t - warmup) / (1 - warmup))) / 2


@torch.no_grad()
def held_out_loss(model: Bert, blocks: Tensor, recipe: Recipe) -> dict[str, float]:
    """Masked-token loss ("held_out") and share of hidden tokens guessed ("right") on files that
    pretraining never saw; the same tokens are hidden every time."""
    model.eval()
    where = model.bias.device
    losses, right, count = 0.0, 0, 0
    for number, tokens in enumerate(blocks.split(64)):
        read, hidden = hide(tokens.long(), recipe.tokens, _generator(-1, number))
        scores = model.scores(model(read.to(where))[hidden.to(where)]).float()
        true = tokens.long()[hidden].to(where)
        losses += torch.nn.functional.cross_entropy(scores, true, reduction="sum").item()
        right += (scores.argmax(1) == true).sum().item()
        count += len(true)
    model.train()
    return {"held_out": losses / count, "right": right / count}


def blocks_of(tokenizer, texts: Sequence[str], longest: int) -> Tensor:
    """(blocks, longest) int16: each text from its start, cut into whole blocks; what does not fill
    one is left out."""
    inside = longest - 2
    rows = []
    for one in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False):
        for begin in range(0, len(one.ids) - inside + 1, inside):
            rows.append([START, *one.ids[begin : begin + inside], END])
    return torch.tensor(rows, dtype=torch.int16).reshape(-1, longest)


def _prepared(recipe: Recipe, out: Path, libraries, say) -> dict:
    """Tokens as blocks, from `out` or else from the installed libraries."""
    path = out / "tokens.pt"
    if path.exists():
        try:
            return torch.load(path, weights_only=True)
        except Exception as error:  # a file that was cut can break the reader in any way
            raise _damaged(path, error) from error
    names = list(libraries or corpus.installed())
    say(f"reading docstrings of {len(names)} libraries")
    documents = [document for name in names for document in corpus.read_library(name)]
    train, held_out = (corpus.texts(documents, part) for part in ("train", "validation"))
    vocabulary = learn_vocabulary(train, recipe.tokens)
    if len(vocabulary) != recipe.tokens:
        raise CourseError(
            f"The text gives {len(vocabulary)} tokens of a vocabulary, {recipe.tokens} are asked "
            "for. Read more libraries, or lower --tokens."
        )
    write_vocabulary(vocabulary, out / "vocabulary.json")
    tokenizer = read_tokenizer(out / "vocabulary.json")
    blocks = blocks_of(tokenizer, train, recipe.longest)
    generator = torch.Generator().manual_seed(0)
    held = blocks_of(tokenizer, held_out, recipe.longest)
    held = held[torch.randperm(len(held), generator=generator)[:VALIDATION_BLOCKS]]
    about: dict = {
        "libraries": corpus.versions(names),
        "files": len(train),
        "characters": sum(map(len, train)),
        "blocks": len(blocks),
        "sha256": hashlib.sha256(blocks.numpy().tobytes()).hexdigest(),
    }
    say(f"{about['characters'] / 1e6:.1f} million characters in {about['files']:,} files")
    text = {"train": blocks, "validation": held, "about": about}
    _save(path, text)
    return text


def _save(path: Path, content: dict) -> None:
    write_atomically(path, lambda part: torch.save(content, part))


def _groups(model: Bert, recipe: Recipe) -> list[dict]:
    held = list(model.parameters())
    return [
        {"params": [p for p in held if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in held if p.ndim < 2], "weight_decay": 0.0},
    ]


def _generator(seed: int, step: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed + 1) * 1_000_003 + step)


def _resume(out, recipe, model, optimizer, where) -> tuple[int, list[dict], float]:
    path = out / "checkpoint.pt"
    if not path.exists():
        return 0, [], 0.0
    state = read_checkpoint(path, where)
    if state["recipe"] != asdict(recipe):
        raise CourseError(
            f"{out} holds a run of another recipe: {state['recipe']}. Choose another folder with "
            "--out, or remove that one."
        )
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error
    return state["step"], state["curve"], state["seconds"]


def read_checkpoint(path: Path, where="cpu") -> dict:
    """What a checkpoint of `pretrain` holds. Raises CourseError for a missing or damaged file."""
    if not path.exists():
        raise CourseError(f"No checkpoint at {path}. `course pretrain-text` makes one.")
    kinds = {"recipe": dict, "step": int, "seconds": float, "curve": list, "corpus": dict,
             "model": dict, "optimizer": dict}  # fmt: skip
    try:
        state = torch.load(path, map_location=where, weights_only=True)
        wrong = [key for key, kind in kinds.items() if not isinstance(state[key], kind)]
    except Exception as error:  # as above
        raise _damaged(path, error) from error
    if wrong:
        raise _damaged(path, f"no {wrong[0]}")
    return state


def _damaged(path: Path, why) -> CourseError:
    what = type(why).__name__ if isinstance(why, Exception) else why
    return CourseError(
        f"{path} is damaged or cut short ({what}). Copy it again from where it came, or remove "
        "its folder: the run then starts anew."
    )
