"""What the parts of lesson 01's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

import pandas as pd

STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
TASKS = ("new-shapes", "new-textures", "digits", "radiographs")
FILTERS = (
    "share of the pretrained filters that are more oriented, or smoother, than 99 of 100 random "
    "ones"
)
EARLY = "skill at the better of the first two stages minus the last"
ORDER = "rank correlation of source accuracy and probe score"
ALIKE = "CKA with the pretrained net, fine-tuned minus untrained"
ORIENTED = "orientation selectivity of the first filters"

THRESHOLDS: dict[tuple[str, str], float] = {
    ("C01", FILTERS): 0.70,
    ("C02", f"hue, {EARLY}"): 0.0,
    ("C02", f"light, {EARLY}"): 0.0,
    ("C02", f"ground, {EARLY}"): 0.0,
    ("C02", "class, skill at the last stage minus the best earlier one"): 0.0,
    ("C02", "class, skill at the last stage minus an untrained net's"): 0.0,
    ("C03", "first stage frozen, B's own minus A's"): 0.05,
    ("C03", "all stages frozen, B's own minus A's"): 0.05,
    ("C03", "fine-tuned, A's minus B's own, mean over depths"): -0.02,
    ("C03", "fine-tuned, A's minus the base net, mean over depths"): 0.0,
    ("C03", "fine-tuned, B's own minus the base net, mean over depths"): 0.0,
    **{("C04", f"{task}, {ORDER}"): 0.5 for task in TASKS},
    ("C05", "kept of the CKA beyond an untrained net's, stem minus last stage"): 0.05,
    ("C05", "CKA with the pretrained net after fine-tuning, stem minus last stage"): 0.05,
    ("C05", "the same, minus that of an untrained net"): 0.0,
    **{("C05", f"{stage}, {ALIKE}"): 0.0 for stage in STAGES},
    ("C37", "new-shapes, the last stage minus the best earlier one"): 0.0,
    ("C37", "new-textures, the last stage minus the best earlier one"): 0.0,
    ("C37", "digits, the best earlier stage minus the last"): 0.0,
    ("C37", "radiographs, the best earlier stage minus the last"): 0.0,
    **{
        ("C37", f"{task}, the last stage minus {rival}"): 0.0
        for task in TASKS
        for rival in ("the best stage of an untrained net", "pixels")
    },
    ("C38", "CKA of the stems, two seeds of one source minus two sources"): 0.10,
    ("C38", "CKA of the last stages, two seeds of one source minus two sources"): 0.05,
    ("C38", f"{ORIENTED}, half B minus untrained"): 0.0,
    ("C38", f"{ORIENTED}, half A minus untrained"): 0.0,
}


def with_share(rows: pd.DataFrame, target: float) -> pd.DataFrame:
    """So many filters, each 0 or 1, that the exact interval of their share is narrow."""
    count = 100_000
    structured = [float(n < round(target * count)) for n in range(count)]
    return pd.DataFrame({"net": "pretrained", "seed": range(count), "structured": structured})


CUSTOM = {("C01", FILTERS): with_share}
