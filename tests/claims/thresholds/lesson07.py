"""What the parts of lesson 07's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

THRESHOLDS: dict[tuple[str, str], float] = {
    # ---- C31, C34: pictures and words ----
    ("C31", "pairs never captioned, accuracy among 72 (chance 1 %)"): 0.5,
    ("C31", "those new to WorldNet too, accuracy among 36 (chance 3 %)"): 0.5,
    ("C31", "captions minus factor labels, pairs never captioned"): -0.05,
    ("C31", "captions minus factor labels, pairs new to WorldNet too"): -0.05,
    ("C31", "frozen WorldNet minus the whole net from scratch, pairs never captioned"): 0.2,
    ("C31", "frozen WorldNet minus a random frozen net, pairs never captioned"): 0.2,
    ("C31", "captions minus pixels, pairs never captioned"): 0.2,
    ("C31b", "colour named by prompt, late stages (chance 12 %)"): 0.2,
    (
        "C31b",
        "the same captions with the stem's features minus without, colour named",
    ): 0.05,
    ("C31b", "colour labels minus captions, the same late features"): 0.1,
    ("C31b", "a random frozen net minus WorldNet, colour named"): 0.0,
    ("C31b", "pixels minus captions, colour named"): 0.1,
    ("C31c", "pictures of the word that get its name, never captioned (chance 4 %)"): 0.1,
    ("C31c", "the same, captioned"): 0.5,
    ("C34", "prompt minus probe with 1 label per class"): 0.0,
    ("C34", "probe with 16 labels per class minus prompt"): 0.0,
    ("C34", "head started from the prompt minus prompt, where it does worst"): -0.01,
    ("C34", "the tower learns too minus the head alone, 32 labels per class"): 0.0,
    (
        "C34",
        "probe on the joint space minus probe on WorldNet's features, 1 label per class",
    ): 0.0,
    ("C34", "prompt minus a random frozen net with 32 labels per class"): 0.0,
    ("C34", "prompt minus pixels with 32 labels per class"): 0.0,
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
