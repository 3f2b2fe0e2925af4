"""The web site, which opens from disk: _site/index.html with experiments that train in the page,
the executed lessons, a page per claim, and pages for teachers.

    python tools/make_site.py [--still] [FOLDER]

Pictures are part of the pages, plotly's script lies beside them, formulas are MathML, which
browsers draw by themselves: nothing is fetched from the internet. Widgets show the picture that
they carry.
"""

import argparse
import html
import re
import shutil
import sys
from collections.abc import Collection
from pathlib import Path

import site_claims
import site_frame
import site_landing
import site_search
import site_widgets

from course_lib import notebooks
from course_lib.commands.report import note
from course_lib.errors import CourseError
from course_lib.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
PLOTLY = "application/vnd.plotly.v1+json"
DOCS = ("class", "teaching", "project", "grading", "accessibility")


def make(
    root: Path, folder: Path, live: bool = True, only: Collection[str] | None = None
) -> list[Path]:
    """Write the landing page, a page for each executed lesson, for each claim, and those for
    teachers; gives the landing page and the lessons' pages.

    live: put the experiments on the landing page, which needs Node.js. only: numbers of lessons and
    tags of claims whose pages are written; None: all. Raises CourseError.
    """
    lessons = sorted(notebooks.executed(root).glob(notebooks.PATTERN))
    if not lessons:
        raise CourseError(f"{notebooks.executed(root)} has no lessons. `make notebooks` runs them.")
    folder.mkdir(parents=True, exist_ok=True)
    pages = [folder / "index.html"]
    for path in lessons:
        if only is not None and path.stem[:2] not in only:
            continue
        target = folder / f"{path.stem}.html"
        write_atomically(target, lesson_page(path))
        pages.append(target)
    documents = write_documents(root, folder)
    site_claims.make(folder / "claims", only)
    site_widgets.make(folder / "tools.html")
    write_atomically(
        pages[0], site_landing.html(site_landing.listed(root, lessons), documents, live)
    )
    for page in pages:
        note(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB")
    if any("plotly.min.js" in page.read_text(encoding="utf-8") for page in pages):
        import plotly

        script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        shutil.copyfile(script, folder / "plotly.min.js")
    site_search.make(folder)
    return pages


def write_documents(root: Path, folder: Path) -> list[tuple[str, str]]:
    """The pages of docs/ that teachers need; gives (name, heading) of each."""
    found = []
    for name in DOCS:
        path = root / "docs" / f"{name}.md"
        if path.exists():
            text = path.read_text(encoding="utf-8")
            heading = text.splitlines()[0].lstrip("# ")
            body = re.sub(r'href="(?:\./)?(\w+)\.md', r'href="\1.html', site_frame.markdown(text))
            write_atomically(folder / f"{name}.html", site_frame.page(heading, body))
            found.append((name, heading))
    return found


def lesson_page(path: Path) -> str:
    """One lesson as HTML."""
    from nbconvert import HTMLExporter

    notebook = notebooks.read(path)
    notebook.cells = [
        cell for cell in notebook.cells if "opening" not in cell.metadata.get("tags", ())
    ]
    formulas: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = site_frame.FORMULA.sub(
                lambda found: site_frame.put_aside(found, formulas), cell.source
            )
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
    # Without embed_images: it parses each line of HTML alone, and so closes every fold at once.
    exporter = HTMLExporter(template_name="basic")
    body, _ = exporter.from_notebook_node(notebook)
    body = site_frame.put_back(body, formulas)
    # Links between lessons lead to their pages, those into the lab book to the page of a claim.
    body = re.sub(r'href="90_lab_book\.ipynb#(C\w+)"', r'href="claims/\1.html"', body)
    body = re.sub(r'href="(\d\d_\w+)\.ipynb', r'href="\1.html', body)
    return site_frame.page(site_landing.title(path), site_frame.reachable(body))


def picture(png: str, metadata) -> str:
    """A picture as HTML with the alt text that its output carries."""
    alt = metadata.get("image/png", {}).get("alt") or ""
    return f'<img src="data:image/png;base64,{png.strip()}" alt="{html.escape(alt)}">'


def plot(data) -> str:
    """A plotly figure as HTML that takes its script from the file beside the page."""
    import plotly.graph_objects as go
    from plotly.io import to_html

    figure = go.Figure(data["data"], data.get("layout"), skip_invalid=True)
    return to_html(figure, data.get("config"), include_plotlyjs="plotly.min.js", full_html=False)


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description="Write the web site.")
    parser.add_argument("--still", action="store_true", help="without the live experiments")
    parser.add_argument("folder", nargs="?", type=Path, help="where to (default: _site)")
    args = parser.parse_args(argv)
    try:
        pages = make(root, args.folder or root / "_site", live=not args.still)
    except CourseError as error:
        note(f"make_site: {error}")
        return 1
    print(f"open {pages[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
