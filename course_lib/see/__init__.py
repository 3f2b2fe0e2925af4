"""Seeing what networks see and know. Functions take and return plain tensors and figures."""

from importlib import import_module

_HOMES = {
    "filter_figure": "filters",
    "first_filters": "filters",
    "orientation_selectivity": "filters",
    "smoothness": "filters",
    "gabor": "gabors",
    "nearest_gabors": "gabors",
    "gabor_figure": "gabors",
    "picture_grid": "pictures",
    "top_classes": "pictures",
    "stage_maps": "activations",
    "peaks": "activations",
    "strongest": "activations",
    "map_figure": "activations",
    "visualise": "visualisation",
    "ascend": "visualisation",
    "answers": "visualisation",
    "stage_features": "probes",
    "match_dimension": "probes",
    "probe": "probes",
    "probe_factors": "probes",
    "linear_cka": "similarity",
    "stage_cka": "similarity",
    "grad_cam": "saliency",
    "guided_backprop": "saliency",
    "randomisation_check": "saliency",
    "cam_figure": "saliency",
    "check_figure": "saliency",
    "transplant": "surgery",
    "pca": "embedding",
    "tsne": "embedding",
    "neighbour_accuracy": "embedding",
    "scatter_figure": "embedding",
    "network3d": "space",
    "embedding3d": "space",
    "show3d": "space",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'course_lib.see' has no attribute {name!r}")
    return getattr(import_module(f"course_lib.see.{_HOMES[name]}"), name)


def __dir__():
    return sorted([*globals(), *__all__])
