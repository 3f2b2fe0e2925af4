"""A head that was trained in the browser, on the course's web site, and downloaded there."""

from pathlib import Path

import torch
from torch import nn

from course_lib import checks
from course_lib.backbones.backbone import Backbone
from course_lib.backbones.loading import load_backbone
from course_lib.errors import CourseError
from course_lib.facts import NAMES, NUMBER, read_facts

_ROW = {"type": "array", "items": NUMBER, "minItems": 1}
HEAD = {
    "type": "object",
    "properties": {
        "classes": {**NAMES, "uniqueItems": False},  # the page lets two classes have one name
        "weight": {"type": "array", "items": _ROW, "minItems": 2},
        "bias": {**_ROW, "minItems": 2},
    },
    "required": ["classes", "weight", "bias"],
}


def load_head(path: str | Path = "head.json") -> Backbone:
    """WorldNet with the head in a file that the page's button "Download the head" wrote.

    predict(load_head("head.json"), pictures) gives the logits, float32 (n, classes), of pictures,
    uint8 (n, 3, height, width); `source_classes` names them. Raises CourseError for a file that is
    missing, damaged or does not fit.
    """
    path = checks.path(path)
    facts = read_facts(path, f"The head {path}", HEAD, "Download it again from the page.")
    model = load_backbone("worldnet").copy()
    classes, wide = len(facts["classes"]), model.feature_dim
    shape = [len(row) for row in facts["weight"]]
    if shape != [wide] * classes or len(facts["bias"]) != classes:
        raise CourseError(
            f"The head {path}: {classes} classes need as many rows of {wide} weights and as many "
            f"biases; it has rows of {shape} and {len(facts['bias'])} biases. "
            "Download it again from the page."
        )
    head = nn.Linear(wide, classes)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(facts["weight"]))
        head.bias.copy_(torch.tensor(facts["bias"]))
    model.replace_head(head, tuple(facts["classes"]))
    return model.eval()
