"""What curation does in the background: one file a kind of work."""

from curation.handlers import imports, search

__all__ = ["imports", "search"]
