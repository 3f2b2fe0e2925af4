"""Jobs for worker processes that end or fail; small, since every new worker imports it."""

import os


def fail_once(path):
    """A job that kills its process the first time, and works the second."""
    if not os.path.exists(path):
        open(path, "w").close()
        os._exit(1)
    return "done"


def fail_always(path):
    if path == "bad":
        os._exit(1)
    if path == "error":
        raise ValueError("told")
    return "done"
