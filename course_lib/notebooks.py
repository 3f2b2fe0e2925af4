"""Lessons as files: where they are, running them, and what their outputs hold.

A lesson is notebooks/NN_topic.ipynb, built from notebooks/source/NN_topic.py and without outputs;
notebooks/executed has the same cells with them.
"""

import atexit
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.errors import CourseError

START = "00_start_here.ipynb"
PATTERN = "[0-9][0-9]_*.ipynb"
PICTURES = ("image/png", "image/jpeg", "image/svg+xml", "image/gif", "image/webp")
WIDGET = "application/vnd.jupyter.widget-view+json"


def _resident_together(tree: list) -> int:
    """Bytes of memory of a kernel and its children; pages that they share count once.

    A lone kernel shares nothing that matters, and its shares would take a while to add up.
    """
    if len(tree) == 1:
        return tree[0].memory_info().rss
    return sum(_share(process) for process in tree)


def _share(process) -> int:
    """Bytes of memory of a process, with pages that several processes share counted in parts."""
    import psutil

    try:
        full = process.memory_full_info()
    except psutil.AccessDenied:
        return process.memory_info().rss
    return getattr(full, "pss", 0) or process.memory_info().rss


def find_root(start: Path | None = None) -> Path:
    """The course's folder: the nearest with lessons from `start` (here) up, else this checkout.

    Raises CourseError when there is none, which is so for a package without its repository.
    """
    start = Path(start or Path.cwd()).resolve()
    for folder in (start, *start.parents, Path(__file__).resolve().parents[1]):
        if next((folder / "notebooks").glob(PATTERN), None):
            return folder
    raise CourseError(
        f"No lessons found: neither {start} nor a folder above it has notebooks/NN_topic.ipynb. "
        "Go to the folder of the course and try again."
    )


def lessons(root: Path) -> dict[str, Path]:
    """The learners' notebooks by number, in order: {"00": .../00_start_here.ipynb, ...}."""
    return {path.name[:2]: path for path in sorted((root / "notebooks").glob(PATTERN))}


def executed(root: Path) -> Path:
    """The folder of the lessons with outputs; a file has the same name as the learner's."""
    return root / "notebooks" / "executed"


@dataclass(frozen=True)
class Figure:
    """A picture among a notebook's outputs."""

    cell: int  # 1-based, counting all cells
    alt: str  # empty when it has none


def figures(notebook) -> Iterator[Figure]:
    """Every picture that the notebook's outputs show."""
    for number, _, output in outputs(notebook):
        data, metadata = output.get("data", {}), output.get("metadata", {})
        for mime in PICTURES:
            if mime in data:
                alt = metadata.get(mime, {}).get("alt") or metadata.get("alt") or ""
                yield Figure(number, str(alt).strip())
                break  # the other forms in the bundle show the same picture
        else:
            for tag in re.findall(r"<img\b[^>]*>", _text(data.get("text/html", ""))):
                alt = re.search(r"""\balt=(["'])(.*?)\1""", tag, re.DOTALL)
                yield Figure(number, alt.group(2).strip() if alt else "")


def outputs(notebook) -> Iterator[tuple[int, dict, dict]]:
    """(1-based cell number, cell, output) for every output of the notebook."""
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", ()):
            yield number, cell, output


@dataclass
class Execution:
    """One run of a notebook: what it cost and where it failed."""

    seconds: float = 0.0
    peak_memory: int = 0  # bytes resident, the kernel and its children together
    errors: list[dict] = field(default_factory=list)  # cell, name, message


def execute(
    notebook, *, folder: Path, environment: dict[str, str] | None = None, timeout: float = 600
) -> Execution:
    """Run the notebook's code in a new kernel of this Python; outputs go into `notebook`.

    folder: the kernel's working directory.
    environment: variables for the kernel beside this process's own.
    timeout: seconds that one cell may take.

    Stops at the first cell that fails. No network is needed, not even the loopback device: on Linux
    and macOS the kernel is reached through Unix sockets.
    """
    import nbclient
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    run = Execution()
    begun = [0]  # 1-based numbers of the cells that were started
    start = time.perf_counter()
    # A socket's path may have 104 characters at most, so it gets a short folder of its own.
    with tempfile.TemporaryDirectory(prefix="course-") as sockets:
        manager = AsyncKernelManager(
            kernel_name="python3",
            # Without folders the manager falls back to the Python that runs this process, whatever
            # kernel the user has installed under the same name.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=str(Path(sockets) / "kernel.json"),
            transport="tcp" if os.name == "nt" else "ipc",
        )
        client = nbclient.NotebookClient(
            notebook,
            km=manager,
            timeout=timeout,
            resources={"metadata": {"path": str(folder)}},
            on_cell_execute=lambda cell, cell_index: begun.append(cell_index + 1),
        )
        last_words = Path(sockets) / "stderr"
        # Nobody answers here, and what a learner has answered stays as it is.
        progress = {"COURSE_PROGRESS": str(Path(sockets) / "progress.json")}
        options = {"cwd": str(folder), "env": {**os.environ, **progress, **(environment or {})}}
        try:
            with last_words.open("wb") as stderr:
                _watch(run, manager, client.execute, stderr=stderr, cleanup_kc=True, **options)
        except CellExecutionError as error:
            run.errors.append(_failure(begun, error.ename, error.evalue))
        except CellTimeoutError:
            run.errors.append(_failure(begun, "Timeout", f"took longer than {timeout:g} s"))
        except (DeadKernelError, RuntimeError) as error:
            words = last_words.read_text(errors="replace").strip() or "often for lack of memory"
            message = f"{error}: {words.splitlines()[-1]}"
            run.errors.append(_failure(begun, "KernelDied", message))
        finally:
            # It would clean up once more when Python ends, and fail, since nothing is left.
            atexit.unregister(client._cleanup_kernel)
    run.seconds = time.perf_counter() - start
    return run


def execute_copy(path: Path, *, quick: bool = False, timeout: float = 600):
    """Run the lesson `path` in a temporary copy of its folder: (notebook with outputs, Execution).

    quick: fewest seeds and steps (COURSE_QUICK=1).
    """
    notebook = read(path)
    with tempfile.TemporaryDirectory(prefix="course-") as temporary:
        folder = Path(temporary) / path.parent.name
        shutil.copytree(
            path.parent, folder, ignore=shutil.ignore_patterns("source", ".ipynb_checkpoints")
        )
        environment = {"COURSE_QUICK": "1"} if quick else {}
        run = execute(notebook, folder=folder, environment=environment, timeout=timeout)
    return notebook, run


def read(path: Path):
    """The notebook at `path`, as nbformat 4. Raises CourseError when the file is not a notebook."""
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except OSError as error:
        raise CourseError(f"Cannot read {path}: {error.strerror}.") from error
    except Exception as error:  # nbformat raises several unrelated types for broken files
        raise CourseError(
            f"{path} is not a valid notebook ({error}). `git checkout` brings the original back."
        ) from error


def _watch(run: Execution, manager, job, **options) -> None:
    """Call job(**options), which runs the manager's kernel; note the peak memory of its tree.

    The job gets a thread of its own: this one looks at the kernel three times a second, not
    more often since a look costs time, and Ctrl-C stays with Python (in the main thread nbclient
    would take it over).
    """
    import psutil

    kernel = None
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(job, **options)
        try:
            while not wait([future], timeout=0.3).done:
                # The provisioner comes with the kernel and goes with it.
                pid = getattr(getattr(manager, "provisioner", None), "pid", None)
                try:
                    kernel = psutil.Process(pid) if pid else None
                    tree = [kernel, *kernel.children(recursive=True)] if kernel else []
                    resident = _resident_together(tree)
                    run.peak_memory = max(run.peak_memory, resident)
                except psutil.Error:  # a process ended while we looked
                    pass
        except BaseException:
            if kernel and kernel.is_running():
                kernel.kill()
            wait([future])
            raise
        future.result()


def _failure(begun: list[int], name: str, message: str) -> dict:
    return {"cell": begun[-1], "name": name, "message": message}


def _text(value) -> str:
    return "".join(value) if isinstance(value, list) else str(value)
