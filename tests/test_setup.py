"""What a fresh machine gets: dependencies in step, pins without surprises, files in the package."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from write_pins import constraints

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# What conda-forge calls these packages: for torch the build without CUDA, for matplotlib the one
# without a window system.
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
# The others are for those who want their nets or adapters, and for the tests of that.
PIP_ONLY = {"open_clip_torch", "peft", "playwright", "timm", "transformers"}


def required() -> dict[str, SpecifierSet]:
    """Every package that pyproject.toml names, with its range."""
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    return {(r := Requirement(line)).name: r.specifier for line in lines}


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if not line.startswith("#"))


def test_conda_and_pip_install_the_same_packages_in_the_same_ranges():
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = {(r := Requirement(line)).name: r.specifier for line in lines if line != "pip"}
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    wanted = {CONDA_NAMES.get(n, n): s for n, s in required().items() if n not in PIP_ONLY}
    assert conda == wanted


def test_binder_uses_the_same_environment():
    assert (ROOT / "binder/environment.yml").read_bytes() == (ROOT / "environment.yml").read_bytes()


def test_every_dependency_is_pinned_to_a_version_within_its_range():
    pins = pinned()
    outside = {n: pins.get(n) for n, s in required().items() if not s.contains(pins.get(n, "0"))}
    assert not outside


def test_pins_name_exact_releases_and_no_address():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    odd = [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line)]
    assert not odd


def test_pins_leave_to_torch_what_only_some_platforms_have():
    frozen = "torch==2.15.0\nnvidia-nccl-cu13==2.30.7\ntriton==3.9.0\ncuda-bindings==13.5.0\n"
    frozen += "Babel==2.18.0\n-e git+x#egg=y\nlocal @ file:///tmp/local.whl\n"
    kept = [line for line in constraints(frozen).splitlines() if not line.startswith("#")]
    assert kept == ["Babel==2.18.0", "torch==2.15.0"]


def test_torchvision_is_the_one_that_was_built_for_this_torch():
    # A torch for the CPU beside the usual torchvision installs, and then lacks this operator.
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.9]])
    kept = torchvision.ops.nms(boxes, torch.tensor([0.9, 0.8]), 0.5)
    assert kept.tolist() == [0]


def test_the_package_takes_its_data_files_along():
    import fnmatch

    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]["course_lib"]
    package = ROOT / "course_lib"
    data = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    ]
    assert data
    left_out = [name for name in data if not any(fnmatch.fnmatch(f"./{name}", p) for p in patterns)]
    assert not left_out


def test_importing_the_course_loads_neither_torch_nor_jupyter():
    code = "import sys, course_lib; print([m for m in sys.modules if m in HEAVY])"
    code = f"HEAVY = {{'torch', 'numpy', 'matplotlib', 'IPython'}}; {code}"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ("ruff", "check", "--quiet"),
        ("ruff", "format", "--check"),
        ("lint-imports", "--no-cache"),
        ("mypy", "--no-incremental"),
    ],
    ids=" ".join,
)
def test_style_format_order_of_imports_and_types_hold(words):
    program = Path(sys.executable).with_name(words[0])
    found = subprocess.run([program, *words[1:]], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("script", [".ci/run", "binder/postBuild", "binder/start"])
def test_a_script_can_be_run_and_stops_at_its_first_error(script):
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text()
    assert subprocess.run(["bash", "-n", path]).returncode == 0


def test_make_refuses_a_python_that_is_too_old_and_says_what_to_do(tmp_path):
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    found = subprocess.run(
        ["make", "--silent", "setup", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert found.returncode != 0
    assert "Python 3.11" in found.stderr
    assert "make PYTHON=" in found.stderr
    assert not (tmp_path / "venv").exists()


def test_make_does_not_install_again_what_is_ready(tmp_path):
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / ".ready").touch()
    found = subprocess.run(
        ["make", "setup", f"VENV={venv}"], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0
    assert "pip" not in found.stdout
