"""A wrong command line ends with one line that says what is wrong, never with a traceback."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
import torch
from filelock import FileLock
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from course_lib import CourseError, cli
from course_lib.lab import store
from course_lib.lab.running import run_and_store
from course_lib.worldnet.pretraining import pretrain
from course_lib.worldnet.recipe import Recipe
from tests.lab.toys import toy


def called(capsys, *words) -> tuple[int, str]:
    """Exit code and stderr of `course WORDS`, in this process."""
    try:
        code = cli.main(list(map(str, words)))
    except SystemExit as end:  # argparse's own
        code = end.code
    return code, capsys.readouterr().err


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """A folder with a lesson 00 that asks for no track."""
    (tmp_path / "notebooks").mkdir()
    lesson = new_notebook(cells=[new_code_cell("1 + 1")])
    nbformat.write(lesson, tmp_path / "notebooks" / "00_start_here.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


WRONG = {
    ("run", "--timeout", "nan"): "--timeout: it must be a number above 0; got nan",
    ("run", "--timeout", "inf"): "--timeout: it must be a number above 0; got inf",
    ("run", "--timeout", "0"): "--timeout: it must be a number above 0; got 0",
    ("run", "--timeout", "-3"): "--timeout: it must be a number above 0; got -3",
    ("run", "--timeout", "soon"): "--timeout: it must be a number above 0; got 'soon'",
    ("lab", "--port", "-5"): "--port: it must be a whole number from 1 to 65_535; got -5",
    ("lab", "--port", "0"): "--port: it must be",
    ("lab", "--port", "70000"): "--port: it must be",
    ("lab", "--port", "8888.5"): "--port: it must be a whole number .* got '8888.5'",
    ("pretrain", "--batch", "0"): "batch must be a whole number from 1",
    ("pretrain", "--batch", "500", "--pictures", "40", "--fractals", "0"): "from 1 to 40; got 500",
    ("pretrain", "--rate", "-1"): "rate must be a number above 0",
    ("pretrain", "--rate", "nan"): "rate must be a number above 0",
    ("pretrain", "--fractals", "-1"): "fractals must be a whole number from 0; got -1",
    ("pretrain", "--pictures", "0"): "pictures must be a whole number from 1",
    ("pretrain", "--epochs", "0"): "epochs must be a whole number from 1",
    ("pretrain", "--distractors", "-1"): "distractors must be",
    ("pretrain", "--seed", "-1"): "seed must be",
    ("pretrain", "--parts-weight", "nan"): "parts_weight must be",
    ("pretrain", "--keep", "0.5", "2"): "--keep: it must be a number above 0, up to 1; got 2",
    ("pretrain", "--checkpoint-every", "-1"): "--checkpoint-every: it must be",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_number_out_of_range_exits_with_2_and_says_the_range(capsys, words):
    code, said = called(capsys, *words)
    assert code == 2
    assert re.search(WRONG[words], said.splitlines()[-1]), said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [("run", "00", "--quick"), ("lab",)], ids=" ".join)
def test_a_wrong_track_is_said_before_anything_is_run(capsys, monkeypatch, lessons, words):
    monkeypatch.setenv("COURSE_TRACK", "bogus")
    code, said = called(capsys, *words)
    assert code == 1
    assert said == ("course: No track (COURSE_TRACK) 'bogus'. There are: world, photos.\n")


def test_claims_are_listed_under_an_ascii_locale():
    plain = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    statement = "5 \u2212 3 \u00b1 1 caf\u00e9."
    code = (
        "import sys\n"
        "from course_lib import cli\n"
        "import course_lib.claims as known\n"
        "from tests.lab.toys import toy\n"
        f"known.claims = lambda: {{'C99': toy(statement={ascii(statement)})}}\n"
        "sys.exit(cli.main(['claims', *sys.argv[1:]]))\n"
    )
    for words in ((), ("--json",)):
        done = subprocess.run([sys.executable, "-c", code, *words], env=plain, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert statement in done.stdout.decode("utf-8")
    assert json.loads(done.stdout)[0]["claim"] == "C99"


# --- course pretrain ------------------------------------------------------------------------------

TINY = Recipe(pictures=16, fractals=0, epochs=1, batch=8, rate=0.05)
ASKED = ("--pictures", 16, "--fractals", 0, "--epochs", 1, "--batch", 8, "--rate", 0.05)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> bytes:
    """A checkpoint of TINY, stopped before its end."""
    folder = tmp_path_factory.mktemp("run")
    return pretrain(TINY, folder, device="cpu", stop_after=1, say=lambda _: None).read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"not a checkpoint",
        lambda data: data[:1_000],
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
    ],
    ids=["empty", "text", "beginning", "half", "a byte short"],
)
def test_a_damaged_checkpoint_is_named_and_kept(capsys, tmp_path, checkpoint, damage):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(damage(checkpoint))
    code, said = called(capsys, "pretrain", "--out", tmp_path, "--device", "cpu", *ASKED)
    assert code == 1
    assert said.startswith(f"course: The checkpoint {path} is damaged or cut short")
    assert said.count("\n") == 1
    assert path.read_bytes() == damage(checkpoint)


@pytest.mark.parametrize("change", ["recipe", "step", "pupil", "optimizer", "curve"])
@pytest.mark.parametrize("value", [None, {"a": 1}, "text"])
def test_a_checkpoint_that_lacks_a_part_is_refused(tmp_path, checkpoint, change, value):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(checkpoint)
    state = torch.load(path, weights_only=True)
    torch.save({**state, change: value}, path)
    with pytest.raises(CourseError, match="is damaged or cut short|another recipe"):
        pretrain(TINY, tmp_path, device="cpu", say=lambda _: None)


def test_pretraining_into_a_folder_below_a_file_is_refused(capsys, tmp_path):
    (tmp_path / "file").write_text("here")
    code, said = called(capsys, "pretrain", "--out", tmp_path / "file" / "out", *ASKED)
    assert code == 1 and said.startswith("course: Cannot make the folder")


def test_a_recipe_is_checked_wherever_it_is_made():
    with pytest.raises(CourseError, match="augment must be True or False"):
        Recipe(augment="no")
    with pytest.raises(CourseError, match="momentum must be a number from 0, below 1"):
        Recipe(momentum=1)
    assert Recipe() == Recipe()


# --- course claims run ----------------------------------------------------------------------------


def test_two_processes_do_not_measure_one_claim_at_once(tmp_path):
    with FileLock(tmp_path / ".C99.json.lock"):
        with pytest.raises(CourseError, match="Another process is measuring C99"):
            run_and_store(toy(), folder=tmp_path)
    assert not (tmp_path / "C99.json").exists()
    assert len(run_and_store(toy(), folder=tmp_path).rows) == 6


def test_the_lock_is_free_again_after_a_run_that_was_stopped(tmp_path):
    stops = toy(full={"seeds": (0,), "more": {"fails": 0}})
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_and_store(stops, folder=tmp_path)


def test_a_study_below_a_file_cannot_be_stored_and_says_so(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(CourseError, match="Cannot write .*C99.json"):
        run_and_store(toy(), folder=tmp_path / "file" / "results")


def test_every_row_that_the_course_ships_has_its_checksum():
    files = sorted(store.RESULTS.glob("C*.json"))
    assert files and all(store.read_study(path).rows for path in files)


@pytest.mark.parametrize(
    "words", [("--workers", "0"), ("--cap", "-1"), ("--cap", "nan"), ("--track", "video")]
)
def test_a_study_with_impossible_settings_is_refused(capsys, words):
    code, said = called(capsys, "claims", "run", "C06", *words)
    assert code in (1, 2) and words[1] in said


# --- course predict -------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_opened_is_named_among_the_answers(tmp_path, monkeypatch):
    from course_lib import load_backbone
    from course_lib.serving import predict_folder
    from course_lib.serving.drift import make_reference
    from course_lib.serving.saving import SavedModel

    model = load_backbone(pretrained=False)
    model.source_classes = tuple(f"class {i}" for i in range(model.classes))
    reference = make_reference(torch.randn(12, model.feature_dim))
    saved = SavedModel(model, {"picture_size": 64, "threshold": None}, reference)
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (70, 70), "red").save(tmp_path / name / "1.png")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    answers, _ = predict_folder(saved, tmp_path)
    assert [(a.file, bool(a.answer)) for a in answers] == [("closed/", False), ("open/1.png", True)]
    assert answers[0].problem == "this folder cannot be opened (Permission denied)"
