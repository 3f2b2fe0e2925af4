"""`course review`: files that a script left, clean and with a fault planted in each."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import cli

MEAN = [0.5, 0.5, 0.5]


def table(path, header, rows):
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def project(tmp_path):
    """A clean project in files."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(100):
        part = "train" if number < 60 else "validation" if number < 80 else "test"
        name = f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(tmp_path / name)
        rows.append((name, part, "cat" if number % 2 else "dog", f"animal {number // 2}"))
    table(tmp_path / "pictures.csv", "file,part,label,group", rows)
    table(tmp_path / "runs.csv", "name,kind,validation,test",
          [("always dog", "majority", 0.5, ""), ("pixels", "pixels", 0.6, ""),
           ("scratch", "scratch", 0.6, ""), ("head", "head", 0.9, ""),
           ("ratio 30", "tuning", 0.95, 0.92), ("ratio 300", "tuning", 0.9, "")])  # fmt: skip
    labels = ["cat"] * 450 + ["dog"] * 50
    table(tmp_path / "answers.csv", "label,p(cat),p(dog)", [(one, 0.9, 0.1) for one in labels])
    facts = {"size": 224, "mean": MEAN, "std": MEAN}
    (tmp_path / "preprocessing.json").write_text(json.dumps({"used": facts, "weights": facts}))
    state = {"conv.weight": torch.zeros(2), "fc.weight": torch.zeros(2)}
    torch.save(state, tmp_path / "before.pt")
    torch.save({**state, "fc.weight": torch.ones(3)}, tmp_path / "after.pt")
    (tmp_path / "learns.txt").write_text("fc\n")
    return tmp_path


def reviewed(folder, capsys):
    assert cli.main(["review", str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    return [one["check"] for one in said["findings"]], said["not_checked"]


def test_a_clean_project_passes(project, capsys):
    assert reviewed(project, capsys) == ([], [])
    assert cli.main(["review", str(project)]) == 0
    assert capsys.readouterr().out == "Nothing found.\n"


def replace(project, name, old, new):
    path = project / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("name", "old", "new", "check"),
    [
        ("pictures.csv", "99.png", "0.png", ["leak", "labels"]),
        ("pictures.csv", "animal 49", "animal 0", ["group"]),
        ("preprocessing.json", "224", "160", ["preprocessing"]),
        ("runs.csv", "scratch,scratch", "scratch,other", ["baselines"]),
        ("runs.csv", "0.9,\n", "0.9,0.9\n", ["choice", "test"]),
    ],
)
def test_a_planted_fault_is_found(project, capsys, name, old, new, check):
    replace(project, name, old, new)
    assert reviewed(project, capsys)[0] == check


def test_a_frozen_tensor_that_changed_and_answers_that_are_too_sure_are_found(project, capsys):
    torch.save({"conv.weight": torch.ones(2), "fc.weight": torch.ones(3)}, project / "after.pt")
    rows = [(label, 0.9, 0.1) for label in ["cat"] * 300 + ["dog"] * 200]
    table(project / "answers.csv", "label,p(cat),p(dog)", rows)
    assert reviewed(project, capsys)[0] == ["frozen", "calibration"]


def test_what_is_not_there_is_not_checked_and_said_so(project, capsys):
    for name in ("answers.csv", "after.pt"):
        (project / name).unlink()
    assert reviewed(project, capsys) == ([], ["after.pt", "answers.csv"])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pictures.csv", "file,part\n", "no rows"),
        ("pictures.csv", "file,part\na,train\n", "lacks the column label"),
        ("pictures.csv", "file,part,label\na,train,x\nb,hidden,y\n", "got hidden"),
        ("pictures.csv", "file,part,label\na,train,x\nb,test,x\n", "one label only"),
        ("pictures.csv", "file,part,label\na.png,train,x\nb.png,test,y\n", "cannot be read"),
        ("answers.csv", "label,p(cat),p(dog)\ncow,1,0\n", "no column for cow"),
        ("answers.csv", "label,p(cat),p(dog)\ncat,x,0\n", "answers.csv"),
        ("preprocessing.json", "{}", "preprocessing.json"),
        ("after.pt", "no tensor", "after.pt is no state dict"),
        ("runs.csv", "name,kind\n", "empty"),
    ],
)
def test_a_file_of_another_format_ends_in_one_sentence(project, capsys, name, text, said):
    (project / name).write_text(text)
    assert cli.main(["review", str(project)]) == 1
    error = capsys.readouterr().err
    assert said in error and error.startswith("course: ") and "Traceback" not in error


def test_a_folder_without_any_of_the_files_is_refused(tmp_path, capsys):
    assert cli.main(["review", str(tmp_path)]) == 1
    assert cli.main(["review", str(tmp_path / "nowhere")]) == 1
    assert "has none of pictures.csv" in capsys.readouterr().err
