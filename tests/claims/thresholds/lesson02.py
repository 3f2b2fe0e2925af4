"""What the parts of lesson 02's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

THRESHOLDS = {
    ("C06", "frozen minus scratch, test accuracy"): 0.20,
    ("C06", "frozen minus pixels"): 0.0,
    ("C06", "frozen minus a random net"): 0.0,
}
CUSTOM = {}
