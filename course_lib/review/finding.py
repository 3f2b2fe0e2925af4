"""What a check says: what is wrong, why it matters, where to read on."""

from collections.abc import Iterable
from dataclasses import dataclass

LESSONS = {
    "02": "02 Three strategies",
    "03": "03 Differential learning rates",
    "06": "06 From notebook to production",
    "08": "08 Your own project",
}


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    check: which one, such as "leak". what: what is wrong, with numbers. why: why it matters.
    lesson: the number of the lesson that explains it, a key of LESSONS. pairs: names of pictures
    that belong together, for the eye, most alike first. open: True when it is not wrong but cannot
    be told from what was given.
    """

    check: str
    what: str
    why: str
    lesson: str
    pairs: tuple[tuple[str, str], ...] = ()
    open: bool = False

    def __str__(self) -> str:
        mark = "?" if self.open else "!"
        return f"{mark} {self.check}: {self.what} {self.why} [lesson {LESSONS[self.lesson]}]"


def told(findings: Iterable[Finding]) -> str:
    """All of them as text, a line each; a sentence when there is none."""
    return "\n".join(map(str, findings)) or "Nothing found."
