"""The order of a task's queue: started, undone, forgotten."""

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.faults import Fault
from curation.actions.slots import prioritise, rearrange
from curation.actions.task_pages import INLINE
from curation.audit import audit
from curation.models import Example, Slot, Task, User
from jobs import actions as jobs
from jobs.models import Job
from selection import store
from selection.methods import METHODS, ParamsError, params_dict, parse_params
from selection.methods.base import no_tick
from selection.models import Ordering, Pool, Run
from selection.models.ordering import HIDDEN_NUMBER
from selection.running.snapshot import open_examples

KIND, UNDO = "task.order", "task.order_undo"
PLAIN = ("first_come", "random")  # rules that need no look at the examples
PIECE = 2_000  # examples of one transaction: people go on claiming meanwhile


@transaction.atomic
def start(*, task: Task, by: User | None, order: str, params: dict[str, Any] | None = None, seed: int = 0) -> Ordering:
    """Put a queue in order: at once by a plain rule, by a job where examples must be looked at.

    Raises `Fault` ordering.running while another order is being made, ordering.nothing_open, ordering.too_many,
    ordering.no_answers, or run.params. What an earlier order that failed left behind is removed.
    """
    locked = Task.objects.select_for_update(no_key=True).select_related("team").get(pk=task.pk)
    if Ordering.objects.filter(task=locked, job__state__in=Job.OPEN_STATES).exists():
        raise Fault("ordering.running", task=locked.name)
    for left in Ordering.objects.select_related("run").filter(task=locked, applied_at=None):
        forget(left)
    made = Ordering(task=locked, order=order, by=by, params=params or {})
    if order in PLAIN:
        _by_rule(made, locked, by)
    else:
        _by_job(made, locked, by, seed)
    audit(
        "task.ordered", actor=by, team=locked.team, target=locked, order=order, examples=made.examples, name=locked.name
    )
    return made


def _by_rule(made: Ordering, task: Task, by: User | None) -> None:
    made.before = {"order": task.order, "was": []}
    made.examples = made.placed = open_examples(task).count()
    made.newest, made.applied_at = 2**62, timezone.now()  # a rule holds for what comes later too
    made.save(force_insert=True)
    _follow(task, made.order)
    if made.examples > INLINE:
        made.job = jobs.start(kind=UNDO, params={"ordering": made.pk, "only": "slots"}, lane=task.team.lane)
        made.save(update_fields=["job"])
    else:
        rearrange(task=task, by=by, wanted=False)


def _follow(task: Task, order: str) -> None:
    Task.objects.filter(pk=task.pk).exclude(order=order).update(order=order, version=F("version") + 1)


def _by_job(made: Ordering, task: Task, by: User | None, seed: int) -> None:
    rows = open_examples(task).count()
    if rows < 2:
        raise Fault("ordering.nothing_open", task=task.name)
    made.examples = rows
    if made.order in METHODS:
        made.params = _params(made, rows)
    made.save(force_insert=True)
    params: dict[str, Any] = {"ordering": made.pk, "task": task.pk}
    if made.order in METHODS:
        made.run = _hidden_run(made, task, by, seed)
        params["run"] = made.run.pk
    made.job = jobs.start(kind=KIND, params=params, lane=task.team.lane)
    made.save(update_fields=["job", "run"])


def _params(made: Ordering, rows: int) -> dict[str, Any]:
    """Of the method, checked. Raises `Fault` ordering.too_many or run.params."""
    method = METHODS[made.order]
    most = getattr(method, "max_rows", None)
    if most is not None and rows > most:
        raise Fault("ordering.too_many", examples=f"{rows:,}", limit=f"{most:,}", method=method.title)
    given = dict(made.params)
    if made.order == "vote_k":
        # With as many neighbours as examples everybody would vote for everybody.
        given.setdefault("k", max(2, min(150, rows // 10)))
    try:
        parsed: Any = parse_params(method.Params, given)
        method.passes(parsed)
    except ParamsError as error:
        raise Fault("run.params", field=error.field, why=error.why) from None
    return params_dict(parsed)


def _hidden_run(made: Ordering, task: Task, by: User | None, seed: int) -> Run:
    """A run on a pool that nobody sees; the snapshot fills it."""
    pool = Pool.objects.create(
        team=task.team, name=f"queue of task {task.pk}, order {made.pk}", hidden=True, created_by=by
    )
    return Run.objects.create(
        team=task.team, number=HIDDEN_NUMBER + made.pk, pool=pool, target=None, method=made.order,
        method_version=METHODS[made.order].version, params=made.params, budget="100%",
        options={"exact_duplicates": False}, seed=seed, created_by=by,
    )  # fmt: skip


# --- while it is made ---


@transaction.atomic
def place(*, ordering: Ordering, places: dict[int, tuple[float, str]]) -> int:
    """Give examples (id -> priority, why) their places. What somebody works on, and what is open no more, stays.

    Returns how many were placed.
    """
    ids = sorted(places)
    with_people = Slot.objects.filter(example__in=ids, state="claimed").values("example")
    free = Example.objects.alive().filter(pk__in=ids, task=ordering.task_id, state="open").exclude(pk__in=with_people)
    found = list(free.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
    prioritise(
        task=ordering.task, priorities={pk: places[pk][0] for pk in found}, reasons={pk: places[pk][1] for pk in found}
    )  # fmt: skip
    return len(found)


def follow_priority(ordering: Ordering, told: Any) -> None:
    """The task hands out by priority from now on; its free slots follow, in pieces."""
    with transaction.atomic():
        task = Task.objects.select_for_update(no_key=True).select_related("team").get(pk=ordering.task_id)
        changed = task.order != Task.Order.PRIORITY
        _follow(task, Task.Order.PRIORITY)
    if changed:
        task.refresh_from_db(fields=["order", "version"])
        rearrange(task=task, by=ordering.by, wanted=False, told=told)


def forget(ordering: Ordering) -> None:
    """Remove the hidden pool and its run, in the caller's transaction; files go with its commit."""
    transaction.on_commit(lambda: store.delete_prefix(f"orderings/{ordering.pk}"), robust=True)
    run = ordering.run
    if run is None:
        return
    run_pk, pool_pk = run.pk, run.pool_id
    Run.objects.filter(pk=run_pk).delete()
    Pool.objects.filter(pk=pool_pk, hidden=True).delete()

    def files() -> None:
        for prefix in (f"runs/{run_pk}", f"pools/{pool_pk}", f"features/{pool_pk}"):
            store.delete_prefix(prefix)

    transaction.on_commit(files, robust=True)


# --- back ---


@transaction.atomic
def undo(*, ordering: Ordering, by: User) -> Job | None:
    """The order before this one: priorities, reasons and the task's setting. What somebody has changed since stays.

    Returns the job that does it, where examples are many. Raises `Fault` ordering.undone, ordering.superseded where a
    later order stands on this one, or ordering.running.
    """
    task = Task.objects.select_for_update(no_key=True).select_related("team").get(pk=ordering.task_id)
    if Ordering.objects.filter(task=task, job__state__in=Job.OPEN_STATES).exists():
        raise Fault("ordering.running", task=task.name)
    if not Ordering.objects.filter(pk=ordering.pk, undone_at=None, applied_at__isnull=False).exists():
        raise Fault("ordering.undone")
    if Ordering.objects.filter(task=task, pk__gt=ordering.pk, undone_at=None, applied_at__isnull=False).exists():
        raise Fault("ordering.superseded")
    Ordering.objects.filter(pk=ordering.pk).update(undone_at=timezone.now())
    audit("task.order_undone", actor=by, team=task.team, target=task, order=ordering.order, name=task.name)
    _follow(task, ordering.before.get("order", Task.Order.FIRST_COME))
    if open_examples(task).count() > INLINE:
        job = jobs.start(kind=UNDO, params={"ordering": ordering.pk}, lane=task.team.lane)
        Ordering.objects.filter(pk=ordering.pk).update(job=job)
        return job
    restore(ordering, no_tick)
    return None


def restore(ordering: Ordering, told: Any) -> None:
    """Old priorities where the new one still stands, in pieces; then the slots follow the task's setting."""
    was = ordering.before.get("was", [])
    task = Task.objects.select_related("team").get(pk=ordering.task_id)
    for begin in range(0, len(was), PIECE):
        some = {row[0]: row for row in was[begin : begin + PIECE] if len(row) == 4}
        with transaction.atomic():
            now = Example.objects.filter(pk__in=some, task=task).order_by("pk").select_for_update(no_key=True)
            back = [pk for pk, priority in now.values_list("pk", "priority") if priority == some[pk][3]]
            prioritise(
                task=task, priorities={pk: some[pk][1] for pk in back}, reasons={pk: some[pk][2] for pk in back}
            )  # fmt: skip
        told(begin)
    rearrange(task=task, by=ordering.by, wanted=False, told=told)
