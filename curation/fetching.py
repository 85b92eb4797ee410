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
