"""Is this what a function can use? One place that says type, range and what to do.

Each check takes a value and the name that the person knows it by, and gives the value back in
Python's own type; NumPy's numbers count as numbers. What does not fit is a CourseError.

    epochs = checks.whole_number(epochs, "epochs", least=1)
"""

import difflib
import errno
import functools
import math
import numbers
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from course_lib.errors import CourseError

SEEDS = 1 << 32  # seeds are below this: what is made of them fits into 64 bits everywhere


def whole_number(value, name: str, least: int = 0, most: int | None = None) -> int:
    """An int of least..most; True, False and 3.0 are none."""
    fits = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not fits or value < least or (most is not None and value > most):
        upper = "" if most is None else f" to {most:,}".replace(",", "_")
        raise CourseError(
            f"{name} must be a whole number from {least}{upper}; got {_shown(value)}."
        )
    return int(value)


def seed(value, name: str = "seed") -> int:
    """A seed: a whole number that every generator of random numbers takes."""
    return whole_number(value, name, 0, SEEDS - 1)


def number(
    value,
    name: str,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> float:
    """A finite float within the limits; texts, True, NaN and infinity are none."""
    try:
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        plain = float(value) if real else math.nan
    except OverflowError:
        plain = math.nan
    limits = (
        ("above", above, above is None or plain > above),
        ("from", least, least is None or plain >= least),
        ("below", below, below is None or plain < below),
        ("up to" if least is None else "to", most, most is None or plain <= most),
    )
    if not math.isfinite(plain) or not all(kept for _, _, kept in limits):
        allowed = ", ".join(f"{word} {limit:g}" for word, limit, _ in limits if limit is not None)
        allowed = allowed and f" {allowed.replace(', to ', ' to ')}"
        raise CourseError(f"{name} must be a number{allowed}; got {_shown(value)}.")
    return plain


def numbers_of(values, name: str, **limits) -> tuple[float, ...]:
    """One number or more, each as `number` takes it."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise CourseError(
            f"{name} must be several numbers, such as (0.1, 0.2); got {_shown(values)}."
        )
    checked = tuple(number(value, f"Each of {name}", **limits) for value in values)
    if not checked:
        raise CourseError(f"{name} is empty: give one number or more.")
    return checked


def true_or_false(value, name: str) -> bool:
    """A bool. Words are refused: every text that is not empty, "no" too, counts as true."""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):  # NumPy's too
        return bool(value)
    raise CourseError(f"{name} must be True or False; got {_shown(value)}.")


def one_of(value, what: str, allowed: Collection[str], also: str = "") -> str:
    """One of the allowed texts. what: such as "task". also: further ones, in words."""
    if isinstance(value, str) and value in allowed:
        return value
    raise unknown(value, what, allowed, also)


def unknown(value, what: str, allowed: Collection[str], also: str = "") -> CourseError:
    """The error for a name that nobody knows, with the nearest of those that there are."""
    spelt = {name.lower(): name for name in allowed}
    near = difflib.get_close_matches(str(value).lower(), spelt, n=1)
    hint = f" Did you mean {spelt[near[0]]!r}?" if near else ""
    there = ", ".join([*allowed, also] if also else allowed)
    return CourseError(f"No {what} {_shown(value)}.{hint} There are: {there}.")


def names(values, name: str) -> tuple[str, ...]:
    """One text or more, all different."""
    fits = isinstance(values, Sequence) and not isinstance(values, (str, bytes))
    if not fits or not values or not all(isinstance(one, str) and one for one in values):
        raise CourseError(f'{name} must be texts, such as ("cat", "dog"); got {_shown(values)}.')
    twice = [one for i, one in enumerate(values) if one in values[:i]]
    if twice:
        raise CourseError(f"{name} has {twice[0]!r} twice: give each once.")
    return tuple(values)


def path(value, name: str = "path") -> Path:
    """A path with ~ written out, whether or not anything is there."""
    if not isinstance(value, (str, os.PathLike)):
        raise CourseError(f'{name} must be a path, such as "folder/file"; got {_shown(value)}.')
    try:
        found = Path(value).expanduser()
        os.stat(found)  # tells a name that no file can have from one that no file has
    except RuntimeError as error:
        raise CourseError(
            f"{name} {_shown(value)} names the home folder of an account that does not exist. "
            "Write the path without ~."
        ) from error
    except (OSError, ValueError, TypeError) as error:
        if not isinstance(error, OSError) or error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            why = getattr(error, "strerror", None) or str(error)
            raise CourseError(f"{name} {_shown(value)} is not a usable path: {why}.") from error
    return found


def _shown(value, most: int = 100) -> str:
    """The value as Python writes it, cut short."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."


def renamed(**names: str) -> Callable[[Callable], Callable]:
    """Decorator: an argument of an earlier edition says what it is called now. old=new."""

    def decorate(function: Callable) -> Callable:
        title = function.__qualname__.removesuffix(".__init__")

        @functools.wraps(function)
        def called(*given, **values):
            for old in names.keys() & values.keys():
                new = names[old]
                raise CourseError(f"{title}: {old} is called {new} now; write {new}=...")
            return function(*given, **values)

        return called

    return decorate
