"""Pictures of the source task, to see what a changed net still knows of it."""

from course_lib.claims.trials.transfer import backbone
from course_lib.data.split import Split
from course_lib.lab import cache
from course_lib.train.forgetting import source_pictures

SOURCE_PICTURES = 200  # measured after a run; while it goes on, as many as the trial says


@cache.kept(maxsize=4)
def source(n: int) -> Split:
    """n pictures of the source task, labelled for the old head; see forgetting.source_pictures."""
    return source_pictures(backbone(), n)
