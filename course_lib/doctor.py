"""Is all there that the course needs, and how is what is missing mended?"""

import platform
import shutil
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.measure import hardware

OK, WARNING, PROBLEM = "ok", "warning", "problem"
GB = 1e9
# Below these a lesson may not fit: its Run All may take 1.5 GB, and downloads of the photos track
# about as much.
MEMORY_NEEDED = 2 * GB
DISK_NEEDED = 2 * GB


@dataclass(frozen=True)
class Check:
    """What one check found. mend: what to do about it, empty when all is well."""

    name: str
    status: str
    found: str
    mend: str = ""


def examine(names: Collection[str] | None = None) -> list[Check]:
    """The checks of these names (default: all), in the order of the report.

    A check that breaks is a problem, not the end.
    """
    return [_guarded(name, check) for name, check in CHECKS if names is None or name in names]


def check_python() -> tuple[str, str, str]:
    return OK, f"{platform.python_version()} at {sys.executable}", ""


def check_packages() -> tuple[str, str, str]:
    """Each required package is there, in the range that pyproject.toml names."""
    from packaging.requirements import Requirement

    wrong = []
    for line in metadata.requires("course-lib") or ():
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
        else:
            if not requirement.specifier.contains(version, prereleases=True):
                wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    if wrong:
        mend = "`make setup`, or `pip install -e .` in your own environment"
        return PROBLEM, "; ".join(wrong), mend
    shown = ("torch", "torchvision", "numpy", "jupyterlab", "ipywidgets")
    return OK, ", ".join(f"{name} {metadata.version(name)}" for name in shown), ""


def check_torch() -> tuple[str, str, str]:
    """torch computes, and torchvision's compiled part was built for it."""
    import torch
    import torchvision

    versions = f"torchvision {torchvision.__version__} and torch {torch.__version__}"
    try:
        torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
    except (AttributeError, RuntimeError) as error:
        return (
            PROBLEM,
            f"{versions} do not fit each other ({error})",
            "install the two together from one source: `make setup`",
        )
    if torch.cuda.is_available():
        return OK, f"GPU {torch.cuda.get_device_name()}", ""
    return OK, "no GPU: computing on the CPU, which is what the course is made for", ""


def check_cores() -> tuple[str, str, str]:
    import torch

    cores, threads = hardware.usable_cores(), torch.get_num_threads()
    if threads > cores:
        return (
            WARNING,
            f"{cores} usable, but torch would start {threads} threads and get in its own way",
            f"set OMP_NUM_THREADS={cores} before you start JupyterLab",
        )
    return OK, f"{cores} usable, torch uses {threads}", ""


def check_memory() -> tuple[str, str, str]:
    total, available = hardware.memory()
    found = f"{available / GB:.1f} GB free of {total / GB:.1f}"
    if available < MEMORY_NEEDED:
        return WARNING, found, "close other programs: a lesson may take 1.5 GB"
    return OK, found, ""


def check_disk() -> tuple[str, str, str]:
    free = shutil.disk_usage(Path.cwd()).free
    found = f"{free / GB:.1f} GB free here"
    if free < DISK_NEEDED:
        return WARNING, found, f"free some space: {DISK_NEEDED / GB:.0f} GB is comfortable"
    return OK, found, ""


def check_weights() -> tuple[str, str, str]:
    """WorldNet's file is there and is the one that its card describes."""
    from course_lib.backbones.loading import WORLDNET_WEIGHTS, read_card

    try:
        card = read_card(WORLDNET_WEIGHTS)
    except CourseError as error:
        return PROBLEM, str(error), "`git checkout` or reinstalling the course brings them back"
    size = f"{WORLDNET_WEIGHTS.stat().st_size / 1e6:.1f} MB"
    return OK, f"WorldNet, {len(card['classes'])} classes, {size}, SHA-256 as in its card", ""


def check_kernel() -> tuple[str, str, str]:
    """The kernel that notebooks ask for, python3, runs in this environment."""
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    program = spec.argv[0]
    if Path(program).is_absolute() and Path(program) != Path(sys.executable):
        return (
            PROBLEM,
            f"python3 in {spec.resource_dir} starts {program}, not this Python",
            f"{sys.executable} -m ipykernel install --sys-prefix",
        )
    return OK, f"python3 runs {sys.executable}", ""


def check_widgets() -> tuple[str, str, str]:
    """The widgets' JupyterLab halves are installed where this JupyterLab looks."""
    wanted = {"ipywidgets": "@jupyter-widgets/jupyterlab-manager", "anywidget": "anywidget"}
    missing = [package for package, extension in wanted.items() if not _lab_has(extension)]
    if missing:
        return (
            PROBLEM,
            f"JupyterLab has no extension for {', '.join(missing)}",
            f"install into the same environment as JupyterLab: pip install {' '.join(missing)}",
        )
    return OK, ", ".join(f"{name} {metadata.version(name)}" for name in wanted), ""


def check_3d() -> tuple[str, str, str]:
    """plotly's JupyterLab half, which draws the 3D views, is installed where JupyterLab looks."""
    version = metadata.version("plotly")
    if not _lab_has("jupyterlab-plotly"):
        return (
            WARNING,
            f"JupyterLab has no extension of plotly {version}: a still picture is shown instead",
            "pip install --force-reinstall plotly, in the same environment as JupyterLab",
        )
    return OK, f"plotly {version}", ""


def check_nbgrader() -> tuple[str, str, str]:
    """Formgrader and the lists of assignments: for classes that hand in graded quizzes."""
    from jupyter_core.paths import jupyter_config_path

    version = metadata.version("nbgrader")
    enabled = any(
        "nbgrader" in file.read_text(errors="replace")
        for folder in jupyter_config_path()
        for file in (Path(folder) / "jupyter_server_config.d").glob("*.json")
    )
    if not enabled or not _lab_has("@jupyter/nbgrader"):
        return (
            WARNING,
            f"nbgrader {version} is there, but JupyterLab does not load it",
            "only for graded quizzes: jupyter server extension enable --sys-prefix --py nbgrader",
        )
    return OK, f"nbgrader {version}, its extensions enabled", ""


def _lab_has(extension: str) -> bool:
    """Whether a JupyterLab extension is installed where this JupyterLab looks."""
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    return any((folder / extension / "package.json").is_file() for folder in folders)


def check_sandbox() -> tuple[str, str, str]:
    """Only a grader needs it: code answers run confined."""
    from course_lib.grading import sandbox

    status = sandbox.status()
    if status.ok:
        return OK, status.message, ""
    return (
        WARNING,
        f"none ({status.message})",
        "only for grading code answers; on Debian and Ubuntu: apt install bubblewrap",
    )


CHECKS: tuple[tuple[str, Callable[[], tuple[str, str, str]]], ...] = (
    ("Python", check_python),
    ("packages", check_packages),
    ("torch", check_torch),
    ("cores", check_cores),
    ("memory", check_memory),
    ("disk", check_disk),
    ("weights", check_weights),
    ("kernel", check_kernel),
    ("widgets", check_widgets),
    ("3D", check_3d),
    ("nbgrader", check_nbgrader),
    ("sandbox", check_sandbox),
)
# What a learner needs; lesson 00 shows these.
LESSON = ("packages", "torch", "cores", "memory", "disk", "weights", "kernel", "widgets", "3D")


def _guarded(name: str, check: Callable[[], tuple[str, str, str]]) -> Check:
    try:
        return Check(name, *check())
    except Exception as error:  # a broken installation fails in any way it likes
        found = f"the check failed: {type(error).__name__}: {error}"
        return Check(name, PROBLEM, found, "`make setup`, or reinstall the package that it names")
