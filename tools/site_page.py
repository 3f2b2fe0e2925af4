"""The landing page: experiments that train WorldNet in the reader's browser, from one file.

`html()` bundles site/src with esbuild, which npm brings, and puts code, weights and pictures into
site/index.html: a page opened from disk may fetch nothing.
"""

import base64
import io
import json
import shutil
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image
from torch import Tensor

from course_lib import load_backbone, load_task
from course_lib import strategies as S
from course_lib.errors import CourseError
from course_lib.train.fit import Settings
from course_lib.train.strategies import for_net, peak_rates
from course_lib.widgets.live import looks

SITE = Path(__file__).resolve().parents[1] / "site"
WEIGHTS = SITE.parent / "course_lib/backbones/weights/worldnet.safetensors"
LANES = {"head": S.FEATURE_EXTRACTION, "last stage": S.FINE_TUNING, "scratch": S.SCRATCH}
COLUMNS = 20  # tiles in a row of a sheet
EPOCHS, TRAIN, TEST, SOURCE = 10, 100, 100, 12


def carried() -> tuple[dict, dict[str, str]]:
    """What the page knows, as plain data, and its sheets of pictures by name."""
    backbone, task = load_backbone("worldnet"), load_task("new-shapes", train=TRAIN, seed=0)
    source = load_task("source", train=len(load_task("source").classes), seed=0).test
    names = tuple(backbone.source_classes)
    strategies = {lane: for_net(strategy, backbone) for lane, strategy in LANES.items()}
    one = strategies["head"]
    shown = looks(*(strategy.name for strategy in LANES.values()))
    data = {
        "card": {
            "mean": backbone.transform.mean,
            "std": backbone.transform.std,
            "classes": names,
        },
        "sheets": {"train": TRAIN, "test": TEST, "source": SOURCE},
        "source": [load_task("source").classes[label] for label in source.labels[:SOURCE].tolist()],
        "race": {
            "classes": task.classes,
            "train": task.train.labels.tolist(),
            "test": task.test.labels[:TEST].tolist(),
            "epochs": EPOCHS,
            "batch": asdict(Settings(EPOCHS))["batch_size"],
            "warmup": one.warmup,
            "decay": one.weight_decay,
            "decayVectors": bool(one.decay_vectors),
            "rates": {
                lane: peak_rates(strategy, tuple(backbone.stages), 0)
                for lane, strategy in strategies.items()
            },
        },
        "looks": {lane: shown[strategy.name] for lane, strategy in LANES.items()}
        | {"guess": {"color": "var(--live-ink)", "dash": "2 3", "marker": "."}},
    }
    sheets = {
        "train": task.train.pictures,
        "test": task.test.pictures[:TEST],
        "source": source.pictures[:SOURCE],
    }
    return data, {name: sheet(pictures) for name, pictures in sheets.items()}


def sheet(pictures: Tensor) -> str:
    """uint8 (n, 3, side, side) as tiles of one picture, WebP without loss, in base64."""
    tiles = pictures.permute(0, 2, 3, 1).numpy()
    n, side = len(tiles), tiles.shape[1]
    rows = -(-n // COLUMNS)
    canvas = np.zeros((rows * side, min(n, COLUMNS) * side, 3), np.uint8)
    for i, tile in enumerate(tiles):
        y, x = side * (i // COLUMNS), side * (i % COLUMNS)
        canvas[y : y + side, x : x + side] = tile
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, "WEBP", lossless=True, quality=50, method=4)
    return base64.b64encode(file.getvalue()).decode()


def bundles() -> dict[str, str]:
    """The page's script and the worker's, bundled. Raises CourseError, saying what is missing."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise CourseError("Needs Node.js 20 or newer with npm (nodejs.org, or apt install npm).")
    if not (SITE / "node_modules").is_dir():
        _run([npm, "install", "--no-package-lock", "--no-audit", "--no-fund"])
    with tempfile.TemporaryDirectory() as folder:
        _run(["node", "build.mjs", folder])
        return {
            name: (Path(folder) / f"{name}.js").read_text("utf-8") for name in ("page", "kernel")
        }


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=SITE, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-600:]
        raise CourseError(f"{' '.join(command[-3:])} failed in site/: {said}")


def html(**words: str) -> str:
    """The whole page. words: what site/index.html has in ${...} beside what is made here."""
    data, sheets = carried()
    parts = bundles() | sheets | words
    parts["data"] = json.dumps(data, ensure_ascii=True).replace("</", "<\\/")
    parts["weights"] = base64.b64encode(WEIGHTS.read_bytes()).decode()
    parts["style"] = (SITE / "style.css").read_text("utf-8")
    for name in ("page", "kernel"):
        parts[name] = parts[name].replace("</script", "<\\/script")
    return Template((SITE / "index.html").read_text("utf-8")).substitute(parts)
