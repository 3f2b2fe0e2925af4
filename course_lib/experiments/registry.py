"""Which claims there are and which module holds them."""

from importlib import import_module

from course_lib import checks

MODULES = {
    "01": "feature_hierarchies",
    "02": "three_strategies",
    "03": "learning_rates",
    "04": "forgetting",
    "05": "domain_adaptation",
    "06": "production",
}


def claims() -> dict:
    """All claims by tag, in order."""
    found = {}
    for module in MODULES.values():
        for one in import_module(f"course_lib.experiments.{module}").CLAIMS:
            found[one.tag] = one
    return dict(sorted(found.items()))


def claim(tag: str):
    """The claim with this tag, such as "C06". Raises CourseError for an unknown one."""
    known = claims()
    return known[checks.one_of(tag, "claim", known)]
