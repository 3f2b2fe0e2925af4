"""What the parts of lesson 07's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

THRESHOLDS: dict[tuple[str, str], float] = {
    # ---- C32: LoRA
    ("C32", "share of the way that rank 1 goes, digits, test accuracy"): 0.5,
    ("C32", "share of the way that rank 2 goes, digits"): 0.5,
    ("C32", "share of the way that rank 4 goes, digits"): 0.5,
    ("C32", "share of the way that rank 8 goes, digits"): 0.5,
    ("C32", "rank 8 minus rank 1, digits, test accuracy"): 0.03,
    ("C32", "rank 1 minus the head alone, radiographs, AUC"): 0.0,
    ("C32", "full fine-tuning minus rank 1, radiographs, AUC"): 0.0,
    ("C32", "rank 4 minus full fine-tuning, source accuracy left, digits"): 0.0,
    ("C32", "rank 4 minus full fine-tuning, source accuracy left, radiographs"): 0.0,
    (
        "C32",
        "what an adapter trained with batch norm in train mode loses when it is loaded elsewhere, "
        "digits, test accuracy",
    ): 0.02,
    (
        "C32",
        "source accuracy before minus the same with that adapter taken off, digits",
    ): 0.02,
    ("C32", "rank 1 minus pixels, digits"): 0.0,
    ("C32", "rank 1 minus a random net, digits"): 0.0,
}
CUSTOM = {}
