"""Markdown as HTML for feedback and for who gives points by hand; nothing in it can run or load.

Raw HTML is shown as the characters it is, links lose their address, pictures must be inside the
text. Formulas become MathML where latex2mathml is installed, else they stay as they were written.
A student's text is rendered by the judge, in whose process time and memory are limited.
"""

from __future__ import annotations

import base64
import html
import mimetypes
import re
from collections.abc import Mapping
from functools import cache

import mistune  # nbconvert needs it, too

from course_lib.grading.judging import Judge, JudgeLost

LONGEST = 20_000  # characters of a text that are rendered
FORMULA = 2_000  # characters of a formula
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+")


class _Renderer(mistune.HTMLRenderer):
    """HTML of which only the course decides what is in it."""

    def __init__(self, pictures: Mapping[str, bytes]):
        super().__init__(escape=True)
        self.pictures = pictures

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return f"{text} <code>{html.escape(url)}</code>" if url != text else text

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if url in self.pictures:
            kind = mimetypes.guess_type(url)[0] or "image/png"
            data = base64.b64encode(self.pictures[url]).decode("ascii")
            url = f"data:{kind};base64,{data}"
        shows = html.escape(text, quote=True)
        if not _PICTURE.fullmatch(url):
            return f"<em>[picture that is not in the notebook: {shows}]</em>"
        return f'<img src="{url}" alt="{shows}">'

    def table(self, text: str) -> str:
        return table("Table", text)

    def inline_math(self, text: str) -> str:
        return _formula(text, "inline")

    def block_math(self, text: str) -> str:
        return f"<p>{_formula(text, 'block')}</p>\n"


def _formula(text: str, display: str) -> str:
    mark = "$$" if display == "block" else "$"
    source = f"<code>{html.escape(mark + text.strip() + mark)}</code>"
    if len(text) > FORMULA:
        return source
    try:
        from latex2mathml.converter import convert

        found = convert(text, display=display)
    except Exception:  # not installed, or no formula; then the source says what was meant
        return source
    return re.sub(r'\s(?:href|xlink:href|src|style|on\w+)="[^"]*"', "", found)


def markdown(text: str, pictures: Mapping[str, bytes] | None = None) -> str:
    """Markdown as HTML; ``pictures`` are files that it may show, by name."""
    if len(text) > LONGEST:
        return plain(text)
    plugins = ["table", "strikethrough", "math"]
    render = mistune.create_markdown(renderer=_Renderer(pictures or {}), plugins=plugins)
    return str(render(text))


def table(label: str, rows: str) -> str:
    """Rows of HTML as a table that scrolls by itself where it is wider than the window."""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(label)}">'
        f"<table>{rows}</table></div>"
    )


def plain(text: str) -> str:
    """Text as it stands."""
    return f"<pre>{html.escape(text)}</pre>"


@cache
def _judge() -> Judge:
    return Judge(seconds=10)


def of_student(text: str, judge: Judge | None = None) -> str:
    """A student's Markdown as HTML; as plain text where rendering it takes too much."""
    if not text.strip():
        return ""
    try:
        return (judge or _judge()).ask("render", text)
    except JudgeLost:
        return plain(text)
