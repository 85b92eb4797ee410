"""Picks of a run as a collection, for recipes of datasets. Row keys name the pool: later runs give the same ones."""

from collections.abc import Iterator

from django.db import transaction

from config.faults import Fault
from curation.actions import collections
from curation.datasets.rows import Row, tools_in
from curation.models import Collection, User
from jobs import actions as jobs
from jobs.models import Job
from selection import picked, store
from selection.models import Run

KIND = "run.collect"


@transaction.atomic
def collect(*, run: Run, by: User | None, name: str, top: int | None = None, licence: str = "") -> Collection:
    """Start the job that copies the first `top` picks (None: all). Raises `Fault` run.no_picks_yet, dataset.name_taken."""
    if run.job is None or run.job.state != Job.State.SUCCEEDED or not run.picks_count:
        raise Fault("run.no_picks_yet", number=run.number)
    made = collections.create(
        team=run.team, by=by, name=name, origin=Collection.Origin.RUN, space=f"p{run.pool_id}", licence=licence,
        lineage={
            "pool": run.pool_id, "pool_name": run.pool.name, "run": run.pk, "run_number": run.number, "method": run.method,
            "seed": run.seed, "top": top or run.picks_count,
        },
    )  # fmt: skip
    params = {"run": run.pk, "collection": made.pk, "top": top or run.picks_count}
    made.job = jobs.start(kind=KIND, params=params, lane=run.team.lane)
    made.save(update_fields=["job"])
    return made


def rows(run: Run, made: Collection, top: int) -> Iterator[Row]:
    """The picks by rank, as rows of the collection."""
    origin = {name: made.lineage[name] for name in ("pool", "pool_name", "run", "run_number", "method")}
    day = made.created_at.date().isoformat()
    for number, (content, row) in enumerate(picked.contents(run)):
        if number == top:
            return
        key = row[store.KEY]
        licence, language = (_text(row, names) for names in (("licence", "license"), ("language", "lang")))
        yield Row(
            key=f"{made.space}/{key}", content=content, origin=made.space, source=(row[store.SOURCE] or "")[:255],
            licence=licence or row[picked.HUB].get("licence", "") or made.licence, language=language, day=day,
            tools=tools_in(row.get("tools")),
            lineage=origin | row[picked.HUB]
            | {"rank": row[picked.RANK], "score": row[picked.SCORE], "key": key, "collection": made.pk},
        )  # fmt: skip


def _text(row: dict[str, object], names: tuple[str, ...]) -> str:
    found = next((row[name] for name in names if row.get(name)), "")
    return found[:200] if isinstance(found, str) else ""
