"""Rows from the hub into a task, and how a row says that it is from there."""

from collections.abc import Mapping as Given
from typing import Any

from config.faults import Fault
from curation.actions import imports
from curation.content import Mapping
from curation.fetching import import_fields
from curation.models import ExampleImport, HubFetch, Task, Team
from curation.origins import LINKS, Link
from jobs.models import Job


class TaskTaker:
    word = "task"

    def title(self, fetch: HubFetch) -> str:
        found = self._task(fetch)
        return found.name if found is not None else ""

    def url(self, fetch: HubFetch) -> str:
        made = ExampleImport.objects.filter(fetch=fetch).first()
        found = made or self._task(fetch)
        return found.get_absolute_url() if found is not None else ""

    def checked(self, team: Team, target: int) -> None:
        if not Task.objects.of(team).filter(pk=target).exists():
            raise Fault("hub.fetch_gone", what=self.word)

    def take(self, fetch: HubFetch) -> Job | None:
        task = self._task(fetch)
        if task is None:
            return None
        made = ExampleImport.objects.create(
            task=task, outputs_as=fetch.options.get("outputs_as", "suggestion"),
            max_bad_share=fetch.options.get("max_bad_share", 0.1), **import_fields(fetch),
        )  # fmt: skip
        if not fetch.start:
            return None
        return imports.start_import(
            import_=made, by=fetch.created_by, mapping=Mapping.from_dict(made.mapping), outputs_as=made.outputs_as,
            max_bad_share=made.max_bad_share,
        )  # fmt: skip

    def drop(self, fetch: HubFetch) -> None:
        """The task was there before."""

    def _task(self, fetch: HubFetch) -> Task | None:
        return Task.objects.of(fetch.team).filter(pk=fetch.target).first()


def of_hub(team: int, lineage: Given[str, Any]) -> list[Link]:
    name, commit = str(lineage["hub"]), str(lineage.get("hub_commit", ""))
    parts = [str(lineage.get(f"hub_{one}", "")) for one in ("config", "split")] + [commit[:12]]
    url = f"{lineage.get('hub_endpoint', '')}/datasets/{name}" + (f"/tree/{commit}" if commit else "")
    return [
        Link("Dataset of a hub", name, url if url.startswith("http") else "", ", ".join(one for one in parts if one))
    ]


LINKS["hub"] = of_hub
