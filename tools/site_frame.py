"""What all pages of the site share: head, way back, style, and Markdown as HTML."""

import html
import re
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

SITE = Path(__file__).resolve().parents[1] / "site"
# Code, which keeps its dollar signs; then a formula, on a line of its own or within one.
FORMULA = re.compile(
    r"```.*?```|`[^`]*`|(?P<block>\$)?\$(?P<formula>[^$]+)\$(?(block)\$)", re.DOTALL
)
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Transfer learning, measured</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body class="page">
<a class="skip" href="#main">To the text</a>
<header><nav aria-label="Site">
<a href="{up}index.html"><strong>Transfer learning, measured</strong></a> {nav} {more}
</nav></header>
<main id="main" data-pagefind-body>
{body}
</main>
</body>
</html>
"""


# Where each page leads, from the site's folder.
PLACES = {
    "Lessons": "index.html#lessons",
    "Lab book": "claims/index.html",
    "Advisor": "tools.html",
    "For teachers": "index.html#teach",
    "Search": "search.html",
}


def page(title: str, body: str, up: str = "", more: str = "") -> str:
    """A whole page. up: the way to the site's folder, such as "../". more: links beside it."""
    parts = {"title": html.escape(title), "body": body, "style": style(), "up": up, "more": more}
    return PAGE.format(nav=nav(up), **parts)


def nav(up: str = "") -> str:
    """Links to the parts of the site."""
    return " ".join(f'<a href="{up}{place}">{name}</a>' for name, place in PLACES.items())


@cache
def style() -> str:
    """The site's style sheet with the colours of code for light and dark pages."""
    from pygments.formatters import HtmlFormatter

    light, dark = (
        HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("xcode", "github-dark")
    )
    sheet = (SITE / "style.css").read_text("utf-8")
    return f"{sheet}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def markdown(text: str) -> str:
    """Our own Markdown, with tables, folded parts and formulas (as MathML)."""
    formulas: list[str] = []  # the converter would tear their tags apart: they come in afterwards
    text = FORMULA.sub(lambda found: put_aside(found, formulas), text)
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    return put_back(reachable(body), formulas)


def reachable(body: str) -> str:
    """What may be wider than a phone scrolls by itself, by touch and by keyboard."""
    body = re.sub(r"<pre(?![^>]*tabindex)", '<pre tabindex="0"', body)
    body = re.sub(r"<table", '<div class="wide" tabindex="0"><table', body)
    return body.replace("</table>", "</table></div>")


def put_aside(found: re.Match, formulas: list[str]) -> str:
    """A mark in place of a formula, which `formulas` keeps as MathML."""
    if found["formula"] is None:
        return found[0]
    from latex2mathml.converter import convert

    kind = "block" if found["block"] else "inline"
    made = convert(found["formula"], display=kind)
    wide = '<span class="wide" tabindex="0">{}</span>'  # a long one scrolls on a phone
    formulas.append(wide.format(made) if kind == "block" else made)
    return f"\ue000{len(formulas) - 1}\ue001"


def put_back(body: str, formulas: list[str]) -> str:
    return re.sub("\ue000(\\d+)\ue001", lambda found: formulas[int(found[1])], body)
