import subprocess
import sys

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
