"""`course predict`: a row for every file, whatever the files are."""

import csv
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import load_task
from course_lib.backbones.inference import predict
from course_lib.cli import main
from course_lib.serving.folder import decide, predict_folder
from tests.fakes import pictures, small_backbone


def image(seed: int, size=(40, 40), mode="RGB") -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values).convert(mode)


@pytest.fixture
def inbox(tmp_path):
    """Good pictures of several kinds, and everything that people leave in folders."""
    folder = tmp_path / "inbox"
    (folder / "deeper").mkdir(parents=True)
    image(0).save(folder / "a.png")
    image(1, mode="L").save(folder / "grey.png")
    image(2, mode="RGBA").save(folder / "see-through.png")
    image(3, (90, 40)).save(folder / "deeper" / "wide, with comma.jpg")
    image(4, (3, 3)).save(folder / "tiny.png")
    (folder / "notes.txt").write_text("hello")
    (folder / "empty.png").touch()
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:200])
    (folder / ".hidden.png").write_bytes(b"x")
    return folder


def rows(text: str) -> dict[str, dict]:
    return {row["file"]: row for row in csv.DictReader(io.StringIO(text))}


def test_every_file_gets_a_row_with_an_answer_or_a_problem(trained, inbox, capsys):
    assert main(["predict", str(trained.path), str(inbox)]) == 0
    shown = capsys.readouterr()
    found = rows(shown.out)
    good = {"a.png", "grey.png", "see-through.png", "deeper/wide, with comma.jpg"}
    assert {name for name, row in found.items() if row["answer"]} == good
    assert {name for name, row in found.items() if row["problem"]} == {
        "tiny.png", "notes.txt", "empty.png", "cut.png",
    }  # fmt: skip
    assert all(found[name]["answer"] in trained.task.classes for name in good)
    assert "4 of 8 files answered" in shown.err and "too small" in shown.err


def test_the_answers_are_those_of_the_model_on_pictures_read_as_in_training(trained, tmp_path):
    for first, name in ((100, "one"), (200, "two")):
        (tmp_path / name).mkdir()
        for k in range(5):
            image(first + k).save(tmp_path / name / f"{name}{k}.png")
    task = load_task(f"folder:{tmp_path}", size=32)
    answers, drift = predict_folder(trained.saved, tmp_path)
    told = {tuple(np.round(one.probabilities, 4)) for one in answers}
    wanted = predict(trained.saved.model, task.train.pictures).softmax(1).numpy()
    assert {tuple(np.round(row.astype(float), 4)) for row in wanted} <= told
    assert drift.pictures == 10


def test_out_writes_the_file_and_json_has_the_same_answers(trained, inbox, tmp_path, capsys):
    out = tmp_path / "answers.csv"
    assert main(["predict", str(trained.path), str(inbox), "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["predict", str(trained.path), str(inbox), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    table = rows(out.read_text())
    assert {one["file"]: one["answer"] for one in found["answers"]} == {
        name: row["answer"] for name, row in table.items()
    }
    assert found["drift"]["drifted"] in (True, False)


def test_a_folder_without_one_usable_picture_fails_but_still_lists_its_files(
    trained, tmp_path, capsys
):
    (tmp_path / "x.png").write_bytes(b"no")
    assert main(["predict", str(trained.path), str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert "x.png" in shown.out and "None of the 1 files" in shown.err


@pytest.mark.parametrize(("folder", "words"), [("none", "does not exist"), (".", "no file")])
def test_no_folder_and_an_empty_one_are_told_apart(trained, tmp_path, capsys, folder, words):
    assert main(["predict", str(trained.path), str(tmp_path / folder)]) == 1
    assert words in capsys.readouterr().err


def test_many_bad_files_do_not_flood_the_screen(trained, tmp_path, capsys):
    for k in range(30):
        (tmp_path / f"{k:02}.txt").write_text("x")
    image(1).save(tmp_path / "good.png")
    assert main(["predict", str(trained.path), str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) < 10 and "and 25 more" in shown.err
    assert len(rows(shown.out)) == 31


@pytest.mark.parametrize(
    ("probabilities", "threshold", "place"),
    [([0.2, 0.5, 0.3], None, 1), ([0.6, 0.4], None, 0), ([0.6, 0.4], 0.3, 1), ([0.7, 0.3], 0.3, 1)],
)
def test_the_answer_is_the_likeliest_class_or_follows_the_threshold(
    probabilities, threshold, place
):
    assert decide(probabilities, threshold) == place


def test_a_damaged_model_is_refused_with_exit_code_one(trained, inbox, tmp_path, capsys):
    (tmp_path / "m.safetensors").write_bytes(trained.path.read_bytes()[:-4])
    assert main(["predict", str(tmp_path / "m.safetensors"), str(inbox)]) == 1
    assert "not a whole safetensors file" in capsys.readouterr().err


def test_the_model_in_memory_is_left_as_it_was(trained, inbox):
    before = {k: v.clone() for k, v in trained.saved.model.state_dict().items()}
    predict_folder(trained.saved, inbox)
    after = trained.saved.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_scores_are_computed_in_float32_whatever_precision_surrounds_the_call():
    model = small_backbone()
    shown = pictures(6).pictures
    with torch.autocast("cpu", torch.bfloat16):
        inside = predict(model, shown)
    assert torch.equal(inside, predict(model, shown))
