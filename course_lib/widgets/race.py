"""The race: strategies train side by side, live, on this machine.

    race = Race(task="new-shapes", train=200)
    race              # buttons, sliders and growing curves
    race.run(20)      # the same without a page: trains for at most 20 s, then draws the result

Every lane is an ordinary run of `prepare_run`, advanced tick by tick, so it ends with the numbers
that `fit` gives for the same settings. The lane that has used the least compute goes next.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import traitlets

from course_lib.data.task import Task, quickly_validated
from course_lib.measure import metrics
from course_lib.train import strategies as S
from course_lib.widgets.live import LiveWidget, looks, module

STRATEGIES = (
    S.FEATURE_EXTRACTION,
    S.FINE_TUNING,
    S.FULL_FINE_TUNING,
    S.SCRATCH,
    S.LP_FT,
    S.GRADUAL_UNFREEZING,
)
FOUR = tuple(strategy.name for strategy in STRATEGIES[:4])
TASKS = ("new-shapes", "new-textures", "night-shapes", "digits-blended", "radiographs")
LABELS = (20, 50, 100, 200, 500, 1000, 2000, 5000)
BASELINES = ("pixel logistic regression", "random frozen backbone")
SHARE = 6  # while lanes train, one piece in so many is of the baselines


@dataclass
class Lane:
    """One strategy in the race.

    key: the settings it was built for. points: (seconds, epochs, validation score) so far.
    """

    strategy: S.Strategy
    key: tuple
    run: object
    points: list[tuple[float, int, float]] = field(default_factory=list)
    test: float | None = None

    @property
    def compute(self) -> float:
        """Seconds that this lane has worked, measuring included."""
        return self.run.seconds + self.run.evaluation_seconds

    def state(self) -> dict:
        """What the page and the finish table show of the lane."""
        return {
            "lane": self.strategy.name,
            "epoch": len(self.run.history),
            "seconds": self.run.seconds,
            "parameters": self.run.trainable_parameters,
            "validation": self.points[-1][2] if self.points else None,
            "test": self.test,
        }


class Race(LiveWidget):
    """Lanes, sliders, live curves, a finish table.

    task: name of a built-in task, or a Task of your own, which then is offered beside those and
    gives its first `train` labels. train: labels in all. backbone: its name, or a Backbone. lanes:
    names of strategies. frozen: how many stages the lane "fine-tuning" locks, 0 to all; -1: all
    but the last. epochs, seed, cache: as for `fit`. Each can be changed at any time; the lanes
    that it concerns then start anew at the next tick.
    """

    _esm = module("race")
    task = traitlets.Unicode("new-shapes").tag(sync=True)
    backbone = traitlets.Unicode("worldnet").tag(sync=True)
    train = traitlets.Int(200).tag(sync=True)
    frozen = traitlets.Int(-1).tag(sync=True)
    epochs = traitlets.Int(10).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    cache = traitlets.Bool(True).tag(sync=True)
    lanes = traitlets.List(traitlets.Enum([s.name for s in STRATEGIES]), FOUR).tag(sync=True)
    info = traitlets.Dict().tag(sync=True)

    def __init__(self, **settings):
        self._own: dict[str, object] = {}  # name -> a Backbone or a Task that was passed
        for name in ("task", "backbone"):
            given = settings.get(name, "")
            if not isinstance(given, str):
                self._own[given.name] = given
                settings[name] = given.name
        super().__init__(**settings)
        self._lanes: dict[str, Lane] = {}
        self._baselines: dict[str, float] = {}
        self._net = self._target = self._target_key = self._baselines_key = None
        self._load()  # the page draws strips for its stages; all that takes long waits for Train
        self.observe(self._changed, names=self._settings())

    @staticmethod
    def _settings() -> list[str]:
        return ["task", "backbone", "train", "frozen", "epochs", "seed", "cache", "lanes"]

    def _changed(self, _) -> None:
        """A setting was moved: a race that is over can go on with the new one."""
        if self.finished:
            self.finished, self._work = False, None
            self._reply("changed")

    # ---- the work

    def work(self) -> Iterator[dict | None]:
        baselines = None
        for piece in self._endless():
            yield from self._prepare()
            yield from self._rebuild()
            yield from self._measure_starts()
            if self._baselines_key != self._target_key:
                baselines, self._baselines_key = self._measure_baselines(), self._target_key
            racing = [lane for lane in self._lanes.values() if lane.test is None]
            if baselines and (piece % SHARE == 0 or not racing):
                baselines = yield from _one(baselines)
            elif racing:
                yield self._advance(min(racing, key=lambda lane: lane.compute))
            else:
                return

    def _endless(self) -> Iterator[int]:
        piece = 0
        while True:
            yield (piece := piece + 1)

    def _prepare(self) -> Iterator[dict | None]:
        """The net and the pictures that are asked for, when they are others than before."""
        if self._net.name != self.backbone:
            yield {"status": f"loading {self.backbone} …"}
        self._load()
        while self._target_key != (key := (self.task, self.train, self.seed, self.backbone)):
            yield {"status": f"drawing {self.train} pictures …"}
            for _ in (pieces := _result(self._pictures())):
                yield None
                if key != (self.task, self.train, self.seed, self.backbone):
                    break  # the slider moved on
            else:
                self._target, self._target_key = quickly_validated(pieces.value), key

    def _load(self) -> None:
        """The net that is asked for, when it is another than before, and what the page needs."""
        from course_lib import load_backbone

        if self._net is None or self._net.name != self.backbone:
            self._net = self._own.get(self.backbone) or load_backbone(self.backbone)
            self.info = _facts(self._net, self._own)
        stages = len(self._net.stage_names)
        if not 0 <= self.frozen <= stages:
            self.frozen = stages - 1

    def _pictures(self):
        """The task that is asked for, piece by piece."""
        from course_lib.data.tasks import task_in_pieces

        if self.task in self._own:
            return _given(self._own[self.task].first(self.train))
        return task_in_pieces(self.task, self.train, self.seed)

    @traitlets.validate("task")
    def _known_task(self, proposal):
        if proposal["value"] not in (*TASKS, *self._own):
            raise traitlets.TraitError(
                f"task must be a Task or one of {', '.join(TASKS)}; got {proposal['value']!r}."
            )
        return proposal["value"]

    def _rebuild(self) -> Iterator[dict | None]:
        """Lanes for the settings as they are now; those that still fit stay as they are."""
        from course_lib import prepare_run

        for strategy in STRATEGIES:
            name = strategy.name
            if name not in self.lanes:
                if self._lanes.pop(name, None):
                    yield {"gone": name}
                continue
            strategy = self._shaped(strategy)
            key = (self._target_key, strategy, self.epochs, self.cache)
            if name in self._lanes and self._lanes[name].key == key:
                continue
            run = prepare_run(
                self._net,
                self._target,
                strategy,
                self.epochs,
                batch_size=batch_size(self.train),
                seed=self.seed,
                cache=self.cache,
            )
            self._lanes[name] = Lane(strategy, key, run)
            yield {"new": name, **self._lanes[name].state()}

    def _measure_starts(self) -> Iterator[dict | None]:
        """The first point of new lanes: what their nets score before they have learnt anything."""
        starts = {}
        for lane in list(self._lanes.values()):
            if lane.points:
                continue
            if (pretrained := not lane.strategy.from_scratch) not in starts:
                starts[pretrained] = yield from _validate(lane.run)  # the others share net and head
            lane.points.append((0.0, 0, starts[pretrained]))
            yield {"point": lane.points[-1], **lane.state()}

    def _shaped(self, strategy: S.Strategy) -> S.Strategy:
        """The strategy with the sliders' settings in it."""
        if strategy.name == S.FINE_TUNING.name:
            return replace(strategy, trainable=len(self._net.stage_names) - self.frozen)
        if strategy.head_epochs >= self.epochs:
            return replace(strategy, head_epochs=self.epochs // 2)
        return strategy

    def _advance(self, lane: Lane) -> dict | None:
        """One tick of a lane, and what there is to tell."""
        done = len(lane.run.history)
        tick = next(lane.run.ticks(), None)
        if tick is None and not lane.run.finished:  # it was interrupted: it begins anew
            del self._lanes[lane.strategy.name]
            return None
        if tick is None:
            lane.test = lane.run.test
            return {"end": True, **lane.state()}
        if len(lane.run.history) == done:
            return {"clock": True, **lane.state()} if tick.kind == "train" else None
        lane.points.append((lane.run.seconds, done + 1, lane.run.history[-1].validation))
        return {"point": lane.points[-1], **lane.state()}

    def _measure_baselines(self) -> Iterator[dict | None]:
        from course_lib.train import baselines

        self._baselines, self._baselines_key = {}, self._target_key
        yield {"baselines": {}}
        for pieces in (
            baselines.pixel_pieces(self._target, test=False),
            baselines.random_pieces(self._net, self._target, self.seed, test=False),
        ):
            baseline = yield from pieces
            self._baselines[baseline.name] = baseline.validation
            yield {"baselines": dict(self._baselines)}

    def tick(self, budget: float | None = None) -> list[dict]:
        messages = super().tick() if budget is None else super().tick(budget)
        # Of several clocks of a lane only the last is worth sending.
        last = {m["lane"]: m for m in messages if "clock" in m}
        return [m for m in messages if "clock" not in m or last[m["lane"]] is m]

    # ---- what there is to see

    def snapshot(self) -> dict:
        return {
            "baselines": self._baselines,
            "lanes": [{**lane.state(), "points": lane.points} for lane in self._lanes.values()],
        }

    def clear(self) -> None:
        self._lanes = {}

    def results(self) -> list[dict]:
        """The finish table: a row per lane with lane, epoch, seconds (of training), parameters
        (that learn), validation and test (None before the end).
        """
        return [lane.state() for lane in self._lanes.values()]

    def hint(self) -> str:
        if any(lane.points for lane in self._lanes.values()):
            return ""
        return "The race has not been run yet: run this cell and press Train all."

    def figure(self):
        from matplotlib import pyplot as plt

        from course_lib.measure.figures import LOOKS, look

        fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.9), width_ratios=(3, 2))
        for name, lane in self._lanes.items():
            seconds, _, score = zip(*lane.points, strict=True) if lane.points else ((), (), ())
            left.plot(seconds, score, label=name, **look(name))
        for name, value in self._baselines.items():
            left.axhline(
                value, color=LOOKS[name].color, ls=LOOKS[name].linestyle, lw=1.2, label=name
            )
        left.set_ylim(0, 1.02)
        left.set_xlim(left=0)
        left.set_xlabel("seconds of training, each lane's own")
        left.set_ylabel(f"validation {self._target.metric}")
        left.set_title(f"{self._target.title}, {self.train} labels")
        right.axis("off")
        right.legend(*left.get_legend_handles_labels(), fontsize=9, loc="upper left", ncols=2)
        rows = [
            [
                state["lane"],
                f"{state['parameters']:,}",
                f"{state['seconds']:.1f}",
                f"{state['epoch']}",
                "–" if state["test"] is None else f"{state['test']:.3f}",
            ]
            for state in self.results()
        ]
        table = right.table(
            rows,
            colLabels=["lane", "learn", "seconds", "epochs", "test"],
            colWidths=[0.34, 0.2, 0.17, 0.16, 0.13],
            bbox=(0, 0, 1, 0.66),
            edges="horizontal",
        )
        table.auto_set_font_size(False)
        table.set_fontsize(9)
        told = [
            f"{r['lane']} {r['validation']:.2f} after {r['epoch']} epochs and {r['seconds']:.1f} s"
            for r in self.results()
            if r["validation"] is not None
        ]
        alt = "The race: validation scores of the lanes against seconds of training. "
        return fig, f"{alt}{'; '.join(told)}."


def _facts(net, own: dict) -> dict:
    """What the page must know to draw strips and count parameters without asking."""
    from course_lib.backbones.loading import available_backbones
    from course_lib.data.tasks import available_tasks

    return {
        "stages": [
            {"name": name, "parameters": sum(p.numel() for p in stage.parameters())}
            for name, stage in net.stages.items()
        ],
        "features": net.feature_dim,
        "tasks": {
            t.name: {"title": t.title, "classes": t.classes, "metric": t.metric}
            for t in available_tasks()
            if t.name in TASKS
        }
        | {
            name: {"title": t.title, "classes": len(t.classes), "metric": t.metric}
            for name, t in own.items()
            if isinstance(t, Task)
        },
        "labels": LABELS,
        "backbones": (
            *available_backbones(),
            *(n for n, b in own.items() if not isinstance(b, Task)),
        ),
        "strategies": {
            s.name: {"learn": s.trainable, "head": s.head_epochs, "every": s.unfreeze_every}
            for s in STRATEGIES
        },
        "looks": looks(*(s.name for s in STRATEGIES), *BASELINES),
    }


def batch_size(train: int) -> int:
    """Pictures of a training step: 32, or 16 where an epoch would have fewer than ten steps."""
    return 32 if train >= 320 else 16


def _validate(run):
    """The validation score of a run's net before it has learnt anything, in pieces."""
    import torch

    from course_lib.backbones.inference import predict

    pictures, labels = run.task.validation
    parts = []
    for chunk in pictures.split(32):
        parts.append(predict(run.model, chunk))
        yield None
    return metrics.score(run.task.metric, torch.cat(parts), labels)


def _given(task: Task):
    """A task that is there already, as a generator that returns it."""
    yield None
    return task


class _result:
    """A generator that remembers what it returned, as `value`."""

    def __init__(self, pieces):
        self._pieces, self.value = pieces, None

    def __iter__(self):
        self.value = yield from self._pieces


def _one(pieces):
    """Yield one piece; gives the generator back, or None when it has ended."""
    try:
        yield next(pieces)
    except StopIteration:
        return None
    return pieces
