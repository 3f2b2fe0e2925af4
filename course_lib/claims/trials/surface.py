"""The loss surface of lesson 04: two fine-tunings on the source loss around the pretrained net."""

import json
from dataclasses import replace

from course_lib.backbones import load_backbone
from course_lib.data.tasks import load_task
from course_lib.errors import CourseError
from course_lib.lab.store import RESULTS
from course_lib.see import landscape as see
from course_lib.train import strategies as S
from course_lib.train.fit import prepare_run
from course_lib.train.forgetting import source_pictures

LANDSCAPE = RESULTS / "landscape.json"  # made by `python benchmarks/landscape.py`
PATHS = {"small backbone rate": 100.0, "ten times that": 10.0}  # name -> ratio


def surface(
    points: int = 11,
    pictures: int = 128,
    epochs: int = 8,
    train: int = 100,
    every: int = 8,
    directions: str = "paths",
) -> see.Landscape:
    """Two fine-tunings of the digits on the surface of the source loss.

    In the image world on every track, since the source pictures are its.

    points: places per side. pictures: source pictures that the loss is the mean of. every: steps
    between two points of a path. directions: "paths" or "random". Raises CourseError for another.
    """
    if directions not in ("paths", "random"):
        raise CourseError(f'directions must be "paths" or "random"; got {directions!r}.')
    net, task, paths = load_backbone("worldnet"), load_task("digits", train=train, seed=0), {}
    for name, ratio in PATHS.items():
        strategy = replace(S.FULL_FINE_TUNING, head_lr_ratio=ratio)
        run = prepare_run(net, task, strategy, epochs, batch_size=16, validate_every=0, test=False)
        path = [see.weights(net)]
        for tick in run.ticks():
            if tick.kind == "train" and (tick.step % every == 0):
                path.append(see.weights(run.model))
        paths[name] = path
    plane = (
        see.path_plane(net, list(paths.values()))
        if directions == "paths"
        else see.random_plane(net)
    )
    return see.landscape(net, plane, source_pictures(net, pictures), paths, points)


def stored_surface() -> see.Landscape:
    """The finer surface that `python benchmarks/landscape.py` stored."""
    return see.Landscape.from_json(json.loads(LANDSCAPE.read_text(encoding="utf-8"))["landscape"])
