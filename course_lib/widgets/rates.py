"""The rate explorer: sliders for the rates of all stages, and what a run makes of them.

rates = RateExplorer()
rates              # sliders, a bar for each stage's rate, Train; curves grow while it trains
rates.run(10)      # the same without a page
"""

from collections.abc import Iterator
from dataclasses import replace

import traitlets

from course_lib import checks
from course_lib.errors import CourseError
from course_lib.train import strategies as S
from course_lib.widgets.live import LiveWidget, module

BATCH, SOURCE_PICTURES = 16, 48
# One shade and marker for each stage, readable on light and on dark ground.
STAGE_LOOKS = (
    ("#7B61C4", "", "o"), ("#3B83C0", "7 4", "s"), ("#1B9E8A", "8 3 2 3", "D"),
    ("#7BA428", "2 3", "^"), ("#D9A400", "", "v"),
)  # fmt: skip


class RateExplorer(LiveWidget):
    """Full fine-tuning of WorldNet with rates of the learner's choice.

    task, train: a built-in task and its labels in all. lr: head rate. head_lr_ratio: head rate /
    rate of the last stage. layer_decay: rate of a stage / rate of the stage after it. head_epochs:
    epochs in which the head learns alone. unfreeze_every: epochs between two stages that unlock, 0:
    all at once. warmup: share of the run in which rates rise. epochs, seed: as for `fit`.

    Sliders act at the next step, also while it trains; `epochs` acts when training starts.
    """

    _esm = module("rates")
    lr = traitlets.Float(1e-2).tag(sync=True)
    head_lr_ratio = traitlets.Float(10.0).tag(sync=True)
    layer_decay = traitlets.Float(1.0).tag(sync=True)
    head_epochs = traitlets.Int(0).tag(sync=True)
    unfreeze_every = traitlets.Int(0).tag(sync=True)
    warmup = traitlets.Float(0.1).tag(sync=True)
    epochs = traitlets.Int(8).tag(sync=True)
    info = traitlets.Dict().tag(sync=True)

    @checks.renamed(ratio="head_lr_ratio", decay="layer_decay")
    def __init__(self, task: str = "digits", train: int = 100, seed: int = 0, **settings):
        from course_lib import load_backbone, load_task
        from course_lib.train.forgetting import source_pictures

        super().__init__(**settings)
        self._net, self._seed = load_backbone(), seed
        self._task = load_task(task, train=train, seed=seed)
        self._source = source_pictures(self._net, SOURCE_PICTURES)
        self._run, self._points, self._meter = None, [], None
        names = self._net.stage_names
        self.info = {
            "stages": names,
            "sizes": [sum(p.numel() for p in s.parameters()) for s in self._net.stages.values()],
            "looks": [dict(zip(("color", "dash", "marker"), look, strict=True))
                      for look in STAGE_LOOKS[: len(names)]],
            "task": f"{self._task.title}, {train} labels",
            "batches": -(-train // BATCH),
        }  # fmt: skip
        self.observe(
            self._steer,
            names=["lr", "head_lr_ratio", "layer_decay", "head_epochs", "unfreeze_every", "warmup"],
        )

    def strategy(self) -> S.Strategy:
        """The sliders as a Strategy, ready for `fit`."""
        return replace(
            S.FULL_FINE_TUNING,
            name="explored",
            lr=self.lr,
            head_lr_ratio=self.head_lr_ratio,
            layer_decay=self.layer_decay,
            head_epochs=self.head_epochs,
            unfreeze_every=self.unfreeze_every,
            warmup=self.warmup,
        )

    def _steer(self, _) -> None:
        """A slider moved: the run takes the new rates at its next step."""
        try:
            if self._run is not None and not self._run.finished:
                self._run.strategy = self.strategy()
            self.error = ""
        except CourseError as problem:
            self.error = str(problem)

    def work(self) -> Iterator[dict | None]:
        from course_lib import prepare_run
        from course_lib.train.forgetting import Meter

        self._points = []
        yield {"new": True}
        run = self._run = prepare_run(
            self._net, self._task, self.strategy(), self.epochs, batch_size=BATCH,
            seed=self._seed, test=False,
        )  # fmt: skip
        meter, done = Meter(self._net, self._source, every=2), 0
        yield self._tell(0, reading=meter.readings[0])
        for tick in run.ticks():
            if len(run.history) > done:  # the epoch before this tick is over
                done = len(run.history)
                yield self._tell(done * run.batches, validation=run.history[-1].validation)
            read = len(meter.readings)
            meter(run, tick)
            yield (
                self._tell(tick.step, reading=meter.readings[-1])
                if len(meter.readings) > read
                else None
            )
        if len(run.history) > done:
            yield self._tell(run.step, validation=run.history[-1].validation)

    def _tell(self, step: int, reading=None, validation: float | None = None) -> dict:
        self._points.append(
            {
                "step": step,
                "drift": reading.drift if reading else {},
                "source": reading.source if reading else None,
                "validation": validation,
            }
        )
        return self._points[-1]

    def snapshot(self) -> dict:
        return {"points": self._points}

    def clear(self) -> None:
        self._points, self._run = [], None

    def hint(self) -> str:
        if self._points:
            return ""
        return "Nothing has been trained yet: run this cell, set the rates and press Train."

    def figure(self):
        import numpy as np
        from matplotlib import pyplot as plt

        from course_lib.measure.figures import label_ends

        fig, (bars, scores, drift) = plt.subplots(
            1, 3, figsize=(11.5, 3.6), width_ratios=(1, 1.1, 1.1), layout="constrained"
        )
        names = [*self._net.stage_names, S.HEAD]
        peaks = S.peak_rates(self.strategy(), self._net.stage_names)
        colors = {name: look[0] for name, look in zip(names, STAGE_LOOKS, strict=False)}
        places = np.arange(len(names))
        bars.barh(places, [peaks[n] for n in names], left=1e-7,
                  color=[colors.get(n, "#888888") for n in names], alpha=0.6)  # fmt: skip
        bars.set_xscale("log")
        bars.set_xlim(1e-7, 1)
        bars.set_yticks(places, [f"{n}  {peaks[n]:.1e}" for n in names])
        bars.grid(axis="y", visible=False)
        bars.set_title("Peak rate of each stage")
        for key, color, style, label in (
            ("source", "#D55E00", "-o", "source task, old head"),
            ("validation", "#0072B2", "--s", "new task, validation"),
        ):
            seen = [(p["step"], p[key]) for p in self._points if p[key] is not None]
            scores.plot(*_columns(seen), style, color=color, label=label)
        scores.set_ylim(0, 1.02)
        scores.set_xlabel("training step")
        scores.set_title("Accuracy")
        scores.legend(fontsize=8.5, loc="lower left")
        ends = {}
        for name, (color, _, marker) in zip(names, STAGE_LOOKS, strict=False):
            moved = [(p["step"], p["drift"][name]) for p in self._points
                     if p["drift"].get(name, 0) > 1e-5]  # fmt: skip
            if moved:
                drift.plot(*_columns(moved), color=color, marker=marker, ms=4)
                ends[name] = moved[-1][1]
        drift.set_yscale("log")
        drift.set_ylim(1e-5, 5)
        drift.set_xlabel("training step")
        drift.set_title("Drift |w − w₀| / |w₀|")
        label_ends(drift, ends, colors)
        last = next(p for p in reversed(self._points) if p["source"] is not None)
        told = f"After {last['step']} steps the source accuracy is {last['source']:.2f}."
        rates = ", ".join(f"{name} {peaks[name]:.1e}" for name in names)
        return fig, f"Rate explorer: bars for the rate of each stage ({rates}). {told}"


def _columns(points: list[tuple]) -> tuple:
    """[(x, y), ...] as (xs, ys)."""
    return tuple(zip(*points, strict=True)) or ((), ())
