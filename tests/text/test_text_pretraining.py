"""Pretraining on a made-up library: resumed as if nothing had happened, exported with its card."""

import hashlib
import json
import shutil
from dataclasses import replace

import pytest
import torch

from course_lib import cli
from course_lib.errors import CourseError
from course_lib.text import card, corpus
from course_lib.text.pretraining import Recipe, blocks_of, pretrain, scale

RECIPE = Recipe(tokens=80, longest=10, width=8, layers=1, heads=2, steps=6, batch=4)
WORDS = "graph node edge table row column value list array mean".split()


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A package whose files fall into all parts, as if it were a library of the task."""
    package = tmp_path / "site" / "made_up"
    package.mkdir(parents=True)
    for k in range(40):
        first, second = WORDS[k % 10], WORDS[(k // 4 + 3) % 10]
        text = (
            f"This is the {first} of the {second} in part {'abcdefgh'[k % 8]} of the text. It has "
            f"a {second} and the {first} that is made from it when the {WORDS[k // 5]} is given."
        )
        (package / f"m{k}.py").write_text(f'"""{text}"""\n')
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setitem(corpus.LIBRARIES, "made-up", "made_up")
    monkeypatch.setitem(corpus.TASK_LIBRARIES, "made-up", "made_up")
    monkeypatch.setattr(corpus, "versions", lambda names: {name: "1" for name in names})


def trained(folder, **how):
    pretrain(RECIPE, folder, libraries=["made-up"], device="cpu", say=lambda line: None, **how)
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def test_a_killed_run_resumes_to_the_same_weights(library, tmp_path):
    whole = trained(tmp_path / "whole")
    (tmp_path / "cut").mkdir()  # with the same tokens: of equally good ones chance takes one
    shutil.copy(tmp_path / "whole" / "tokens.pt", tmp_path / "cut")
    assert trained(tmp_path / "cut", stop_after=2)["step"] == 2
    resumed = trained(tmp_path / "cut")
    assert resumed["step"] == whole["step"] == 6 and resumed["curve"] == whole["curve"]
    for name, value in whole["model"].items():
        assert value.equal(resumed["model"][name])


def test_the_card_says_what_was_read_and_the_weights_come_back(library, tmp_path):
    state = trained(tmp_path / "run")
    weights = tmp_path / "out" / "language.safetensors"
    made = card.export(tmp_path / "run", weights)
    files = weights.read_bytes(), weights.with_name("vocabulary.json").read_bytes()
    assert made["sha256"] == hashlib.sha256(b"".join(files)).hexdigest()
    assert made["corpus"]["libraries"] == {"made-up": "1"} and made["corpus"]["characters"] > 1000
    assert made == json.loads(weights.with_suffix(".json").read_text())
    model = card.load_language_model(weights)
    for name, value in state["model"].items():
        torch.testing.assert_close(model.body.state_dict()[name], value, rtol=2e-3, atol=1e-3)
    fresh = card.load_language_model(weights, pretrained=False).body
    assert not fresh.tokens.weight.equal(model.body.tokens.weight)


def test_other_recipes_unfinished_and_damaged_runs_are_refused(library, tmp_path):
    folder = tmp_path / "run"
    trained(folder, stop_after=2)
    with pytest.raises(CourseError, match="stands at step 2 of 6"):
        card.export(folder, tmp_path / "w.safetensors")
    with pytest.raises(CourseError, match="another recipe"):
        pretrain(replace(RECIPE, rate=0.1), folder, libraries=["made-up"], say=lambda line: None)
    (folder / "checkpoint.pt").write_bytes(b"cut short")
    with pytest.raises(CourseError, match="damaged or cut short"):
        trained(folder)
    with pytest.raises(CourseError, match="No checkpoint"):
        card.export(tmp_path / "nothing", tmp_path / "w.safetensors")


def test_too_little_text_is_said(library, tmp_path):
    with pytest.raises(CourseError, match="Read more libraries, or lower --tokens"):
        pretrain(replace(RECIPE, tokens=4000), tmp_path / "run", libraries=["made-up"],
                 say=lambda line: None)  # fmt: skip


def test_weights_that_do_not_fit_their_card_are_refused(library, tmp_path):
    trained(tmp_path / "run")
    weights = tmp_path / "out" / "language.safetensors"
    card.export(tmp_path / "run", weights)
    weights.write_bytes(weights.read_bytes()[:-8] + b"12345678")
    with pytest.raises(CourseError, match="not those of the card"):
        card.load_language_model(weights)
    with pytest.raises(CourseError, match="card of a language model"):
        card.load_language_model(tmp_path / "nowhere.safetensors")


def test_blocks_are_whole_and_framed(tiny_tokenizer):
    blocks = blocks_of(tiny_tokenizer, ["the graph has nodes and edges between the nodes", "a"], 5)
    assert blocks.shape[1] == 5 and set(blocks[:, 0].tolist()) == {2}
    assert set(blocks[:, -1].tolist()) == {3} and len(blocks) >= 2


def test_the_rate_rises_to_its_peak_and_falls_to_nothing():
    shares = [scale(step, 100) for step in range(100)]
    assert shares[0] == pytest.approx(0.1) and max(shares) > 0.99 and shares[-1] < 0.001
    assert shares.index(max(shares)) == 5


def test_the_command_trains_and_tells_what_came_out(library, tmp_path, capsys):
    options = "--tokens 80 --longest 10 --width 8 --layers 1 --heads 2 --steps 3 --batch 4"
    line = ["pretrain-text", "--out", str(tmp_path / "run"), "--libraries", "made-up"]
    assert cli.main([*line, *options.split(), "--device", "cpu"]) == 0
    assert "of the hidden tokens of held-out files guessed" in capsys.readouterr().out
    assert (tmp_path / "run" / "language.safetensors").exists()
    assert cli.main([*line, "--width", "9", "--heads", "2"]) == 2
    assert "does not divide" in capsys.readouterr().err
