"""Two tracks, one notebook: the image world, or ImageNet backbones and photographs.

A lesson asks its track for a backbone and for tasks by their role instead of naming them:

    track = tracks.choose()                        # COURSE_TRACK, or else "world"
    backbone = track.load_backbone()
    task = track.load_task("similar", train=100)

The world track is embedded and needs no network. The photos track downloads what it needs once and
says beforehand how large it is.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib import checks

if TYPE_CHECKING:
    from course_lib.adaptation import Domains
    from course_lib.backbones import Backbone
    from course_lib.data.downloads import File
    from course_lib.data.task import Task


@dataclass(frozen=True)
class Track:
    """Which backbone and which tasks a lesson uses.

    tasks: names for load_task by role. domains: names for load_domains, a task in two domains each.
    sha256: of the weights, where they are a file of somebody's own: then rows name that file, and
    only who has it can measure. weights: that file, to measure with it.
    """

    name: str
    backbone: str
    tasks: dict[str, str]
    domains: dict[str, str]
    sha256: str = ""
    weights: Path | None = None

    def load_backbone(self, name: str | None = None) -> "Backbone":
        """The track's pretrained backbone, or another of load_backbone's."""
        from course_lib.backbones import load_backbone

        if name:
            return load_backbone(name)
        return load_backbone(self.backbone, weights=self.weights)

    def load_task(self, role: str, train: int | None = None, seed: int = 0) -> "Task":
        """The task that plays a role on this track: see load_task. Raises CourseError for another
        role."""
        from course_lib.data.tasks import load_task

        return load_task(self.task_name(role), train, seed)

    def task_name(self, role: str) -> str:
        """What load_task calls the task of this role."""
        return self.tasks[checks.one_of(role, f"task of the {self.name} track", self.tasks)]

    def load_domains(self, name: str, train: int | None = None, seed: int = 0) -> "Domains":
        """A task in two domains, for adaptation. Raises CourseError for an unknown pair."""
        from course_lib.adaptation import load_domains

        checks.one_of(name, f"domains of the {self.name} track", self.domains)
        return load_domains(self.domains[name], train, seed)

    def downloads(self, *roles: str) -> "list[File]":
        """The files that the backbone and the tasks of these roles (default: all) need."""
        names = [self.task_name(role) for role in roles or self.tasks]
        if self.name == "world":
            return []
        from course_lib.backbones.loading import torchvision_file
        from course_lib.data import photos

        files = [torchvision_file(self.backbone)]
        files += [file for name in names for file in photos.SETS[name].files]
        return list(dict.fromkeys(files))

    def about(self, *roles: str) -> str:
        """The track in words: backbone, tasks, and what is downloaded for these roles."""
        lines = [f"Track {self.name}: {self.backbone}"]
        files = self.downloads(*roles)
        if files:
            from course_lib.data.downloads import data_folder, describe, shown

            total = sum(file.size for file in files if not file.target.is_file())
            place = shown(data_folder())
            lines += [f"Needs {total / 1e6:.0f} MB from the internet, kept in {place}:"]
            lines += [describe(files)]
        return "\n".join(lines)


TRACKS = {
    "world": Track(
        "world",
        "worldnet",
        {
            "source": "source",
            "similar": "new-shapes",
            "different": "radiographs",
            "x-rays": "radiographs",
            "digits": "digits",
            "digits over photographs": "digits-blended",
            "night": "night-shapes",
        },
        {"digits": "digits", "night": "night", "x-rays": "scanners"},
    ),
    "photos": Track(
        "photos",
        "resnet18",
        {
            "source": "imagenette",
            "similar": "pets",
            "different": "eurosat",
            "x-rays": "pneumonia",
            "digits": "mnist",
            "digits over photographs": "mnist-blended",
            "house numbers": "svhn",
        },
        {"digits": "mnist to mnist-blended", "house numbers": "mnist to svhn"},
    ),
}

_chosen: list[Track] = []  # by choose() and using(), the last one counts


def choose(name: str | None = None) -> Track:
    """Set the track of this notebook: "world", "photos" or, by default, COURSE_TRACK ("world").

    Raises CourseError for another name.
    """
    track = _named(name)
    _chosen[:] = [track]
    return track


def current() -> Track:
    """The track that was chosen, else the one that COURSE_TRACK names, else the world."""
    return _chosen[-1] if _chosen else _named(None)


@contextmanager
def using(track: Track) -> Iterator[Track]:
    """For the block, `track` is the current one."""
    _chosen.append(track)
    try:
        yield track
    finally:
        _chosen.pop()


def _named(name: str | None) -> Track:
    asked = os.environ.get("COURSE_TRACK")
    what = "track" if name or not asked else "track (COURSE_TRACK)"
    return TRACKS[checks.one_of(name or asked or "world", what, TRACKS)]
