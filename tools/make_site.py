"""The executed lessons as web pages that open from disk: _site/index.html, one page a lesson.

    python tools/make_site.py [FOLDER]

Pictures are part of the pages, plotly's script lies beside them, formulas are MathML, which
browsers draw by themselves: nothing is fetched from the internet. Widgets show the picture that
they carry.
"""

import argparse
import html
import re
import shutil
import sys
from pathlib import Path

from course_lib import notebooks
from course_lib.commands.report import note
from course_lib.errors import CourseError
from course_lib.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
PLOTLY = "application/vnd.plotly.v1+json"
# Code, which keeps its dollar signs; then a formula, on a line of its own or within one.
FORMULA = re.compile(
    r"```.*?```|`[^`]*`|(?P<block>\$)?\$(?P<formula>[^$]+)\$(?(block)\$)", re.DOTALL
)
INDEX = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Transfer learning, measured</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.05rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto;
       padding: 0 1rem; }}
li {{ margin: 0.4rem 0; }}
</style>
</head>
<body>
<h1>Transfer learning, measured</h1>
<p>The lessons of the course as they ran. To predict, run and explain for yourself, open them in
JupyterLab: <code>make lab</code>.</p>
<ul>
{items}
</ul>
</body>
</html>
"""


def make(root: Path, folder: Path) -> list[Path]:
    """Write a page for each executed lesson and an index; gives the pages."""
    lessons = sorted(notebooks.executed(root).glob(notebooks.PATTERN))
    if not lessons:
        raise CourseError(f"{notebooks.executed(root)} has no lessons. `make notebooks` runs them.")
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for path in lessons:
        target = folder / f"{path.stem}.html"
        write_atomically(target, page(path))
        pages.append(target)
        note(f"{target.name}: {target.stat().st_size / 1e6:.1f} MB")
    items = [
        f'<li><a href="{path.stem}.html">{html.escape(title(path))}</a></li>' for path in lessons
    ]
    write_atomically(folder / "index.html", INDEX.format(items="\n".join(items)))
    if any("plotly.min.js" in page.read_text(encoding="utf-8") for page in pages):
        import plotly

        script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        shutil.copyfile(script, folder / "plotly.min.js")
    return pages


def page(path: Path) -> str:
    """One lesson as HTML."""
    from nbconvert import HTMLExporter

    notebook = notebooks.read(path)
    notebook.cells = [
        cell for cell in notebook.cells if "opening" not in cell.metadata.get("tags", ())
    ]
    formulas: list[str] = []  # nbconvert would tear their tags apart, so they come in afterwards

    def put_aside(found: re.Match) -> str:
        if found["formula"] is None:
            return found[0]
        formulas.append(mathml(found["formula"], "block" if found["block"] else "inline"))
        return f"\ue000{len(formulas) - 1}\ue001"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(put_aside, cell.source)
    for _, _, output in notebooks.outputs(notebook):
        data = output.get("data", {})
        if PLOTLY in data:
            live = data.pop(PLOTLY)
            data.setdefault("text/html", plot(live))  # see.show3d brings its own
            for mime in notebooks.PICTURES:  # the live view, not its still picture
                data.pop(mime, None)
        if "image/png" in data and "text/html" not in data:
            # nbconvert's own pictures have no alt text.
            data["text/html"] = picture(data.pop("image/png"), output.get("metadata", {}))
    exporter = HTMLExporter(template_name="lab", theme="light", embed_images=True)
    exporter.require_js_url = ""
    body, _ = exporter.from_notebook_node(notebook)
    body = body.replace('<script src=""></script>', "")  # require.js would come from the internet
    body = re.sub(r'<script src="[^"]*mathjax[^"]*">\s*</script>', "", body)
    body = re.sub("\ue000(\\d+)\ue001", lambda found: formulas[int(found[1])], body)
    # Links between lessons lead to their pages.
    return re.sub(r'href="(\d\d_\w+)\.ipynb', r'href="\1.html', body)


def picture(png: str, metadata) -> str:
    """A picture as HTML with the alt text that its output carries."""
    alt = metadata.get("image/png", {}).get("alt") or ""
    return f'<img src="data:image/png;base64,{png.strip()}" alt="{html.escape(alt)}">'


def mathml(formula: str, display: str) -> str:
    """LaTeX as MathML; display: block or inline."""
    from latex2mathml.converter import convert

    return convert(formula, display=display)


def plot(data) -> str:
    """A plotly figure as HTML that takes its script from the file beside the page."""
    import plotly.graph_objects as go
    from plotly.io import to_html

    figure = go.Figure(data["data"], data.get("layout"), skip_invalid=True)
    return to_html(figure, data.get("config"), include_plotlyjs="plotly.min.js", full_html=False)


def title(path: Path) -> str:
    """The first heading of a lesson."""
    for cell in notebooks.read(path).cells:
        if found := re.match(r"# (.+)", cell.source):
            return found[1]
    return path.stem


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description="Write the executed lessons as web pages.")
    parser.add_argument("folder", nargs="?", type=Path, help="where to (default: _site)")
    args = parser.parse_args(argv)
    try:
        pages = make(root, args.folder or root / "_site")
    except CourseError as error:
        note(f"make_site: {error}")
        return 1
    print(f"open {pages[0].with_name('index.html')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
