"""Interactive views: one .py and one .js per widget."""
