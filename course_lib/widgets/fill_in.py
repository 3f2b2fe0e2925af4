"""Fill in the word: a sentence with gaps, and what the miniature language model would write there.

FillIn()                          # a text field; guesses with bars below it
fill_in("Returns a new ___.")     # the same without a page: course_lib.text.filling
"""

import traitlets

from course_lib.text.card import LanguageModel, load_language_model
from course_lib.text.filling import fill_in
from course_lib.widgets.live import LiveWidget, describe, module

GUESSES = 5
EXAMPLES = (
    "The learning ___ of the optimizer decays over time.",
    "Raises an ___ if the file does not exist.",
    "The shortest ___ between two nodes of the graph.",
    "Drop the ___ with missing values from the ___.",
)


class FillIn(LiveWidget):
    """Guesses for the gaps (___) of a sentence.

    text: the sentence. model: the shipped one unless another is given.
    """

    _esm = module("fill_in")
    text = traitlets.Unicode(EXAMPLES[0]).tag(sync=True)
    examples = traitlets.List(list(EXAMPLES)).tag(sync=True)

    def __init__(self, text: str = EXAMPLES[0], model: LanguageModel | None = None):
        super().__init__(text=text)
        self._model = model or load_language_model()
        self._guesses: list[list] = []
        self.guess(text)

    def guess(self, text: str) -> None:
        """Look at another sentence. What is wrong with it goes into `error`."""
        self.text = text
        try:
            found = fill_in(text, GUESSES, self._model)
        except Exception as problem:  # shown on the page: nobody reads the kernel's log
            self._guesses, self.error = [], describe(problem)
        else:
            self._guesses = [[[word, share] for word, share in gap] for gap in found]
            self.error = ""

    def act(self, name: str, **values) -> None:
        """ "guess": see `guess`."""
        self.guess(str(values["text"]))
        self.say(self.snapshot())

    def snapshot(self) -> dict:
        return {"text": self.text, "guesses": self._guesses}

    def figure(self):
        from matplotlib import pyplot as plt

        gaps = self._guesses or [[]]
        fig, panels = plt.subplots(
            1, len(gaps), figsize=(4.2 * len(gaps), 2.2), squeeze=False, layout="constrained"
        )
        told = []
        for number, (ax, gap) in enumerate(zip(panels[0], gaps, strict=True), 1):
            words, shares = [word for word, _ in gap], [share for _, share in gap]
            ax.barh(words[::-1], shares[::-1], color="#0072B2", alpha=0.6)
            ax.set_xlim(0, 1)
            ax.set_title("probability" if len(gaps) == 1 else f"gap {number}")
            ax.grid(axis="y", visible=False)
            listed = ", ".join(f"{word} {share:.0%}" for word, share in gap)
            told.append(f"Gap {number}: {listed or 'nothing'}.")
        fig.suptitle(self.text[:90], fontsize=10)
        return fig, f"Guesses for the gaps of “{self.text}”. {' '.join(told)}"
