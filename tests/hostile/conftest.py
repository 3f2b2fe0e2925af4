"""The hostile suite uses the fixtures and the small course folder of the grading tests."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "grading")]

import importlib.util  # noqa: E402

_spec = importlib.util.spec_from_file_location(
    "grading_fixtures", Path(__file__).parents[1] / "grading" / "conftest.py"
)
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
bubblewrap, empty_gradebook, course = (
    _fixtures.bubblewrap,
    _fixtures.empty_gradebook,
    _fixtures.course,
)
in_process, no_sandbox_left = _fixtures.in_process, _fixtures.no_sandbox_left
