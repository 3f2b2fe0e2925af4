"""Ask some claims of an ImageNet net and photographs.

    python benchmarks/claims_on_photographs.py --weights mobilenet_v2.safetensors \
        --photographs FOLDER --x-rays pneumoniamnist.npz C06 C08 C10 C14 C19 C29

FOLDER holds flowers/ and ants_bees/, with one sub-folder of photographs per class; C29 needs the
X-rays of benchmarks/x_rays.py instead. What is measured and by which rule it is judged stands in
course_lib/claims/on_photographs.py. Rows go to course_lib/claims/results/photographs one at a time,
so a stopped run goes on. Weights with another hash than the stored rows name are refused.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import lru_cache, partial
from pathlib import Path

import x_rays
from presets import TRAIN, draw, pool

from course_lib import fit, load_backbone
from course_lib import strategies as S
from course_lib.backbones import Backbone
from course_lib.backbones.inference import predict
from course_lib.claims.on_photographs import (
    FLOWERS,
    FOLDER,
    INSECTS,
    MEASURED,
    PHOTOGRAPHS,
    halves,
)
from course_lib.claims.trials.clinic import measure_case
from course_lib.claims.trials.forgetting import PLAIN, WISE
from course_lib.claims.trials.racing import cost_of
from course_lib.claims.trials.rates import overwritten
from course_lib.claims.trials.transfer import baseline_of, packed, transferred
from course_lib.data.split import Split
from course_lib.data.task import Task
from course_lib.lab import cache, store, tracks
from course_lib.lab.looks import BASELINES
from course_lib.lab.running import this_machine
from course_lib.measure.metrics import accuracy
from course_lib.train.forgetting import (
    EWC,
    L2SP,
    LwF,
    Replay,
    diagonal_fisher,
    interpolate,
    source_accuracy,
)

SIZE, X_RAY_SIZE = 160, 64
HALF = (0.5, 0.5, 0.5)  # mean and standard deviation that these weights were trained with
HEAD_RATE, HEAD_EPOCHS = 3e-3, 20  # of the head for the flowers that are forgotten


class Instrument:
    """The net, and tasks of a folder of photographs, a split for every draw."""

    def __init__(self, weights: Path, photographs: Path | None, radiographs: Path | None):
        net = partial(load_backbone, "mobilenet_v2", weights=weights, mean=HALF, std=HALF)
        self.model, self.x_ray_model = net(size=SIZE), net(size=X_RAY_SIZE)
        if self.model.card["sha256"] != PHOTOGRAPHS.sha256:
            raise SystemExit(f"{weights} are other weights than those of the stored rows.")
        self.pools = {
            name: pool(photographs / name, SIZE)
            for name in PHOTOGRAPHS.tasks.values()
            if photographs
        }
        self.radiographs = x_rays.load(radiographs) if radiographs else None
        self.old = lru_cache(maxsize=1)(self._old)
        self.fisher = lru_cache(maxsize=1)(self._fisher)
        self.changed = lru_cache(maxsize=32)(self._changed)  # all of a draw: WiSE-FT comes last

    def task(self, name: str, seed: int, train: int = TRAIN) -> Task:
        return draw(name, *self.pools[name], seed, train)

    def _old(self, seed: int) -> tuple[Backbone, Split]:
        """The net with a head for flowers, and flowers that it was not fitted to."""
        flowers = self.task(FLOWERS, seed)
        head = replace(S.FEATURE_EXTRACTION, lr=HEAD_RATE)
        run = fit(self.model, flowers, head, HEAD_EPOCHS, batch_size=16, seed=seed,
                  validate_every=0, test=False, progress=False)  # fmt: skip
        run.model.replace_head(run.model.head, flowers.classes)  # its source task from here on
        return run.model, flowers.test

    def measure(self, claim: str, trial: dict) -> dict:
        if claim == "C29":
            task = x_rays.draw(self.radiographs, trial["train"], trial["seed"])
            return measure_case(task, trial, model=self.x_ray_model)
        task = self.task(trial["task"], trial["seed"], trial["train"])
        name = trial.get("strategy", trial.get("name"))
        if name in BASELINES:
            return baseline_of(self.model, task, name, trial["seed"])
        how: dict[str, Callable[[], dict]] = {
            "C06": lambda: transferred(self.model, task, trial),
            "C08": lambda: transferred(self.model, task, trial),
            "C10": lambda: cost_of(self.model, task, trial),
            "C14": lambda: self._overwritten(task, trial),
            "C19": lambda: self._kept(task, trial),
        }
        return how[claim]()

    def _overwritten(self, task: Task, trial: dict) -> dict:
        model, flowers = self.old(trial["seed"])
        some = Split(*(part[: trial["source_pictures"]] for part in flowers))
        return overwritten(model, some, task, trial)

    def _fisher(self, seed: int) -> dict:
        return diagonal_fisher(self.old(seed)[0], self.task(FLOWERS, seed).train.pictures)

    def _changed(self, name: str, seed: int, epochs: int, rate: float, setting=None) -> Backbone:
        """The net for flowers after ants and bees, by a method of C19. rate: of the backbone;
        with none, only the new head learns."""
        mitigations: dict[str, Callable] = {
            "L2-SP": L2SP,
            "EWC": lambda strength: EWC(strength, self.fisher(seed)),
            "LwF": LwF,
            "replay": lambda strength: Replay(self.task(FLOWERS, seed).train, strength),
        }
        strategy = replace(S.FEATURE_EXTRACTION, lr=HEAD_RATE)
        if rate:
            strategy = replace(S.FULL_FINE_TUNING, lr=HEAD_RATE, head_lr_ratio=HEAD_RATE / rate)
        mitigation = mitigations[name](setting) if name in mitigations else None
        return fit(self.old(seed)[0], self.task(INSECTS, seed), strategy, epochs, batch_size=16,
                   seed=seed, mitigation=mitigation, validate_every=0, test=False,
                   progress=False).model  # fmt: skip

    def _kept(self, task: Task, trial: dict) -> dict:
        """Both tasks after a method: on half of the test pictures to choose by, and on the rest."""
        name, seed, epochs = trial["method"], trial["seed"], trial["epochs"]
        old, flowers = self.old(seed)
        if name == WISE:
            ends = (self.changed(PLAIN, seed, epochs, rate) for rate in (0.0, trial["rate"]))
            model = interpolate(*ends, trial["setting"])
        else:
            model = self.changed(name, seed, epochs, trial["rate"], trial.get("setting"))
        (choose, report), (chosen_by, reported) = halves(task.test, seed), halves(flowers, seed)
        scores = predict(model, report.pictures)
        return {
            "validation": accuracy(predict(model, choose.pictures), choose.labels),
            "selection": source_accuracy(model, old.head, chosen_by),
            "test": accuracy(scores, report.labels),
            "right": packed(scores, report.labels),
            "source": source_accuracy(model, old.head, reported),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("claims", nargs="+", choices=sorted(MEASURED))
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--x-rays", type=Path, help="pneumoniamnist.npz")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where rows go")
    arguments = parser.parse_args()
    instrument = Instrument(arguments.weights, arguments.photographs, arguments.x_rays)
    for tag in arguments.claims:
        claim = MEASURED[tag]
        trials = store.full_trials(claim, PHOTOGRAPHS)
        with store.writing(tag, arguments.folder) as path, tracks.using(PHOTOGRAPHS):
            study = store.open_study(tag, arguments.folder)
            have = {store.depends(row) for row in study.rows}
            for number, trial in enumerate(sorted(trials, key=lambda one: one["seed"]), 1):
                key = cache.key(claim.measure, trial)
                if cache.text(key) in have:
                    continue
                begin = time.monotonic()
                measured = cache.plain(instrument.measure(tag, trial))
                row = {
                    **key,
                    "measured": measured,
                    "machine": study.machine(this_machine()),
                    "took": round(time.monotonic() - begin, 2),
                    "date": date.today().isoformat(),
                }
                study.rows.append({**row, "sha256": cache.checksum(row)})
                study.save(path)
                name = trial.get("strategy", trial.get("name", trial.get("method")))
                told = ("test", "epoch", "source", "auc")
                print(tag, f"{number}/{len(trials)}", name, trial["seed"],
                      {k: v for k, v in measured.items() if k in told},
                      row["took"], flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
