"""Transfer learning, measured: the package behind the course.

    from course_lib import load_backbone, load_task, fit, evaluate, strategies as S

Names are imported when first used, so that `import course_lib` stays quick and never loads torch.
"""

from importlib import import_module

_HOMES = {
    "CourseError": "errors",
    "Backbone": "backbones",
    "Task": "tasks",
    "load_backbone": "backbones",
    "available_backbones": "backbones",
    "load_task": "tasks",
    "available_tasks": "tasks",
    "fit": "training",
    "prepare_run": "training",
    "evaluate": "training",
    "predict": "training",
    "tune": "tuning",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'course_lib' has no attribute {name!r}")
    value = getattr(import_module(f"course_lib.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
