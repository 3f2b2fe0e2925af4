import ast
import subprocess
import sys
from pathlib import Path

import pytest

import course_lib


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, course_lib; "
        "print([m for m in ('torch', 'numpy', 'sklearn', 'PIL', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_promised_name_is_there():
    for name in course_lib.__all__:
        assert getattr(course_lib, name) is not None
    assert set(course_lib.__all__) <= set(dir(course_lib))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="fitt"):
        _ = course_lib.fitt


def test_no_room_takes_what_it_needs_from_the_front_door():
    # import-linter cannot see where such a name lives: it would be a way around the order of rooms.
    package, front = Path(course_lib.__file__).parent, set(course_lib.__all__)
    taken = [
        f"{path.relative_to(package)}: {name.name}"
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] not in ("claims", "lab", "widgets", "colab.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "course_lib"
        for name in node.names
        if name.name in front and not (package / name.name).is_dir()
    ]
    assert not taken
