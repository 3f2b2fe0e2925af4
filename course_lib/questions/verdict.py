"""What a check, a hint or a comparison says."""

from dataclasses import dataclass

MARKS = {"right": "✓ ", "wrong": "✗ ", "partial": "◐ "}


@dataclass(frozen=True, repr=False)
class Verdict:
    """An outcome in words; a notebook shows it as Markdown.

    state: not attempted, right, partial, wrong, or noted for words that judge nothing.
    text: Markdown. details: more of it, folded away behind the text where a page can fold.
    """

    state: str
    text: str
    details: str = ""

    def __repr__(self) -> str:
        text = self.text if self.state == "noted" else f"{self.state.capitalize()}. {self.text}"
        return f"{text}\n\n{self.details}" if self.details else text

    def _repr_markdown_(self) -> str:
        text = self.text
        if self.state != "noted":
            text = f"**{MARKS.get(self.state, '')}{self.state.capitalize()}.** {text}"
        if not self.details:
            return text
        # The blank lines make Markdown of what stands between the tags.
        return f"<details><summary>{text}</summary>\n\n{self.details}\n\n</details>"
