"""Check a project of any data: what is wrong, why it matters, which lesson explains it.

    from course_lib import review

    groups = review.join_copies(files, groups)          # before the split
    review.leaks({"train": learn, "validation": choose, "test": look}, groups=...)
    review.balance({"train": labels, ...}, classes)
    review.preprocessing(my_transform, weights.transforms())
    review.frozen(before, net, learns=("fc",))
    review.tried("runs.csv"); review.tested("runs.csv")
    review.calibration(probabilities, labels)

Each gives a tuple of findings, empty when there is nothing to say; `told` writes them down. None
needs the course's own tasks, nets or loops. `review_folder` reads what a script left in files.
"""

from course_lib.review.answers import calibration, sureness
from course_lib.review.finding import Finding, told
from course_lib.review.folder import review_folder
from course_lib.review.joining import join_copies
from course_lib.review.nets import frozen, prepared, preprocessing
from course_lib.review.runs import tested, tried
from course_lib.review.splits import balance, leaks

__all__ = [
    "Finding",
    "balance",
    "calibration",
    "frozen",
    "join_copies",
    "leaks",
    "prepared",
    "preprocessing",
    "review_folder",
    "sureness",
    "tested",
    "told",
    "tried",
]
