import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "cache_vs_loop.py"


def test_the_benchmark_runs_and_writes_its_rows(tmp_path):
    out = tmp_path / "rows.json"
    subprocess.run([sys.executable, SCRIPT, "--quick", "--out", out], check=True, timeout=600)
    record = json.loads(out.read_text())
    assert len(record["rows"]) == 2 * 3
    assert {row["way"] for row in record["rows"]} == {"loader loop", "in-memory loop", "cache"}
    for line in record["summary"]:
        assert line["seconds"] > 0 and 0 <= line["accuracy"] <= 1
        assert (line["cache is faster by"] == 1) or line["way"] != "cache"
    assert record["torch"] and record["cores"]
