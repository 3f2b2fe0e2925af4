"""What the parts of lesson 06's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

GROUPS = ("normalisation", "channel order", "resize and crop")
MODELS = (
    "new-shapes, feature extraction",
    "new-shapes, full fine-tuning",
    "lamp-or-sky, first stages",
)
MISHAPS = (
    "train mode, one by one",
    "train mode, 16 mixed",
    "train mode, 16 alike",
    "classes re-sorted",
    "head left out",
    "backbone left random",
)

THRESHOLDS: dict[tuple[str, str], float] = {
    # Over 2 points, for all three groups on every task.
    **{("C27", f"{group} on {model}: accuracy lost"): 0.02 for group in GROUPS for model in MODELS},
    (
        "C27",
        "all mistakes, new head: lost if only serving is wrong minus if training is, too",
    ): 0.0,
    # Each mishap costs over 5 points.
    **{("C27b", f"{name}: accuracy lost"): 0.05 for name in MISHAPS},
    # Less than a thousandth of the largest feature; a new stem scores lower.
    (
        "C28",
        "features of summed filters less those of repeated channels, of the largest feature",
    ): 0.001,
    (
        "C28",
        "stem and head learn: pretrained stem minus a new one, AUC at the fewest labels",
    ): 0.0,
    ("C28", "everything learn: pretrained stem minus a new one, AUC at the fewest labels"): 0.0,
    ("C28", "new head: sum minus mean of the filters, AUC"): 0.0,
    ("C28", "new head: sum minus one channel of the filters, AUC"): 0.0,
    # Fine-tuning beats scratch at both ends, and the frozen backbone at the most labels.
    ("C29", "fine-tuned minus scratch, AUC at the fewest labels"): 0.0,
    ("C29", "fine-tuned minus scratch, AUC at the most labels"): 0.0,
    ("C29", "fine-tuned minus frozen, AUC at the most labels"): 0.0,
    ("C29", "fine-tuned minus pixel logistic regression, AUC at the fewest labels"): 0.0,
    ("C29", "fine-tuned minus random frozen backbone, AUC at the fewest labels"): 0.0,
    # The promise exceeds the truth, and by more than with a split by patient.
    ("C29b", "split by picture: promised minus true AUC"): 0.0,
    ("C29b", "the same, minus a split by patient"): 0.0,
    ("C29b", "split by patient: promised minus true AUC"): 0.0,
    # The AUC falls by over 3 points; the corner is worth more than to the honest net.
    ("C29c", "fall of the AUC where the mark says nothing"): 0.03,
    (
        "C29c",
        "AUC that the marked corner is worth, minus in a net whose marks said nothing",
    ): 0.0,
    ("C29c", "AUC that the marked corner is worth, minus the costliest other place"): 0.0,
    # Fewer parameters, milliseconds and megabytes than ResNet-50; ViT-B/16 more milliseconds.
    (
        "C30",
        "mobilenet_v3_small beside resnet50, the largest of parameters, milliseconds and memory",
    ): 1.0,
    (
        "C30",
        "efficientnet_b0 beside resnet50, the largest of parameters, milliseconds and memory",
    ): 1.0,
    ("C30", "vit_b_16 beside resnet50, milliseconds"): 1.0,
}
CUSTOM = {}
