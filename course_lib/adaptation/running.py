"""Train a net on a labelled source for an unlabelled target: adapt.

`Adaptation._loop` is the whole loop; read it first.

    run = adapt(lenet(), load_domains("digits"), DANN, steps=1000)
    run.test, run.model
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import checks
from course_lib.adaptation.alignment import ramp
from course_lib.adaptation.domains import Domains
from course_lib.adaptation.methods import TERMS, Method, Seen
from course_lib.adaptation.statistics import adabn
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.inference import default_device, predict
from course_lib.devices import usable_device
from course_lib.errors import CourseError
from course_lib.measure import metrics
from course_lib.train import strategies
from course_lib.train.stepping import forward_pass, update


@dataclass(frozen=True)
class Step:
    """One training step: number from 1, cross-entropy on the source, the added terms."""

    number: int
    source: float
    terms: dict[str, float]


class Adaptation:
    """One run: made by `prepare_adaptation`, advanced by `ticks`, readable at any time.

    learner: the net as it trains. model: the net for target pictures (None until it is finished).
    history: a Step for each one that is done.
    """

    def __init__(
        self,
        learner: Backbone,
        domains: Domains,
        method: Method,
        steps: int,
        lr: float,
        head_lr_ratio: float,
        batch: int,
        seed: int,
    ):
        self.learner, self.domains, self.method = learner, domains, method
        self.steps, self.lr, self.head_lr_ratio, self.batch, self.seed = (
            steps,
            lr,
            head_lr_ratio,
            batch,
            seed,
        )
        self.history: list[Step] = []
        self.model: Backbone | None = None
        width = self._width()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.terms = nn.ModuleDict(
                {name: TERMS[name](learner, width) for name in method.terms}
            ).to(learner.device)
        self._ticks = Adaptation._loop(weakref.proxy(self))  # as in course_lib.train.loop.Run

    def ticks(self) -> Iterator[Step]:
        """The run, step by step. A later loop over ticks() goes on where the last one stopped."""
        while (step := next(self._ticks, None)) is not None:
            yield step

    def _loop(self) -> Iterator[Step]:
        model, method, data = self.learner, self.method, self.domains
        labelled = (data.target, data.oracle_labels) if method.on_target else data.source
        draw = torch.Generator().manual_seed(self.seed)
        optimizer = self._optimizer()
        for number in range(self.steps):
            progress = number / self.steps
            rows = torch.randint(len(labelled[0]), (self.batch,), generator=draw)
            unlabelled = torch.randint(len(data.target), (self.batch,), generator=draw)
            labels = labelled[1][rows].to(model.device)
            model.train()
            with forward_pass(self.seed, number, model.device):
                source, target = self._see(labelled[0][rows], data.target[unlabelled])
                loss = F.cross_entropy(source.logits, labels)
                strength = ramp(progress)
                added = {
                    name: self.terms[name](model, source, target, strength) for name in method.terms
                }
                total = loss + sum(weight * added[name] for name, weight in method.terms.items())
            update(optimizer, total, self._rates(progress), number)
            parts = {name: value.item() for name, value in added.items()}
            self.history.append(Step(number + 1, loss.item(), parts))
            yield self.history[-1]
        self.model = self.for_target()

    def _see(self, source: Tensor, target: Tensor) -> tuple[Seen, Seen | None]:
        """Both batches through the net, normalised apart or together."""
        if not self.method.terms:
            return self._through(source), None
        if self.method.batch_norm == "separate":
            return self._through(source), self._through(target)
        both = self._through(torch.cat([source, target]))
        return tuple(Seen(*half) for half in zip(*(t.chunk(2) for t in both), strict=True))

    def _through(self, pictures: Tensor) -> Seen:
        model, stop = self.learner, self._stop()
        pictures = pictures.to(model.device)
        middle = model.run_stages(model.prepare(pictures), stop=stop)
        features = middle if stop is None else model.run_stages(middle, start=stop)
        return Seen(pictures, middle.flatten(1), model.head(features).float())

    def _stop(self) -> int | None:
        names = self.learner.stage_names
        if not self.method.at or self.method.at == names[-1]:
            return None
        if self.method.at not in names:
            raise CourseError(
                f"{self.method.name} aligns at {self.method.at!r}; this net has the stages "
                f"{', '.join(names)}."
            )
        return names.index(self.method.at) + 1

    def _width(self) -> int:
        self.learner.eval()
        with torch.no_grad():
            return self._through(self.domains.target[:1]).aligned.shape[1]

    def _optimizer(self) -> torch.optim.Optimizer:
        head = {id(p) for p in self.learner.head.parameters()}
        body = [p for p in self.learner.parameters() if id(p) not in head]
        extra = [p for p in self.terms.parameters() if p.requires_grad]
        groups = [
            {"name": "stages", "params": body},
            {"name": "head", "params": [*self.learner.head.parameters(), *extra]},
        ]
        return torch.optim.AdamW(groups, lr=0.0, weight_decay=1e-4, fused=True)

    def _rates(self, progress: float) -> dict[str, float]:
        share = strategies.cosine_with_warmup(progress + 0.5 / self.steps)
        return {"stages": self.lr * (1 / self.head_lr_ratio) * share, "head": self.lr * share}

    def for_target(self) -> Backbone:
        """A copy of the net as it stands, made ready for target pictures.

        A method that normalised the domains apart needs the target's statistics: the running
        averages saw both, one after the other, and belong to neither.
        """
        method, pictures = self.method, self.domains.target
        if method.after:
            return method.after(self.for_source(), pictures)
        if method.on_target or (method.terms and method.batch_norm == "separate"):
            return adabn(self.learner, pictures)
        return self.learner.copy().eval()

    def for_source(self) -> Backbone:
        """A copy of the net as it stands, made ready for source pictures."""
        if self.method.terms and self.method.batch_norm == "separate":
            return adabn(self.learner, self.domains.source.pictures)
        return self.learner.copy().eval()

    @property
    def test(self) -> float:
        """The metric on the target's test pictures, for the weights as they are now."""
        model = self.model or self.for_target()
        logits = predict(model, self.domains.test.pictures)
        return metrics.score(self.domains.metric, logits, self.domains.test.labels)

    def __repr__(self) -> str:
        return (
            f"<Adaptation: {self.method.name}, {self.domains.name}, {len(self.history)} of "
            f"{self.steps} steps>"
        )


@checks.renamed(ratio="head_lr_ratio")
def prepare_adaptation(
    model: Backbone,
    domains: Domains,
    method: Method,
    steps: int = 1_000,
    *,
    lr: float = 4e-3,
    head_lr_ratio: float = 1.0,
    batch: int = 32,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> Adaptation:
    """A run that has not started: `for step in run.ticks(): ...` advances it. See `adapt`."""
    for value, kind in ((model, Backbone), (domains, Domains), (method, Method)):
        if not isinstance(value, kind):
            raise CourseError(
                f"adapt(model, domains, method) needs a {kind.__name__} there; got {value!r}."
            )
    steps, batch = checks.whole_number(steps, "steps", 1), checks.whole_number(batch, "batch", 2)
    lr = checks.number(lr, "lr", above=0, most=strategies.LARGEST_RATE)
    head_lr_ratio = checks.number(head_lr_ratio, "head_lr_ratio", above=0)
    seed = checks.seed(seed)
    classes = len(domains.classes)
    device = default_device() if device is None else usable_device(device)
    # A random net of the right size, such as lenet(), has a new head already.
    fits = model.classes == classes and not model.source_classes
    learner = model.copy() if fits else model.with_head(classes, seed)
    return Adaptation(learner.to(device), domains, method, steps, lr, head_lr_ratio, batch, seed)


def adapt(
    model: Backbone, domains: Domains, method: Method, steps: int = 1_000, *, progress=True, **how
) -> Adaptation:
    """Train a copy of `model` by a method. No target label is used, unless it is the oracle.

    model: from `lenet` or load_backbone; one with other classes gets a new head.
    domains: from load_domains. method: one of course_lib.adaptation.methods.
    steps: optimizer steps, each with `batch` pictures of every domain that the method looks at.
    lr: peak rate of the head and of the method's own parts; AdamW, warm-up and half a cosine.
    head_lr_ratio: head rate / rate of the stages. seed: decides batches, dropout and new weights.
    progress: show a bar when it takes longer than a second.

    Raises CourseError for arguments that do not fit and when the loss stops being a number.
    """
    from tqdm import tqdm

    run = prepare_adaptation(model, domains, method, steps, **how)
    quiet = {} if progress else {"disable": True}
    bar = tqdm(total=steps, desc=method.name, unit="step", delay=1, leave=False, **quiet)
    try:
        for _ in run.ticks():
            bar.update()
    except KeyboardInterrupt:
        bar.write(f"Stopped after {len(run.history)} of {steps} steps.")
    finally:
        bar.close()
    return run
