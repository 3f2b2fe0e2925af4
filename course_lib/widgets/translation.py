"""Day pictures, translated to night and back: by the stored translator, or one that learns here."""

import base64
import io

import traitlets

from course_lib.errors import CourseError
from course_lib.widgets.live import LiveWidget, module

ROWS = ("source: day", "translated to night", "back to day", "the same scene at night")


class Translation(LiveWidget):
    """`Translation()` in a cell shows it: four rows of pictures, a slider over live training.

    steps: length of the live training. shown: scenes per row, 2 to 12. every: steps between looks.
    """

    _esm = module("translation")
    steps = traitlets.Int(120).tag(sync=True)

    def __init__(self, shown: int = 6, every: int = 20, **traits):
        super().__init__(**traits)
        if not 2 <= shown <= 12 or every < 1:
            raise CourseError(
                f"Translation shows 2 to 12 scenes, and looks every 1 step or more; got "
                f"shown={shown!r}, every={every!r}."
            )
        self.every = every
        # No label plays a part: scenes that neither translator has learnt from.
        from course_lib.claims.trials.night import same_scenes

        self._day, self._night = same_scenes(shown)
        self._looks: list[dict] = []

    def work(self):
        from course_lib.adaptation import Translator
        from course_lib.claims.trials.night import unpaired

        translator = Translator()
        self._looks = []
        for step in translator.train(*unpaired(300, 0), self.steps):
            if step.number % self.every and step.number not in (1, self.steps):
                yield None
                continue
            self._looks.append(self._look(translator, step.number))
            yield {"look": self._looks[-1]}

    def _look(self, translator, step: int) -> dict:
        there = translator.translate(self._day)
        back = translator.translate(there, back=True)
        return {
            "step": step,
            "there": picture_row(there),
            "back": picture_row(back),
            "to_night": distance(there, self._night),
            "round_trip": distance(back, self._day),
        }

    def snapshot(self) -> dict:
        from course_lib.adaptation import load_translator

        stored = load_translator()
        return {
            "rows": ROWS,
            "day": picture_row(self._day),
            "night": picture_row(self._night),
            "untouched": distance(self._day, self._night),
            "stored": self._look(stored, stored.steps_done),
            "looks": self._looks,
        }

    def clear(self) -> None:
        self._looks = []

    def figure(self):
        """The four rows: by the live translator when it has learnt, else by the stored one."""
        from matplotlib import pyplot as plt

        all_ = self.snapshot()
        look = self._looks[-1] if self._looks else all_["stored"]
        rows = (all_["day"], look["there"], look["back"], all_["night"])
        fig, axes = plt.subplots(4, 1, figsize=(8.6, 6.4))
        for ax, name, row in zip(axes, ROWS, rows, strict=True):
            ax.imshow(plt.imread(io.BytesIO(base64.b64decode(row))))
            ax.set_title(name, loc="left", fontsize=10)
            ax.axis("off")
        alt = (
            f"Four rows of {len(self._day)} drawn scenes: by day, translated to night after "
            f"{look['step']:,} steps (distance to the true night {look['to_night']:.3f}, of the "
            f"day picture {all_['untouched']:.3f}), translated back, and truly at night."
        )
        return fig, alt


def picture_row(pictures) -> str:
    """uint8 (n, 3, h, w) -> one PNG with the pictures side by side, base64."""
    from PIL import Image

    row = pictures.permute(2, 0, 3, 1).flatten(1, 2).numpy()
    buffer = io.BytesIO()
    Image.fromarray(row).save(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def distance(a, b) -> float:
    """Mean absolute difference of two stacks of pictures, 0 to 1."""
    return round((a.float() - b.float()).abs().mean().item() / 255, 3)
