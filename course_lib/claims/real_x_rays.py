"""C29's trials on real chest X-rays, measured by benchmarks/x_rays.py, judged by C29's parts.

The pictures, PneumoniaMNIST, are not in the repository, so `course claims run` cannot measure these
rows; whoever has the file can, with the script.
"""

from dataclasses import replace
from pathlib import Path

from course_lib.claims.lesson06 import C29, LABEL_CURVES
from course_lib.claims.trials.transfer import LANES
from course_lib.errors import CourseError
from course_lib.lab import store
from course_lib.lab.claim import Result
from course_lib.lab.tracks import Track

X_RAYS = Track("x-rays", "worldnet", {}, {})
REAL = replace(
    C29,
    tag="C29-real",
    statement="The same on real chest X-rays of children: PneumoniaMNIST, 28 x 28 pixels, enlarged "
    "to 64.",
    plot=replace(LABEL_CURVES, title="Real chest X-rays"),
    note="Three draws of C29's trials and parts, measured by a script on pictures that are not in "
    "the repository (benchmarks/x_rays.py), with the shipped WorldNet. Which patient a picture is "
    "of was not known: the interval of a single AUC takes each picture for a patient of its own, "
    "and is then too narrow where a child has several. " + C29.note,
)


def stored_real(folder: Path | None = None) -> Result:
    """What real X-rays gave, with all of the stored sizes. Raises CourseError without rows."""
    path = store.path_of(REAL.tag, folder)
    if not path.exists():
        raise CourseError(f"{path} is missing; benchmarks/x_rays.py measures it.")
    rows = store.read_study(path).rows
    newest = [row for row in rows if row["code"] == store.versions(rows)[-1]]
    sizes = tuple(sorted({row["trial"]["train"] for row in newest}))
    try:
        return store.stored_result(replace(REAL, photos={"trains": sizes}), X_RAYS, folder)
    except store.Unfinished as error:
        raise CourseError(
            f"{path} holds no whole draw yet; benchmarks/x_rays.py goes on."
        ) from error


def home_and_away(card: dict) -> str:
    """Validation ("home") against test ("away") AUC of each strategy on the radiographs of a model
    card, as a Markdown table and a sentence on the largest set of real ones. All phantoms come from
    one source, so only their test pictures are listed."""
    lines = ["| pictures | labels | where | " + " | ".join(LANES) + " | order |",
             "|---|--:|---|" + "--:|" * len(LANES) + "---|"]  # fmt: skip
    shown = [row for row in card["transfer"] if row["metric"] == "auc"]
    for row in shown:
        both = {"home": "validation", "away": "mean"}
        for where, key in (both if "real" in row["target"] else {"one source": "mean"}).items():
            found = [row["scores"][name][key] for name in LANES]
            cells = " | ".join(f"{score:.3f}" for score in found)
            lines.append(f"| {row['target']} | {row['labels']} | {where} | {cells} | "
                         f"{', '.join(_best_first(row, key))} |")  # fmt: skip
    real = max((r for r in shown if "real" in r["target"]), key=lambda r: r["labels"])
    falls = ", ".join(
        f"{100 * (one['validation'] - one['mean']):z.1f} points ({name})"
        for name, one in real["scores"].items()
        if name in LANES
    )
    same = [row for row in shown if "phantom" in row["target"] and row["labels"] == real["labels"]]
    alike = same and _best_first(same[0], "mean") == _best_first(real, "validation")
    return "\n".join(lines) + (
        f"\n\nOn the {real['target']}, {real['labels']} labels, the AUC fell from home to away by "
        f"{falls}. The order at home is {'the' if alike else 'not the'} one that the phantoms gave."
    )


def _best_first(row: dict, key: str) -> list[str]:
    return sorted(LANES, key=lambda name: -row["scores"][name][key])
