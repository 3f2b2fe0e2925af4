"""Run a cell as a notebook would: with ``display`` and ``get_ipython``, and ``await`` outside of
functions."""

import ast
import inspect


def run(source, name, space):
    """Execute a cell's source in ``space``; ``name`` is what tracebacks call its file."""
    space.setdefault("display", shown)
    space.setdefault("get_ipython", Nobody)
    code = compile(source, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    result = eval(code, space)
    if code.co_flags & inspect.CO_COROUTINE:
        import asyncio

        asyncio.run(result)


def shown(*values, **options):
    """There is nobody to show anything to."""


class Nobody:
    """A notebook's shell that does nothing, whatever it is asked for."""

    def __getattr__(self, name):
        return shown
