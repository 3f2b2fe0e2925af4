"""What the parts of lesson 07's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

THRESHOLDS: dict[tuple[str, str], float] = {
    # ---- C33: a masked-language model
    ("C33", "pretrained minus scratch, fewest labels"): 0.05,
    ("C33", "pretrained minus TF-IDF, fewest labels"): 0.05,
    ("C33", "pretrained minus scratch, most labels"): 0.0,
    ("C33", "pretrained minus TF-IDF, most labels"): 0.0,
    ("C33", "pretrained minus its head alone, fewest labels"): 0.0,
    ("C33", "scratch minus TF-IDF, fewest labels"): 0.0,
    ("C33b", "TF-IDF minus pretrained, fewest labels"): 0.0,
    ("C33b", "TF-IDF minus pretrained, most labels"): 0.0,
    ("C33b", "pretrained minus scratch, fewest labels"): 0.0,
}
CUSTOM = {}
