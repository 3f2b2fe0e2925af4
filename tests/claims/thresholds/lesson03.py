"""What the parts of lesson 03's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

THRESHOLDS = {
    ("C14", "source accuracy left after 8 batches, one large rate"): 0.5,
    ("C14", "source accuracy left after 8 batches, ratio 100"): 0.9,
    ("C14", "ratio 100 minus one large rate, test accuracy on the new task"): 0.0,
    ("C14", "ratio 100 minus pixels, test accuracy"): 0.0,
    (
        "C14",
        "one large rate, batch norm learns minus one large rate, test accuracy on the new task",
    ): 0.2,
    (
        "C14",
        "one large rate, head trained first minus one large rate, test accuracy on the new task",
    ): 0.1,
    ("C15", "ratio 100 minus ratio 1, each at its chosen head rate, test accuracy"): 0.03,
    ("C15", "ratio 10 minus ratio 1, each at its chosen head rate, test accuracy"): 0.03,
    ("C15", "ratio 1000 minus ratio 1, each at its chosen head rate, test accuracy"): 0.03,
    ("C15", "ratio 100 minus one rate for all, at the largest head rate"): 0.01,
    ("C15", "ratio 100 at its chosen head rate minus pixels"): 0.0,
    ("C16", "decay 0.9 minus no decay, test accuracy"): 0.0,
    ("C16", "decay 0.9 minus 0.5, test accuracy"): -0.01,
    ("C16", "decay 0.9 minus 0.65, test accuracy"): -0.01,
    ("C16", "decay 0.9 minus 0.8, test accuracy"): -0.01,
    ("C16", "decay 0.9 minus pixels"): 0.0,
    ("C17", "gradually minus at once on digits, test accuracy"): 0.0,
    ("C17", "gradually minus at once on digits-cluttered, test accuracy"): 0.0,
    ("C17", "head first minus at once on digits, test accuracy"): 0.0,
    ("C17", "head first minus at once on digits-cluttered, test accuracy"): 0.0,
    ("C17", "gradually minus pixels on digits"): 0.0,
}
CUSTOM = {}
