"""Source and target features as a cloud that can be turned, with a slider over training.

Two stored paths (source-only, and adversarial training at full length) and one that is trained
live, with the weight of the domain loss in the learner's hand.
"""

import json
from dataclasses import replace

import numpy as np
import traitlets

from course_lib.errors import CourseError
from course_lib.widgets.live import FOLDER, LiveWidget, module

STORED = FOLDER / "embedding.json"
SHOWN = 160  # points of each domain
LIVE = "live run"


class Embedding(LiveWidget):
    """`Embedding()` in a cell shows it. `weight`: of the domain loss in the live run.

    steps, pictures: length of the live run and pictures of each domain that it learns from.
    """

    _esm = module("embedding")
    weight = traitlets.Float(1.0).tag(sync=True)
    steps = traitlets.Int(120).tag(sync=True)

    def __init__(self, pictures: int = 600, looks: int = 12, **traits):
        super().__init__(**traits)
        if pictures < 2 * SHOWN or looks < 1:
            raise CourseError(
                f"Embedding needs {2 * SHOWN} pictures or more and looks from 1; got {pictures!r} "
                f"and {looks!r}."
            )
        self.pictures, self.looks = pictures, looks
        self._live: list[dict] = []

    def work(self):
        from course_lib.adaptation import lenet, load_domains, methods, prepare_adaptation

        domains = load_domains("digits", self.pictures)
        method = replace(methods.DANN, terms={"adversary": self.weight})
        run = prepare_adaptation(lenet(), domains, method, self.steps)
        path = Path3D(domains)
        every = max(1, self.steps // self.looks)
        self._live = []
        for step in run.ticks():
            if step.number % every:
                yield None
                continue
            self._live.append(path.look(run, step.number))
            yield {"path": LIVE, "labels": path.labels, "frame": self._live[-1]}

    def snapshot(self) -> dict:
        stored = json.loads(STORED.read_text())
        live = {"labels": stored["labels"], "frames": self._live}
        return {"paths": {**stored["paths"], LIVE: live}, "shown": SHOWN}

    def clear(self) -> None:
        self._live = []

    def figure(self):
        """The clouds after source-only and after adversarial training, from one side."""
        from matplotlib import pyplot as plt

        paths = json.loads(STORED.read_text())["paths"]
        fig, axes = plt.subplots(1, len(paths), figsize=(8.6, 4), layout="constrained")
        for ax, (name, path) in zip(axes, paths.items(), strict=True):
            last = path["frames"][-1]
            points = np.array(last["points"]).reshape(-1, 3)
            for rows, marker, color, domain in (
                (slice(0, SHOWN), "o", "#D55E00", "source"),
                (slice(SHOWN, None), "x", "#0072B2", "target"),
            ):
                ax.plot(*points[rows, :2].T, marker, color=color, ms=4, alpha=0.7, label=domain)
            ax.set_title(f"{name}\ntold apart {last['told_apart']:.2f}, right on the target "
                         f"{last['target']:.2f}", fontsize=10)  # fmt: skip
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_aspect("equal", "datalim")
        axes[0].legend(loc="lower left")
        alt = "Features of source and target digits as points in two panels. " + " ".join(
            f"{name.removeprefix('stored: ')}: a domain classifier is right on "
            f"{path['frames'][-1]['told_apart']:.2f}."
            for name, path in paths.items()
        )
        return fig, alt


class Path3D:
    """Looks at a run now and then: features of the same pictures in three dimensions.

    Each look takes its own three principal directions, turned (and mirrored, but not stretched) to
    lie as near as can be to the look before: Schönemann's orthogonal Procrustes problem, 1966.
    """

    def __init__(self, domains):
        self.domains = domains
        self.source, self.target = domains.source.pictures[:SHOWN], domains.target[:SHOWN]
        labels = [*domains.source.labels[:SHOWN], *domains.oracle_labels[:SHOWN]]
        self.labels = [int(label) for label in labels]  # for the colours, the run never sees them
        self._before: np.ndarray | None = None

    def look(self, run, step: int) -> dict:
        """What the page draws: step, points (whole numbers, 3 per picture), two accuracies."""
        from course_lib.adaptation import domain_accuracy, features
        from course_lib.train.evaluation import evaluate

        a, b = run.for_source(), run.for_target()
        source, target = features(a, self.source), features(b, self.target)
        both = np.concatenate([source.numpy(), target.numpy()]).astype(float)
        points = flat(both, self._before)
        self._before = points
        whole = self.domains.source.pictures[: 3 * SHOWN], self.domains.target[: 3 * SHOWN]
        apart = domain_accuracy(features(a, whole[0]), features(b, whole[1]))
        return {
            "step": step,
            "points": np.round(100 * points).astype(int).ravel().tolist(),
            "told_apart": round(apart, 3),
            "target": round(evaluate(b, self.domains.test), 3),
        }


def flat(features: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """(n, d) features -> (n, 3) principal components of unit spread, turned towards `before`."""
    centred = features - features.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    points = centred @ directions[:3].T
    points = points / (points.std() or 1.0)
    if before is not None:
        left, _, right = np.linalg.svd(points.T @ before)
        points = points @ (left @ right)
    return points
