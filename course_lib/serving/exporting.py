"""A model as a program that needs nothing of this course: torch.export, and ONNX when installed."""

import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib import checks
from course_lib.backbones.backbone import Backbone
from course_lib.errors import CourseError
from course_lib.serving.saving import SavedModel

TOLERANCE = 1e-4  # largest difference of a probability between the model and its export
ONNX_NEEDS = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Exported:
    """path: the file. difference: largest difference of a probability on the pictures that were
    tried. bytes: its size."""

    path: Path
    difference: float
    bytes: int


class Program(nn.Module):
    """Pictures in, probabilities out: preprocessing, net and softmax in one module.

    Takes uint8 (n, 3, size, size), gives float32 (n, classes).
    """

    def __init__(self, model: Backbone):
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor) -> Tensor:
        prepared = self.model.transform(pictures)
        return self.model.head(self.model.features(prepared)).softmax(1)


def export_model(saved: SavedModel, path: str | Path) -> Exported:
    """Write the model with its preprocessing as one program, for any number of pictures at once.

    path: ends in .pt2 (torch.export) or .onnx (needs the packages onnx, onnxscript, onnxruntime).
    The program is loaded again and must give the model's probabilities before the file takes its
    place. Raises CourseError when it does not, and for another ending or a missing package.
    """
    path = checks.path(path)
    formats = {".pt2": (_write_pt2, _run_pt2), ".onnx": (_write_onnx, _run_onnx)}
    if path.suffix not in formats:
        raise CourseError(f"An export ends in {' or '.join(formats)}; got {path.name}.")
    if path.suffix == ".onnx" and (missing := [n for n in ONNX_NEEDS if find_spec(n) is None]):
        raise CourseError(
            f"An ONNX export needs {', '.join(missing)}: pip install {' '.join(ONNX_NEEDS)}. "
            "NAME.pt2 needs nothing more."
        )
    write, run = formats[path.suffix]
    program = Program(saved.model.copy().cpu()).eval()
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            part = Path(folder) / path.name
            try:
                with torch.no_grad():
                    write(program, _examples(saved.picture_size, 2), part)
            except OSError:
                raise
            except Exception as error:  # of a net of someone's own that torch cannot follow
                raise CourseError(
                    f"torch.export cannot follow the net of {saved.model.name}: "
                    f"{str(error).splitlines()[0][:200]}. A forward pass that branches on the "
                    f"values of tensors has no program; {path} was not written."
                ) from error
            with torch.no_grad():
                difference = _difference(program, run(part), saved.picture_size)
            if not difference <= TOLERANCE:
                raise CourseError(
                    f"The exported program differs from the model by {difference:.2g} in a "
                    f"probability; {TOLERANCE:g} is allowed. {path} was not written."
                )
            os.replace(part, path)
    except OSError as error:
        raise CourseError(f"Cannot write {path}: {error.strerror or error}.") from error
    return Exported(path, difference, path.stat().st_size)


def _difference(program: Program, exported: Callable[[Tensor], Tensor], size: int) -> float:
    """Over one picture, and over more at once than it was exported with."""
    return max(
        (program(pictures) - exported(pictures)).abs().max().item()
        for pictures in (_examples(size, 1), _examples(size, 5))
    )


def _examples(size: int, n: int) -> Tensor:
    generator = torch.Generator().manual_seed(n)
    return torch.randint(0, 256, (n, 3, size, size), generator=generator).to(torch.uint8)


def _trace(program: Program, pictures: Tensor):
    shapes = ({0: torch.export.Dim("pictures", min=1)},)
    return torch.export.export(program, (pictures,), dynamic_shapes=shapes)


def _write_pt2(program: Program, pictures: Tensor, path: Path) -> None:
    with warnings.catch_warnings():
        # Said of weights that share storage with others; the copies are compared afterwards.
        warnings.filterwarnings("ignore", "No complete tensor found")
        torch.export.save(_trace(program, pictures), path)


def _run_pt2(path: Path) -> Callable[[Tensor], Tensor]:
    return torch.export.load(path).module()


def _write_onnx(program: Program, pictures: Tensor, path: Path) -> None:
    torch.onnx.export(
        _trace(program, pictures),
        (),
        path,
        dynamo=True,
        external_data=False,
        input_names=["pictures"],
        output_names=["probabilities"],
        verbose=False,
    )


def _run_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda pictures: torch.from_numpy(session.run(None, {name: pictures.numpy()})[0])
