"""The words of curation's faults: one file a noun."""

from curation.faults import examples, imports, queue, tasks, teams

__all__ = ["examples", "imports", "queue", "tasks", "teams"]
