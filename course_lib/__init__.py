"""Transfer learning, measured: the package behind the course.

    from course_lib import load_backbone, load_task, fit, evaluate, strategies as S

Names are imported when first used, so that `import course_lib` stays quick and never loads torch.
"""

from importlib import import_module

# Where each name lives; a module of that name where nothing stands behind the colon.
_HOMES = {
    "CourseError": "errors:CourseError",
    # nets and tasks
    "Backbone": "backbones:Backbone",
    "load_backbone": "backbones:load_backbone",
    "available_backbones": "backbones:available_backbones",
    "Task": "data.task:Task",
    "Split": "data.split:Split",
    "load_task": "data.tasks:load_task",
    "available_tasks": "data.tasks:available_tasks",
    "tracks": "lab.tracks",
    "world": "world",
    # training
    "strategies": "train.strategies",
    "fit": "train.fit:fit",
    "prepare_run": "train.fit:prepare_run",
    "evaluate": "train.evaluation:evaluate",
    "predict": "backbones.inference:predict",
    "tune": "train.tuning:tune",
    "find_rate": "train.rate_finder:find_rate",
    "forgetting": "train.forgetting",
    # other domains
    "load_domains": "adaptation:load_domains",
    "adapt": "adaptation:adapt",
    # looking, deciding, using
    "see": "see",
    "show": "measure.figures:show",
    "style": "measure.figures:style",
    "decisions": "measure.decisions",
    "save_model": "serving:save_model",
    "load_model": "serving:load_model",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'course_lib' has no attribute {name!r}")
    module, _, inside = _HOMES[name].partition(":")
    value = import_module(f"course_lib.{module}")
    globals()[name] = value = getattr(value, inside) if inside else value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
