"""The machine check of lesson 00: what was found, and a widget that reports back.

The page tells the kernel that it is there and whether it can draw in 3D; the kernel answers; only
then the last two lines turn good. A widget that never leaves "waiting" shows what is wrong: page
and kernel do not hear each other.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from course_lib.widgets.live import LiveWidget, module

if TYPE_CHECKING:
    from course_lib.doctor import Check

MARKS = {"ok": "✓", "warning": "!", "problem": "✗"}


class Checkup(LiveWidget):
    """Checks of `course_lib.doctor.examine` as a list that ends in a live sign.

    answered: the page reported back. webgl: whether it can draw in 3D, None until it says so.
    """

    _esm = module("checkup")

    def __init__(self, checks: "Sequence[Check]", **traits):
        super().__init__(**traits)
        self.checks = tuple(checks)
        self.answered, self.webgl = False, None

    def snapshot(self) -> dict:
        return {
            "checks": [
                {"name": c.name, "status": c.status, "found": c.found, "mend": c.mend}
                for c in self.checks
            ]
        }

    def act(self, name: str, webgl: bool = False) -> None:
        """The page is there ("arrived") and says whether it has WebGL."""
        self.answered, self.webgl = True, webgl
        self.say({"heard": name})

    def figure(self):
        """The names and marks: what was found differs from machine to machine."""
        from matplotlib import pyplot as plt

        fig, ax = plt.subplots(figsize=(6.4, 0.9))
        ax.axis("off")
        for place, check in enumerate(self.checks):
            x = (place + 0.5) / len(self.checks)
            ax.text(x, 0.66, MARKS[check.status], ha="center", va="center", fontsize=15)
            ax.text(x, 0.2, check.name, ha="center", va="center", fontsize=9)
        states = ", ".join(f"{check.name} {check.status}" for check in self.checks)
        return fig, f"Checks of the machine: {states}."
