"""Seeing what networks see and know. Functions take and return plain tensors and figures."""

from course_lib.see.filters import filter_figure, first_filters
from course_lib.see.pictures import picture_grid, top_classes

__all__ = ["filter_figure", "first_filters", "picture_grid", "top_classes"]
