"""Kinds of jobs of pools and runs, registered when the app is ready."""

from selection.handlers import collect, imports, ordering, runs, saes, send  # noqa: F401
