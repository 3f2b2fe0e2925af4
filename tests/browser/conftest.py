"""JupyterLab as `course lab` starts it, and pages of headless Chromium that look at it.

`lab` is the server, on a copy of the lessons; `page` is a fresh page whose console errors and
requests to other machines are recorded. See test_lessons.py for their use.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser.sites import offline, site  # noqa: F401 (fixtures for all modules here)

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "browser-test"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-angle=swiftshader",  # WebGL without a GPU, for the 3D views
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Lab:
    """A running JupyterLab. url: its address, with the lesson that it opens first."""

    url: str
    folder: Path
    log: Path


@dataclass
class Watched:
    """A page, with what went wrong in it and what it asked of other machines."""

    page: Page
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def open(self, lab: Lab, notebook: str) -> None:
        """Open the notebook (such as "00_start_here.ipynb") and wait until its kernel is idle."""
        self.page.goto(f"{lab.url}/lab/tree/notebooks/{notebook}?token={TOKEN}&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
        self.wait_idle(120)

    def run_all(self, seconds: float = 300) -> None:
        """Clear what was stored, choose Run > Run All Cells and wait until the kernel is idle."""
        self.page.evaluate(CLEAR_OUTPUTS)
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.wait_idle(seconds)

    def wait_idle(self, seconds: float) -> None:
        """Wait until no cell is queued or running, for a second on end."""
        deadline, calm = time.monotonic() + seconds, 0
        while calm < 4:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the kernel was still busy after {seconds:g} s")
            self.page.wait_for_timeout(250)
            calm = calm + 1 if self.page.evaluate(KERNEL_IS_IDLE) else 0

    def notebook(self) -> dict:
        """The open notebook as JupyterLab has it now, outputs included, in nbformat."""
        return self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.context.model.toJSON()"
        )


CLEAR_OUTPUTS = "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
KERNEL_IS_IDLE = """() => {
    const panel = window.jupyterapp?.shell.currentWidget;
    const kernel = panel?.sessionContext?.session?.kernel;
    const prompts = [...document.querySelectorAll('.jp-Notebook .jp-InputPrompt')];
    return kernel?.status === 'idle' && !prompts.some(prompt => prompt.textContent.includes('*'));
}"""


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A `Lab` on a copy of the lessons, in quick mode, with settings of its own."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", home / "notebooks")
    environment = {
        **os.environ,
        "COURSE_QUICK": "1",
        "JUPYTER_TOKEN": TOKEN,
        **{
            f"JUPYTER{name}_DIR": str(home / "jupyter" / name.strip("_").lower())
            for name in ("_CONFIG", "_DATA", "_RUNTIME", "LAB_SETTINGS", "LAB_WORKSPACES")
        },
    }
    port = free_port()
    command = [sys.executable, "-m", "course_lib.cli", "lab", "--no-browser", f"--port={port}"]
    command += ["--", "--expose-app-in-browser"]
    log = home / "lab.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, server, log)
        yield Lab(url, home, log)
    finally:
        shut_down(url, server)


@pytest.fixture(scope="session")
def chromium():
    """Headless Chromium: $CHROMIUM, or Debian's."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    assert Path(path).is_file(), f"no Chromium at {path}: install it, or set CHROMIUM to its path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, request):
    """A `Watched` page. Requests to other machines are noted and stopped."""
    lab = request.getfixturevalue("lab") if "lab" in request.fixturenames else None
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    watched = Watched(context.new_page())
    watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
    watched.page.on(
        "console",
        lambda message: (
            watched.errors.append(f"{message.text} {message.location.get('url', '')}".strip())
            if message.type == "error"
            else None
        ),
    )

    def stay_here(route):
        if urlsplit(route.request.url).hostname in ("127.0.0.1", "localhost"):
            route.continue_()
        else:
            watched.outside.append(route.request.url)
            route.abort()

    context.route(lambda url: urlsplit(url).scheme in ("http", "https"), stay_here)
    yield watched
    context.close()
    if lab:
        tidy(lab)


def tidy(lab: Lab) -> None:
    """Leave no kernel running and no tab to be opened again before the next test."""
    for session in ask(f"{lab.url}/api/sessions"):
        ask(f"{lab.url}/api/sessions/{session['id']}", method="DELETE")
    for workspace in (lab.folder / "jupyter").rglob("*.jupyterlab-workspace"):
        workspace.unlink()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(url: str, server: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            ask(f"{url}/api/status")
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def shut_down(url: str, server: subprocess.Popen) -> None:
    """Ask the server to end, which also ends its kernels."""
    try:
        ask(f"{url}/api/shutdown", method="POST")
        server.wait(30)
    except (urllib.error.URLError, ConnectionError, subprocess.TimeoutExpired):
        server.kill()


def ask(url: str, method: str = "GET") -> dict:
    request = urllib.request.Request(
        url, method=method, headers={"Authorization": f"token {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"{}")
