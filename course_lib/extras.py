"""Models of packages that the course does not install, from weights that it does not ship.

net = real("BERT, 440 MB", load, wanted=REAL, needs=("transformers",))   # None: it said why

Whoever asks gets the real thing or a sentence; nothing smaller is ever put in its place.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TypeVar

T = TypeVar("T")
PIP_NAMES = {"open_clip": "open_clip_torch"}  # where pip calls a package otherwise than Python


def real(what: str, make: Callable[[], T], *, wanted: bool, needs: Sequence[str] = ()) -> T | None:
    """What `make` gives, or None where it is not wanted, a package lacks or a download fails.

    what: the model and its size, for the message. needs: packages to import. Prints in each case
    what happened. Errors of `make` that no file and no connection has caused are raised.
    """
    missing = [name for name in needs if find_spec(name) is None]
    if not wanted:
        print(f"{what}: not asked for. With REAL = True this cell downloads and uses it.")
    elif missing:
        names = " ".join(PIP_NAMES.get(name, name) for name in missing)
        print(f"{what}: skipped, {' and '.join(missing)} not installed. pip install {names}")
    else:
        try:
            made = make()
        except Exception as error:  # each library wraps a failed download in an error of its own
            if not _comes_from_files(error):
                raise
            told = str(error).strip().splitlines() or [""]
            print(
                f"{what}: skipped, its files could not be had ({type(error).__name__}: "
                f"{told[0][:200]}). Is there a network?"
            )
        else:
            print(f"{what}: loaded.")
            return made
    return None


def _comes_from_files(error: BaseException) -> bool:
    """Whether it is, or was raised because of, an error of files or connections.

    httpx has errors of its own, and open_clip says it in a RuntimeError without a cause.
    """
    one: BaseException | None = error
    while one is not None:
        of_httpx = type(one).__module__.split(".")[0].startswith("httpx")
        if isinstance(one, OSError) or of_httpx or "Failed to download" in str(one):
            return True
        one = one.__cause__ or one.__context__
    return False
