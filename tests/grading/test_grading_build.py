"""The notebooks that are built: reproducible, valid for nbgrader, and without a key in the
release."""

import dataclasses
import json
import os
import subprocess
import sys

import nbformat
import quizlab
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import compute_checksum

from course_lib.grading import build
from course_lib.questions.question import Choice, Criterion, Part, Partial, Wrong

PUBLIC = {"id", "prompt", "starter", "examples", "unit"}  # text fields that a student sees
NOT_TEXT = {
    "kind",
    "points",
    "lesson",
    "answer",
    "tolerance",
    "imports",
    "seconds",
    "memory_mb",
    "covers",
    "claims",
    "also",
    "credit",
    "relative",
    "shuffle",
    "alternatives",
    "pool",
    "place",
    "order",
    "variant",
    "pictures",
}


def planted(quiz):
    """The quiz with a canary in every text field that students must not see."""
    count = iter(range(10_000))

    def canary():
        return f"CANARY{next(count)}"

    questions = []
    for q in quiz.questions:
        changes = {
            "choices": tuple(Choice(c.text, canary(), c.correct) for c in q.choices),
            "wrong": (Wrong(canary(), 0, canary()),),
            "parts": (Part("x", canary(), 0),),
            "partial": (Partial(7777.25, 0, 0, canary()),),
            "rubric": (Criterion(0, canary()),),
            "hints": (canary(),),
            "explanation": canary(),
            "reference": canary(),
            "check": canary(),
        }
        fields = {f.name for f in dataclasses.fields(q)}
        assert fields == set(changes) | PUBLIC | NOT_TEXT, "a new field: public or planted?"
        if q.kind == "numeric":
            changes |= {"answer": 8888.125, "tolerance": 6666.0625}
        questions.append(dataclasses.replace(q, **changes))
    return dataclasses.replace(quiz, questions=tuple(questions), path="CANARY")


def test_no_canary_from_any_private_field_reaches_the_release():
    text = build.serialise(build.release_notebook(planted(quizlab.mini()))).decode()
    for secret in ("CANARY", "7777.25", "8888.125", "6666.0625", "mini-scale.py", "correct"):
        assert secret not in text
    source = build.serialise(build.source_notebook(planted(quizlab.mini()))).decode()
    assert source.count("CANARY") > 10  # the instructor's notebook does hold them


def test_the_release_does_not_depend_on_which_choice_is_right():
    quiz = quizlab.mini()
    turned = dataclasses.replace(
        quiz,
        questions=tuple(
            dataclasses.replace(
                q, choices=tuple(dataclasses.replace(c, correct=not c.correct) for c in q.choices)
            )
            for q in quiz.questions
        ),
    )
    assert build.release_notebook(quiz) == build.release_notebook(turned)


def test_cells_and_metadata_of_the_release_have_exactly_the_known_structure():
    notebook = build.release_notebook(quizlab.mini())
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    marks = {
        "grade_id",
        "schema_version",
        "task",
        "cell_type",
        "grade",
        "solution",
        "locked",
        "checksum",
    }
    for cell in notebook["cells"]:
        extra = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | extra
        mark = cell["metadata"]["nbgrader"]
        assert set(cell["metadata"]) - {"nbgrader"} <= {"deletable", "editable", "jupyter"}
        assert set(mark) == marks | ({"points"} if mark["grade"] else set())
        if mark["grade"]:
            assert mark["solution"] and not mark["locked"]
        if extra:
            assert cell["outputs"] == [] and cell["execution_count"] is None


def test_notebooks_are_valid_for_jupyter_and_for_nbgrader():
    for value in (build.release_notebook(quizlab.mini()), build.source_notebook(quizlab.mini())):
        notebook = nbformat.from_dict(value)
        nbformat.validate(notebook)
        MetadataValidator().validate_nb(notebook)
        for cell in notebook.cells:
            assert compute_checksum(cell) == cell.metadata.nbgrader.checksum


def test_every_build_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    outputs = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        command = [
            sys.executable,
            "-m",
            "course_lib.grading.cli",
            "build",
            "--course-dir",
            str(folder),
            "--bank",
            str(quizlab.BANK),
        ]
        subprocess.run(
            command, check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": seed}
        )
        outputs.append({p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.ipynb")})
    assert outputs[0] == outputs[1] and len(outputs[0]) == 4


def test_written_answers_cannot_come_alive_in_the_autograded_notebook():
    nasty = (
        "<script>alert(1)</script> [x](javascript:alert(1)) ![i](http://e/x.png) $\\href{a}{b}$\n"
        "```\n</pre><img src=x onerror=alert(1)>\n\n# title `code` &lt;b&gt;"
    )
    notebook = build.rebuilt_notebook(quizlab.mini(), {"mini-essay": nasty})
    shown = quizlab.cell(notebook, "mini-essay")["source"]
    inner = shown.removeprefix('<pre style="white-space: pre-wrap">').removesuffix("</pre>")
    assert set(inner) - set("&#;\n ") <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    )
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter().from_notebook_node(nbformat.from_dict(notebook))
    for live in ("<script>alert", "<img src=x", 'href="javascript:', 'src="http://e/'):
        assert live not in page
    assert json.loads(build.serialise(notebook))
