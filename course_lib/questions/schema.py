"""Which fields a quiz file may have: JSON schemas, one for each kind of question."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import fastjsonschema

KINDS = ("choice", "multiple", "numeric", "code", "written")
MODULES = ("numpy", "torch")

_TEXT = {"type": "string", "minLength": 1, "pattern": r"\S"}
_ID = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{1,60}$"}
_SCORE = {"type": "number", "minimum": 0}
_OPTIONAL = {
    "lesson": {"type": "string", "pattern": "^[0-9]{2}$"},
    "explanation": _TEXT,
    "hints": {"type": "array", "items": _TEXT},
    "covers": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    "claims": {"type": "array", "items": {"type": "string", "pattern": "^C[0-9]{2}$"}},
}


def _object(required: dict, optional: dict | None = None) -> dict:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _question(kind: str, required: dict, optional: dict | None = None) -> dict:
    base = {
        "id": _ID,
        "kind": {"const": kind},
        "points": {"type": "number", "exclusiveMinimum": 0},
        "prompt": _TEXT,
    }
    return _object({**base, **required}, {**_OPTIONAL, **(optional or {})})


def _wrong(answer: dict) -> dict:
    return {
        "type": "array",
        "minItems": 1,
        "items": _object({"answer": answer, "score": _SCORE}, {"why": _TEXT}),
    }


_CHOICES = {
    "type": "array",
    "minItems": 2,
    "maxItems": 8,
    "items": _object(
        {"text": _TEXT, "why": _TEXT}, {"correct": {"type": "boolean"}, "misconception": _TEXT}
    ),
}
_LETTER = {"type": "string", "pattern": "^[a-h]$"}

_SHUFFLE = {"shuffle": {"type": "boolean"}}

SCHEMAS = {
    "choice": _question("choice", {"choices": _CHOICES, "wrong": _wrong(_LETTER)}, _SHUFFLE),
    "multiple": _question(
        "multiple",
        {"choices": _CHOICES, "wrong": _wrong({"type": "array", "items": _LETTER})},
        _SHUFFLE,
    ),
    "numeric": _question(
        "numeric",
        {
            "answer": {"type": "number"},
            "explanation": _TEXT,
            "wrong": _wrong({"type": "number"}),
        },
        {
            "tolerance": {"type": "number", "minimum": 0},
            "relative": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5},
            "unit": _TEXT,
            "partial": {
                "type": "array",
                "items": _object(
                    {
                        "answer": {"type": "number"},
                        "tolerance": {"type": "number", "minimum": 0},
                        "score": _SCORE,
                        "why": _TEXT,
                    }
                ),
            },
        },
    ),
    "code": _question(
        "code",
        {
            "starter": _TEXT,
            "examples": _TEXT,
            "reference": _TEXT,
            "check": _ID,
            "explanation": _TEXT,
            "wrong": _wrong(_TEXT),
            "parts": {
                "type": "array",
                "minItems": 1,
                "items": _object(
                    {
                        "id": {"type": "string", "pattern": "^[a-z_]+$"},
                        "text": _TEXT,
                        "points": _SCORE,
                    }
                ),
            },
        },
        {
            "imports": {"type": "array", "items": {"enum": list(MODULES)}},
            "seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 600},
            "memory_mb": {"type": "integer", "minimum": 64, "maximum": 65536},
        },
    ),
    "written": _question(
        "written",
        {
            "rubric": {
                "type": "array",
                "minItems": 1,
                "items": _object({"points": _SCORE, "text": _TEXT}),
            },
            "reference": _TEXT,
            "explanation": _TEXT,
            "wrong": _wrong(_TEXT),
        },
    ),
}
QUIZ_SCHEMA = _object(
    {
        "quiz": _ID,
        "title": _TEXT,
        "lesson": {"type": "string", "pattern": "^[0-9]{2}$"},
        "questions": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    },
    {"intro": _TEXT, "shuffle": {"type": "boolean"}},
)
# One of several questions is asked of each student, or several of more.
POOL_SCHEMA = _object(
    {
        "id": _ID,
        "kind": {"const": "pool"},
        "draw": {"type": "integer", "minimum": 1},
        "questions": {"type": "array", "minItems": 2, "items": {"type": "object"}},
    }
)
# Fields that replace those of the question; ``values`` fill in <<names>> in its texts.
VARIANTS_SCHEMA = {
    "type": "array",
    "minItems": 2,
    "items": {
        "type": "object",
        "minProperties": 1,
        "properties": {
            "values": {
                "type": "object",
                "additionalProperties": {"type": ["number", "string"]},
            },
            **{name: False for name in ("id", "kind", "points", "variants", "shuffle")},
        },
    },
}
_OTHERS = {"quiz": QUIZ_SCHEMA, "pool": POOL_SCHEMA, "variants": VARIANTS_SCHEMA}


@cache
def validator(name: str) -> Callable:
    """The compiled schema of a kind of question, or of ``quiz``, ``pool``, ``variants``."""
    return fastjsonschema.compile(_OTHERS.get(name) or SCHEMAS[name])
