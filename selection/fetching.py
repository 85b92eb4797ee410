"""Rows from the hub into a pool."""

from config.faults import Fault
from curation.content import Mapping
from curation.fetching import TAKERS, import_fields
from curation.models import HubFetch, Team
from jobs.models import Job
from selection.actions import pools
from selection.models import Import, Pool


class PoolTaker:
    word = "pool"

    def title(self, fetch: HubFetch) -> str:
        found = self._pool(fetch)
        return found.name if found is not None else ""

    def url(self, fetch: HubFetch) -> str:
        made = Import.objects.filter(fetch=fetch).first()
        found = made or self._pool(fetch)
        return found.get_absolute_url() if found is not None else ""

    def checked(self, team: Team, target: int) -> None:
        if not Pool.objects.visible().filter(pk=target, team=team).exists():
            raise Fault("hub.fetch_gone", what=self.word)

    def take(self, fetch: HubFetch) -> Job | None:
        """A pool into which something else is read just now gets a draft, which a person starts."""
        pool = self._pool(fetch)
        if pool is None:
            return None
        share = fetch.options.get("max_bad_share", 0.1)
        made = Import.objects.create(pool=pool, max_bad_share=share, **import_fields(fetch))
        if not fetch.start or pool.imports.filter(job__state__in=Job.OPEN_STATES).exists():
            return None
        mapping = Mapping.from_dict(made.mapping)
        return pools.start_import(import_=made, by=fetch.created_by, mapping=mapping, max_bad_share=share)

    def drop(self, fetch: HubFetch) -> None:
        """A pool that nothing else was ever in goes too."""
        pool = self._pool(fetch)
        if pool is None or pool.rows or pool.imports.exists() or pool.runs.exists():
            return
        others = HubFetch.objects.filter(team=fetch.team, into=fetch.into, target=pool.pk, taken_at=None)
        if not others.exists():
            Pool.objects.filter(pk=pool.pk).delete()

    def _pool(self, fetch: HubFetch) -> Pool | None:
        return Pool.objects.visible().filter(pk=fetch.target, team=fetch.team_id).first()


TAKERS["pool"] = PoolTaker()
