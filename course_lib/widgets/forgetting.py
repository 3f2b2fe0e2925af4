"""The forgetting meter: both accuracies live while a net is fine-tuned.

meter = ForgettingMeter()
meter              # sliders for rate, replay and penalty, three dials, growing curves
meter.run(10)      # the same without a page

It opens on a stored run, made by tools/make_meter.py with the settings that it begins with.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import traitlets

from course_lib.train import strategies as S
from course_lib.widgets.live import LiveWidget, module

BATCH, SOURCE_PICTURES, OLD = 16, 64, 200
HEAD_RATE = 1e-2
USUAL = {"task": "digits", "train": 100, "seed": 0}
STORED = Path(__file__).with_name("forgetting.json")
CURVES = (
    ("source", "#D55E00", "-o", "source task, old head"),
    ("anew", "#009E73", ":^", "the same, statistics measured anew"),
    ("validation", "#0072B2", "--s", "new task, validation"),
)


class _Steered:
    """L2-SP and replay with strengths that are read at every step."""

    def __init__(self, widget, old):
        self._widget, self._old = widget, old

    def begin(self, run):
        from course_lib.train.forgetting import L2SP, Replay

        pull, again = L2SP(1.0).begin(run), Replay(self._old, 1.0, batch=8).begin(run)

        def loss(x, features, start):
            total = features.new_zeros(())
            if self._widget.penalty:
                total = total + self._widget.penalty * pull(x, features, start)
            if self._widget.replay:
                total = total + self._widget.replay * again(x, features, start)
            return total

        return loss


class ForgettingMeter(LiveWidget):
    """Full fine-tuning of WorldNet, with what it costs the source task.

    task, train: a built-in task and its labels in all. rate: of the backbone; the head's is 0.01.
    replay: weight of source pictures shown again. penalty: strength of L2-SP. epochs, seed: as for
    `fit`. Sliders act at the next step, also while it trains. After each epoch it also measures
    the source task with batch-norm statistics measured anew: what is missing then are features.
    """

    _esm = module("forgetting")
    rate = traitlets.Float(1e-3).tag(sync=True)
    replay = traitlets.Float(0.0).tag(sync=True)
    penalty = traitlets.Float(0.0).tag(sync=True)
    epochs = traitlets.Int(12).tag(sync=True)
    info = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        task: str = USUAL["task"],
        train: int = USUAL["train"],
        seed: int = USUAL["seed"],
        **settings,
    ):
        from course_lib import load_backbone, load_task
        from course_lib.train.forgetting import source_accuracy, source_pictures

        super().__init__(**settings)
        self._net, self._seed = load_backbone(), seed
        self._task = load_task(task, train=train, seed=seed)
        self._source = source_pictures(self._net, SOURCE_PICTURES)
        self._old = source_pictures(self._net, OLD, split="train")
        self._run, self._points = None, []
        usual = {"task": task, "train": train, "seed": seed} == USUAL and STORED.is_file()
        self.info = {
            "stored": json.loads(STORED.read_text())["points"] if usual else [],
            "task": f"{self._task.title}, {train} labels",
            "batches": -(-train // BATCH),
            "before": source_accuracy(self._net, self._net.head, self._source),
        }
        self.observe(self._steer, names="rate")

    def strategy(self) -> S.Strategy:
        return replace(S.FULL_FINE_TUNING, lr=HEAD_RATE, head_lr_ratio=HEAD_RATE / self.rate)

    def _steer(self, _) -> None:
        if self._run is not None and not self._run.finished:
            self._run.strategy = self.strategy()

    def work(self) -> Iterator[dict | None]:
        from course_lib import prepare_run
        from course_lib.train.forgetting import recompute_statistics, source_accuracy

        def epoch_over() -> Iterator[dict | None]:
            step, validation = len(run.history) * run.batches, run.history[-1].validation
            fresh = recompute_statistics(run.model, self._old.pictures[:SOURCE_PICTURES])
            yield None
            anew = source_accuracy(fresh, run.source_head, self._source)
            yield self._tell(step, None, validation, anew)

        self._points = []
        yield {"new": True}
        run = self._run = prepare_run(
            self._net, self._task, self.strategy(), self.epochs, batch_size=BATCH,
            seed=self._seed, test=False, mitigation=_Steered(self, self._old),
        )  # fmt: skip
        yield self._tell(0, self.info["before"], None)
        done = 0
        for tick in run.ticks():
            if len(run.history) > done:  # the epoch before this tick is over
                done = len(run.history)
                yield from epoch_over()
            if tick.kind == "train" and tick.step % 3 == 0:
                left = source_accuracy(run.model, run.source_head, self._source)
                yield self._tell(tick.step, left, None)
            else:
                yield None
        if len(run.history) > done:
            yield from epoch_over()

    def _tell(
        self, step: int, source: float | None, validation: float | None, anew: float | None = None
    ) -> dict:
        told = {"step": step, "source": source, "validation": validation, "anew": anew}
        self._points.append(told)
        return told

    def snapshot(self) -> dict:
        return {"points": self._points}

    def clear(self) -> None:
        self._points, self._run = [], None

    def hint(self) -> str:
        if self._points or self.info["stored"]:
            return ""
        return "Nothing has been trained yet: run this cell, set the sliders and press Train."

    def figure(self):
        from matplotlib import pyplot as plt

        points = self._points or self.info["stored"]
        fig, ax = plt.subplots(figsize=(7.2, 3.8), layout="constrained")
        ax.axhline(self.info["before"], color="#777777", ls=":", lw=1.2)
        told = []
        for key, color, style, name in CURVES:
            seen = [(p["step"], p[key]) for p in points if p[key] is not None]
            ax.plot(*zip(*seen, strict=True) if seen else ((), ()), style, color=color, label=name)
            told += [f"{name}: {seen[-1][1]:.2f} after {seen[-1][0]} steps"] if seen else []
        ax.set_ylim(0, 1.02)
        ax.set_xlabel("training step")
        ax.set_ylabel("accuracy")
        title = f"Backbone rate {self.rate:g}, replay {self.replay:g}, penalty {self.penalty:g}"
        ax.set_title(title if self._points else "A stored run at 0.001, without a remedy")
        ax.legend(loc="best")
        alt = f"Forgetting meter, accuracies against training step: {'; '.join(told)}."
        return fig, alt
