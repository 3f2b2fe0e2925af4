"""Write constraints.txt: the exact versions that a clean install of the course takes today.

Left out is what torch pins for itself on the platforms that have it (the CUDA packages and triton),
so that the file serves every platform, and everything that is not a plain `name==version`.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PINNED_BY_TORCH = ("cuda-", "nvidia-", "triton")
HEADER = """\
# The exact versions that the course was tested with, for `pip install --constraint`.
# A constraint installs nothing by itself, so a line for another platform does no harm.
# Written by `make pins`.
"""


def constraints(frozen: str) -> str:
    """The text of constraints.txt, given the output of `pip freeze`."""
    pins = [
        line
        for line in frozen.splitlines()
        if "==" in line and not line.lower().startswith(PINNED_BY_TORCH)
    ]
    return HEADER + "".join(f"{line}\n" for line in sorted(pins, key=str.lower))


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--editable", f"{ROOT}[dev]"], check=True)
        frozen = subprocess.run(
            [*pip, "freeze", "--exclude-editable"], check=True, capture_output=True, text=True
        ).stdout
    (ROOT / "constraints.txt").write_text(constraints(frozen))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
