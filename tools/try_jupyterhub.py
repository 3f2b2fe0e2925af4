"""Walk a quiz through a real JupyterHub on this machine: two students, one instructor.

    pip install jupyterhub && npm install configurable-http-proxy
    python tools/try_jupyterhub.py --proxy node_modules/.bin/configurable-http-proxy

Neither is a dependency of the course, so that no test runs this. The hub listens on the loopback
address alone. The students fetch, answer and submit through their own servers (nbgrader's
Assignment List, Jupyter's contents); the instructor has the commands of docs/class.md, and
formgrader in a server of their own. All servers run as whoever starts this: that accounts cannot
read each other's files is the hub's and the system's job and is not tried here.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import nbgrader

ROOT = Path(__file__).resolve().parents[1]
STUDENTS = {"ann": ("c", 1.0), "bob": ("a", 0.0)}  # an answer to l01-early-general, and its points
QUIZ, QUESTION = "lesson01", "l01-early-general"
PATIENCE = 180.0  # seconds for a server to start

HUB = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {home!r} + "/{{username}}"
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser", "--allow-root"]
c.Spawner.environment = {environment!r}
c.Spawner.start_timeout = 170
c.Spawner.http_timeout = 170
c.JupyterHub.db_url = "sqlite:///" + {home!r} + "/hub.sqlite"
c.JupyterHub.cookie_secret_file = {home!r} + "/cookie"
c.JupyterHub.services = [{{"name": "walk", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [
    {{
        "name": "walk",
        "scopes": ["admin:users", "admin:servers", "access:servers"],
        "services": ["walk"],
    }}
]
"""


# Where nbgrader is installed: its programs and server extensions, if in another environment.
PREFIX = Path(nbgrader.__file__).resolve().parents[4]
PROGRAMS = os.pathsep.join(
    [os.path.dirname(sys.executable), str(PREFIX / "bin"), os.environ.get("PATH", "")]
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Hub:
    """A running hub and what one may ask of it, as any of its users."""

    def __init__(self, home: Path, proxy: str):
        self.home, self.token = home, secrets.token_hex(16)
        self.port = free_port()
        environment = {
            "JUPYTER_CONFIG_PATH": str(PREFIX / "etc" / "jupyter"),
            "JUPYTER_PATH": str(PREFIX / "share" / "jupyter"),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PATH": PROGRAMS,
        }
        config = home / "jupyterhub_config.py"
        config.write_text(
            HUB.format(
                port=self.port,
                hub=free_port(),
                api=free_port(),
                proxy=proxy,
                home=str(home),
                python=sys.executable,
                environment=environment,
                token=self.token,
            )
        )
        self.log = (home / "hub.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)],
            cwd=home,
            env=os.environ | {"CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(16)},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def ask(self, path: str, method: str = "GET", body: object = None, form: bool = False):
        data, kind = None, "application/json"
        if body is not None:
            data = json.dumps(body).encode()
        if form:
            data, kind = urllib.parse.urlencode(body).encode(), "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=data,
            method=method,
            headers={"Authorization": f"token {self.token}", "Content-Type": kind},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
        return json.loads(text) if text.strip()[:1] in (b"{", b"[") else text.decode()

    def wait(self, path: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask(path)
                return
            except (urllib.error.URLError, ConnectionError) as error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit(f"{path}: {error}; see {self.home / 'hub.log'}") from None
                time.sleep(0.5)

    def start(self, user: str) -> None:
        self.ask(f"/hub/api/users/{user}/server", "POST", {})
        self.wait(f"/user/{user}/api/status")

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


def course(home: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "course_lib.cli", "quiz", *words],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": PROGRAMS},
        capture_output=True,
        text=True,
    )
    print("$ course quiz", " ".join(words))
    print("\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-6:]))
    if done.returncode:
        raise SystemExit(f"course quiz {words[0]} ended with {done.returncode}.")
    return done.stdout


def settle(home: Path) -> Path:
    """Homes of all, the exchange, and nbgrader's settings of each; the course's folder."""
    exchange = home / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    for user in ("prof", *STUDENTS):
        settings = home / user / ".jupyter"
        settings.mkdir(parents=True)
        if user in STUDENTS:
            (settings / "nbgrader_config.py").write_text(
                f'c = get_config()\nc.CourseDirectory.course_id = "biology"\n'
                f"c.CourseDirectory.student_id = {user!r}\nc.Exchange.root = {str(exchange)!r}\n"
                f"c.Exchange.cache = {str(home / user / 'cache')!r}\n"
            )
    roster = home / "prof" / "class.csv"
    roster.write_text(
        "id,name\n" + "".join(f"{name},{name.title()} Example\n" for name in STUDENTS)
    )
    prof = home / "prof"
    course(prof, "init", "biology", "--roster", "class.csv", "--exchange", str(exchange))
    (prof / ".jupyter" / "nbgrader_config.py").write_text(
        f"load_subconfig({str(prof / 'biology' / 'nbgrader_config.py')!r})\n"
    )
    rules = prof / "biology" / "course.yaml"
    rules.write_text(
        rules.read_text().replace("before_closing: receipt", "before_closing: points ")
    )
    return prof / "biology"


def student(hub: Hub, name: str, answer: str) -> None:
    """Fetch, answer and submit in the student's own server."""
    base = f"/user/{name}"
    listed = hub.ask(f"{base}/assignments?course_id=biology")["value"]
    assert [one["assignment_id"] for one in listed] == [QUIZ], listed
    fields = {"course_id": "biology", "assignment_id": QUIZ}
    hub.ask(f"{base}/assignments/fetch", "POST", fields, form=True)
    path = f"{base}/api/contents/{QUIZ}/{QUIZ}.ipynb"
    book = hub.ask(path)["content"]
    for cell in book["cells"]:
        if cell["metadata"]["nbgrader"]["grade_id"] == QUESTION:
            cell["source"] = f'answer = "{answer}"'
    hub.ask(path, "PUT", {"type": "notebook", "format": "json", "content": book})
    done = hub.ask(f"{base}/assignments/submit", "POST", fields, form=True)
    assert done["success"], done
    print(f"{name}: fetched, answered {answer!r}, submitted")


def points_of(book: Path) -> float:
    """All points that a built quiz can give."""
    cells = json.loads(book.read_text(encoding="utf-8"))["cells"]
    return sum(cell["metadata"].get("nbgrader", {}).get("points", 0) for cell in cells)


def walk(hub: Hub, place: Path) -> None:
    course(place, "build", QUIZ, "--unchecked")
    most = points_of(place / "source" / QUIZ / f"{QUIZ}.ipynb")
    course(place, "release", QUIZ)
    for name in (*STUDENTS, "prof"):
        hub.ask(f"/hub/api/users/{name}", "POST", {})
        hub.start(name)
        print(f"{name}: server is up")
    for name, (answer, _) in STUDENTS.items():
        student(hub, name, answer)
    course(place, "collect", QUIZ, "--exchange")
    course(place, "grade", QUIZ)
    rows = hub.ask("/user/prof/formgrader/api/assignments")
    (row,) = [one for one in rows if one["name"] == QUIZ]
    assert row["num_submissions"] == len(STUDENTS), row
    page = hub.ask("/user/prof/formgrader/gradebook")
    assert "formgrader" in page.lower()
    print(f"prof: formgrader has {row['num_submissions']} submissions of {QUIZ}")
    course(place, "feedback", QUIZ, "--release")
    for name, (_, points) in STUDENTS.items():
        fields = {"course_id": "biology", "assignment_id": QUIZ}
        done = hub.ask(f"/user/{name}/assignments/fetch_feedback", "POST", fields, form=True)
        assert done["success"], done
        (found,) = (hub.home / name / QUIZ / "feedback").rglob("*.html")
        assert f"{points:g} of {most:g} points" in found.read_text(), found
        print(f"{name}: has the feedback, {points:g} of {most:g} points")
    course(place, "export", QUIZ, "--format", "canvas", "--out", "scores.csv")
    with (place / "scores.csv").open(newline="") as file:
        scores = {row[3]: row[-1] for row in list(csv.reader(file))[2:]}
    assert scores == {name: f"{points:g}" for name, (_, points) in STUDENTS.items()}, scores
    print(f"exported: {scores}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--proxy", default="configurable-http-proxy", help="the proxy's program")
    args = parser.parse_args()
    proxy = str(Path(args.proxy).resolve()) if os.sep in args.proxy else args.proxy
    with tempfile.TemporaryDirectory(prefix="hub-") as folder:
        home = Path(folder)
        started = time.monotonic()
        place = settle(home)
        hub = Hub(home, proxy)
        try:
            hub.wait("/hub/api/")
            walk(hub, place)
        except BaseException:
            hub.log.flush()
            print((home / "hub.log").read_text(errors="replace")[-4000:], file=sys.stderr)
            raise
        finally:
            hub.close()
    print(f"All of it worked, in {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
