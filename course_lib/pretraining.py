"""Pretrain WorldNet on the image world: `course pretrain`.

A recipe is frozen data. The pictures of a run are rendered once from their seed; order and
augmentation depend only on (seed, epoch) and (seed, step). A checkpoint therefore holds the step,
the weights and the optimizer, and a run that was killed resumes to the same curve. Under `torchrun`
every process takes its share of each batch.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import checks, world
from course_lib.backbones.worldnet import WorldNet
from course_lib.commands import UsageError, number
from course_lib.errors import CourseError
from course_lib.world import fractals

MEAN, STD = (
    (0.45, 0.45, 0.45),
    (0.28, 0.28, 0.28),
)  # of the image world, rounded; one value keeps grey grey

FACTORS = 9  # numbers that describe hue, orientation, size, place, light and ground


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, apart from rounding on other hardware.

    Raises CourseError for values outside their range.
    """

    pictures: int = 160_000  # different pictures of the source classes
    fractals: int = 40_000  # different pictures of fractals, extra classes (0: none)
    epochs: int = 12
    batch: int = 128  # over all processes
    rate: float = 0.15  # peak learning rate, one-cycle
    weight_decay: float = 5e-4
    momentum: float = 0.9
    parts_weight: float = 0.5  # weight of the two losses that name shape and texture alone
    factors_weight: float = (
        0.0  # weight of the loss on hue, orientation, size, place, light, ground
    )
    augment: bool = True
    distractors: int = 2  # up to so many small objects behind the main one
    seed: int = 0

    def __post_init__(self):
        checks.whole_number(self.distractors, "distractors", 0, 3)
        for name, least in (("pictures", 1), ("fractals", 0), ("epochs", 1)):
            checks.whole_number(getattr(self, name), name, least)
        checks.whole_number(self.batch, "batch", 1, self.pictures + self.fractals)
        checks.seed(self.seed)
        checks.number(self.rate, "rate", above=0, most=1_000)
        checks.number(self.momentum, "momentum", least=0, below=1)
        for name in ("weight_decay", "parts_weight", "factors_weight"):
            checks.number(getattr(self, name), name, least=0)
        checks.true_or_false(self.augment, "augment")


@dataclass(frozen=True)
class Pool:
    """The pictures that one process trains on, with their labels."""

    pictures: Tensor  # (n, 3, 64, 64) uint8
    label: Tensor  # (n,) int64 class
    shape: Tensor  # (n,) int64, -1 for fractals
    texture: Tensor  # (n,) int64, -1 for fractals
    factors: Tensor  # (n, FACTORS) float32, NaN for fractals


def class_names(recipe: Recipe) -> list[str]:
    """Names of the outputs of `fc`: texture and shape, then the fractals."""
    objects = [f"{t} {s}" for s in world.SOURCE_SHAPES for t in world.SOURCE_TEXTURES]
    return objects + [f"fractal {k}" for k in range(fractals.CLASSES if recipe.fractals else 0)]


def source_labels(scenes: world.Scenes) -> Tensor:
    """(n,) int64 class of each scene, in the order of `class_names`."""
    return scenes.shape * len(world.SOURCE_TEXTURES) + scenes.texture


def make_pool(recipe: Recipe, rank: int = 0, processes: int = 1, device=None) -> Pool:
    """Render the pictures of one process: the rank-th of `processes` equal parts."""
    n, k = recipe.pictures // processes, recipe.fractals // processes
    scenes = world.sample(n, recipe.seed, start=rank * n, distractors=recipe.distractors)
    pictures = world.render(scenes, device)
    objects = len(world.SOURCE_SHAPES) * len(world.SOURCE_TEXTURES)
    extra, kinds = fractals.pictures(k, recipe.seed, start=rank * k)
    factors = torch.stack(
        [
            torch.cos(2 * torch.pi * scenes.hue),
            torch.sin(2 * torch.pi * scenes.hue),
            scenes.orientation / 0.45,
            (scenes.size - 0.56) / 0.08,
            scenes.x / 0.16,
            scenes.y / 0.16,
            torch.cos(scenes.light),
            torch.sin(scenes.light),
            scenes.background / 1.7 - 1.5,
        ],
        -1,
    ).float()
    none = torch.full((k,), -1)
    return Pool(
        pictures=torch.cat([pictures, extra]),
        label=torch.cat([source_labels(scenes), objects + kinds]),
        shape=torch.cat([scenes.shape, none]),
        texture=torch.cat([scenes.texture, none]),
        factors=torch.cat([factors, torch.full((k, FACTORS), torch.nan)]),
    )


def normalise(pictures: Tensor) -> Tensor:
    """uint8 (n, 3, 64, 64) to float with the mean and standard deviation that WorldNet expects."""
    mean = torch.tensor(MEAN, device=pictures.device).view(3, 1, 1)
    std = torch.tensor(STD, device=pictures.device).view(3, 1, 1)
    return (pictures.float() / 255 - mean) / std


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Change colours, contrast, frame and sharpness of normalised pictures (n, 3, 64, 64) at
    random.

    Classes here are shapes and textures, so no colour and no sharpness may be relied on: that is
    what lets the features serve grey radiographs and blurred digits.
    """
    n = len(x)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(x.device)

    def some(probability: float) -> Tensor:
        return (draw(n, 1, 1, 1) < probability).to(x.dtype)

    zoom, stretch, shift = 0.85 + 0.2 * draw(n), 0.95 + 0.1 * draw(n), 0.2 * (draw(n, 2) - 0.5)
    frame = torch.zeros(n, 2, 3, device=x.device)
    frame[:, 0, 0], frame[:, 1, 1], frame[:, :, 2] = zoom * stretch, zoom / stretch, shift
    grid = F.affine_grid(frame, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    half = n // 8  # the batch is in random order: the first eighth loses its fine detail
    coarse = (16, 24, 32)[int(draw(1) * 3)]
    small = F.interpolate(
        x[:half], size=coarse, mode="bilinear", antialias=True, align_corners=False
    )
    x[:half] = F.interpolate(small, size=64, mode="bilinear", align_corners=False)
    x = torch.lerp(x, x.mean(1, keepdim=True), some(0.15))
    x = x * (1 - 2 * some(0.05))  # negative
    x = x * (0.7 + 0.6 * draw(n, 1, 1, 1)) + 0.6 * (draw(n, 1, 1, 1) - 0.5)
    strength = 0.2 * draw(n, 1, 1, 1) * some(0.2)
    return x + strength * torch.randn(x.shape, generator=generator).to(x.device)


class Pupil(nn.Module):
    """WorldNet with the extra heads that pretraining uses and the shipped net drops."""

    def __init__(self, recipe: Recipe):
        super().__init__()
        self.net = WorldNet(len(class_names(recipe)))
        sizes = {}  # a head that no loss reads would stall DistributedDataParallel
        if recipe.parts_weight:
            sizes |= {"shape": len(world.SOURCE_SHAPES), "texture": len(world.SOURCE_TEXTURES)}
        if recipe.factors_weight:
            sizes["factors"] = FACTORS
        features = self.net.fc.in_features
        self.heads = nn.ModuleDict({name: nn.Linear(features, k) for name, k in sizes.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        net = self.net
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        x = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        features = net.avgpool(x).flatten(1)
        heads = {name: head(features) for name, head in self.heads.items()}
        return {"label": net.fc(features), **heads}


def loss_of(outputs: dict[str, Tensor], pool: Pool, rows: Tensor, recipe: Recipe) -> Tensor:
    """Cross-entropy of the class, plus the weighted losses of the extra heads on objects."""

    def named(head: str) -> Tensor:
        known = getattr(pool, head)[rows].to(outputs[head].device)
        total = F.cross_entropy(outputs[head].float(), known, ignore_index=-1, reduction="sum")
        return total / (known >= 0).sum().clamp(min=1)

    loss = named("label")
    if recipe.parts_weight:
        loss = loss + recipe.parts_weight * (named("shape") + named("texture"))
    if recipe.factors_weight:
        known = pool.factors[rows].to(outputs["factors"].device)
        error = (outputs["factors"].float() - known.nan_to_num()) ** 2
        error = torch.where(known.isnan(), 0.0, error)
        loss = loss + recipe.factors_weight * error.sum() / (~known.isnan()).sum().clamp(min=1)
    return loss


def rate_at(step: int, steps: int, recipe: Recipe) -> float:
    """One-cycle: a linear rise over the first fifth, then half a cosine down to zero."""
    rise = max(1, steps // 5)
    if step < rise:
        return recipe.rate * (step + 1) / rise
    done = torch.tensor((step - rise) / max(1, steps - rise))
    return recipe.rate * float(0.5 * (1 + torch.cos(torch.pi * done)))


@torch.inference_mode()
def source_accuracy(net: nn.Module, pictures: int = 4000, seed: int = 10_007, device=None) -> dict:
    """Accuracy on fresh single-object pictures of the source classes: class, shape and texture."""
    scenes = world.sample(pictures, seed=seed)
    rendered, labels = world.render(scenes), source_labels(scenes)
    objects = len(world.SOURCE_SHAPES) * len(world.SOURCE_TEXTURES)
    training = net.training
    net.eval()
    logits = torch.cat([net(normalise(p.to(device))).float().cpu() for p in rendered.split(500)])
    net.train(training)
    guess = logits[:, :objects].argmax(1)
    textures = len(world.SOURCE_TEXTURES)
    return {
        "class": (guess == labels).float().mean().item(),
        "shape": (guess // textures == labels // textures).float().mean().item(),
        "texture": (guess % textures == labels % textures).float().mean().item(),
        "pictures": pictures,
        "seed": seed,
    }


def write_atomically(path: Path, write) -> None:
    """Call write(part), then move the part into place, so that a reader never sees half a file."""
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CourseError(
            f"Could not write {path}: {error.strerror or error}. Nothing that was there is lost; "
            "free some space or choose another folder with --out."
        ) from error


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
    device = checks.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if processes > 1 and not torch.distributed.is_initialized():
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
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

        if rank == 0 and ((step + 1) % 100 == 0 or step + 1 == steps):
            hit = (outputs["label"].argmax(1).cpu() == pool.label[rows]).float().mean().item()
            if not torch.isfinite(loss):
                raise CourseError(f"The loss became {loss.item()} at step {step}; lower --rate.")
            curve.append({"step": step + 1, "loss": loss.item(), "accuracy": hit})
            seconds = (time.perf_counter() - started) / (step + 1 - done)
            say(
                f"step {step + 1:,} of {steps:,}  loss {loss.item():.3f}  accuracy {hit:.3f}  "
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
    write_atomically(out / "curve.json", lambda part: part.write_text(json.dumps(curve)))


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
        raise _damaged(path, error) from error
    return state["step"], state["curve"], state["seconds"]


_STATE = {
    "recipe": dict,
    "step": int,
    "seconds": float,
    "pupil": dict,
    "optimizer": dict,
    "curve": list,
}


def read_checkpoint(path: Path, device="cpu") -> dict:
    """What a checkpoint of `pretrain` holds. Raises CourseError for a damaged file."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        wrong = [key for key, kind in _STATE.items() if not isinstance(state[key], kind)]
    except Exception as error:  # a file that was cut can break the reader in any way
        raise _damaged(path, error) from error
    if wrong:
        raise _damaged(path, f"no {wrong[0]}")
    return state


def _damaged(path: Path, why) -> CourseError:
    what = type(why).__name__ if isinstance(why, Exception) else why
    return CourseError(
        f"The checkpoint {path} is damaged or cut short ({what}). Copy it again from where it "
        "came, or remove it: the run then starts anew."
    )


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
    from course_lib.model_card import export

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
