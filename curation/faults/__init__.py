"""The words of curation's faults: one file a noun."""

from curation.faults import examples, queue, tasks, teams

__all__ = ["examples", "queue", "tasks", "teams"]
