"""What curation does in the background: one file a kind of work."""

from curation.handlers import arranging, endpoints, freezing, generations, imports, search

__all__ = ["arranging", "endpoints", "freezing", "generations", "imports", "search"]
