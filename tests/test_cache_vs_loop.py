import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from course_lib import load_backbone
from course_lib.data.split import Split

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "cache_vs_loop.py"


@pytest.fixture()
def script():
    spec = importlib.util.spec_from_file_location("cache_vs_loop", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_files_of_the_usual_loop_hold_what_fit_sees(script, tmp_path):
    model = load_backbone("worldnet")
    pictures = torch.randint(0, 256, (12, 3, 64, 64), dtype=torch.uint8)
    labels = torch.arange(12) % 3
    script.write_pictures(Split(pictures, labels), tmp_path)
    files = script.from_files(model, tmp_path, 4, 0).dataset
    order = [int(Path(path).stem) for path, _ in files.samples]
    assert sorted(order) == list(range(12))
    assert [label for _, label in files.samples] == labels[order].tolist()
    seen = torch.stack([files[i][0] for i in range(12)])
    torch.testing.assert_close(seen, model.prepare(pictures)[order])


def test_batches_from_memory_hold_each_picture_once_in_a_new_order_each_time(script):
    model = load_backbone("worldnet")
    pictures = torch.randint(0, 256, (10, 3, 64, 64), dtype=torch.uint8)
    batches = script.FromMemory(model, Split(pictures, torch.arange(10)), 4)
    rounds = [list(batches) for _ in range(2)]
    assert len(batches) == 3 and [len(y) for _, y in rounds[0]] == [4, 4, 2]
    orders = [torch.cat([y for _, y in round_]) for round_ in rounds]
    assert [order.sort().values.tolist() for order in orders] == [list(range(10))] * 2
    assert orders[0].tolist() != orders[1].tolist()
    seen = torch.cat([x for x, _ in rounds[0]])
    torch.testing.assert_close(seen, model.prepare(pictures)[orders[0]])


def test_the_benchmark_runs_and_writes_its_rows(tmp_path):
    out = tmp_path / "rows.json"
    for batch in ("12", "16", "12"):
        command = [sys.executable, SCRIPT, "--quick", "--batch", batch, "--out", out]
        subprocess.run(command, check=True, timeout=600)
    runs = json.loads(out.read_text())["runs"]
    assert [run["batch"] for run in runs] == [16, 12]
    record = runs[-1]
    assert len(record["rows"]) == 2 * 4
    ways = ["loader loop", "in-memory loop", "fit, no cache", "cache"]
    assert [row["way"] for row in record["rows"]] == ways * 2
    for line in record["summary"]:
        assert line["seconds"] > 0 and 0 <= line["accuracy"] <= 1
        assert (line["cache is faster by"] == 1) or line["way"] != "cache"
    assert record["torch"] and record["cores"]
