"""The exported program holds the preprocessing and gives the model's probabilities."""

import pytest
import torch

from course_lib import CourseError
from course_lib.backbones.inference import predict
from course_lib.serving import export_model, exporting


def test_the_program_gives_the_probabilities_of_the_model_for_any_number_of_pictures(
    trained, tmp_path
):
    exported = export_model(trained.saved, tmp_path / "m.pt2")
    assert exported.difference < 1e-5 and exported.bytes == exported.path.stat().st_size
    program = torch.export.load(exported.path).module()
    for n in (1, 7):
        wanted = predict(trained.saved.model, trained.pictures[:n]).softmax(1)
        torch.testing.assert_close(program(trained.pictures[:n]), wanted, atol=1e-5, rtol=0)


def test_an_export_that_differs_is_not_kept(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_run_pt2", lambda path: lambda p: torch.zeros(len(p), 3))
    (tmp_path / "m.pt2").write_text("old")
    with pytest.raises(CourseError, match="differs from the model"):
        export_model(trained.saved, tmp_path / "m.pt2")
    assert [p.name for p in tmp_path.iterdir()] == ["m.pt2"]
    assert (tmp_path / "m.pt2").read_text() == "old"


def test_another_ending_is_refused(trained, tmp_path):
    with pytest.raises(CourseError, match="ends in .pt2 or .onnx"):
        export_model(trained.saved, tmp_path / "m.pkl")


def test_onnx_says_which_packages_are_missing(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(CourseError, match="pip install onnx onnxscript onnxruntime"):
        export_model(trained.saved, tmp_path / "m.onnx")
