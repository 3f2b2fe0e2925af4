"""What strategies did on photographs with an ImageNet net, measured by benchmarks/presets.py and
benchmarks/forgotten_photographs.py.

The photographs and the net are not part of this repository; the rows are.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from course_lib.measure.intervals import over_draws
from course_lib.train import strategies as S

RESULTS = Path(__file__).parent / "results"
PRESETS_ROWS, RATIOS_ROWS = RESULTS / "presets.json", RESULTS / "ratios.json"
FORGOTTEN_ROWS = RESULTS / "forgotten.json"
PROJECTS_ROWS = RESULTS / "projects.json"
PRESETS = (S.FINE_TUNING, S.FULL_FINE_TUNING, S.LP_FT, S.GRADUAL_UNFREEZING, S.LAYERWISE_DECAY)
# Is one rate for everything, or a ratio of 10, safe at a rate that suits a new head? Rule, fixed
# before the rows: it ruins the net when the 95 % interval (Student, over draws) of full fine-tuning
# minus the head alone at the same head rate lies below -10 points, in each folder.
RUIN_RATE, RUIN_RATIOS, RUIN = 1e-2, (1.0, 10.0, 100.0), -10.0
ALONE, LEARNING = "head alone", "batch norm learns"


def rows_of(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["rows"]


def gains(rows: Sequence[dict], name: str = "strategy") -> dict[str, dict]:
    """folder -> name of the setting -> (draws,) points above the head alone, paired by draw.

    The head alone itself is there in per cent. name: what tells the settings of trials apart.
    """
    found: dict[str, dict] = {}
    for folder in dict.fromkeys(row["trial"]["folder"] for row in rows):
        scores: dict = {}
        for row in rows:
            trial = row["trial"]
            if trial["folder"] == folder:
                setting = ALONE if _head_alone(row) else trial[name]
                scores.setdefault(setting, {})[trial["draw"]] = row["test"]
        alone = scores.pop(ALONE)
        found[folder] = {ALONE: 100 * np.array([alone[draw] for draw in sorted(alone)])}
        for setting, values in scores.items():
            found[folder][setting] = 100 * np.array(
                [values[draw] - alone[draw] for draw in sorted(values) if draw in alone]
            )
    return found


def photographs_table(rows: Sequence[dict] | None = None) -> str:
    """Points above the head alone, mean with its standard error, as a Markdown table."""
    measured = [r for r in (rows or rows_of(PRESETS_ROWS)) if "lr" not in r["trial"]]
    lines = [f"| photographs | head alone | {' | '.join(s.name for s in PRESETS)} |"]
    lines.append("|---|" + "--:|" * (1 + len(PRESETS)))
    for folder, found in gains(measured).items():
        cells = [
            f"{values.mean():+.1f} ± {values.std(ddof=1) / len(values) ** 0.5:.1f}"
            for values in (found[strategy.name] for strategy in PRESETS)
        ]
        lines.append(f"| {_title(folder)} | {_share(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ratios_table(rows: Sequence[dict] | None = None) -> str:
    """What full fine-tuning at a new head's rate costs at each ratio, with the verdict in words."""
    if rows is None and not RATIOS_ROWS.exists():
        return "*Not measured yet on photographs: `python benchmarks/presets.py --ruin` does it.*"
    named = [
        {**row, "trial": {**row["trial"], "setting": _setting(row["trial"])}}
        for row in rows or rows_of(RATIOS_ROWS)
    ]
    found = gains(named, "setting")
    still = [f"ratio {ratio:g}" for ratio in RUIN_RATIOS]
    names = [*still, f"{still[0]}, {LEARNING}"]
    lines = [
        f"| photographs | head alone | {' | '.join(names)} |",
        "|---|" + "--:|" * (1 + len(names)),
    ]
    sure = {
        folder: {name: over_draws(one[name]) for name in names if name in one}
        for folder, one in found.items()
    }
    for folder, one in found.items():
        cells = [
            f"{it.value:+.0f} ({it.low:+.0f} to {it.high:+.0f})"
            if (it := sure[folder].get(name))
            else "–"
            for name in names
        ]
        lines.append(f"| {_title(folder)} | {_share(one)} | {' | '.join(cells)} |")
    ruined = [
        f"{ratio:g}"
        for ratio, name in zip(RUIN_RATIOS, still, strict=True)
        if all(one[name].high < RUIN for one in sure.values())
    ]
    draws = min(len(one[ALONE]) for one in found.values())
    said = " and ".join(ruined) or "none"
    about = (
        f"*Points of full fine-tuning above the head alone, both at a head rate of {RUIN_RATE:g}, "
        f"100 labels, {draws} draws, 95 % interval. Ratios that cost over {-RUIN:.0f} points in "
        f"every folder: {said}. Batch norm's statistics are held still but in the last column. "
        "Net: MobileNetV2 with ImageNet weights.*"
    )
    learnt = [one[names[-1]] for one in sure.values() if names[-1] in one]
    if learnt:
        outcome = "saves" if all(one.low > RUIN for one in learnt) else "does not save"
        about += (
            "\n\nBatch norm that learns along, which saves WorldNet at this rate, "
            f"{outcome} this net."
        )
    return "\n".join(lines) + "\n\n" + about


def forgotten_table(rows: Sequence[dict] | None = None) -> str:
    """What flowers lost when ants and bees were learnt after them, as a Markdown table: means over
    draws, in per cent, with batch-norm statistics as they were and corrected."""
    if rows is None and not FORGOTTEN_ROWS.exists():
        return (
            "*Not measured yet on photographs: `python benchmarks/forgotten_photographs.py` does "
            "it.*"
        )
    by_rate: dict[float, list[dict]] = {}
    for row in rows or rows_of(FORGOTTEN_ROWS):
        by_rate.setdefault(row["trial"]["rate"], []).append(row)
    names = ("new", "before", "after", "corrected", "control")
    means = {
        rate: {name: 100 * float(np.mean([row[name] for row in several])) for name in names}
        for rate, several in sorted(by_rate.items())
    }
    lines = [
        "| rate of the body | ants and bees | flowers before | after | statistics corrected |",
        "|---|--:|--:|--:|--:|",
    ]
    for rate, mean in means.items():
        cells = " | ".join(f"{mean[name]:.0f} %" for name in names[:4])
        lines.append(f"| {rate:g} | {cells} |")
    worst = min(means, key=lambda rate: means[rate]["after"] - means[rate]["before"])
    mean, draws = means[worst], min(map(len, by_rate.values()))
    lost, back = mean["before"] - mean["after"], mean["corrected"] - mean["after"]
    about = (
        f"*Means of {draws} draws of 100 labels each. At {worst:g} flowers lost {lost:z.0f} "
        f"points; correcting the statistics brought back {back:z.0f}. On the net of before, "
        f"statistics measured anew on flowers cost {mean['before'] - mean['control']:z.0f}. Net: "
        "an ImageNet MobileNetV2, its last blocks tuned on dogs.*"
    )
    return "\n".join(lines) + "\n\n" + about


def _head_alone(row: dict) -> bool:
    return row["trial"]["strategy"] == S.FEATURE_EXTRACTION.name


def _setting(trial: dict) -> str:
    learns = f", {LEARNING}" if trial.get("batch_norm") == "train" else ""
    return f"ratio {trial.get('head_lr_ratio', math.inf):g}{learns}"


def projects_table(path: Path = PROJECTS_ROWS) -> str:
    """What lesson 08 wrote into runs.csv on folders of photographs, as a Markdown table."""
    if not path.exists():
        return "*Not measured yet on photographs: run this lesson with `COURSE_FOLDER=FOLDER`.*"
    rows = rows_of(path)
    lines = ["| folder | run | validation | test |", "|---|---|--:|--:|"]
    for row in rows:
        test = "" if row["test"] is None else f"{row['test']:.3f}"
        lines.append(
            f"| {_title(row['folder'])} | {row['name']} | {row['validation']:.3f} | {test} |"
        )
    stored = json.loads(path.read_text(encoding="utf-8"))
    about = [
        f"{_title(folder)}: {facts['pictures']} pictures, {facts['groups']} groups when "
        "near-duplicates count as one."
        for folder, facts in stored["folders"].items()
    ]
    notes = " ".join(facts["note"] for facts in stored["folders"].values() if "note" in facts)
    return "\n".join(lines) + f"\n\n*{' '.join(about)} Net: {stored['net']}. {notes}*"


def _title(folder: str) -> str:
    return folder.replace("_", " and ")


def _share(found: dict) -> str:
    return f"{found[ALONE].mean() / 100:.3f}"
