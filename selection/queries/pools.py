"""What the pages of pools show."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from config import plots
from curation.content import ContentError, Mapping, parts_of, read, row_dicts
from curation.models import Team
from jobs.models import Job
from jobs.queries import progress
from selection import store
from selection.evaluate.facts import LENGTH_EDGES
from selection.models import Import, Pool, Run, Shard

PAGE = 20
SHARDS_SHOWN = 50


def pools_page(team: Team) -> dict[str, Any]:
    # One count a subquery: joined, shards times runs times imports would have to be walked through.
    pools = Pool.objects.visible().filter(team=team).annotate(
        shard_count=_counted(Shard.objects.all()), run_count=_counted(Run.objects.all()),
        waiting=Exists(Import.objects.filter(pool=OuterRef("pk"), job=None)),
        importing=Exists(Import.objects.filter(pool=OuterRef("pk"), job__state__in=Job.OPEN_STATES)),
    )  # fmt: skip
    total = Pool.objects.visible().filter(team=team).aggregate(rows=Sum("rows"), bytes=Sum("bytes"))
    return {
        "pools": list(pools.order_by("-created_at")),
        "total_rows": total["rows"] or 0,
        "total_bytes": total["bytes"] or 0,
    }


def _counted(rows: QuerySet[Any]) -> Coalesce:
    of_pool = rows.filter(pool=OuterRef("pk")).order_by().values("pool").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(of_pool), 0)


@dataclass(frozen=True, slots=True)
class ShownRow:
    number: int
    position: int
    key: str
    source: str
    chars: int
    parts: list[tuple[str, str]]
    start: str


def pool_page(pool: Pool) -> dict[str, Any]:
    """Header numbers, plots, shards, imports. A fixed number of queries."""
    shards = list(pool.shards.order_by("index"))
    lengths = np.zeros(len(LENGTH_EDGES) - 1, np.int64)
    sources: Counter[str] = Counter()
    chars = longest = 0
    for shard in shards:
        lengths += np.asarray(shard.stats.get("lengths", np.zeros_like(lengths)), np.int64)
        sources.update(shard.stats.get("sources", {}))
        chars += shard.stats.get("chars", 0)
        longest = max(longest, shard.stats.get("longest", 0))
    imports = list(pool.imports.select_related("job", "created_by").order_by("-created_at"))
    active = next((entry for entry in imports if entry.job is not None and not entry.job.is_final), None)
    return {
        "pool": pool,
        "shards": shards[:SHARDS_SHOWN],
        "shards_more": max(len(shards) - SHARDS_SHOWN, 0),
        "shard_count": len(shards),
        "imports": imports,
        "active": active,
        "mean_chars": chars / pool.rows if pool.rows else 0,
        "longest": longest,
        "source_count": len([name for name in sources if name]),
        "lengths": length_plot(lengths),
        "sources": plots.source_shares("Rows by source", dict(sources)) if any(sources) else None,
        "run_count": pool.runs.count(),
    }


def length_plot(lengths: np.ndarray) -> plots.Histogram | None:  # type: ignore[type-arg]
    used = np.flatnonzero(lengths)
    if not len(used):
        return None
    first, last = int(used[0]), int(used[-1]) + 1
    return plots.histogram(
        "Characters per row", [float(edge) for edge in LENGTH_EDGES[first : last + 1]], pool=lengths[first:last].tolist(), log=True
    )  # fmt: skip


def row_page(pool: Pool, number: int) -> dict[str, Any]:
    """Page `number` of the rows, counted from 1. Reads one or two row groups, wherever the page lies."""
    pages = max(1, -(-pool.rows // PAGE))
    number = min(max(number, 1), pages)
    start = (number - 1) * PAGE
    found = rows_at(pool, start, min(start + PAGE, pool.rows))
    return {
        "rows": found,
        "page": number,
        "pages": pages,
        "first": start + 1,
        "with_sources": any(row.source for row in found),
        "last": min(start + PAGE, pool.rows),
    }


def rows_at(pool: Pool, start: int, stop: int) -> list[ShownRow]:
    found: list[ShownRow] = []
    for shard in pool.shards.filter(first_row__lt=stop).order_by("-index"):
        if shard.first_row + shard.rows <= start:
            break
        low, high = max(start - shard.first_row, 0), min(stop - shard.first_row, shard.rows)
        found = shown(shard, low, high) + found
    return found


def shown(shard: Shard, start: int, stop: int) -> list[ShownRow]:
    table = store.rows(shard, start, stop)
    mapping = Mapping.from_dict(shard.mapping)
    made = []
    for offset, row in enumerate(row_dicts(table)):
        position = shard.first_row + start + offset
        try:
            parts = parts_of(read(row, mapping))
        except ContentError as error:  # a later version of Winnow reads more strictly than the one that imported
            parts = [("Row", f"{error.field} {error.why}")]
        start_of = " · ".join(" ".join(text.split())[:160] for _, text in parts[:2])
        made.append(
            ShownRow(position + 1, position, row[store.KEY], row[store.SOURCE] or "", row[store.CHARS], parts, start_of)
        )  # fmt: skip
    return made


def import_page(found: Import) -> dict[str, Any]:
    passes = progress(found.job) if found.job is not None else []
    return {"import": found, "pool": found.pool, "job": found.job, "passes": passes}
