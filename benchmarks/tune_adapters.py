"""Choose the rates of C32 on draws that no trial uses: python benchmarks/tune_adapters.py

For every task and method the same search: four rates, and further ones while the best lies on an
edge. What it tried goes to benchmarks/results/tune_adapters.json, what it chose is frozen in
claims/trials/adapters.py (RATES). Only validation pictures are looked at.
"""

import json
from pathlib import Path
from statistics import mean

from course_lib.claims.trials import adapters
from course_lib.data.tasks import load_task
from course_lib.errors import Diverged
from course_lib.files import write_atomically
from course_lib.train.evaluation import evaluate

OUT = Path(__file__).parent / "results" / "tune_adapters.json"
DRAWS = (100, 101, 102)
TASKS, LABELS = ("digits", "radiographs"), 100
LADDER = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
RATES = LADDER[2:6]
WIDEN = 2


def main() -> None:
    found = json.loads(OUT.read_text()) if OUT.exists() else {}
    for task in TASKS:
        for method in adapters.METHODS:
            name = f"{task}, {method}"
            if name not in found and method != adapters.DRIFTING:
                found[name] = search(task, method)
                write_atomically(OUT, json.dumps(found, indent=1) + "\n")
                print(name, found[name], flush=True)


def search(task: str, method: str) -> dict:
    """The rate with the highest mean validation score; the first of equals."""
    scores = {rate: score(task, method, rate) for rate in RATES}
    for _ in range(WIDEN):
        place, tried = LADDER.index(max(scores, key=scores.__getitem__)), sorted(scores)
        if LADDER[place] not in (tried[0], tried[-1]):
            break
        further = LADDER[place - 1 if LADDER[place] == tried[0] else place + 1]
        scores[further] = score(task, method, further)
    best = max(scores, key=scores.__getitem__)
    tried = {f"{rate:g}": round(scores[rate], 4) for rate in sorted(scores)}
    return {"rate": best, "validation": round(scores[best], 4), "tried": tried}


def score(task: str, method: str, rate: float) -> float:
    """Mean validation score over the draws; 0 for a rate at which training diverges."""
    return mean(validated(task, method, rate, seed) for seed in DRAWS)


def validated(task: str, method: str, rate: float, seed: int) -> float:
    rank = adapters.RANK_OF.get(method)
    trial = {"method": method, "rank": rank, "rate": rate, "seed": seed}
    trial |= {"epochs": adapters.EPOCHS, "batch": adapters.BATCH}
    drawn = load_task(task, train=LABELS, seed=seed)
    train = adapters.train_lora if rank else adapters.train_plainly
    try:
        return evaluate(train(trial, drawn), drawn, "validation")
    except Diverged:
        return 0.0


if __name__ == "__main__":
    main()
