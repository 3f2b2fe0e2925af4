"""Build the lessons from notebooks/source/NN_topic.py.

    python tools/build_notebooks.py [--cells-only | --force] [NN ...]

notebooks/NN_topic.ipynb           for learners: the cells, without outputs, so that nobody sees a
                                   result before the prediction. Always written; takes no time.
notebooks/executed/NN_topic.ipynb  the same cells with outputs, for README, GitHub and the site.

The source is jupytext's percent format and the only thing people edit. An executed lesson takes the
source's cells and keeps the outputs of those that did not change; it runs again when its code
changed, or with --force, and never with --cells-only. What changes from run to run without a reason
(time stamps, cell ids, versions) is left out of the built file, and its pictures are stored small.
"""

import argparse
import base64
import hashlib
import io
import re
import sys
from collections import Counter
from pathlib import Path

import jupytext
import links
import nbformat
from PIL import Image, ImageChops, ImageStat

from course_lib import notebooks
from course_lib.commands.report import note
from course_lib.errors import CourseError
from course_lib.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# A picture keeps its full colours when 256 of them would change it by more than this (of 255, root
# mean square). Sheets of the image world's pictures lie at 4 and shrink to a sixth.
COLOUR_TOLERANCE = 6.0
PLOTLY = "application/vnd.plotly.v1+json"
# Paths that tell of the machine on which a lesson was built.
MACHINE_PATH = re.compile(r"(?<![\w.:/])(?:/(?:home|root|Users|tmp|var/folders)/|[A-Z]:\\Users\\)")


# --- from source to notebook ---------------------------------------------------------------------


def from_source(path: Path):
    """The lesson's cells, not executed, with ids that depend only on what the cells say.

    Behind the title come the opening cells of tools/links.py: badges, and a cell for Colab.
    """
    notebook = jupytext.read(path, fmt="py:percent")
    notebook.metadata = _metadata()
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    links.add_opening(notebook, links.repository(path.parents[2]), path.stem)
    set_ids(notebook)
    return notebook


def set_ids(notebook) -> None:
    """Ids that depend only on what the cells say."""
    seen = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def write_cells(source: Path, target: Path) -> None:
    """Write the learner's notebook: the cells of `source`, not executed."""
    _write(target, from_source(source))


def bring_into_step(source: Path, target: Path) -> None:
    """Give an executed lesson the cells of `source`; those that did not change keep their outputs.

    The opening cells keep theirs, too: off Colab they do nothing, whatever address they name.
    """
    if not target.is_file():
        return
    notebook = from_source(source)
    old = {_place(cell): cell for cell in notebooks.read(target).cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        if cell.cell_type == "code" and (known := old.get(_place(cell))):
            cell.outputs, cell.execution_count = known.outputs, known.execution_count
    _write(target, notebook)


def build(source: Path, target: Path, *, timeout: float = 600) -> notebooks.Execution:
    """Execute `source`, in the folder of the learners' notebooks, and write `target`.

    Raises CourseError when a cell fails; `target` is then as before.
    """
    notebook = from_source(source)
    # Progress bars are for those who wait; a stored notebook has nobody waiting.
    environment = {"TQDM_DISABLE": "1"}
    run = notebooks.execute(
        notebook, folder=source.parents[1], environment=environment, timeout=timeout
    )
    if run.errors:
        error = run.errors[0]
        raise CourseError(
            f"{source.name}, cell {error['cell']}: {error['name']}: {error['message']}. "
            f"{target.name} was not changed."
        )
    clean(notebook)
    found = problems(notebook)
    if found:
        raise CourseError(f"{source.name}: {'; '.join(found)}. {target.name} was not changed.")
    _write(target, notebook)
    return run


def _write(target: Path, notebook) -> None:
    """Write the notebook, unless the file says the same already."""
    text = nbformat.writes(notebook) + "\n"
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, text)


def _place(cell) -> str:
    """By what a cell is known again after its lesson changed."""
    return links.TAG if links.TAG in cell.metadata.get("tags", ()) else cell.id


def clean(notebook) -> None:
    """Drop what a stored notebook should not hold, and store its pictures small."""
    notebook.metadata = _metadata()  # drops the widgets' state and the version of this Python
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _worth_keeping(output)]
            for output in cell.outputs:
                if output.output_type == "stream":  # torch names a folder of the machine
                    output.text = re.sub(r"(?m)^Downloading: .*\n", "", output.text)
                _clean_bundle(output.get("data", {}), output.get("metadata", {}))


def _metadata():
    return nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})


def _worth_keeping(output) -> bool:
    """False for a widget without picture or HTML: without its kernel there is nothing to see."""
    data = output.get("data", {})
    return notebooks.WIDGET not in data or bool(set(data) - {notebooks.WIDGET, "text/plain"})


def _clean_bundle(data, metadata) -> None:
    data.pop(notebooks.WIDGET, None)
    if PLOTLY in data:  # see see.show3d
        data.pop("text/html", None)  # the same view with its 2 MB library
        shown = metadata.pop(PLOTLY, {})
        if "still" in shown:
            data["image/png"], metadata["image/png"] = shown["still"], {"alt": shown["alt"]}
    if "image/png" in data:
        if data.get("text/html", "").startswith("<img "):
            del data["text/html"]  # the same picture once more, see course_lib.measure.figures.show
        data["image/png"] = smaller_png(data["image/png"])


def smaller_png(encoded: str) -> str:
    """The base64 PNG with 256 colours, or as it was where that would show or save nothing."""
    original = base64.b64decode(encoded)
    picture = Image.open(io.BytesIO(original))
    if picture.mode not in ("RGB", "RGBA"):
        return encoded.strip()
    opaque = picture.mode == "RGB" or picture.getchannel("A").getextrema() == (255, 255)
    if opaque:
        few = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1)
    else:
        few = picture.quantize(256, Image.Quantize.FASTOCTREE)  # the one that keeps transparency
    difference = ImageChops.difference(picture, few.convert(picture.mode))
    full = max(ImageStat.Stat(difference).rms) > COLOUR_TOLERANCE
    buffer = io.BytesIO()
    (picture if full else few).save(buffer, format="png", optimize=True)
    best = min(buffer.getvalue(), original, key=len)
    return base64.b64encode(best).decode("ascii")


# --- what a built lesson must be -----------------------------------------------------------------


def differences(source: Path, target: Path) -> list[str]:
    """How the built lesson's cells differ from its source's, in words; empty when they agree."""
    if not target.is_file():
        return [f"{target.name} is not built"]
    wanted, found = from_source(source).cells, notebooks.read(target).cells
    if len(wanted) != len(found):
        return [f"the source has {len(wanted)} cells, the notebook {len(found)}"]
    return [
        f"cell {number} differs from the source: {_first_line(found_cell.source)!r}"
        for number, (wanted_cell, found_cell) in enumerate(zip(wanted, found, strict=True), 1)
        if _identity(wanted_cell) != _identity(found_cell)
    ]


def needs_run(target: Path) -> bool:
    """True where an executed lesson is missing, or its code changed after it ran."""
    return not target.is_file() or not _ran_from_top(notebooks.read(target))


def _ran_from_top(notebook) -> bool:
    """True where the code cells were run once each, in their order, with none gone since."""
    counts = [cell.execution_count for cell in _code(notebook)]
    return counts == list(range(1, len(counts) + 1))


def _code(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def spoilers(notebook) -> list[str]:
    """What a learner's notebook must not have, in words: outputs and signs of a run."""
    return [
        f"cell {number} was executed"
        for number, cell in enumerate(notebook.cells, 1)
        if cell.get("outputs") or cell.get("execution_count") is not None
    ]


def problems(notebook) -> list[str]:
    """What an executed lesson must not have, in words: empty when it is fit to publish."""
    found = []
    if "widgets" in notebook.metadata:
        found.append("metadata.widgets is there")
    code = _code(notebook)
    if any(cell.execution_count is None for cell in code):
        found.append("a code cell was not executed")
    elif not _ran_from_top(notebook):
        found.append("its code was not run once from top to bottom")
    if not any(cell.outputs for cell in code):
        found.append("it has no outputs")
    for number, cell in enumerate(notebook.cells, 1):
        if MACHINE_PATH.search(cell.source):
            found.append(f"cell {number} names a path of one machine")
    for number, _, output in notebooks.outputs(notebook):
        if output.output_type == "error":
            found.append(f"cell {number} ends in an error: {output.ename}: {output.evalue}")
        if output.get("name") == "stderr":
            found.append(f"cell {number} writes to stderr: {_first_line(output.text)!r}")
        if any(MACHINE_PATH.search(text) for text in _readable(output)):
            found.append(f"the output of cell {number} names a path of one machine")
    for figure in notebooks.figures(notebook):
        if not figure.alt:
            found.append(f"a picture of cell {figure.cell} has no alt text (use figures.show)")
    return found


def _identity(cell) -> tuple:
    return cell.cell_type, cell.id, cell.source, dict(cell.metadata)


def _readable(output) -> list[str]:
    """The parts of an output that are text: base64 could spell a path by chance."""
    texts = [output.get("text", ""), *output.get("traceback", [])]
    for mime, value in output.get("data", {}).items():
        if mime.startswith("text/"):
            texts.append(re.sub(r"data:[\w/+-]+;base64,[\w+/=]+", "", value))
    return texts


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0][:60]


# --- command line --------------------------------------------------------------------------------


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description="Build the lessons, for learners and executed.")
    parser.add_argument("lesson", nargs="*", metavar="NN", help="lessons by number (default: all)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--force", action="store_true", help="execute even what is up to date")
    how.add_argument("--cells-only", action="store_true", help="execute nothing, keep outputs")
    args = parser.parse_args(argv)
    folder = root / "notebooks" / "source"
    sources = {path.name[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.py"))}
    wanted = [number.zfill(2) for number in args.lesson] or list(sources)
    unknown = [number for number in wanted if number not in sources]
    if unknown:
        parser.error(f"no source for lesson {', '.join(unknown)}; there are: {', '.join(sources)}")
    failed = False
    for number in wanted:
        source = sources[number]
        target = notebooks.executed(root) / f"{source.stem}.ipynb"
        write_cells(source, root / "notebooks" / target.name)
        bring_into_step(source, target)
        if not args.force and not needs_run(target):
            note(f"{target.name} is up to date")
            continue
        if args.cells_only:
            note(f"{target.name}: needs a run; `make notebooks NB={number}` gives it one")
            continue
        note(f"running {target.name} ...")
        try:
            run = build(source, target)
        except CourseError as error:
            note(f"build_notebooks: {error}")
            failed = True
        else:
            size = target.stat().st_size / 1e6
            note(f"{target.name}: {run.seconds:.0f} s, {size:.2f} MB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
