"""Building a lesson from its source: what is kept, what is dropped, what is refused."""

import base64
import io
import shutil

import build_notebooks
import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from course_lib import notebooks
from course_lib.errors import CourseError

SOURCE = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # A tiny lesson

# %%
import matplotlib.pyplot as plt
from ipywidgets import IntSlider
from tqdm.auto import tqdm

from course_lib.measure.figures import show

# %% tags=["fill-in"]
for number in tqdm(range(3)):
    print(number)

# %%
fig, ax = plt.subplots(figsize=(2, 2))
ax.plot([1, 2, 4])
show(fig, alt="A rising line.")

# %%
IntSlider()
"""


@pytest.fixture
def root(tmp_path):
    """A tree with the source of one lesson."""
    folder = tmp_path / "notebooks" / "source"
    folder.mkdir(parents=True)
    (folder / "00_tiny.py").write_text(SOURCE)
    return tmp_path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The tiny lesson, built: (source, target)."""
    folder = tmp_path_factory.mktemp("built") / "notebooks"
    (folder / "source").mkdir(parents=True)
    source, target = folder / "source" / "00_tiny.py", folder / "executed" / "00_tiny.ipynb"
    source.write_text(SOURCE)
    build_notebooks.build(source, target)
    return source, target


def test_a_built_lesson_has_outputs_and_agrees_with_its_source(built):
    notebook = notebooks.read(built[1])
    nbformat.validate(notebook)
    assert build_notebooks.differences(*built) == []
    assert build_notebooks.problems(notebook) == []
    assert notebook.cells[2].metadata.tags == ["fill-in"]
    assert notebook.cells[2].outputs[0].text == "0\n1\n2\n"
    assert notebook.metadata.kernelspec.name == "python3"


def test_a_built_lesson_holds_nothing_that_changes_from_run_to_run(built):
    notebook = notebooks.read(built[1])
    assert "widgets" not in notebook.metadata
    assert "version" not in notebook.metadata.language_info
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3, 4]


def test_a_figure_is_stored_once_as_png_with_its_alt_text_and_its_numbers(built):
    output, numbers = notebooks.read(built[1]).cells[3].outputs
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.metadata == {"image/png": {"alt": "A rising line."}}
    assert "| 2 | 4 |" in numbers.data["text/markdown"]


def test_a_widget_that_has_no_picture_leaves_no_broken_output(built):
    assert notebooks.read(built[1]).cells[4].outputs == []


def test_a_second_build_does_nothing_until_the_code_changes(root, capsys):
    assert build_notebooks.main([], root) == 0
    learners, target = (root / "notebooks" / at / "00_tiny.ipynb" for at in ("", "executed"))
    first = [path.stat().st_mtime_ns for path in (learners, target)]
    assert build_notebooks.main([], root) == 0
    assert [path.stat().st_mtime_ns for path in (learners, target)] == first
    assert "up to date" in capsys.readouterr().err
    source = root / "notebooks" / "source" / "00_tiny.py"
    source.write_text(SOURCE.replace("range(3)", "range(1)"))
    assert build_notebooks.main(["0"], root) == 0
    assert notebooks.read(target).cells[2].outputs[0].text == "0\n"


@pytest.fixture
def tree(root, built):
    """The tiny lesson in a tree of its own: (its source, the learner's, the executed one)."""
    folder = root / "notebooks"
    (folder / "executed").mkdir()
    shutil.copy(built[1], folder / "executed")
    return (
        folder / "source" / "00_tiny.py",
        folder / "00_tiny.ipynb",
        folder / "executed/00_tiny.ipynb",
    )


def test_a_learners_notebook_has_the_cells_and_none_of_the_results(root, tree):
    source, learners, _ = tree
    assert build_notebooks.main(["--cells-only"], root) == 0
    assert build_notebooks.differences(source, learners) == []
    assert build_notebooks.spoilers(notebooks.read(learners)) == []
    nbformat.validate(notebooks.read(learners))


def test_what_a_learner_left_in_the_notebook_is_found_and_a_build_takes_it_out(root, tree):
    source, learners, executed = tree
    shutil.copy(executed, learners)
    assert build_notebooks.spoilers(notebooks.read(learners))[0] == "cell 2 was executed"
    assert build_notebooks.main(["--cells-only"], root) == 0
    assert build_notebooks.spoilers(notebooks.read(learners)) == []


def test_a_change_of_text_reaches_both_notebooks_without_a_run(root, tree):
    source, learners, executed = tree
    before = [cell.get("outputs") for cell in notebooks.read(executed).cells]
    source.write_text(SOURCE.replace("A tiny lesson", "A small lesson"))
    assert build_notebooks.main([], root) == 0
    for path in (learners, executed):
        assert notebooks.read(path).cells[0].source == "# A small lesson"
    assert [cell.get("outputs") for cell in notebooks.read(executed).cells] == before
    assert build_notebooks.problems(notebooks.read(executed)) == []


def test_with_cells_only_changed_code_loses_its_output_and_waits_for_a_run(root, tree, capsys):
    source, _, executed = tree
    source.write_text(SOURCE.replace("range(3)", "range(1)"))
    assert build_notebooks.main(["--cells-only"], root) == 0
    cells = notebooks.read(executed).cells
    assert cells[2].outputs == [] and cells[2].execution_count is None
    assert cells[3].outputs and cells[3].execution_count == 3
    assert build_notebooks.differences(source, executed) == []
    assert build_notebooks.problems(notebooks.read(executed)) == ["a code cell was not executed"]
    assert "needs a run" in capsys.readouterr().err


@pytest.mark.parametrize("take", [lambda cells: cells.pop(2), lambda cells: cells.reverse()])
def test_code_that_is_gone_or_in_another_order_needs_a_run(built, tmp_path, take):
    assert not build_notebooks.needs_run(built[1])
    changed = edit(built[1], tmp_path, lambda notebook: take(notebook.cells))
    assert build_notebooks.needs_run(changed)
    assert "not run once from top" in build_notebooks.problems(notebooks.read(changed))[0]


def test_a_lesson_runs_in_the_folder_of_the_learners_notebooks(root):
    source = root / "notebooks" / "source" / "00_tiny.py"
    source.write_text("# %%\nfrom pathlib import Path\n\nprint(Path.cwd().name)\n")
    assert build_notebooks.main([], root) == 0
    (output,) = notebooks.read(root / "notebooks/executed/00_tiny.ipynb").cells[0].outputs
    assert output.text == "notebooks\n"


def test_a_cell_that_fails_names_its_lesson_and_keeps_the_old_notebook(root, tree, capsys):
    target, text = tree[2], "# %%\n1 / 0\n"
    tree[0].write_text(text)
    assert build_notebooks.main(["--cells-only"], root) == 0
    before = target.read_bytes()
    assert build_notebooks.main(["--force"], root) == 1
    assert target.read_bytes() == before
    assert "00_tiny.py, cell 1: ZeroDivisionError" in capsys.readouterr().err


def test_an_unknown_lesson_is_refused(root, capsys):
    with pytest.raises(SystemExit) as stopped:
        build_notebooks.main(["42"], root)
    assert stopped.value.code == 2
    assert "there are: 00" in capsys.readouterr().err


def test_a_picture_without_alt_text_is_not_published(tmp_path):
    source = tmp_path / "00_plain.py"
    source.write_text("# %%\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);\n")
    with pytest.raises(CourseError, match="cell 1 has no alt text"):
        build_notebooks.build(source, tmp_path / "00_plain.ipynb")
    assert not (tmp_path / "00_plain.ipynb").exists()


# --- drift ---------------------------------------------------------------------------------------


def edit(target, folder, change):
    """A copy of the built lesson with `change` applied to its notebook."""
    notebook = notebooks.read(target)
    change(notebook)
    copy = folder / target.name
    nbformat.write(notebook, copy)
    return copy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda n: n.cells.pop(), "5 cells, the notebook 4"),
        (lambda n: n.cells[2].update(source="print(9)"), "cell 3 differs"),
        (lambda n: n.cells[2].metadata.clear(), "cell 3 differs"),
        (lambda n: n.cells[0].update(source="# Another title"), "cell 1 differs"),
    ],
)
def test_a_built_lesson_that_was_edited_differs_from_its_source(built, tmp_path, change, said):
    source, target = built
    (found,) = build_notebooks.differences(source, edit(target, tmp_path, change))
    assert said in found


def test_a_lesson_that_is_not_built_differs_from_its_source(built, tmp_path):
    (found,) = build_notebooks.differences(built[0], tmp_path / "00_tiny.ipynb")
    assert "not built" in found


def test_cell_ids_depend_on_the_cells_alone(root):
    source = root / "notebooks" / "source" / "00_tiny.py"
    before = [cell.id for cell in build_notebooks.from_source(source).cells]
    source.write_text(SOURCE + "\n# %%\n1\n\n# %%\n1\n")
    after = [cell.id for cell in build_notebooks.from_source(source).cells]
    assert after[: len(before)] == before
    assert len(set(after)) == len(after) == len(before) + 2


# --- problems ------------------------------------------------------------------------------------


def notebook_with(*outputs, source="1", **metadata):
    cell = new_code_cell(source, execution_count=1, outputs=list(outputs))
    return new_notebook(cells=[new_markdown_cell("text"), cell], metadata=metadata)


FINE = new_output("stream", text="fine")


@pytest.mark.parametrize(
    ("notebook", "said"),
    [
        (notebook_with(), "no outputs"),
        (notebook_with(FINE, widgets={}), "metadata.widgets"),
        (notebook_with(new_output("error", ename="E", evalue="v")), "ends in an error"),
        (notebook_with(new_output("stream", name="stderr", text="careful")), "stderr"),
        (notebook_with(new_output("stream", text="in /home/ann/x")), "path of one machine"),
        (notebook_with(FINE, source="open('/Users/ann/x')"), "names a path of one machine"),
        (notebook_with(new_output("display_data", data={"image/png": "iVBO"})), "no alt text"),
        (
            notebook_with(new_output("display_data", data={"text/html": "<img src='x'>"})),
            "no alt text",
        ),
    ],
)
def test_what_a_lesson_must_not_have_is_found(notebook, said):
    (found,) = build_notebooks.problems(notebook)
    assert said in found


def test_a_code_cell_that_was_not_executed_is_found():
    notebook = notebook_with(FINE)
    notebook.cells.append(new_code_cell("2"))
    assert build_notebooks.problems(notebook) == ["a code cell was not executed"]


def test_a_clean_lesson_has_no_problems():
    picture = new_output(
        "display_data",
        # Base64 that happens to spell a path is no path.
        data={
            "image/png": "iVBO /home/x",
            "text/html": "<img alt='a' src='data:image/png;base64,/tmp/'>",
        },
        metadata={"image/png": {"alt": "a dot"}},
    )
    link = new_output("stream", text="https://example.org/home/page and data/tmp/x")
    assert build_notebooks.problems(notebook_with(picture, link)) == []


# --- pictures ------------------------------------------------------------------------------------


def encode(pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


def decode(encoded: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def test_a_picture_of_few_colours_becomes_smaller_and_keeps_its_colours():
    generator = np.random.default_rng(0)
    colours = generator.integers(0, 256, (20, 3), dtype=np.uint8)
    pixels = colours[generator.integers(0, 20, (64, 64))]
    small = build_notebooks.smaller_png(encode(pixels))
    assert len(small) < 0.6 * len(encode(pixels))
    assert np.array_equal(np.asarray(decode(small).convert("RGB")), pixels)


def test_a_picture_of_very_many_colours_keeps_them_all():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    kept = build_notebooks.smaller_png(encode(pixels))
    assert np.array_equal(np.asarray(decode(kept).convert("RGB")), pixels)


def test_transparency_survives():
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:8] = (255, 0, 0, 255)
    small = np.asarray(decode(build_notebooks.smaller_png(encode(pixels))).convert("RGBA"))
    assert np.array_equal(small[..., 3], pixels[..., 3])
