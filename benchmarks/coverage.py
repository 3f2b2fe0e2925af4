"""Do the 95 % intervals of course_lib.measure.intervals hold the truth 95 times in 100?

    python benchmarks/coverage.py            # a few minutes; benchmarks/results/coverage.json

Each line draws data whose truth is known, many times, and counts. Beside each interval stands what
a reader might use instead. n: draws; for a share: things counted; for an AUC: positives.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import special, stats

from course_lib.files import write_atomically
from course_lib.measure import intervals

OUT = Path(__file__).parent / "results" / "coverage.json"
SIZES = (5, 10, 20)
Made = tuple[float, float, float]  # truth, low, high


def ends(found: intervals.Estimate, truth: float) -> Made:
    return truth, found.low, found.high


def percentile(rng, values: np.ndarray, statistic=np.mean, times: int = 400) -> tuple[float, float]:
    rows = rng.integers(0, len(values), (times, len(values)))
    return tuple(np.quantile([statistic(values[r]) for r in rows], (0.025, 0.975)))


def accuracies(rng, n: int) -> np.ndarray:
    """Paired differences of two accuracies on 300 fresh pictures, with draws of their own luck."""
    luck = rng.normal(0, 0.02, n)
    a, b = np.clip(0.93 + luck, 0, 1), np.clip(0.91 + luck / 2, 0, 1)
    return (rng.binomial(300, a) - rng.binomial(300, b)) / 300


TRUE_DIFFERENCE = 0.02


def draws(rng, n: int) -> Made:
    return ends(intervals.over_draws(accuracies(rng, n)), TRUE_DIFFERENCE)


def draws_bootstrap(rng, n: int) -> Made:
    return TRUE_DIFFERENCE, *percentile(rng, accuracies(rng, n))


def nested(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n draws on each of three nets whose own luck is as large as that of a draw."""
    nets = np.repeat(np.arange(3), n)
    return rng.normal(0, 1, 3)[nets] + rng.normal(0, 1, 3 * n), nets


def clusters(rng, n: int) -> Made:
    return ends(intervals.over_clusters(*nested(rng, n)), 0.0)


def clusters_ignored(rng, n: int) -> Made:
    return ends(intervals.over_draws(nested(rng, n)[0]), 0.0)


def crossed(rng, n: int, pictures: int = 78) -> np.ndarray:
    """(n, pictures) right minus right on one test set; pictures differ in how the nets part."""
    base, parting = rng.normal(2.0, 1.5, pictures), rng.normal(0, 1.5, pictures)
    luck = rng.normal(0, 0.3, (n, 1))
    a = rng.random((n, pictures)) < special.expit(base + parting + luck)
    b = rng.random((n, pictures)) < special.expit(base - parting + luck / 2)
    return a.astype(float) - b


def pictures(rng, n: int) -> Made:
    return ends(intervals.over_draws_and_pictures(crossed(rng, n)), 0.0)


def pictures_ignored(rng, n: int) -> Made:
    return ends(intervals.over_draws(crossed(rng, n).mean(1)), 0.0)


def share(rng, n: int) -> Made:
    return ends(intervals.share(rng.random(n) < 0.9), 0.9)


def share_bootstrap(rng, n: int) -> Made:
    return 0.9, *percentile(rng, (rng.random(n) < 0.9).astype(float))


SHIFT = 1.6  # standard deviations between positives and negatives
AREA = float(stats.norm.cdf(SHIFT / 2**0.5))


def scored(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat([1, 0], (n, 4 * n))
    return rng.normal(SHIFT * labels, 1), labels


def auc(rng, n: int) -> Made:
    return ends(intervals.auc(*scored(rng, n)), AREA)


def auc_patients(rng, n: int) -> Made:
    """Three pictures of each of n ill and 4 n healthy patients."""
    labels = np.repeat([1, 0], (n, 4 * n))
    patient = rng.normal(SHIFT * labels, 0.8)
    scores = np.repeat(patient, 3) + rng.normal(0, 0.6, 15 * n)
    groups = np.repeat(np.arange(5 * n), 3)
    return ends(intervals.auc(scores, np.repeat(labels, 3), groups), AREA)


def auc_bootstrap(rng, n: int) -> Made:
    scores, labels = scored(rng, n)
    rows = np.arange(len(labels))

    def area(chosen):
        s, y = scores[chosen], labels[chosen]
        if y.min() == y.max():
            return 0.5
        ranks = stats.rankdata(s)
        m = y.sum()
        return (ranks[y == 1].sum() - m * (m + 1) / 2) / (m * (len(y) - m))

    return AREA, *percentile(rng, rows, area, 200)


LINES: dict[str, tuple[str, Callable, str, Callable]] = {
    "draws": ("Student over draws", draws, "percentile bootstrap", draws_bootstrap),
    "clusters": ("draws in 3 nets, by net", clusters, "nets ignored", clusters_ignored),
    "pictures": ("draws and pictures", pictures, "pictures ignored", pictures_ignored),
    "share": ("exact share", share, "percentile bootstrap", share_bootstrap),
    "auc": ("AUC, DeLong on logits", auc, "percentile bootstrap", auc_bootstrap),
    "patients": ("AUC, by patient", auc_patients, "", auc_patients),
}


def coverage(make: Callable, n: int, times: int) -> tuple[float, float]:
    """(share that holds the truth, mean width) of intervals made `times` times."""
    rng = np.random.default_rng(n)
    made = np.array([make(rng, n) for _ in range(times)])
    held = (made[:, 1] <= made[:, 0]) & (made[:, 0] <= made[:, 2])
    return float(held.mean()), float((made[:, 2] - made[:, 1]).mean())


def measure(times: int) -> list[dict]:
    rows = []
    for interval, make, instead, other in LINES.values():
        for n in SIZES:
            row = {"interval": interval, "n": n, "times": times}
            row["held"], row["width"] = coverage(make, n, times)
            if instead:
                row["instead"] = instead
                row["instead_held"], row["instead_width"] = coverage(other, n, times)
            rows.append(row)
    return rows


def table(rows: list[dict]) -> str:
    """How often each interval held the truth, in per cent, as a Markdown table."""
    sizes = sorted({row["n"] for row in rows})
    head = " | ".join(f"n = {n}" for n in sizes)
    lines = [f"| interval | {head} | instead | {head} |"]
    lines.append("|---|" + "--:|" * len(sizes) + "---|" + "--:|" * len(sizes))
    for name in dict.fromkeys(row["interval"] for row in rows):
        mine = {row["n"]: row for row in rows if row["interval"] == name}
        held = " | ".join(f"{100 * mine[n]['held']:.1f}" for n in sizes)
        instead = mine[sizes[0]].get("instead", "")
        other = " | ".join(f"{100 * mine[n]['instead_held']:.1f}" if instead else "" for n in sizes)
        lines.append(f"| {name} | {held} | {instead} | {other} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=2_000)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    rows = measure(arguments.times)
    write_atomically(arguments.out, json.dumps({"rows": rows}, indent=1) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
