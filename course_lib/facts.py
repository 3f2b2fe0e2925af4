"""Facts in files: JSON that is what its schema says, or an error that names file, field and cure.

Saved models, cards of weights and stored studies are read through here.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from course_lib.errors import CourseError

NUMBER = {"type": "number", "minimum": -1e30, "maximum": 1e30}  # JSON's 1e999 would be infinite
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
COUNT = {"type": "integer", "minimum": 0, "maximum": 1 << 53}
TEXT = {"type": "string", "minLength": 1}
NAMES = {"type": "array", "items": TEXT, "minItems": 2, "uniqueItems": True}
MEAN = {"type": "array", "items": NUMBER, "minItems": 3, "maxItems": 3}
STD = {**MEAN, "items": {**NUMBER, "exclusiveMinimum": 0}}


def read_facts(path: Path, what: str, schema: dict, mend: str, nan: bool = False):
    """The facts in a JSON file; see check_facts. what: how the error begins. mend: how it ends."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{what}: it cannot be read ({error}). {mend}") from error
    return facts_of(text, what, schema, mend, nan)


def facts_of(text: str, what: str, schema: dict, mend: str, nan: bool = False):
    """Facts as JSON text, checked against a schema (JSON Schema, draft 7).

    nan: whether NaN and Infinity, which JSON does not know, may stand for numbers.
    Raises CourseError for text that is not JSON, and names the first field that does not fit.
    """
    import fastjsonschema

    try:
        facts = json.loads(text, parse_constant=None if nan else _refuse)
    except (ValueError, RecursionError) as error:
        raise CourseError(f"{what}: it is not valid JSON ({error}). {mend}") from error
    try:
        return _validator(json.dumps(schema))(facts)
    except fastjsonschema.JsonSchemaValueException as error:
        name = error.name or ""
        place = name.removeprefix("data").removeprefix(".")
        problem = error.message.removeprefix(name).strip()
        if error.rule == "required":
            problem = f"lacks {', '.join(k for k in error.rule_definition if k not in error.value)}"
        raise CourseError(f"{what}: {place or 'it'} {problem}. {mend}") from error


@cache
def _validator(schema: str) -> Callable:
    import fastjsonschema

    return fastjsonschema.compile(json.loads(schema))


def _refuse(constant: str):
    raise ValueError(f"{constant} is no number")
