"""What the first cell of a lesson does on Google Colab, after it has fetched this package."""

import subprocess
import sys
from collections.abc import Callable
from importlib import metadata

from course_lib.errors import CourseError

# Colab brings these, matched to its GPU driver and its own front end: never touched here.
COLABS_OWN = {"torch", "torchvision", "ipywidgets", "ipykernel", "numpy"}
# For JupyterLab, for building, running and grading notebooks; a lesson on Colab uses none of them.
NOT_NEEDED = {"jupyterlab", "nbgrader", "nbclient", "nbconvert", "nbformat", "sqlalchemy"}


def get_ready() -> None:
    """Install what Colab lacks, let it show our widgets, and say in one line that all is well.

    A second call installs nothing. Raises CourseError when pip fails or the self-test does.
    """
    lacking = missing()
    if lacking:
        install(lacking)
    _allow_widgets()
    print(self_test())


def missing() -> list[str]:
    """Requirements of this package that a lesson needs and that are not installed."""
    from packaging.requirements import Requirement

    lacking = []
    for line in metadata.requires("course-lib") or ():
        requirement = Requirement(line)
        extra = requirement.marker and not requirement.marker.evaluate({"extra": ""})
        if extra or requirement.name in COLABS_OWN | NOT_NEEDED:
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            lacking.append(line)
        else:
            if not requirement.specifier.contains(version, prereleases=True):
                lacking.append(line)
    return lacking


def install(requirements: list[str], call: Callable = subprocess.run) -> None:
    """pip install, with Colab's own packages held at the versions that they have."""
    held = [
        f"{name}=={version}"
        for name in sorted(COLABS_OWN)
        if (version := _version(name)) is not None
    ]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *requirements, *held]
    done = call(command, capture_output=True, text=True)
    if done.returncode:
        raise CourseError(
            f"pip could not install {', '.join(requirements)}: {done.stderr.strip()[-300:]} "
            "Choose Runtime > Disconnect and delete runtime, then run this cell again."
        )


def self_test() -> str:
    """One line: versions, device, and that the pretrained net and a task are there."""
    import torch

    from course_lib import load_backbone, load_task
    from course_lib.backbones.inference import predict

    net, task = load_backbone(), load_task("digits", train=10)
    logits = predict(net, task.train.pictures)
    if not torch.isfinite(logits).all():
        raise CourseError(
            "WorldNet gives no finite numbers here. Restart the runtime and try again."
        )
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU"
    versions = [f"{name} {_version(name)}" for name in ("torch", "ipywidgets", "anywidget")]
    return (
        f"Ready: course {_version('course-lib')} on {device}, {', '.join(versions)}; WorldNet "
        f"names {net.classes} classes."
    )


def _allow_widgets() -> None:
    """Colab shows widgets of other makers, such as anywidget's, only when told."""
    try:
        from google.colab import output
    except ImportError:
        return
    output.enable_custom_widget_manager()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
