"""What the parts of lesson 02's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

AHEAD = "minus the best other strategy"

THRESHOLDS = {
    ("C06", "frozen minus scratch, test accuracy"): 0.20,
    ("C06", "frozen minus pixels"): 0.0,
    ("C06", "frozen minus a random net"): 0.0,
    ("C07", "frozen minus scratch after one pass, validation accuracy"): 0.0,
    ("C07", "what frozen gains in its second half, validation accuracy"): 0.03,
    ("C07", "the lower of the two fine-tunings minus frozen at the end, test accuracy"): 0.0,
    ("C07", "frozen minus scratch at the end, test accuracy"): 0.0,
    **{
        ("C08", f"{name} minus scratch, at the {fewer} minus at the {more}"): least
        for name in ("feature extraction", "full fine-tuning")
        for fewer, more, least in (
            ("middle number of labels", "most", 0.05),
            ("fewest labels", "middle number", 0.0),
        )
    },
    ("C08", "scratch at the fewest labels, minus guessing among six"): 0.10,
    ("C08", "frozen minus pixels at the most labels"): 0.0,
    ("C08", "frozen minus a random net at the most labels"): 0.0,
    ("C09", f"small, similar: feature extraction {AHEAD}"): 0.0,
    ("C09", f"small, different: fine-tuning {AHEAD}"): 0.0,
    ("C09", f"medium, similar: fine-tuning or full fine-tuning {AHEAD}"): 0.0,
    ("C09", f"medium, different: full fine-tuning {AHEAD}"): 0.0,
    ("C09", f"large, similar: full fine-tuning {AHEAD}"): 0.0,
    ("C09", f"large, different: full fine-tuning or scratch {AHEAD}"): 0.0,
    (
        "C10",
        "an epoch of full fine-tuning against one of feature extraction without a cache",
    ): 1.5,
    (
        "C10",
        "an epoch of full fine-tuning against one of feature extraction with features kept",
    ): 10.0,
    ("C11", "head first minus at once, at night"): 0.02,
    ("C11", "head first minus at once, by day as in training"): 0.02,
    ("C11", "head first minus the head alone, at night"): 0.0,
    ("C11", "head first minus pixels, by day"): 0.0,
    ("C12", "scratch minus the better pretrained start at the most labels"): -0.01,
    ("C12", "scratch minus pixels at the most labels"): 0.0,
    ("C13", "blur: early minus late blocks"): 0.0,
    ("C13", "colour: early minus late blocks"): 0.0,
    ("C13", "relabelled: late minus early blocks"): 0.0,
    ("C35", "the lowest training accuracy of the three"): 0.9,
    ("C35", "the lower of the two pretrained minus scratch, test accuracy"): 0.2,
    ("C36", "all stages frozen but the last minus none frozen, test accuracy"): 0.02,
    ("C36", "all stages frozen minus all but the last, test accuracy"): -0.02,
    **{
        ("C36", f"{n} of five stages frozen minus none frozen, test accuracy"): 0.02
        for n in (1, 2, 3)
    },
}
CUSTOM = {}
