"""Make an environment with the versions that Google Colab has, above this one.

    python tools/make_colab_environment.py FOLDER

Torch and the other large packages are those of the environment that runs this; only the packages
below are installed anew, and hide the newer ones.
"""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

COLAB = {"ipywidgets": "7.7.1", "ipykernel": "6.17.1", "anywidget": "0.9.21", "plotly": "5.24.1"}


def main(folder: Path) -> None:
    versions = [f"{name}=={version}" for name, version in COLAB.items()]
    made = folder / ".made"
    if made.is_file() and made.read_text() == "\n".join(versions):
        return
    venv.create(folder, with_pip=True, clear=True)
    python = folder / "bin" / "python"
    if not python.exists():  # Windows
        python = folder / "Scripts" / "python.exe"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *versions], check=True)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True)
    # A path file of this name comes after the folder itself, so that Colab's versions go first.
    # site.addsitedir also reads the other environment's own path files: the course is among them.
    below = sysconfig.get_path("purelib")
    line = f"import site; site.addsitedir({below!r})\n"
    (Path(found.stdout.strip()) / "course_below.pth").write_text(line)
    made.write_text("\n".join(versions))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
