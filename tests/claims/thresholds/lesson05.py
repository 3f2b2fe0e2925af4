"""What the parts of lesson 05's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

_ON_TARGET = "minus the mean of all candidates, accuracy on the target"
THRESHOLDS = {
    ("C22", "DANN: share of the gap closed"): 0.5,
    ("C22", "DANN: share of the gap closed, against the published one"): 0.56,
    ("C22", "AdaBN: share of the gap closed"): 0.0,
    ("C22", "TENT: share of the gap closed"): 0.0,
    ("C22", "CORAL: share of the gap closed"): 0.0,
    ("C22", "MMD: share of the gap closed"): 0.0,
    ("C22", "self-training: share of the gap closed"): 0.0,
    ("C22", "DANN + self-training: share of the gap closed"): 0.0,
    ("C22", "DANN + self-training minus DANN, share of the gap closed"): 0.0,
    ("C23", "AdaBN minus the middle between source-only and oracle"): 0.0,
    ("C23", "TENT minus the middle between source-only and oracle"): 0.0,
    ("C23", "CORAL minus the middle between source-only and oracle"): 0.0,
    ("C23", "DANN minus the middle between source-only and oracle"): 0.0,
    ("C23", "self-training minus the middle between source-only and oracle"): 0.0,
    ("C23", "continued pretraining minus the middle between source-only and oracle"): 0.0,
    ("C23", "AdaBN minus a new head on the frozen backbone"): 0.0,
    ("C24", "a domain classifier's accuracy, source-only minus DANN"): 0.10,
    ("C24", "a domain classifier's accuracy after DANN"): 0.60,
    ("C24", "DANN minus source-only, accuracy on the target"): 0.0,
    ("C24", "DANN, accuracy on the source"): 0.90,
    ("C25", "distance of a translated picture to the true night, in that of the day picture"): 0.5,
    ("C25", "trained on translated pictures minus source-only, accuracy at night"): 0.0,
    ("C26", f"pick by source validation {_ON_TARGET}"): 0.0,
    ("C26", f"pick by certainty on target {_ON_TARGET}"): 0.0,
    ("C26", f"pick by neighbourhood density {_ON_TARGET}"): 0.0,
}
CUSTOM = {}
