"""Strategies whose rate was chosen on draws of their own, then frozen (C08, C09, C35).

Every strategy gets the same grid of rates, scratch too; see lab.tuning.
"""

from collections.abc import Iterable
from dataclasses import replace

from course_lib.claims.trials import transfer as shared
from course_lib.lab.looks import BASELINES
from course_lib.lab.tuning import Tuning
from course_lib.train import strategies as S

MULTIPLES = (0.3, 1.0, 3.0)  # of the rate that a strategy has on this net
AS_CHOSEN = ()  # the rates of a size whose trials run at the chosen one
LANE = ("task", "train", "strategy", "epochs", "batch")  # what has a rate of its own


def tried(trial: dict) -> dict:
    """What a rate is chosen by. trial: as for `transfer`, rates being one number."""
    base = S.for_net(shared.STRATEGIES[trial["strategy"]], shared.backbone())
    assert base.lr is not None  # for_net has filled it in
    run = shared.run_once(trial, replace(base, lr=base.lr * trial["rates"]))
    return {"validation": run.validation}


def choice(tag: str, trials: Iterable[dict]) -> Tuning:
    """The choice of a rate for every strategy, task and number of labels among these trials."""
    lanes = {_name(one): {key: one[key] for key in LANE} for one in trials if _learns(one)}
    return Tuning(tag, tried, lanes, {name: {"rates": MULTIPLES} for name in lanes})


def at_chosen(trials: list[dict], tuning: Tuning) -> list[dict]:
    """The trials; those that name no rate have the chosen one."""
    if not any(map(_open, trials)):
        return trials
    chosen = tuning.chosen()
    return [
        {**one, "rates": (chosen[_name(one)]["rates"],)} if _open(one) else one for one in trials
    ]


def _learns(trial: dict) -> bool:
    return trial["strategy"] not in BASELINES


def _open(trial: dict) -> bool:
    return _learns(trial) and trial["rates"] == AS_CHOSEN


def _name(trial: dict) -> str:
    return f"{trial['strategy']} on {trial['task']}, {trial['train']} labels"
