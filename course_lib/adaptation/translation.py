"""CycleGAN: translate pictures of one domain into the other, learnt without pairs.

Zhu, Park, Isola and Efros, "Unpaired image-to-image translation using cycle-consistent adversarial
networks", ICCV 2017. Two generators, two discriminators, three losses:

    adversarial  translated pictures pass for pictures of the other domain (least squares, eq. 1)
    cycle        there and back again gives the picture one started from       (eq. 2)
    identity     a picture that is of the other domain already stays as it is  (section 5.2)

Everything is small: the generators see 7 x 7 pixels around each pixel, since day and night differ
in light and noise and not in shape. They are convolutional, so they learn on 32-pixel crops and
translate pictures of any size.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.adaptation.domains import Domains
from course_lib.backbones.loading import read_state_dict
from course_lib.data.split import Split
from course_lib.errors import CourseError
from course_lib.facts import COUNT, TEXT, read_facts

WEIGHTS = Path(__file__).parent / "weights" / "day_night.safetensors"
CYCLE, IDENTITY = 10.0, 2.0  # weights of the two losses beside the adversarial one
CROP, BATCH, WIDTH = 32, 16, 16
_CHUNK = 100
CARD = {
    "type": "object",
    "properties": {
        "sha256": TEXT,
        "steps": COUNT,
        "width": {"type": "integer", "minimum": 1, "maximum": 1024},
    },
    "required": ["sha256", "steps", "width"],
}


class Generator(nn.Module):
    """(n, 3, h, w) in -1..1 -> the same: three convolutions."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3),  # one pixel for each of the three convolutions
            nn.Conv2d(3, width, 3),
            nn.ReLU(),
            nn.Conv2d(width, width, 3),
            nn.ReLU(),
            nn.Conv2d(width, 3, 3),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Discriminator(nn.Module):
    """(n, 3, h, w) -> (n, 1, h/4, w/4): does the patch look real? 1 yes, 0 no (PatchGAN)."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.judge = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 3, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(x)


def cycle_loss(there: Callable, back: Callable, x: Tensor) -> Tensor:
    """Mean |back(there(x)) - x| (equation 2, one of its two directions)."""
    return (back(there(x)) - x).abs().mean()


def identity_loss(there: Callable, y: Tensor) -> Tensor:
    """Mean |there(y) - y| for pictures y that are of the other domain already (section 5.2)."""
    return (there(y) - y).abs().mean()


@dataclass(frozen=True)
class TranslationStep:
    """One step of training: number from 1, and its losses."""

    number: int
    adversarial: float
    cycle: float
    identity: float
    discriminator: float


class Translator:
    """Two generators: `there` (source -> target) and `back`."""

    def __init__(self, seed: int = 0, width: int = WIDTH):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.there, self.back = Generator(width), Generator(width)
            self.judge_target, self.judge_source = Discriminator(width), Discriminator(width)
        self.seed = seed
        self.steps_done = 0

    def train(
        self, source: Tensor, target: Tensor, steps: int, lr: float = 1e-3
    ) -> Iterator[TranslationStep]:
        """Learn from unpaired pictures, uint8 (n, 3, h, w); one step for every item taken."""
        for name, pictures in (("source", source), ("target", target)):
            if pictures.ndim != 4 or min(pictures.shape[-2:]) < CROP or len(pictures) < 2:
                raise CourseError(
                    f"{name}: translation learns from 2 pictures or more of at least {CROP} "
                    f"pixels; got {tuple(pictures.shape)}."
                )
        generators = [*self.there.parameters(), *self.back.parameters()]
        judges = [*self.judge_target.parameters(), *self.judge_source.parameters()]
        learn = torch.optim.Adam(generators, lr, betas=(0.5, 0.999), fused=True)
        judge = torch.optim.Adam(judges, lr, betas=(0.5, 0.999), fused=True)
        draw = torch.Generator().manual_seed(self.seed)
        for number in range(1, steps + 1):
            share = min(1.0, 2 - 2 * number / steps)  # the second half goes down to 0
            for group in (*learn.param_groups, *judge.param_groups):
                group["lr"] = lr * share
            a, b = crops(source, draw), crops(target, draw)

            fake_b, fake_a = self.there(a), self.back(b)
            adversarial = _least_squares(self.judge_target(fake_b), 1)
            adversarial = adversarial + _least_squares(self.judge_source(fake_a), 1)
            cycle = (self.back(fake_b) - a).abs().mean() + (self.there(fake_a) - b).abs().mean()
            same = identity_loss(self.there, b) + identity_loss(self.back, a)
            loss = adversarial + CYCLE * cycle + IDENTITY * same
            learn.zero_grad()
            loss.backward()
            learn.step()

            judged = sum(
                _least_squares(judge_(real), 1) + _least_squares(judge_(fake.detach()), 0)
                for judge_, real, fake in (
                    (self.judge_target, b, fake_b),
                    (self.judge_source, a, fake_a),
                )
            )
            judge.zero_grad()
            judged.backward()
            judge.step()
            self.steps_done += 1
            yield TranslationStep(
                number, adversarial.item(), cycle.item(), same.item(), judged.item()
            )

    def translate(self, pictures: Tensor, back: bool = False) -> Tensor:
        """uint8 (n, 3, h, w) -> uint8: source to target, or back."""
        generator = self.back if back else self.there
        with torch.inference_mode():
            parts = [as_bytes(generator(as_input(chunk))) for chunk in pictures.split(_CHUNK)]
        return torch.cat(parts)

    def translated(self, domains: Domains) -> Domains:
        """The same domains with the source pictures translated; labels stay. No label is used."""
        source = Split(self.translate(domains.source.pictures), domains.source.labels)
        return replace(domains, source=source)


def as_input(pictures: Tensor) -> Tensor:
    """uint8 0..255 -> float -1..1."""
    return pictures.float() / 127.5 - 1


def as_bytes(x: Tensor) -> Tensor:
    """float -1..1 -> uint8 0..255; what lies outside is cut off."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def crops(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """A batch of random 32-pixel crops, half of them mirrored: float (16, 3, 32, 32) in -1..1."""
    rows = torch.randint(len(pictures), (BATCH,), generator=draw)
    top, left = (
        int(torch.randint(side - CROP + 1, (), generator=draw)) for side in pictures.shape[-2:]
    )
    cut = as_input(pictures[rows, :, top : top + CROP, left : left + CROP])
    mirrored = torch.rand(BATCH, 1, 1, 1, generator=draw) < 0.5
    return torch.where(mirrored, cut.flip(3), cut)


def _least_squares(judged: Tensor, wanted: float) -> Tensor:
    return F.mse_loss(judged, torch.full_like(judged, wanted))


def save_translator(translator: Translator, card: dict, path: Path = WEIGHTS) -> None:
    """Write the two generators, and beside them what they are (a .json)."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    pairs = {"there": translator.there, "back": translator.back}
    save_file(
        {f"{k}.{name}": w for k, net in pairs.items() for name, w in net.state_dict().items()}, path
    )
    card = {**card, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n")


def load_translator(path: Path = WEIGHTS) -> Translator:
    """The stored translator of day and night. Raises CourseError when it is missing or changed."""
    path = Path(path)
    if not path.is_file() or not path.with_suffix(".json").is_file():
        raise CourseError(f"The stored translator {path} is missing; reinstall the course.")
    mend = "Reinstall the course."
    card = read_facts(path.with_suffix(".json"), f"The card of {path}", CARD, mend)
    if hashlib.sha256(path.read_bytes()).hexdigest() != card["sha256"]:
        raise CourseError(f"The stored translator {path} is not the one that its card describes.")
    weights, translator = read_state_dict(path), Translator(width=int(card["width"]))
    try:
        for name, net in (("there", translator.there), ("back", translator.back)):
            net.load_state_dict(
                {k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(name)}
            )
    except RuntimeError as error:
        raise CourseError(f"{path} does not fit the width on its card. {mend}") from error
    translator.steps_done = int(card["steps"])
    return translator
