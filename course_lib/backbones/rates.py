"""Learning rates that suit a kind of net, for what a strategy leaves open.

The right rates belong to the net, not to the method: WorldNet has simple features that are quickly
repaired, so it forgives rates that destroy an ImageNet net within a few steps.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class UsualRates:
    """For AdamW with warm-up and half a cosine, some tens to hundreds of steps.

    lr: peak rate of a new head. head_lr_ratio: head rate / rate of the last stage. decay_vectors:
    whether weight decay reaches parameters of one dimension too (biases and norms).
    reason: why these, for a person who reads the strategy's table.
    """

    lr: float
    head_lr_ratio: float
    decay_vectors: bool
    reason: str


WORLDNET = UsualRates(
    lr=1e-2,
    head_lr_ratio=10.0,
    decay_vectors=True,
    reason="WorldNet forgives large rates",
)
# Chosen on photographs: benchmarks/presets.py, benchmarks/results/presets.json.
PHOTOGRAPHS = UsualRates(
    lr=3e-3,
    head_lr_ratio=300.0,
    decay_vectors=False,
    reason="what a net learnt from photographs is lost at larger rates",
)
