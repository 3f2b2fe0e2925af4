"""A whole claim at a tiny size, from its trials to its figure, on a small net and few pictures."""

import pytest

from course_lib.claims.trials import sources, surgery, transfer
from course_lib.data import recipes, tasks
from course_lib.data.split import Split
from course_lib.lab import cache, running
from course_lib.lab.verdicts import VERDICTS
from tests.claims.whole import shown
from tests.fakes import pictures, small_backbone


@pytest.fixture(scope="module")
def tiny_world():
    """In this module's tests that ask for it, and after it, claims start from a small net and tasks
    have few pictures; nothing measured with them is kept afterwards."""

    def source(n: int) -> Split:
        return pictures(n, classes=5)

    def empty() -> None:
        cache.forget()
        tasks._built_in.cache_clear()
        surgery._expert.cache_clear()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(transfer, "backbone", small_backbone)
        patched.setattr(sources, "source", source)
        patched.setattr(sources, "SOURCE_PICTURES", 10)
        patched.setattr(recipes, "VALIDATION_SIZE", 16)
        patched.setattr(recipes, "TEST_SIZE", 24)
        empty()
        yield
    empty()


def run_tiny(claim, **tiny):
    """Measure, judge, tell and draw a claim, with these settings of its quick size changed."""
    changes = {name: value for name, value in tiny.items() if name in claim.quick}
    result = running.run(claim, "quick", progress=False, **changes)
    assert result.verdict in VERDICTS and result.sentence.endswith(".")
    assert len(result.table()) > 1 and len(result.judgements()) >= len(result.judged)
    shown(result)
    return result
