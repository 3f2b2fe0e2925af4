"""What the parts of lesson 04's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

_LOST = "source accuracy lost at the harshest minus at the mildest setting"
THRESHOLDS = {
    ("C18", f"one rate for all: {_LOST}"): 0.05,
    ("C18", f"epochs: {_LOST}"): 0.05,
    ("C18", f"classes of the new task: {_LOST}"): 0.05,
    ("C19", "source accuracy, mean of five methods minus plain fine-tuning"): 0.05,
    ("C19", "test accuracy on the new task, the same"): -0.02,
    **{
        ("C19", f"source accuracy, {name} minus plain fine-tuning"): 0.05
        for name in (
            "L2-SP",
            "EWC",
            "LwF",
            "replay",
            "WiSE-FT",
            "small backbone rate",
        )
    },
    ("C19", "plain fine-tuning minus pixels, new task"): 0.0,
    ("C19", "plain fine-tuning minus a random net, new task"): 0.0,
    ("C19", "plain fine-tuning minus the head alone, new task"): 0.0,
    ("C20", "digits, batches of 2: source accuracy lost in train mode"): 0.05,
    ("C20", "digits, batches of 8: source accuracy lost in train mode"): 0.05,
    ("C20", "digits, batches of 32: source accuracy lost in train mode"): 0.05,
    ("C20", "digits: lost in train mode at batches of 2 minus at 32"): 0.0,
    ("C20", "new-shapes, batches of 2: source accuracy lost in train mode"): 0.05,
    ("C20", "new-shapes, batches of 8: source accuracy lost in train mode"): 0.05,
    ("C20", "new-shapes, batches of 32: source accuracy lost in train mode"): 0.05,
    ("C20", "new-shapes: lost in train mode at batches of 2 minus at 32"): 0.0,
    ("C21", "half way minus the end, source accuracy"): 0.05,
    ("C21", "half way minus the end, test accuracy on the new task"): -0.01,
    ("C21", "deepest point of the way minus the lower end, test accuracy on the new task"): -0.02,
}
CUSTOM = {}
