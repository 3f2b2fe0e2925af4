"""Passages of docstrings: a pretrained language model, the same from scratch, counted words."""

from functools import lru_cache

import torch

from course_lib.text.card import LanguageModel, load_language_model, read_card
from course_lib.text.finetuning import count_words, fine_tune, head_alone
from course_lib.text.passages import TEST, load_text_task

PRETRAINED, HEAD, SCRATCH, COUNTS = "pretrained", "pretrained, head only", "scratch", "TF-IDF"
METHODS = (PRETRAINED, HEAD, SCRATCH, COUNTS)
LIBRARIES, SECTIONS = "libraries", "sections"
# Chosen by benchmarks/tune_text.py on draws that no trial uses, each method by the same search;
# frozen before the first measured draw. {task: {method: {labels: setting}}}
SETTINGS: dict[str, dict[str, dict[int, dict]]] = {
    LIBRARIES: {
        PRETRAINED: {100: {"rate": 1e-3, "epochs": 32}, 400: {"rate": 1e-3, "epochs": 5}},
        HEAD: {100: {"strength": 0.001}, 400: {"strength": 0.01}},
        SCRATCH: {100: {"rate": 9e-3, "epochs": 32}, 400: {"rate": 3e-3, "epochs": 5}},
        COUNTS: {100: {"strength": 10.0}, 400: {"strength": 10.0}},
    },
    SECTIONS: {
        PRETRAINED: {100: {"rate": 1e-3, "epochs": 4}},
        HEAD: {100: {"strength": 0.01}},
        SCRATCH: {100: {"rate": 1e-3, "epochs": 32}},
        COUNTS: {100: {"strength": 10.0}},
    },
}


def reading(trial: dict) -> dict:
    """One method on one draw.

    trial: task, train (labels in all), seed, test (passages), method, setting ({"rate", "epochs"},
    or {"strength"} for a logistic regression), model (digits of the language model's hash).
    """
    task = load_text_task(trial["task"], trial["train"], trial["seed"], test=trial["test"])
    setting = trial["setting"]
    if trial["method"] == COUNTS:
        test, seconds = count_words(task, setting["strength"])
        return {"test": test, "seconds": seconds}
    model = start(trial["method"], trial["seed"])
    if trial["method"] == HEAD:
        test, seconds = head_alone(model, task, setting["strength"])
        return {"test": test, "seconds": seconds}
    run = fine_tune(model, task, **setting, seed=trial["seed"])
    last = run.history[-1]
    return {
        "test": run.test,
        "train_accuracy": last.accuracy,
        "loss": last.loss,
        "seconds": run.seconds,
    }


def start(method: str, seed: int) -> LanguageModel:
    """The model that a method starts from; for scratch fresh random weights for each draw."""
    if method in (PRETRAINED, HEAD):
        return _pretrained()
    torch.manual_seed(seed)
    return load_language_model(pretrained=False)


@lru_cache(maxsize=1)
def _pretrained() -> LanguageModel:
    return load_language_model()


def readings(size: dict) -> list[dict]:
    """Every method at every number of labels on every draw; above the fewest labels on the first
    size["more_draws"] of them."""
    return [
        {
            "task": size["task"],
            "train": train,
            "seed": seed,
            "test": size["test"],
            "method": method,
            "setting": setting_of(size, method, train),
            "model": read_card()["sha256"][:12],
        }
        for train in size["trains"]
        for method in size["methods"]
        for seed in size["seeds"][: None if train == min(size["trains"]) else size["more_draws"]]
    ]


def setting_of(size: dict, method: str, train: int) -> dict:
    """The frozen setting that was chosen for the nearest number of labels at or below `train`.

    A short run may say how many epochs it can afford: size["epochs"].
    """
    known = SETTINGS[size["task"]][method]
    nearest = max((n for n in known if n <= train), default=min(known))
    setting = dict(known[nearest])
    if "epochs" in size and "epochs" in setting:
        setting["epochs"] = min(setting["epochs"], size["epochs"])
    return setting


__all__ = [
    "COUNTS",
    "HEAD",
    "LIBRARIES",
    "METHODS",
    "PRETRAINED",
    "SCRATCH",
    "SECTIONS",
    "TEST",
    "reading",
    "readings",
    "setting_of",
    "start",
]
