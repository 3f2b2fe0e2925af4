"""What the parts of lesson 06's claims ask for, written down a second time.

Changing a rule means changing it here too, on purpose.
"""

THRESHOLDS: dict[tuple[str, str], float] = {}
CUSTOM = {}
