"""Fixtures of the tests of claims."""

from tests.claims.tiny import tiny_world

__all__ = ["tiny_world"]
