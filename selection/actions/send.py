"""From picks to examples of a task, with all that is known of where they came from."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice

from django.db import transaction

from config.faults import Fault
from curation.actions.adding import Added, NewExample, add_examples
from curation.actions.tasking import create_task
from curation.answers import PRESETS, dump_form, load_form
from curation.audit import audit
from curation.incoming import maker
from curation.models import Example, Task, User
from jobs import actions as jobs
from jobs.models import Job
from selection import picked, store
from selection.actions import ordering
from selection.models import Pick, Run

INLINE = 5_000  # picks that are sent while the person waits; more are sent by a job
KIND = "run.send"
OUTPUTS_AS = ("suggestion", "accepted", "drop")


@transaction.atomic
def send(*, run: Run, task: Task, by: User, top: int, outputs_as: str, order: str = "") -> Added | Job:
    """Add the first `top` picks to a task, at once or, if they are many, by a job. Raises `Fault` run.no_picks_yet.

    `order`: how its queue is put in order afterwards (`Ordering.Order`), "" for not at all.
    """
    if run.job is None or run.job.state != Job.State.SUCCEEDED:
        raise Fault("run.no_picks_yet", number=run.number)
    if top <= INLINE:
        added = bring_in(run=run, task=task, by=by, top=top, outputs_as=outputs_as)
        then_order(task, by, order)
        return added
    params = {"run": run.pk, "task": task.pk, "by": by.pk, "top": top, "outputs_as": outputs_as, "order": order}
    return jobs.start(kind=KIND, params=params, lane=run.team.lane)


@transaction.atomic
def send_to(
    *, run: Run, task: Task | None, name: str, by: User, top: int, outputs_as: str, order: str = ""
) -> tuple[Task, Added | Job]:
    """`send`, to a new task of that name if none is given. Raises `Fault` task.name_taken too."""
    chosen = task or create_task(team=run.team, by=by, name=name, form=dump_form(load_form(PRESETS["text"].form)))
    return chosen, send(run=run, task=chosen, by=by, top=top, outputs_as=outputs_as, order=order)


@transaction.atomic
def later(*, run: Run, task: Task, by: User | None, outputs_as: str, beyond: Run | None = None) -> Job:
    """All picks by a job, however few; without those of the run `beyond` where one is given."""
    params = {
        "run": run.pk, "task": task.pk, "by": by.pk if by else None, "top": run.picks_count, "outputs_as": outputs_as,
        "beyond": beyond.pk if beyond else None,
    }  # fmt: skip
    return jobs.start(kind=KIND, params=params, lane=run.team.lane, interactive=False)


def then_order(task: Task, by: User | None, order: str) -> None:
    """Start the order that was asked for. What stands in its way (too few examples, an order on its way) leaves the queue
    as it is: the picks are in all the same.
    """
    if not order:
        return
    with suppress(Fault), transaction.atomic():
        ordering.start(task=task, by=by, order=order)


@transaction.atomic
def bring_in(
    *, run: Run, task: Task, by: User | None, top: int, outputs_as: str, job: int | None = None,
    progress: Callable[[int], None] | None = None, beyond: int | None = None,
) -> Added:  # fmt: skip
    """The rows themselves. Picks whose key the task has already are left as they are there.

    `beyond`: a run whose picks are left out. `progress` is told how many are on their way; what it raises ends all.
    """
    rows: Iterable[NewExample] = islice(_rows(run, task, outputs_as, job, beyond), top)
    if progress is not None:
        rows = _told(rows, progress)
    added = add_examples(task=task, rows=rows, by=by, origin=Example.Origin.RUN)
    audit(
        "run.sent", actor=by, team=run.team, target=run, number=run.number, task=task.name, rows=added.good,
        known=added.known,
    )  # fmt: skip
    return added


def _told(rows: Iterable[NewExample], progress: Callable[[int], None]) -> Iterator[NewExample]:
    for number, row in enumerate(rows, 1):
        if number % 500 == 0:
            progress(number)
        yield row


def _rows(
    run: Run, task: Task, outputs_as: str, job: int | None, beyond: int | None = None
) -> Iterator[NewExample]:  # fmt: skip
    make = maker(task, outputs_as, str(run))
    had = set(Pick.objects.filter(run=beyond).values_list("key", flat=True)) if beyond is not None else set()
    origin = {
        "pool": run.pool_id,
        "pool_name": run.pool.name,
        "run": run.pk,
        "run_number": run.number,
        "method": run.method,
    }
    for content, row in picked.contents(run):
        if row[store.KEY] in had:
            continue
        made = make(content)
        made.key, made.source = row[store.KEY], row[store.SOURCE] or ""
        made.lineage = (
            origin | row[picked.HUB] | {"rank": row[picked.RANK], "score": row[picked.SCORE], "key": row[store.KEY]}
        )
        if job is not None:
            made.lineage["job"] = job
        yield made
