"""One short run of the real architecture with random weights, and its saved file."""

from types import SimpleNamespace

import pytest

from course_lib import fit, load_backbone
from course_lib import strategies as S
from course_lib.serving import save_model
from tests.fakes import pictures, small_task


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    task = small_task(train=14, classes=3)
    backbone = load_backbone(pretrained=False)
    run = fit(backbone, task, S.FINE_TUNING, epochs=1, batch_size=8, progress=False)
    path = tmp_path_factory.mktemp("saved") / "model.safetensors"
    return SimpleNamespace(
        run=run, task=task, path=path, saved=save_model(run, path), pictures=pictures(20, seed=9)[0]
    )
