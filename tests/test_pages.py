"""README and CONTRIBUTING: links lead somewhere, commands exist, code runs, figures are stored."""

import ast
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from course_lib import cli
from course_lib.backbones.loading import WORLDNET_WEIGHTS, read_card
from course_lib.worldnet.card import transfer_table

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [path for name in ("README.md", "CONTRIBUTING.md") if (path := ROOT / name).is_file()]
MAKEFILE = (ROOT / "Makefile").read_text()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def commands(page: Path, program: str) -> list[list[str]]:
    """Every call of a program on a page: in code blocks and between backticks."""
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines = [*inline, *"\n".join(code_blocks(page, "sh")).splitlines()]
    calls = []
    for line in lines:
        line = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line.split("  #")[0].split(" # ")[0].strip())
        if line.split(" ")[0] == program:
            calls.append(shlex.split(line.replace("\\|", "|")))
    return calls


@each_page
def test_a_link_within_the_course_leads_to_a_file(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [link.split("#")[0] for link in links if not re.match(r"https?:|#", link)]
    assert not [link for link in local if not (page.parent / link).exists()]


@each_page
def test_a_make_target_exists(page):
    targets = set(re.findall(r"(?m)^([\w-]+):", MAKEFILE))
    for _, *words in commands(page, "make"):
        assert {word for word in words if "=" not in word} <= targets, words


@each_page
def test_a_course_command_and_its_options_exist(page):
    known = {name: module for name, module, _ in cli.COMMANDS}
    for _, name, *words in (call for call in commands(page, "course") if len(call) > 1):
        assert name in known or name.startswith("-"), name
        options = {
            re.match(r"--[\w-]+", word)[0] for word in re.findall(r"--[\w-]+", " ".join(words))
        }
        module = Path(import_module(known[name]).__file__) if options else None
        # The quiz command is declared in two modules of its room.
        near = [module, *module.parent.glob("cli_*.py")] if module else []
        source = "".join(path.read_text() for path in near)
        assert not [option for option in options if f'"{option}"' not in source], (name, options)


@each_page
def test_python_on_a_page_names_what_the_package_has(page):
    for block in code_blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("course_lib"):
                for alias in node.names:
                    module = import_module(node.module)
                    if not hasattr(module, alias.name):
                        import_module(f"{node.module}.{alias.name}")


def test_every_make_target_is_in_the_help():
    found = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = re.search(r"(?m)^\.PHONY: (.*)$", MAKEFILE)[1].split()
    told = set(re.findall(r"(?m)^make ([\w-]+)", found.stdout))
    assert set(targets) - {"help"} == told


def test_the_command_line_lists_every_command():
    found = subprocess.run(
        [sys.executable, "-m", "course_lib.cli", "--help"], capture_output=True, text=True
    )
    assert all(name in found.stdout for name, _, _ in cli.COMMANDS)


def script(name: str):
    """A file of benchmarks/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(name: str) -> dict:
    return json.loads((ROOT / "benchmarks/results" / name).read_text())


def test_the_readme_shows_the_stored_figures_of_the_cache():
    names = {"head only": "head", "last stage + head": "last stage and head"}
    text = README.read_text("utf-8")
    for run in stored("cache_vs_loop.json")["runs"]:
        lines = run["summary"]
        for strategy, name in names.items():
            mine = [line for line in lines if line["strategy"] == strategy]
            factors = [f"{line['cache is faster by']:.2g}" for line in mine[:-1]]
            assert f"| {name} | {run['batch']} | {' | '.join(factors)} |" in text
            accuracies = [line["accuracy"] for line in mine]
            assert max(accuracies) - min(accuracies) < 0.006


def test_the_readme_shows_the_transfer_that_the_model_card_holds():
    table = transfer_table(read_card(WORLDNET_WEIGHTS)).split("\n\n")[0]
    assert table in README.read_text("utf-8")


def test_the_readme_sets_both_nets_side_by_side_as_their_rows_do():
    transfer = script("transfer")
    rows = [stored(name)["rows"] for name in ("transfer.json", "transfer_imagenet.json")]
    assert transfer.both_nets(*rows) in README.read_text("utf-8")


def test_draws_that_one_of_the_nets_has_not_seen_whole_are_left_out_of_the_table():
    transfer = script("transfer")
    rows = {"worldnet": [], "imagenet": []}
    for number, (net, method) in enumerate(transfer.BESIDE.values()):
        for seed in (0, 1):
            rows[net].append({"target": "x", "labels": 100, "strategy": method, "seed": seed,
                              "test": 0.1 * number + 0.02 * seed})  # fmt: skip
    rows["imagenet"].pop()  # the last method of draw 1
    table = transfer.both_nets(rows["worldnet"], rows["imagenet"]).splitlines()
    assert (
        table[-1] == "| x | 1 | 0.000 | 0.100 | 0.200 | 0.300 | 0.400 | 0.500 | 0.600 | **0.700** |"
    )


def test_the_readme_shows_how_the_presets_did_on_photographs():
    from course_lib.claims import photographs

    rows = [r for r in photographs.rows_of(photographs.PRESETS_ROWS) if "lr" not in r["trial"]]
    assert photographs.photographs_table() in README.read_text("utf-8")
    for strategies in photographs.gains(rows).values():
        assert {len(values) for values in strategies.values()} == {10}
        assert min(v.mean() for name, v in strategies.items() if name != "head alone") > -1


def test_ratios_of_1_and_10_ruin_a_net_of_photographs_by_the_rule_that_stood_before():
    from course_lib.claims import photographs

    said = photographs.ratios_table()
    assert "5 draws" in said and "in every folder: 1 and 10." in said


def test_the_readme_shows_the_stored_figures_of_grading():
    best = {}
    for row in stored("grading_throughput.json")["rows"]:
        if row["grader"] == "course quiz grade" and row["workers"] == 2:
            best[row["quiz"]] = row
    concept, torch = best["concept"], best["torch"]
    assert (
        f"{concept['per_minute']:,.0f} submissions a minute with concept questions and "
        f"{torch['per_minute']:.0f} with two torch tasks, {concept['times_stock']:.0f} and "
        f"{torch['times_stock']:.0f} times what stock nbgrader does with the same answers; "
        f"{concept['peak_mb']:.0f} and {torch['peak_mb']:.0f} MB of memory"
    ) in " ".join(README.read_text("utf-8").split())


def test_the_readme_shows_the_stored_seconds_and_memory_of_each_lesson():
    (run,) = [run for run in stored("lessons.json")["runs"] if run["name"] == "two cores"]
    text = README.read_text("utf-8")
    for row in run["lessons"]:
        assert row["errors"] == []
        line = next(
            line
            for line in text.splitlines()
            if line.startswith(f"| [{row['lesson']} ".replace("[90 ", "[Lab book"))
        )
        assert line.endswith(f"| {row['seconds']:.0f} s, {row['peak_memory_mb']:,} MB |")


def test_the_readme_tells_what_a_lesson_takes_on_one_core():
    (run,) = [run for run in stored("lessons.json")["runs"] if run["name"] == "one core"]
    longest = max(row["seconds"] for row in run["lessons"])
    largest = max(row["peak_memory_mb"] for row in run["lessons"])
    assert longest <= 120 and largest <= 2_000
    told = f"On one core a lesson takes at most {longest:.0f} s and {largest:,} MB."
    assert told in " ".join(README.read_text("utf-8").split())


def test_the_architecture_shows_two_claims_as_they_are_and_how_well_intervals_cover():
    from benchmarks import coverage

    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    for lesson, name in (("02", "C06"), ("04", "C19")):
        source = (ROOT / f"course_lib/claims/lesson{lesson}.py").read_text("utf-8")
        node = next(
            node
            for node in ast.parse(source).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
        )
        assert ast.get_source_segment(source, node) in page
    assert coverage.table(stored("coverage.json")["rows"]) in page
