"""One cache of trials, keyed by all that a measurement depends on.

A trial measured on one track is never given for another: the key names what is measured, the
trial, the track, the weights of its backbone and the version of the code.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any

from course_lib.lab import tracks

KEPT = 4_096  # rows are small; this many are kept for the session
CODE = "0.2"  # raised when the same trial gives other numbers; `course claims check` finds out

_rows: OrderedDict[str, dict] = OrderedDict()


def plain(data: Any) -> Any:
    """The same data as JSON would give it back: tuples become lists."""
    return json.loads(json.dumps(data))


def key(measure: Callable, trial: dict, labels: Sequence[str] = ()) -> dict:
    """What a trial's numbers depend on. labels: entries of the trial that only name it."""
    asked = {name: entry for name, entry in plain(trial).items() if name not in labels}
    track = tracks.current()
    return {
        "measure": measure.__name__,
        "trial": asked,
        "track": track.name,
        "weights": track.sha256 or weights(track.backbone),
        "code": CODE,
    }


def text(key: dict) -> str:
    return json.dumps(key, sort_keys=True)


def measured(measure: Callable[[dict], dict], trial: dict, labels: Sequence[str] = ()) -> dict:
    """The trial's numbers, measured once in a session on each track."""
    name = text(key(measure, trial, labels))
    if name not in _rows:
        asked = {entry: part for entry, part in trial.items() if entry not in labels}
        _rows[name] = plain(measure(asked))
        while len(_rows) > KEPT:
            _rows.popitem(last=False)
    return dict(_rows[name])


def forget() -> None:
    """Empty the cache, for tests."""
    _rows.clear()


def kept(maxsize: int) -> Callable:
    """lru_cache for what depends on the current track's backbone: nets, features, pictures."""

    def decorate(function: Callable) -> Callable:
        @lru_cache(maxsize=maxsize)
        def inner(track: str, *args, **more):
            return function(*args, **more)

        @wraps(function)
        def outer(*args, **more):
            track = tracks.current()
            return inner(f"{track.name} {track.sha256 or weights(track.backbone)}", *args, **more)

        outer.cache_clear = inner.cache_clear  # type: ignore[attr-defined]
        return outer

    return decorate


@lru_cache(maxsize=8)
def weights(backbone: str) -> str:
    """SHA-256 of a backbone's weights: torchvision publishes only its first digits."""
    from course_lib.backbones.loading import WORLDNET_WEIGHTS, read_card, torchvision_file

    if backbone == "worldnet":
        return read_card(WORLDNET_WEIGHTS)["sha256"]
    return torchvision_file(backbone).digest.removeprefix("sha256:")


def checksum(row: dict) -> str:
    """The first 16 digits of the SHA-256 of a stored row without its own checksum."""
    content = json.dumps({k: v for k, v in row.items() if k != "sha256"}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
