"""Reading what a pretraining has stored."""

from pathlib import Path

import torch

from course_lib.errors import CourseError

_STATE = {
    "recipe": dict,
    "step": int,
    "seconds": float,
    "pupil": dict,
    "optimizer": dict,
    "curve": list,
}


def read_checkpoint(path: Path, device="cpu") -> dict:
    """What a checkpoint of `pretrain` holds. Raises CourseError for a damaged file."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        wrong = [key for key, kind in _STATE.items() if not isinstance(state[key], kind)]
    except Exception as error:  # a file that was cut can break the reader in any way
        raise damaged(path, error) from error
    if wrong:
        raise damaged(path, f"no {wrong[0]}")
    return state


def damaged(path: Path, why) -> CourseError:
    """The error for a checkpoint that cannot be used. why: an exception, or words."""
    what = type(why).__name__ if isinstance(why, Exception) else why
    return CourseError(
        f"The checkpoint {path} is damaged or cut short ({what}). Copy it again from where it "
        "came, or remove it: the run then starts anew."
    )
