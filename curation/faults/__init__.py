"""The words of curation's faults: one file a noun."""

from curation.faults import api, datasets, examples, hub, imports, queue, schedules, synthesis, tasks, teams

__all__ = ["api", "datasets", "examples", "hub", "imports", "queue", "schedules", "synthesis", "tasks", "teams"]
