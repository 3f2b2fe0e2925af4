"""Lessons on the photos track, from download to last cell, on planted files in the real formats.

The backbone is torchvision's ResNet-18 with random weights in torchvision's own file format, on
pictures of 64 pixels, a twelfth of the arithmetic. No number means anything here; that every cell
runs does.
"""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests import planted
from tests.fileserver import serving

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = "resnet18-f37072fd.pth"
MNIST = tuple(planted.mnist())
PETS = "images.tar.gz"
# Lesson 04 stays in the image world, whatever the track.
NEEDS = {"02": (WEIGHTS, PETS), "03": (WEIGHTS, *MNIST), "04": (), "05": MNIST}
# What a kernel does before its first cell.
STARTUP = """\
import json, sys
sys.path.insert(0, {root!r})
from dataclasses import replace
from course_lib.backbones import loading
from tests import planted
known = json.loads({known!r})
planted.put({url!r}, known)
def here(name, weights=None, real=loading.torchvision_file):
    file = real(name, weights)
    size, digest = known[file.name]
    return replace(file, url={url!r} + "/" + file.name, size=size, digest=digest)
loading.torchvision_file = here
def small(*arguments, real=loading._load_torchvision):
    from torchvision.transforms._presets import ImageClassification
    backbone = real(*arguments)
    backbone.transform = ImageClassification(crop_size=64, resize_size=72)
    return backbone
loading._load_torchvision = small
"""


def resnet18() -> bytes:
    """Weights as torchvision's host has them: a state dictionary written by torch.save."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save(resnet18().state_dict(), buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def content() -> dict[str, bytes]:
    return {**planted.everything(times=20), WEIGHTS: resnet18()}


@pytest.mark.slow
@pytest.mark.parametrize("lesson", NEEDS)
def test_a_lesson_runs_on_the_photos_track_from_download_to_its_last_cell(
    lesson, content, tmp_path
):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    with serving() as host:
        host.files = {f"/{name}": data for name, data in content.items()}
        known = json.dumps(planted.facts(content))
        (startup / "00-planted.py").write_text(
            STARTUP.format(root=str(ROOT), known=known, url=host.url)
        )
        found = subprocess.run(
            [sys.executable, "-m", "course_lib.cli", "run", lesson, "--quick"]
            + ["--json", tmp_path / "report.json"],
            cwd=ROOT,
            env={
                **os.environ,
                "COURSE_TRACK": "photos",
                "COURSE_DATA": str(tmp_path / "data"),
                "TORCH_HOME": str(tmp_path / "torch"),  # for who calls torchvision himself
                "IPYTHONDIR": str(tmp_path / "ipython"),
            },
            capture_output=True,
            text=True,
        )
    assert found.returncode == 0, found.stderr
    (report,) = json.loads((tmp_path / "report.json").read_text())["lessons"]
    assert report["figures"] > 0 and report["figures_without_alt"] == 0
    # Each file that the lesson needs, once; and what is kept is what was sent.
    assert sorted(path for path, _ in host.requests) == sorted(f"/{file}" for file in NEEDS[lesson])
    kept = {path.name: path for path in (tmp_path / "data").rglob("*") if path.name in content}
    assert all(path.read_bytes() == content[name] for name, path in kept.items())
    assert WEIGHTS in kept or WEIGHTS not in NEEDS[lesson]
