"""Every claim of the course as an experiment: predict, run, explain.

    from course_lib.experiments import run_claim
    result = run_claim("C06")
    result.verdict, result.sentence

A claim says beforehand which trials it needs and by which rule they are judged. `run_claim`
measures the trials and judges them; `course claims run C06` does the same at full size and stores
the rows.
"""

from course_lib.experiments.registry import claim, claims
from course_lib.experiments.study import Claim, Result, run_claim, stored_result

__all__ = ["Claim", "Result", "claim", "claims", "run_claim", "stored_result"]
