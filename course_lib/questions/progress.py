"""What a learner has answered, tried and been told, in a small file beside the notebooks.

It survives a kernel restart and a reload.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from course_lib.files import write_atomically

FILE = "course-progress.json"
SECTIONS = ("answers", "checks", "hints", "outcomes")


class Progress:
    """Answers and predictions, outcomes of checks and of runs, hints shown, in a JSON file.

    ``COURSE_PROGRESS`` names another file. A damaged file is put aside, not overwritten.
    """

    def __init__(self, path: str | Path | None = None):
        self.path = Path(path or os.environ.get("COURSE_PROGRESS") or FILE).resolve()

    def read(self) -> dict[str, dict]:
        """All sections, each a dictionary by id.

        answers: {"answer", "at"} (milliseconds); checks: a state; hints: how many were shown;
        outcomes: what a run gave for a prediction.
        """
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
            sections = {name: data.get(name, {}) for name in SECTIONS}
            if not all(isinstance(section, dict) for section in sections.values()):
                raise ValueError("not a progress file")
        except FileNotFoundError:
            return {name: {} for name in SECTIONS}
        except (ValueError, AttributeError):
            os.replace(self.path, self.path.with_suffix(".damaged.json"))
            return {name: {} for name in SECTIONS}
        return sections

    def write(self, data: dict[str, dict]) -> None:
        """Replace the file. Raises CourseError where it cannot be written."""
        write_atomically(self.path, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())

    def note(self, section: str, key: str, value: str | int) -> None:
        """Keep one entry of a section. Raises CourseError where it cannot be written."""
        data = self.read()
        data[section][key] = value
        self.write(data)

    def merge(self, answers: dict[str, dict]) -> None:
        """Keep the later of two answers to a question; two notebooks may write to one file."""
        data = self.read()
        for key, given in answers.items():
            old = data["answers"].get(key)
            if old is None or given["at"] >= old["at"]:
                data["answers"][key] = {"answer": given["answer"], "at": given["at"]}
        self.write(data)
