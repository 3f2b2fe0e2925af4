"""The rule of thumb for size and similarity, cell by cell (C09)."""

from dataclasses import dataclass

import pandas as pd

from course_lib.claims.trials.transfer import FINE, FULL, HEAD_ONLY, LANES, SCRATCH, grid
from course_lib.lab.looks import BASELINES
from course_lib.lab.plots import in_order
from course_lib.lab.quantities import NotMeasured, Quantity, best_on_average, value
from course_lib.lab.verdicts import UNDECIDED, Part, judge_part

SIMILARITY = {"new-shapes": "similar", "radiographs": "different"}
METRIC = {"new-shapes": "accuracy", "radiographs": "AUC"}
SMALL, LARGE = 1_000, 3_000  # below the first: small; from the second: large (as far as we go)

# What the rule of thumb names in each cell. Texts disagree on small and different data: some say
# early features and a small rate, some a head and nothing else; the more frequent advice is here.
ADVICE = {
    ("small", "similar"): (HEAD_ONLY,),
    ("small", "different"): (FINE,),
    ("medium", "similar"): (FINE, FULL),
    ("medium", "different"): (FULL,),
    ("large", "similar"): (FULL,),
    ("large", "different"): (FULL, SCRATCH),
}


def size_word(train: int) -> str:
    """A number of labels in the words of the rule of thumb: "small", "medium" or "large"."""
    return "small" if train < SMALL else "medium" if train < LARGE else "large"


def cell_trials(size: dict) -> list[dict]:
    """cells of a size: (labels in all, passes)."""
    trials = []
    for train, epochs in size["cells"]:
        for task in size["tasks"]:
            one = {**size, "task": task, "epochs": epochs}
            trials += grid(one, [train], size["strategies"])
            trials += grid({**one, "seeds": size["seeds"][:1]}, [train], BASELINES)
    return trials


def with_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the cell they lie in (`size`, `similarity`), whether the rule of thumb `advised`
    the strategy there, and the words of the figure, sorted similar first, then by labels."""
    rows = rows.assign(
        size=rows["train"].map(size_word),
        similarity=rows["task"].map(SIMILARITY),
        pictures=[f"{SIMILARITY[task]} ({task}, {METRIC[task]})" for task in rows["task"]],
        labels=[f"{train:,} labels" for train in rows["train"]],
    )
    rows["advised"] = [
        name in ADVICE[size, similarity]
        for name, size, similarity in zip(
            rows["strategy"], rows["size"], rows["similarity"], strict=True
        )
    ]
    order = {task: place for place, task in enumerate(SIMILARITY)}
    return rows.sort_values(
        ["task", "train"],
        key=lambda column: column.map(order) if column.name == "task" else column,
        kind="stable",
        ignore_index=True,
    )


def advised_part(size: str, similarity: str) -> Part:
    """In one cell: the strategy that the rule of thumb names against the best other one."""
    named = ADVICE[size, similarity]

    def score(column: str, name: str) -> Quantity:
        where = {"size": size, "similarity": similarity, "strategy": name, "train": max}
        return value(column, where)

    def best(names) -> Quantity:
        return best_on_average(
            *(score("test", name) for name in names),
            by=[score("validation", name) for name in names],
        )

    rivals = [name for name in LANES if name not in named]
    name = f"{size}, {similarity}: {' or '.join(named)} minus the best other strategy"
    return Part(name, best(named) - best(rivals), above=0.0)


@dataclass(frozen=True)
class Cell:
    """One measured cell of the size x similarity table.

    task, train (labels), similarity ("similar" or "different"); advice: strategies that the rule of
    thumb names; means, spreads: score of each strategy, and its standard deviation over draws (None
    for one draw); best: the strategy with the highest mean; verdict on the rule of thumb here;
    lead: mean paired difference of the advised strategy to its best rival.
    """

    task: str
    train: int
    similarity: str
    advice: tuple[str, ...]
    means: dict[str, float]
    spreads: dict[str, float | None]
    best: str
    verdict: str
    lead: float

    @property
    def size(self) -> str:
        return size_word(self.train)


def cells(rows: pd.DataFrame) -> list[Cell]:
    """The measured cells, similar before different, few labels before many.

    A cell counts when every strategy has as many draws: one of a stopped study may not be there.
    """
    rows = with_cells(rows[~rows["strategy"].isin(BASELINES)])
    names = in_order(rows["strategy"])
    found = []
    for (task, train), here in rows.groupby(["task", "train"], sort=False):
        counts = here["strategy"].value_counts().reindex(names, fill_value=0)
        if counts.nunique() == 1:
            found.append(_cell(here, str(task), int(train)))
    return found


def _cell(rows: pd.DataFrame, task: str, train: int) -> Cell:
    by_name = rows.groupby("strategy", sort=False)["test"]
    means = by_name.mean()
    spreads = {name: None if pd.isna(std) else float(std) for name, std in by_name.std().items()}
    cell = size_word(train), SIMILARITY[task]
    try:
        judged = judge_part(advised_part(*cell), rows)
        verdict, lead = judged.verdict, judged.estimate.value
    except NotMeasured:
        verdict, lead = UNDECIDED, 0.0
    return Cell(task, train, cell[1], ADVICE[cell], means.to_dict(), spreads,
                str(means.idxmax()), verdict, lead)  # fmt: skip
