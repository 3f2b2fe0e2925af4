"""Choose rate and epochs (C33, C33b) on draws that no trial uses: python benchmarks/tune_text.py

For every task, number of labels and method the same search; what it tried goes to
benchmarks/results/tune_text.json, what it chose is frozen in claims/trials/text.py (SETTINGS). The
test passages are never looked at.
"""

import argparse
import json
from pathlib import Path
from statistics import mean

from course_lib.claims.trials.text import COUNTS, HEAD, LIBRARIES, METHODS, SECTIONS, start
from course_lib.files import write_atomically
from course_lib.text.finetuning import (
    count_words,
    fine_tune,
    head_alone,
    measure,
    tokens_of,
)
from course_lib.text.passages import load_text_task
from course_lib.text.tuning import tune

OUT = Path(__file__).parent / "results" / "tune_text.json"
DRAWS = (100, 101, 102)
LABELS = {LIBRARIES: (100, 400), SECTIONS: (100,)}
AXES = {
    100: {"rate": (1e-3, 3e-3), "epochs": (8, 16)},
    400: {"rate": (1e-3, 3e-3), "epochs": (5, 10)},
}
STRENGTHS = {COUNTS: (1.0, 10.0, 100.0), HEAD: (0.01, 0.1, 1.0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    asked = parser.parse_args()
    found = json.loads(OUT.read_text()) if OUT.exists() else {}
    for task, several in LABELS.items():
        for labels in several:
            for method in asked.methods:
                name = f"{task}, {labels} labels, {method}"
                if name in found:
                    continue
                tuned = search(task, labels, method)
                found[name] = {
                    "setting": tuned.setting,
                    "validation": round(tuned.score, 4),
                    "on_edge": tuned.on_edge,
                    "tried": [[setting, score] for setting, score in tuned.tried],
                }
                write_atomically(OUT, json.dumps(found, indent=1) + "\n")
                print(name, tuned.setting, f"{tuned.score:.3f}", tuned.on_edge, flush=True)


def search(task: str, labels: int, method: str):
    """The setting with the highest mean validation accuracy over the draws."""
    draws = [(seed, load_text_task(task, labels, seed)) for seed in DRAWS]

    def score(setting: dict) -> float:
        if method == COUNTS:
            scores = [count_words(one, setting["strength"], "validation")[0] for _, one in draws]
        elif method == HEAD:
            scores = [
                head_alone(start(HEAD, seed), one, setting["strength"], "validation")[0]
                for seed, one in draws
            ]
        else:
            scores = [validated(one, method, seed, setting) for seed, one in draws]
        print("  ", setting, [round(s, 3) for s in scores], flush=True)
        return mean(scores)

    strengths = STRENGTHS.get(method)
    return tune(score, {"strength": strengths} if strengths else AXES[labels], widen=1)


def validated(task, method: str, seed: int, setting: dict) -> float:
    """Validation accuracy after the last epoch."""
    model = start(method, seed)
    run = fine_tune(model, task, **setting, seed=seed, test=False)
    return measure(run.model, tokens_of(model, task.validation), task.validation.labels)[1]


if __name__ == "__main__":
    main()
