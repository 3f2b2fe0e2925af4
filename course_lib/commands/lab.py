"""`course lab`: JupyterLab at lesson 00."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from course_lib import notebooks
from course_lib.commands import whole_number
from course_lib.commands.report import note
from course_lib.lab import tracks

SETTINGS = Path(__file__).parent / "jupyter"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port",
        type=whole_number(1, 65_535),
        help="port to use (default: the first free one from 8888)",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address, open no browser"
    )
    parser.add_argument(
        "jupyter", nargs="*", metavar="-- OPTION", help="further options, handed to `jupyter lab`"
    )


def run(args: argparse.Namespace) -> int:
    tracks.current()  # a wrong COURSE_TRACK is said here, not in every lesson
    root = notebooks.find_root()
    trust(root)
    try:
        return subprocess.run(command(root, args), env=environment()).returncode
    except KeyboardInterrupt:  # Ctrl-C reaches JupyterLab too, which has said goodbye itself
        return 0


def command(root: Path, args: argparse.Namespace) -> list[str]:
    """The JupyterLab that opens the course in `root`, as a command line."""
    line = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/notebooks/{notebooks.START}",
        # The list of extensions is on the internet; the course works without a network.
        "--LabApp.extension_manager=readonly",
    ]
    if args.port is not None:
        line += [f"--ServerApp.port={args.port}", "--ServerApp.port_retries=0"]
    if args.no_browser:
        line.append("--no-browser")
    if getattr(os, "geteuid", lambda: 1)() == 0:
        # Containers often have no other user. Jupyter refuses root unless told.
        note("course: running as root, as in a container; elsewhere use an ordinary account")
        line.append("--allow-root")
    return line + args.jupyter


def environment() -> dict[str, str]:
    """This process's variables, with the course's own defaults for JupyterLab's settings.

    They leave out JupyterLab's question about news: the first minute belongs to the lesson.
    """
    search = [str(SETTINGS), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(search)}


def trust(root: Path) -> None:
    """Sign the executed lessons, so that JupyterLab shows their stored outputs in full."""
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    for path in notebooks.executed(root).glob(notebooks.PATTERN):
        notary.sign(notebooks.read(path))
