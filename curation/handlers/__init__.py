"""What curation does in the background: one file a kind of work."""

from curation.handlers import (
    alerts,
    arranging,
    candidates,
    collecting,
    endpoints,
    exporting,
    fetching,
    freezing,
    generations,
    imports,
    pushing,
    search,
)

__all__ = [
    "alerts",
    "arranging",
    "candidates",
    "collecting",
    "endpoints",
    "exporting",
    "fetching",
    "freezing",
    "generations",
    "imports",
    "pushing",
    "search",
]
