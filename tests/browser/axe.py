"""axe-core on a page, by the rules of WCAG 2.2 AA.

    site = built_site(folder)                 # or skips, where there is no Node.js
    assert findings(page, least=25) == []     # and at least 25 texts had enough contrast

axe reports nothing about what it cannot see, so the number of its passes counts too.
"""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What is wider than the window and lies in nothing that scrolls.
BEYOND = """() => [...document.querySelectorAll("body *")].filter((node) => {
  const box = node.getBoundingClientRect();
  if (!node.checkVisibility() || !box.width || box.right <= innerWidth + 1) return false;
  for (let at = node.parentElement; at; at = at.parentElement)
    if (getComputedStyle(at).overflowX !== "visible") return false;
  return true;
}).map((node) => `${node.tagName} ${node.className} ${node.textContent.trim().slice(0, 40)}`)"""


def need_node() -> None:
    """Skip the test where the page's own tools are missing; `.ci/run` brings them."""
    if not AXE.is_file() or shutil.which("node") is None:
        pytest.skip("needs Node.js, and `npm install` in site/, which brings the page's tools")


def findings(page: Page, least: int, within: str = "html") -> list[str]:
    """What axe finds on the page as it is now, a line each, and what cannot be reached.

    least: how many texts must have passed the look at contrast. within: where to look.
    """
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("([place, rules]) => axe.run(place, { runOnly: rules })", [within, RULES])
    passes = sum(len(one["nodes"]) for one in found["passes"] if one["id"] == "color-contrast")
    print("PASSES", page.url.rsplit("/", 2)[1:], page.viewport_size, passes)
    assert passes >= least, f"axe saw enough contrast in {passes} texts only"
    lines = [
        f"{one['id']}: {node['html'][:120]}: {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
    return lines + [f"beyond the edge: {line}" for line in page.evaluate(BEYOND)]
