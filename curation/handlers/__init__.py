"""What curation does in the background: one file a kind of work."""

from curation.handlers import arranging, imports, search

__all__ = ["arranging", "imports", "search"]
