"""Memory that a step does not need: libraries that others load in passing, and what allocators keep for later."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder

import pyarrow as pa


class _Refuse(MetaPathFinder):
    """An import of pandas fails, which Arrow takes well. What is loaded already is not asked for here."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is kept out of this step", name=name)


@contextmanager
def thrifty() -> Iterator[None]:
    """Inside, nothing loads pandas, and at the end what is free goes back to the system.

    Arrow imports pandas (44 MiB) as soon as it is given a list, to see whether that is one of pandas' own; without it
    Arrow does the same work. Where pandas is loaded already nothing changes.
    For steps that have a process to themselves, as those of the queue `cpu` do.
    """
    sys.meta_path.insert(0, refuse := _Refuse())
    try:
        yield
    finally:
        sys.meta_path.remove(refuse)
        pa.default_memory_pool().release_unused()
        with suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).malloc_trim(0)
