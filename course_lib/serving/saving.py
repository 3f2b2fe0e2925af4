"""A fine-tuned model in one file: weights, preprocessing, classes, strategy and measured scores.

The file is a safetensors file: tensors and text, nothing that could run when it is opened. Its text
holds the facts as JSON and the SHA-256 of facts and tensors together, so damage is noticed. The
digest protects from accidents; whoever changes a file on purpose can write a new digest too.
"""

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib import checks
from course_lib.backbones.architectures import OWN, architecture
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import predict
from course_lib.backbones.preprocessing import LARGEST, Normalise, describe, restore
from course_lib.errors import CourseError
from course_lib.facts import COUNT, NAMES, SHARE, TEXT, facts_of
from course_lib.files import write_atomically
from course_lib.measure.hardware import machine
from course_lib.measure.metrics import METRICS
from course_lib.serving.drift import Reference, features_of, make_reference
from course_lib.train.loop import Run

FORMAT, VERSION = "course-model", "1"
SAVE_AGAIN = "Save the model again: save_model(run, path)."
_WEIGHT, _REFERENCE = "model.", "reference."

_ANY_NAMES = {"type": "array", "items": TEXT}
# Files of the first edition lack these: their nets had names, and their runs were finished.
_OPTIONAL = {
    "head": TEXT,
    "stages_end_with": {"anyOf": [{"type": "null"}, {**_ANY_NAMES, "minItems": 1}]},
    "finished": {"type": "boolean"},
}
_NEEDED = {
    "backbone": TEXT,
    "classes": NAMES,
    "picture_size": {"type": "integer", "minimum": 1, "maximum": LARGEST},
    "preprocessing": {"type": "object"},  # `restore` knows what it may hold
    "channels_last": _ANY_NAMES,
    "strategy": {"type": "object", "properties": {"name": TEXT}, "required": ["name"]},
    "task": TEXT,
    "metric": {"enum": list(METRICS)},
    "scores": {
        "type": "object",
        "properties": {"validation": SHARE, "test": SHARE},
        "required": ["validation", "test"],
    },
    "labels": COUNT,
    "epochs": COUNT,
    "seed": COUNT,
    "threshold": {"anyOf": [{"type": "null"}, SHARE]},
    "made_with": {"type": "object"},
}
FACTS = {
    "type": "object",
    "properties": {**_NEEDED, **_OPTIONAL},
    "required": [*_NEEDED],
}


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A model with all that is needed to use it.

    model: in eval mode; `model.source_classes` names its logits.
    facts: plain data: backbone, classes, picture_size, preprocessing, strategy, task, metric,
        scores, labels, epochs, finished, threshold, made_with.
    reference: what pictures of the known kind look like to it, for `drift`.
    """

    model: Backbone
    facts: dict
    reference: Reference

    def __repr__(self) -> str:
        few = ", ".join(self.classes[:5]) + (", ..." if len(self.classes) > 5 else "")
        task, labels = self.facts["task"], self.facts["labels"]
        state = "" if self.facts.get("finished", True) else ", unfinished"
        return (
            f"<SavedModel: {self.facts['backbone']} for {len(self.classes)} classes ({few}); "
            f"{self.facts['strategy']['name']} on {labels} labels of {task}{state}>"
        )

    @property
    def classes(self) -> tuple[str, ...]:
        return self.model.source_classes

    @property
    def picture_size(self) -> int:
        """Side in pixels of the pictures before the model's own preprocessing."""
        return int(self.facts["picture_size"])

    @property
    def threshold(self) -> float | None:
        """Probability of the second of two classes from which on it is the answer; None: 0.5."""
        return self.facts["threshold"]


def save_model(run: Run, path: str | Path, threshold: float | None = None) -> SavedModel:
    """Save what a run has learnt; the file is read back and compared before it takes its place.

    path: should end in .safetensors. threshold: for two classes, the probability of the second from
    which on it is the answer, chosen on validation pictures.

    A run that is not finished is saved as it stands, with a warning. Raises CourseError when the
    model cannot be rebuilt from the file or the file cannot be written; what was at `path` before
    is then still there.
    """
    from safetensors.torch import save

    path = _checked_path(path)
    if not isinstance(run, Run):
        raise CourseError(f"save_model(run, path) takes what fit gives; got {type(run).__name__}.")
    if not len(run.task.validation.labels):
        raise CourseError(
            f"{run.task.name} has no validation pictures: a saved model keeps what they look like, "
            "to notice drift. Give the task some."
        )
    if not run.finished:
        done = f"{len(run.history)} of {run.settings.epochs} epochs"
        warnings.warn(
            f"This run is not finished ({done}): its weights and scores are those of now. "
            "`for tick in run.ticks(): pass` goes on.",
            stacklevel=2,
        )
    facts, reference = _facts(run, threshold), _reference(run)
    tensors = _tensors(run.model, reference)
    text = json.dumps(facts, sort_keys=True)
    header = {"format": FORMAT, "version": VERSION, "facts": text}
    data = save(tensors, {**header, "sha256": _digest(text, tensors)})
    own = run.model.net if run.model.name.startswith(OWN) else None
    saved = _from_bytes(data, path, own)

    some = run.task.validation.pictures[:16]
    if not torch.equal(predict(saved.model, some), predict(run.model.copy().cpu(), some)):
        raise CourseError(
            f"The saved {run.model.name} would answer otherwise than the one in memory: its net "
            f"was changed after load_backbone. {path} was not written."
        )
    write_atomically(path, data)
    return saved


def load_model(
    path: str | Path,
    classes: Sequence[str] | int | None = None,
    backbone: str | None = None,
    net: nn.Module | None = None,
) -> SavedModel:
    """A saved model, on the CPU.

    classes: names (in any order) or number of the classes that you count on. backbone: name of the
    backbone that you count on. Either is refused when the file holds something else. net: for a
    model made of a net of your own (Backbone.wrap), such a net, with any weights and any number of
    logits: a file holds weights and no code. It is not changed.

    Raises CourseError for a file that is missing, damaged, of another kind or not what was asked.
    """
    path = checks.path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CourseError(f"Cannot read the model {path}: {error.strerror or error}.") from error
    saved = _from_bytes(data, path, net)
    name = saved.facts["backbone"]
    if backbone is not None and backbone != name:
        raise CourseError(
            f"{path} holds a {name}, not a {backbone}: weights of one backbone do not fit another. "
            f"Load it without backbone=..., or train a {backbone} and save that."
        )
    if classes is not None:
        _check_classes(saved.classes, classes, path)
    return saved


def _check_classes(found: tuple[str, ...], wanted, path: Path) -> None:
    if isinstance(wanted, Integral):
        fits, asked = wanted == len(found), f"{wanted} classes"
    else:
        wanted = checks.names(wanted, "classes")
        fits, asked = sorted(wanted) == sorted(found), f"{len(wanted)} ({', '.join(wanted)})"
    if not fits:
        raise CourseError(
            f"{path} tells {len(found)} classes apart ({', '.join(found)}); asked for was "
            f"{asked}. Train a new head for other classes: fit(backbone, task, "
            "strategies.FEATURE_EXTRACTION)."
        )


def _facts(run: Run, threshold: float | None) -> dict:
    classes, (height, width) = run.task.classes, run.task.train.pictures.shape[-2:]
    if height != width:
        raise CourseError(f"Only models of square pictures can be saved; got {width}x{height}.")
    if threshold is not None:
        threshold = checks.number(
            threshold, "threshold, a probability of the second of two classes,", least=0, most=1
        )
        if len(classes) != 2:
            raise CourseError(
                f"A threshold is a probability of the second of two classes; got {threshold!r} for "
                f"{len(classes)} classes."
            )
    return {
        "backbone": run.model.name,
        "classes": list(classes),
        "picture_size": int(height),
        "preprocessing": describe(run.model.transform),
        "stages_end_with": run.model.architecture.ends,  # as a caller gave them to Backbone.wrap
        "head": run.model.architecture.head,
        "channels_last": [name for name, s in run.model.stages.items() if _channels_last(s)],
        "strategy": dataclasses.asdict(run.strategy),
        "task": run.task.title,  # not its name: that may be a path of this machine
        "metric": run.task.metric,
        "scores": {"validation": run.validation, "test": run.test},
        "labels": len(run.task.train.labels),
        "epochs": len(run.history),
        "finished": run.finished,
        "seed": run.settings.seed,
        "threshold": threshold,
        "made_with": machine(),
    }


def _channels_last(stage: nn.Module) -> bool:
    """Whether fit has laid out the weights so. The last bits of a sum depend on it."""
    last = torch.channels_last
    weights = [p for p in stage.parameters() if p.ndim == 4 and not p.is_contiguous()]
    return any(p.is_contiguous(memory_format=last) for p in weights)


def _reference(run: Run) -> Reference:
    return make_reference(features_of(run.model, run.task.validation.pictures))


def _tensors(model: Backbone, reference: Reference) -> dict[str, Tensor]:
    weights = {_WEIGHT + name: value for name, value in model.net.state_dict().items()}
    watched = {_REFERENCE + name: value for name, value in vars(reference).items()}
    return {
        name: value.detach().cpu().contiguous().clone()
        for name, value in (weights | watched).items()
    }


def _digest(facts: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the facts and of every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(facts.encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _from_bytes(data: bytes, path: Path, net: nn.Module | None = None) -> SavedModel:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        header = _header(data)
        tensors = load(data)
    except (SafetensorError, ValueError, RecursionError) as error:
        raise CourseError(
            f"{path} is not a whole safetensors file ({error}). It is damaged, cut short or of "
            "another kind; pickled files (.pt, .pth) are refused, since opening one can run code."
        ) from error
    if header.get("format") != FORMAT or not {"facts", "sha256"} <= set(header):
        raise CourseError(
            f"{path} holds weights but not what they mean: no classes and no preprocessing. "
            "save_model(run, path) writes a file with everything."
        )
    if header.get("version") != VERSION:
        raise CourseError(
            f"{path} has version {header.get('version')} of the format; this course reads "
            f"{VERSION}. Update the course, or save the model again."
        )
    if _digest(header["facts"], tensors) != header["sha256"]:
        raise CourseError(
            f"{path} was changed or damaged after it was saved: its checksum does not fit. Copy "
            "it again from where it came, or save the model again."
        )
    facts = facts_of(header["facts"], f"{path}: its facts cannot be used", FACTS, SAVE_AGAIN)
    if facts["threshold"] is not None and len(facts["classes"]) != 2:
        raise CourseError(
            f"{path}: a threshold goes with two classes, not {len(facts['classes'])}. {SAVE_AGAIN}"
        )
    broken = [n for n, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()]
    if broken:
        raise CourseError(
            f"{path}: {broken[0]} holds NaN or infinite numbers, so its answers mean nothing. "
            "Train the model again with a smaller lr and save that."
        )
    weights = {n.removeprefix(_WEIGHT): t for n, t in tensors.items() if n.startswith(_WEIGHT)}
    model = _rebuilt(facts, weights, path, net)
    return SavedModel(model, facts, _reference_of(tensors, model.feature_dim, path))


def _reference_of(tensors: dict[str, Tensor], features: int, path: Path) -> Reference:
    names = [field.name for field in dataclasses.fields(Reference)]
    parts = [tensors.get(_REFERENCE + name, torch.empty(0)) for name in names]
    mean, directions, places = parts
    k = len(directions)
    fits = mean.shape == (features,) and directions.shape == (k, features)
    if not fits or places.shape != (len(places), k) or {p.dtype for p in parts} != {torch.float32}:
        raise CourseError(
            f"{path} lacks what the model's validation pictures look like (reference.mean, "
            f"reference.directions, reference.places). {SAVE_AGAIN}"
        )
    return Reference(*parts)


def _header(data: bytes) -> dict[str, str]:
    """The text of a safetensors file: eight bytes of length, then JSON (the format's own page)."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8:
        raise ValueError("its header is incomplete")
    header = json.loads(data[8 : 8 + length])
    return header.get("__metadata__", {}) if isinstance(header, dict) else {}


def _rebuilt(
    facts: dict, weights: dict[str, Tensor], path: Path, own: nn.Module | None
) -> Backbone:
    name, classes = facts["backbone"], tuple(facts["classes"])
    empty = _empty(facts, path, own)
    head = weights.get(f"{empty.architecture.head}.weight")
    if head is not None and len(head) != len(classes):
        raise CourseError(
            f"{path} names {len(classes)} classes ({', '.join(classes)}), but its head has "
            f"{len(head)} outputs: which is which cannot be known. Save the model again."
        )
    try:
        empty.net.load_state_dict(weights)
    except RuntimeError as error:
        raise CourseError(
            f"The weights in {path} are not those of a {name}: "
            f"{str(error).splitlines()[-1].strip()}"
        ) from error
    model = Backbone(empty.net, empty.architecture, empty.transform, classes, facts).eval()
    for stage in facts["channels_last"]:
        if stage not in model.stages:
            raise CourseError(
                f"{path}: channels_last names {stage!r}; a {name} has the stages "
                f"{', '.join(model.stages)}. {SAVE_AGAIN}"
            )
        model.stages[stage].to(memory_format=torch.channels_last)
    return model


def _empty(facts: dict, path: Path, own: nn.Module | None) -> Backbone:
    """The net that a file describes, with a head for its classes and any weights."""
    name, classes = facts["backbone"], len(facts["classes"])
    try:
        transform = restore(facts["preprocessing"])
    except CourseError as error:
        raise CourseError(f"{path}: preprocessing: {error} {SAVE_AGAIN}") from error
    size = transform.size if isinstance(transform, Normalise) else transform.crop_size[0]
    if name.startswith(OWN):
        if own is None:
            kind = name.removeprefix(OWN)
            raise CourseError(
                f"{path} holds the weights of a net of your own, {kind}, and no code. Make such a "
                f"net and pass it: load_model(path, net={kind}(...))."
            )
        wrapped = Backbone.wrap(
            own,
            head=facts.get("head"),
            size=size,
            transform=transform,
            stages=facts.get("stages_end_with"),
            name=name.removeprefix(OWN),
        )
        return wrapped.with_head(classes)
    if own is not None:
        raise CourseError(f"{path} holds a {name}, which needs no net=...; leave it out.")
    try:
        like = architecture(name, size)
        with torch.random.fork_rng(devices=[]):  # building draws random weights, soon replaced
            return Backbone(like.build(classes), like, transform)
    except CourseError as error:
        raise CourseError(
            f"{path} holds a {name}, which this version does not know: {error}"
        ) from error
    except (AssertionError, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        raise CourseError(  # of a transformer, say, whose patches do not divide the pictures
            f"{path} holds a {name} of pictures of {size} pixels, which cannot be built: {error}. "
            f"{SAVE_AGAIN}"
        ) from error


def _checked_path(path: str | Path) -> Path:
    path = checks.path(path)
    if path.suffix != ".safetensors":
        raise CourseError(f"A model is saved as NAME.safetensors; got {path.name}.")
    if not path.parent.is_dir():
        raise CourseError(f"The folder {path.parent} does not exist. Make it, or choose another.")
    return path
