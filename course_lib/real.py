"""Cells that want a large network: skipped, run in a tiny random size, or with real weights."""

import importlib.util
import os
from collections.abc import Callable
from typing import TypeVar

from course_lib import checks

MODES = ("skip", "tiny", "real")
Found = TypeVar("Found")


def real_mode() -> str:
    """What COURSE_REAL says: "skip" (default), "tiny" (random weights, no download) or "real".

    Raises CourseError for another word.
    """
    return checks.one_of(os.environ.get("COURSE_REAL") or "skip", "COURSE_REAL", MODES)


def tiny_or_real(job: Callable[[bool], Found], *packages: str, mode: str = "") -> Found | None:
    """job(tiny), or None and a message where it is not wanted or cannot be had.

    job: gets True for a tiny net with random weights, False for the real one, which it downloads.
    packages: what must be installed beside the course.
    mode: one of MODES; default: what COURSE_REAL says.

    A real net that cannot be had is never replaced by another one.
    """
    mode = checks.one_of(mode or real_mode(), "mode", MODES)
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if mode == "skip":
        print("Skipped. To run it: REAL = 'tiny' (random weights, nothing to download) or 'real'.")
    elif missing:
        wheels = " ".join(name.replace("open_clip", "open_clip_torch") for name in missing)
        print(f"Skipped: {', '.join(missing)} not installed. `pip install {wheels}` brings it.")
    elif mode == "tiny":
        print("A tiny net with random weights: the code is the real one, the answers mean nothing.")
        return job(True)
    else:
        try:
            return job(False)
        except Exception as problem:  # libraries wrap a failed download in errors of their own
            if not _no_download(problem):
                raise
            print(f"Skipped: the weights cannot be had here ({_first_line(problem)}).")
    return None


def _no_download(problem: BaseException | None) -> bool:
    """Whether a failed download is behind an error: torch and transformers raise an OSError, httpx
    one of its own, and open_clip a RuntimeError that says so."""
    while problem is not None:
        of_httpx = type(problem).__module__.split(".")[0].startswith("httpx")
        if isinstance(problem, OSError) or of_httpx or "Failed to download" in str(problem):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def _first_line(problem: Exception) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0]
