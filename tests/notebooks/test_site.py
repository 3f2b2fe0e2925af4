"""The lessons as web pages that open from disk."""

import re

import make_site
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4"
    "DwABBAEAX+XDSwAAAABJRU5ErkJggg=="
)

FOLDED = "<details><summary>Solution</summary>\n\n**Secret**\n\n| a |\n|---|\n| 1 |\n\n</details>"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    executed = root / "notebooks" / "executed"
    executed.mkdir(parents=True)
    picture = new_output(
        "display_data",
        data={"image/png": PIXEL, "text/plain": "x"},
        metadata={"image/png": {"alt": "a dot"}},
    )
    plot = {"data": [{"type": "scatter3d", "x": [1], "y": [2], "z": [3]}], "layout": {}}
    turning = new_output(
        "display_data",
        data={make_site.PLOTLY: plot, "image/png": PIXEL, "text/plain": "figure"},
    )
    start = new_notebook(
        cells=[
            new_markdown_cell("# 00 · Start & go\n\nNext: [01](01_more.ipynb)"),
            new_code_cell("import sys  # for Colab", metadata={"tags": ["opening"]}),
            new_code_cell("show()", outputs=[picture, turning], execution_count=1),
        ]
    )
    nbformat.write(start, executed / "00_start.ipynb")
    formulas = r"A step $w_1 * x^2$ costs `$5` or $$\tfrac{1}{2}$$"
    folded = new_output("display_data", data={"text/markdown": FOLDED, "text/plain": "x"})
    more = new_notebook(
        cells=[
            new_markdown_cell("# More"),
            new_markdown_cell(formulas),
            new_markdown_cell(FOLDED),
            new_code_cell("show()", outputs=[folded], execution_count=1),
        ]
    )
    nbformat.write(more, executed / "01_more.ipynb")
    make_site.make(root, root / "_site")
    return root / "_site"


def test_the_index_links_to_every_lesson(site):
    index = (site / "index.html").read_text()
    assert '<a href="00_start.html">00 · Start &amp; go</a>' in index
    assert '<a href="01_more.html">More</a>' in index


def test_pictures_and_links_work_from_disk(site):
    page = (site / "00_start.html").read_text()
    assert re.search(rf'<img alt="a dot"[^>]*src="data:image/png;base64,{re.escape(PIXEL)}"', page)
    assert 'href="01_more.html' in page
    assert "for Colab" not in page


def test_a_3d_view_takes_its_script_from_beside_the_page(site):
    page = (site / "00_start.html").read_text()
    assert re.search(r'src="plotly\.min\.js"', page) and "scatter3d" in page
    assert (site / "plotly.min.js").stat().st_size > 1_000_000


def test_formulas_are_drawn_without_a_script_and_code_keeps_its_dollars(site):
    page = (site / "01_more.html").read_text()
    assert page.count("<math ") == 2 and 'display="block"' in page
    assert "<msub><mi>w</mi><mn>1</mn></msub>" in page and "<mfrac>" in page
    assert "<code>$5</code>" in page
    assert "<em>" not in page and "tfrac" not in page


def test_what_is_folded_in_text_and_output_stays_inside_its_fold(site):
    page = (site / "01_more.html").read_text()
    inside = re.findall(r"<details><summary>Solution</summary>(.*?)</details>", page, re.DOTALL)
    assert len(inside) == 2
    assert all("<strong>Secret</strong>" in part and "<td>1</td>" in part for part in inside)


def test_nothing_is_fetched_from_the_internet(site):
    for page in site.glob("*.html"):
        found = re.findall(
            r'<(?:script|link|img)[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text()
        )
        assert not found
