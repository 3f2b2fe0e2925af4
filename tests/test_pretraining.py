"""Pretraining: resumable, shared among processes, exact about what it wrote."""

import json
import os
import subprocess
import sys

import pytest
import torch

from course_lib import world
from course_lib.backbones import load_backbone
from course_lib.errors import CourseError
from course_lib.worldnet import pretraining
from course_lib.worldnet import recipe as recipes
from course_lib.worldnet.card import export

TINY = recipes.Recipe(pictures=48, fractals=16, epochs=2, batch=16, rate=0.05)


def quiet(*_):
    pass


def train(recipe, out, **options):
    return torch.load(
        pretraining.pretrain(recipe, out, device="cpu", say=quiet, **options), weights_only=True
    )


def same_weights(a, b):
    return all(torch.equal(a["pupil"][name], b["pupil"][name]) for name in a["pupil"])


def test_a_killed_run_resumes_to_the_same_weights(tmp_path):
    whole = train(TINY, tmp_path / "whole")
    part = train(TINY, tmp_path / "part", stop_after=3)
    assert part["step"] == 3 and not same_weights(whole, part)
    resumed = train(TINY, tmp_path / "part")
    assert resumed["step"] == whole["step"] == 8
    assert same_weights(whole, resumed)
    assert resumed["curve"] == whole["curve"]


def test_a_folder_with_another_recipe_is_refused_and_kept(tmp_path):
    train(TINY, tmp_path, stop_after=1)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(CourseError, match="another recipe"):
        train(recipes.Recipe(**{**vars(TINY), "rate": 0.1}), tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_two_processes_under_torchrun_share_their_batch_and_fail_together(tmp_path):
    """One run that works and one that diverges in the second process alone; each writes down its
    errors."""
    script = tmp_path / "two.py"
    script.write_text(
        "import json, os, sys\n"
        "from pathlib import Path\n"
        "import torch\n"
        "from course_lib.errors import CourseError\n"
        "from course_lib.worldnet import pretraining, recipe as recipes\n"
        "folder, told = Path(sys.argv[1]), []\n"
        "torch.distributed.init_process_group('gloo')\n"
        "recipe = recipes.Recipe(pictures=32, fractals=0, epochs=1, batch=16, rate=0.05)\n"
        "right = pretraining.loss_of\n"
        "for factor in (1, float('nan')):\n"
        "    if os.environ['RANK'] == '1':\n"
        "        pretraining.loss_of = lambda *given: factor * right(*given)\n"
        "    try:\n"
        "        pretraining.pretrain(recipe, folder / str(factor), device='cpu')\n"
        "        told.append('')\n"
        "    except CourseError as error:\n"
        "        told.append(str(error))\n"
        "(folder / f\"rank{os.environ['RANK']}\").write_text(json.dumps(told))\n"
        "torch.distributed.destroy_process_group()\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2",
               "--master-addr=127.0.0.1", "--master-port=0", "--rdzv-backend=c10d",
               "--rdzv-endpoint=127.0.0.1:0", str(script), str(tmp_path)]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    state = torch.load(tmp_path / "1" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2
    assert all(torch.isfinite(v).all() for v in state["pupil"].values() if v.is_floating_point())
    first, second = (json.loads((tmp_path / f"rank{rank}").read_text()) for rank in (0, 1))
    assert first == second == ["", "The loss became nan at step 1; lower --rate."]


def test_a_process_group_that_a_run_made_is_gone_after_it_whatever_happened(monkeypatch, tmp_path):
    groups = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: bool(groups))
    monkeypatch.setattr(torch.distributed, "init_process_group", groups.append)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", groups.clear)

    def fails(*_, **__):
        assert groups == ["gloo"]
        raise CourseError("no room")

    monkeypatch.setattr(pretraining, "_train", fails)
    with pytest.raises(CourseError, match="no room"):
        pretraining.pretrain(TINY, tmp_path, device="cpu")
    assert groups == []


def test_the_rate_rises_for_a_fifth_of_the_run_and_then_falls_to_zero():
    rates = [recipes.rate_at(s, 100, TINY) for s in range(100)]
    assert rates[0] == pytest.approx(TINY.rate / 20) and max(rates) == pytest.approx(TINY.rate)
    assert rates.index(max(rates)) in (19, 20) and rates[-1] < 0.001 * TINY.rate
    assert rates[60] == pytest.approx(TINY.rate / 2)


def test_labels_follow_the_names_of_the_classes():
    scenes = world.sample(50, seed=1)
    names = recipes.class_names(TINY)
    for label, shape, texture in zip(
        recipes.source_labels(scenes), scenes.shape, scenes.texture, strict=True
    ):
        assert names[label] == f"{world.TEXTURES[texture]} {world.SHAPES[shape]}"
    assert len(names) == 18 * 12 + 40


def test_two_processes_share_the_pictures_without_overlap():
    first, second = (recipes.make_pool(TINY, rank, 2).pictures for rank in (0, 1))
    whole = recipes.make_pool(TINY).pictures
    assert torch.equal(torch.cat([first[:24], second[:24]]), whole[:48])


def test_augmentation_repeats_with_its_generator_and_keeps_the_shape():
    x = recipes.normalise(world.render(world.sample(16, seed=1)))
    one, two = (recipes.augment(x, torch.Generator().manual_seed(4)) for _ in range(2))
    other = recipes.augment(x, torch.Generator().manual_seed(5))
    assert torch.equal(one, two) and one.shape == x.shape and not torch.equal(one, other)
    assert torch.isfinite(one).all()


def test_the_exported_file_loads_and_its_card_says_how_it_was_made(tmp_path):
    pretraining.pretrain(TINY, tmp_path, device="cpu", say=quiet)
    weights = tmp_path / "worldnet.safetensors"
    export(tmp_path / "checkpoint.pt", weights, pictures=64)
    card = json.loads(weights.with_suffix(".json").read_text())
    assert card["recipe"] == vars(TINY) and card["steps"] == 8
    assert card["bytes"] < 8e6 and card["made_with"]["torch"] == torch.__version__
    model = load_backbone("worldnet", weights=weights)
    pupil = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["pupil"]
    for name, value in model.net.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, pupil[f"net.{name}"], rtol=1e-3, atol=1e-6)
    assert 0 <= card["source_accuracy"]["class"] <= 1


def test_fractals_and_missing_factors_do_not_enter_the_extra_losses():
    recipe = recipes.Recipe(pictures=8, fractals=8, batch=8, factors_weight=1.0)
    pool = recipes.make_pool(recipe)
    pupil = recipes.Pupil(recipe)
    rows = torch.arange(8, 16)  # fractals only
    outputs = pupil(recipes.normalise(pool.pictures[rows]))
    only_classes = torch.nn.functional.cross_entropy(outputs["label"], pool.label[rows])
    assert torch.allclose(recipes.loss_of(outputs, pool, rows, recipe), only_classes)


def test_exporting_without_a_checkpoint_says_how_to_get_one(tmp_path):
    with pytest.raises(CourseError, match="course pretrain"):
        export(tmp_path / "checkpoint.pt", tmp_path / "w.safetensors")
