"""Choices of a graded quiz to click: what is clicked is written into the cell above.

The cell's text is the answer and nothing else is; where a page gives no access to its cells, the
line to write is shown instead.
"""

from __future__ import annotations

from pathlib import Path
from string import ascii_lowercase
from typing import Any

import anywidget
import traitlets


class Clicking(anywidget.AnyWidget):
    """``count`` choices, of which one or (``multiple``) several can be taken.

    ``chosen`` are letters; ``words`` say how the cell was read when it was run.
    """

    _esm = Path(__file__).with_name("clicking.js").read_text(encoding="utf-8")
    count = traitlets.Int(4).tag(sync=True)
    multiple = traitlets.Bool(False).tag(sync=True)
    chosen = traitlets.List(traitlets.Unicode()).tag(sync=True)
    words = traitlets.Unicode("").tag(sync=True)

    _ipython_display_ = None  # ipywidgets 7 would show itself, without the text

    def _repr_mimebundle_(self, **options: Any):
        """The widget; beside it a sentence for pages that run no widgets."""
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            last = ascii_lowercase[self.count - 1]
            what = f'["a", "{last}"]' if self.multiple else f'"{last}"'
            told = f"{self.words} Write your choice into the cell, such as answer = {what}."
            data["text/plain"] = told.strip()
        return bundle
