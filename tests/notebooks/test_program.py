"""The whole program at the end of lesson 03: short, the learner's own functions, and right."""

import ast
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import ImageFolder
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.transforms import v2

from course_lib import Backbone, Task, prepare_run
from course_lib import strategies as S
from course_lib.data.split import Split
from course_lib.questions import practice
from course_lib.train.loop import Run

LESSON = Path(__file__).parents[2] / "notebooks" / "source" / "03_learning_rates.py"
MARK = "# @program\n"
ITS_OWN = {"split": "02-split", "learning_mode": "02-mode", "accuracy": "02-accuracy",
           "parameter_groups": "03-groups", "scale": "03-schedule",
           "train_one_epoch": "02-loop"}  # fmt: skip
WEIGHTS = "resnet18-f37072fd.pth"  # torchvision's name for the file of IMAGENET1K_V1


def program() -> str:
    text = LESSON.read_text(encoding="utf-8")
    return text[text.index(MARK) + len(MARK) :].split("\n# %%")[0]


def printed(lesson: Path = LESSON) -> list[str]:
    """The pieces of Python that a lesson shows in its text."""
    text = lesson.read_text(encoding="utf-8")
    found = re.findall(r"^# ```python\n(.*?)^# ```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(r"^# ?", "", piece, flags=re.MULTILINE) for piece in found]


def functions(source: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def test_it_has_at_most_sixty_lines_and_needs_torch_and_torchvision_only():
    assert len([line for line in program().splitlines() if line.strip()]) <= 60
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(program()))
        for name in (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported == {"math", "sys", "torch", "torchvision"}


@pytest.mark.parametrize("name", ITS_OWN)
def test_its_functions_are_those_that_the_learner_wrote(name):
    reference = functions(practice.find(ITS_OWN[name]).reference)[name]
    wanted = ast.unparse(reference).replace("F.cross_entropy", "nn.functional.cross_entropy")
    if name == "train_one_epoch":  # it grew by a mode and a schedule
        wanted = wanted.replace("net.train()", "learning_mode(net)")
        wanted = (
            wanted.replace("optimizer)", "optimizer, schedule)", 1) + "\n        schedule.step()"
        )
    assert ast.unparse(functions(program())[name]) == wanted


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Pictures of two classes, and a weights file where torchvision looks for its own."""
    root = tmp_path_factory.mktemp("program")
    generator = torch.Generator().manual_seed(0)
    for label, name in enumerate(("dark", "light")):
        (root / "pictures" / name).mkdir(parents=True)
        for number in range(10):
            pixels = torch.rand(256, 256, 3, generator=generator) * 120 + 120 * label
            Image.fromarray(pixels.byte().numpy()).save(root / "pictures" / name / f"{number}.png")
    torch.manual_seed(7)
    (root / "home" / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(resnet18().state_dict(), root / "home" / "hub" / "checkpoints" / WEIGHTS)
    return root


@pytest.mark.slow
def test_run_as_a_script_without_the_course_it_gives_the_weights_of_fit(planted, monkeypatch):
    script = planted / "finetune.py"
    end = program().index('if __name__ == "__main__"')
    call = "main(sys.argv[1], True, epochs=2, head_rate=1e-3, ratio=10.0, decay=0.5)"
    script.write_text(f"{program()[:end]}{call}\n")
    done = subprocess.run(
        [sys.executable, "-I", str(script), str(planted / "pictures")],
        cwd=planted,
        env={"TORCH_HOME": str(planted / "home"), "OMP_NUM_THREADS": "1", "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 2: " in done.stdout and "test: " in done.stdout
    theirs = torch.load(planted / "net.pt", weights_only=True)
    assert theirs["classes"] == ["dark", "light"]
    assert theirs["of"] == "ResNet18_Weights.IMAGENET1K_V1"

    # The same recipe through fit, with the same head, split and order of pictures.
    monkeypatch.setenv("TORCH_HOME", str(planted / "home"))
    torch.manual_seed(0)
    order = torch.randperm(20).tolist()
    torch.manual_seed(1)
    weights = ResNet18_Weights.DEFAULT
    head = nn.Linear(512, 2)
    net = resnet18(weights=weights)
    folder = ImageFolder(planted / "pictures", v2.PILToTensor())
    splits = [
        Split(torch.stack([folder[r][0] for r in part]), torch.tensor([folder[r][1] for r in part]))
        for part in (order[:12], order[12:16], order[16:])
    ]
    model = Backbone.wrap(net, head="fc", transform=weights.transforms())
    task = Task("planted", "planted", *splits, ("dark", "light"), "accuracy", "different", "drawn")
    strategy = replace(S.FULL_FINE_TUNING, lr=1e-3, head_lr_ratio=10.0, layer_decay=0.5,
                       decay_vectors=False)  # fmt: skip
    loader = DataLoader(range(12), 16, shuffle=True, generator=torch.Generator().manual_seed(1))
    rows = [[torch.as_tensor(batch) for batch in loader] for _ in range(2)]
    monkeypatch.setattr(Run, "order", lambda self, epoch: tuple(rows[epoch]))
    run = prepare_run(model, task, strategy, 2, batch_size=16, cache=False, validate_every=0)
    run.model.head.load_state_dict(head.state_dict())
    for _ in run.ticks():
        pass
    for name, value in run.module.state_dict().items():
        torch.testing.assert_close(theirs["weights"][name], value, rtol=0, atol=1e-5, msg=name)


def test_another_seed_leaves_the_piles_as_they_are_and_the_test_pile_is_read_when_asked(
    planted, monkeypatch, capsys
):
    monkeypatch.setenv("TORCH_HOME", str(planted / "home"))
    monkeypatch.chdir(planted)
    space = {"__name__": "finetune"}
    exec(compile(program(), "finetune", "exec"), space)
    learnt: list[list[int]] = []
    space["train_one_epoch"] = lambda net, loader, *rest: learnt.append(loader.dataset.indices)
    space["accuracy"] = lambda net, loader: 0.5
    for seed, test in ((1, False), (2, True)):
        space["main"](planted / "pictures", test, epochs=1, seed=seed)
    assert learnt[0] == learnt[1]
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test: ")]
    assert told == ["test: kept for the end", "test: 0.5"]


def test_what_a_lesson_prints_as_python_is_python():
    pieces = [piece for lesson in sorted(LESSON.parent.glob("0[0-3]_*.py")) for piece in
              printed(lesson)]  # fmt: skip
    assert len(pieces) >= 5
    for piece in pieces:
        ast.parse(piece)


def test_the_lines_to_add_and_the_naming_of_a_photograph_run_as_printed(
    planted, monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("TORCH_HOME", str(planted / "home"))
    monkeypatch.chdir(tmp_path)
    serious, naming = printed()[:2]
    space = {"__name__": "finetune"}
    exec(compile(program(), "finetune", "exec"), space)
    weights = ResNet18_Weights.DEFAULT
    net, data = resnet18(), ImageFolder(planted / "pictures", weights.transforms())
    net.fc = nn.Linear(512, 2)
    space |= {
        "net": net, "data": data, "weights": weights, "folder": planted / "pictures", "size": 4,
        "choose": Subset(data, [0, 10]), "best": 0.0, "v2": v2,
        "optimizer": torch.optim.AdamW(space["parameter_groups"](net, 1e-3, 10.0, 0.5)),
        "pictures": torch.zeros(2, 3, 64, 64), "labels": torch.tensor([0, 1]),
    }  # fmt: skip
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    space["accuracy"] = lambda net, loader: 0.5
    exec(compile(serious, "serious", "exec"), space)
    dealt = sorted(row for pile in space["piles"] for row in pile)
    assert dealt == list(range(20))
    assert [sum(row < 10 for row in pile) for pile in space["piles"]] == [6, 2, 2]
    assert space["learn"].indices == space["piles"][0]
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["dark", "light"]
    space["optimizer"].add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    with pytest.raises(AssertionError):  # a stranger in the groups
        exec(serious[serious.index("held =") : serious.index("# each class in")], space)

    Image.new("RGB", (300, 260)).save("photo.jpg")
    exec(compile(naming, "naming", "exec"), {})
    assert capsys.readouterr().out.split()[0] in ("dark", "light")
