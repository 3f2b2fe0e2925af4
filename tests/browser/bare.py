"""A widget on a bare page: its own module, its own Python, no JupyterLab between them.

    show(page, widget, theme="dark", width=900)     # draws it; messages go to the widget and back
    assert not unreadable(page, least=20)           # contrast of every text, 20 of them at least
    assert not too_small(page)                      # what can be pressed or moved

Inside JupyterLab a look at contrast finds next to nothing to look at, since the widget stands deep
in scrolled panels; here it is all that the page has. bare.js has the page's side.
"""

import json
import sys
from pathlib import Path

from anywidget import AnyWidget
from playwright.sync_api import Page

SCRIPT = Path(__file__).with_suffix(".js")
THEMES = Path(sys.prefix) / "share" / "jupyter" / "lab" / "themes" / "@jupyterlab"
PAGE = """<!DOCTYPE html><html lang="en"><head><title>A widget</title><style>{colours}
  body {{ margin: 12px; background: var(--jp-layout-color0, Canvas); color-scheme: {theme}; }}
</style></head><body {attribute}><main></main></body></html>"""


def show(page: Page, widget, theme: str = "light", width: int = 900, lab: bool = True) -> None:
    """Draw the widget on a fresh page, which then has this width in pixels.

    theme: light or dark. lab: with JupyterLab's colours, on a system that is light; else with the
    browser's own.
    """
    own = set(type(widget).class_trait_names(sync=True)) - set(AnyWidget.class_trait_names())
    sent: list[dict] = []
    widget.send = lambda content, buffers=None: sent.append(content)

    def state() -> dict:
        return {name: getattr(widget, name) for name in own}

    def to_kernel(letter: dict) -> dict:
        before = {**state(), **letter.get("traits", {})}
        for name, value in letter.get("traits", {}).items():
            widget.set_trait(name, value)
        if "message" in letter:
            widget._receive(widget, letter["message"])
        messages, sent[:] = sent[:], []
        news = {name: value for name, value in state().items() if value != before[name]}
        return _plain({"traits": news, "messages": messages})

    colours = (THEMES / f"theme-{theme}-extension" / "index.css").read_text() if lab else ""
    attribute = f'data-jp-theme-light="{str(theme == "light").lower()}"' if lab else ""
    if not lab:
        page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 2400})
    page.goto("about:blank")
    page.expose_function("toKernel", to_kernel)
    page.set_content(PAGE.format(colours=colours, theme=theme, attribute=attribute))
    page.evaluate(SCRIPT.read_text(encoding="utf-8"))
    page.evaluate("([code, traits]) => bare.draw(code, traits)", _plain([widget._esm, state()]))


def _plain(value):
    """As it comes out at the other end of a wire."""
    return json.loads(json.dumps(value, default=str))


def unreadable(page: Page, least: int) -> list[str]:
    """Texts whose contrast is too low, in words. least: how many texts there must be to look at."""
    found = page.evaluate("() => bare.contrast()")
    assert len(found) >= least, f"only {len(found)} texts were looked at"
    return [
        f"{one['text']!r}: {one['ratio']:.2f}, needed {one['need']}"
        for one in found
        if one["ratio"] < one["need"]
    ]


def too_small(page: Page) -> list[str]:
    """Controls under 24 pixels in either direction, in words."""
    return [
        f"{one['name']}: {one['width']:.0f} x {one['height']:.0f}"
        for one in page.evaluate("() => bare.targets()")
        if min(one["width"], one["height"]) < 24
    ]
