"""What a check, a hint or a comparison says, and how a notebook shows it."""

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
        return _folded(text, self.details)


@dataclass(frozen=True, repr=False)
class Folded:
    """Markdown that is folded away behind titles; blocks: (title, Markdown)."""

    blocks: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return "\n\n".join(f"{title}: {text}" for title, text in self.blocks)

    def _repr_markdown_(self) -> str:
        return "\n\n".join(_folded(title, text) for title, text in self.blocks)


def _folded(title: str, text: str) -> str:
    # The blank lines make Markdown of what stands between the tags.
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
