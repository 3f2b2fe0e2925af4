"""Whether the head goes first (C11)."""

from dataclasses import replace

from course_lib.claims.trials import transfer as shared
from course_lib.data.tasks import load_task
from course_lib.lab.looks import BASELINES
from course_lib.train import strategies as S
from course_lib.train.evaluation import evaluate
from course_lib.train.fit import fit

LP_FT = S.LP_FT_ONE_SCHEDULE.name


def pairs(size: dict, **varied) -> list[dict]:
    """One trial for every seed and every value of the one varied key."""
    ((key, values),) = varied.items()
    same = {name: size[name] for name in ("task", "train", "epochs", "batch")}
    return [{**same, key: value, "seed": seed} for value in values for seed in size["seeds"]]


def baselines(size: dict) -> list[dict]:
    return [{**trial, "rates": ()} for trial in pairs(size, strategy=BASELINES)]


def head_first_trials(size: dict) -> list[dict]:
    return pairs(size, strategy=(shared.HEAD_ONLY, shared.FULL, LP_FT)) + baselines(size)


def head_first(trial: dict) -> dict:
    """One strategy on the task by day, tested by day and on the same classes at night."""
    if trial["strategy"] in BASELINES:
        return shared.transfer(trial)
    task = load_task(trial["task"], train=trial["train"], seed=trial["seed"])
    night = load_task("night-shapes", train=len(task.classes), seed=trial["seed"])
    base, epochs = shared.STRATEGIES[trial["strategy"]], trial["epochs"]
    half = replace(base, head_epochs=epochs // 2) if base.head_epochs else base
    run = fit(
        shared.backbone(),
        task,
        half,
        epochs,
        batch_size=trial["batch"],
        seed=trial["seed"],
        validate_every=0,
        progress=False,
    )
    return {"test": run.test, "shifted": evaluate(run.model, night), "seconds": run.seconds}
