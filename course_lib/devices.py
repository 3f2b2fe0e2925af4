"""Where torch can compute on this machine."""

import torch

from course_lib import checks
from course_lib.errors import CourseError


def usable_device(value) -> torch.device:
    """A device that this machine has: "cpu", a GPU ("cuda", "cuda:1") or Apple's "mps".

    Raises CourseError for another one.
    """
    if isinstance(value, str) and value.lower() in ("gpu", "nvidia"):
        raise CourseError(f'No device {value!r}: torch calls a GPU "cuda".')
    try:
        found = torch.device(value) if isinstance(value, (str, torch.device)) else None
    except RuntimeError:
        found = None
    if found is None or found.type not in ("cpu", "cuda", "mps"):
        raise checks.unknown(value, "device", ("cpu", "cuda", "mps"))
    there = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }[found.type]
    if (found.index or 0) >= there and found.type != "cpu":
        count = f"only {there} of that kind" if there else "none that torch can use"
        raise CourseError(
            f'No device {value!r} here: there is {count}. Leave device out, or give "cpu"; '
            "`course doctor` tells what this machine has."
        )
    return found
