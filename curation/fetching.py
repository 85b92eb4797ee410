"""What takes over files that came from the hub: tasks here, pools in an app that knows of them.

One entry for each value of `HubFetch.into`. Taking over happens in the transaction that ends the job.
"""

from typing import Any, Protocol

from curation.models import HubFetch, Team
from jobs.models import Job


class Taker(Protocol):
    """Where fetched rows go."""

    word: str  # what the target is called

    def title(self, fetch: HubFetch) -> str:
        """The name of the target, "" if it is gone."""
        ...

    def url(self, fetch: HubFetch) -> str:
        """The page of what became of it: the import, else the target; "" if both are gone."""
        ...

    def checked(self, team: Team, target: int) -> None:
        """Raises `Fault` for a target that is not the team's."""
        ...

    def take(self, fetch: HubFetch) -> Job | None:
        """Make the import of its files; start it where `fetch.start`. Raises `Fault`."""
        ...

    def drop(self, fetch: HubFetch) -> None:
        """The fetch is discarded: nothing of the target stays that was made for it alone."""
        ...


TAKERS: dict[str, Taker] = {}


def taker_of(fetch: HubFetch) -> Taker:
    return TAKERS[fetch.into]


def only_new(fetch: HubFetch, found: dict[str, Any]) -> dict[str, Any]:
    """Of the files that were found those whose content no fetch in `options["beyond"]` brought; all without one."""
    beyond = fetch.options.get("beyond") or []
    rows = HubFetch.objects.filter(pk__in=beyond, team=fetch.team_id).exclude(taken_at=None)
    had = {_identity(one) for row in rows.values_list("found", flat=True) for one in row.get("files", [])}
    files = [one for one in found["files"] if _identity(one) not in had]
    return found | {"files": files, "had": len(found["files"]) - len(files)} if beyond else found


def _identity(file: dict[str, Any]) -> str:
    return str(file["sha256"] or file["git"])


def import_fields(fetch: HubFetch) -> dict[str, Any]:
    """What an import of either kind says of files that were fetched."""
    first = fetch.files[0]
    return {
        "name": f"{fetch.dataset}: {first['name']}"[:255] if len(fetch.files) == 1 else str(fetch)[:255],
        "path": first["path"], "bytes": sum(one["bytes"] for one in fetch.files), "format": fetch.seen["format"],
        "compression": fetch.seen["compression"], "mapping": fetch.mapping or fetch.seen["mapping"],
        "more": [{"name": one["name"], "path": one["path"]} for one in fetch.files[1:]], "fetch": fetch,
        "created_by": fetch.created_by,
    }  # fmt: skip
