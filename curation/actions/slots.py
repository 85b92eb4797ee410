"""Slots of examples: made, taken away, and put in the order that the task asks for."""

from collections.abc import Callable, Iterable, Sequence

from django.db import connection, transaction

from curation.audit import audit
from curation.models import Example, Slot, Task, User
from curation.queueing import slot_order, wanted_for

CHUNK = 20_000  # examples in one statement


@transaction.atomic
def make_slots(ids: Iterable[int]) -> int:
    """The slots that these examples still lack: open, wanted, not deleted, not only gold. Returns how many were made."""
    made = 0
    for chunk in _chunks(sorted(set(ids))):
        rows = []
        examples = (
            Example.objects.alive()
            .filter(pk__in=chunk, state__in=["open", "submitted"], gold_only=False)
            .select_related("task")
            .select_for_update(of=("self",), no_key=True)
        )
        for one in examples.only("pk", "key", "priority", "wanted", "task__order"):
            order = slot_order(one.task.order, one.task_id, one.pk, one.key, one.priority)
            rows += [(one.pk, one.task_id, number, order) for number in range(1, one.wanted + 1)]
        made += _insert(rows)
    return made


def _insert(rows: Sequence[tuple[int, int, int, float]]) -> int:
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO curation_slot (example_id, task_id, number, state, "order", gold)
            SELECT e, t, n, 'free', o, false FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::float8[]) AS r(e, t, n, o)
            ON CONFLICT (example_id, number) DO NOTHING
            """,
            [list(column) for column in zip(*rows, strict=True)],
        )
        made = cursor.rowcount
    if made:
        look_again({task for _, task, _, _ in rows})
    return made


AGAIN = """
UPDATE curation_taskmember m SET cursor_order = NULL, cursor_slot = NULL FROM (
  SELECT id FROM curation_taskmember WHERE task_id = ANY(%s) AND cursor_order >= %s ORDER BY id FOR NO KEY UPDATE {wait}
) past WHERE m.id = past.id
"""


def look_again(task_ids: Iterable[int], order: float = float("-inf")) -> None:
    """Who is past a place in the queue looks there once more: something may stand there now.

    Rows of people who are just claiming or submitting are left for after the commit: they lock their own row first, so
    whoever waited for it here, with other locks in hand, could make them wait for each other for ever.
    """
    ids = sorted(task_ids)
    with connection.cursor() as cursor:
        cursor.execute(AGAIN.format(wait="SKIP LOCKED"), [ids, order])

    def rest() -> None:
        with connection.cursor() as cursor:
            cursor.execute(AGAIN.format(wait=""), [ids, order])

    transaction.on_commit(rest, robust=True)


@transaction.atomic
def free_slots_gone(ids: Iterable[int]) -> int:
    """Take the free slots of these examples out of the queue. What somebody has open can still be submitted."""
    return Slot.objects.filter(example_id__in=list(ids), state="free").delete()[0]


@transaction.atomic
def want(*, ids: Sequence[int], wanted: int) -> None:
    """Ask for so many answers of each of these examples; surplus free slots go, missing ones are made."""
    Example.objects.filter(pk__in=ids).update(wanted=wanted)
    _trim(ids)
    make_slots(ids)
    _settle_full(ids)


def _trim(ids: Sequence[int]) -> None:
    """Remove free slots beyond what is wanted: the free ones with the highest numbers go first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM curation_slot s USING (
              SELECT s.id, row_number() OVER (
                PARTITION BY s.example_id ORDER BY (s.state <> 'free') DESC, s.number) AS place, e.wanted
              FROM curation_slot s JOIN curation_example e ON e.id = s.example_id
              WHERE s.example_id = ANY(%s) AND NOT s.gold
            ) ranked WHERE s.id = ranked.id AND ranked.place > ranked.wanted AND s.state = 'free'
            """,
            [list(ids)],
        )


def _settle_full(ids: Sequence[int]) -> None:
    """An example that now has all the answers it wants waits for its review; one that wants more is open again."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE curation_example SET state = CASE WHEN done >= wanted THEN 'submitted' ELSE 'open' END
            WHERE id = ANY(%s) AND state IN ('open', 'submitted')
              AND state <> CASE WHEN done >= wanted THEN 'submitted' ELSE 'open' END
            """,
            [list(ids)],
        )


def rearrange(
    *, task: Task, by: User | None, wanted: bool = True, order: bool = True, told: Callable[[int], None] | None = None
) -> int:
    """Bring the examples of a task in line with its settings: answers wanted and order. Returns the examples seen.

    Works in pieces of `CHUNK` examples, each in a transaction of its own: people go on annotating meanwhile. Each piece
    follows the settings as they stand then, so of two that run at once none brings back old ones.
    """
    seen, last = 0, 0
    while True:
        with transaction.atomic():
            current = Task.objects.select_for_update(no_key=True).get(pk=task.pk)
            rows = list(
                Example.objects.filter(task=task, state__in=["open", "submitted"], pk__gt=last)
                .order_by("pk")
                .values_list("pk", "key", "priority", "wanted")[:CHUNK]
            )
            if not rows:
                break
            if wanted:
                _rewant(current, rows)
            if order:
                _reorder(current, rows)
        seen, last = seen + len(rows), rows[-1][0]
        if told:
            told(seen)
    with transaction.atomic():
        look_again([task.pk])
        audit("task.rearranged", actor=by, team=task.team, target=task, examples=seen)
    return seen


def _rewant(task: Task, rows: Sequence[tuple[int, str, float, int]]) -> None:
    by_number: dict[int, list[int]] = {}
    for pk, key, _, now in rows:
        wanted = wanted_for(task, key)
        if wanted != now:
            by_number.setdefault(wanted, []).append(pk)
    for number, ids in by_number.items():
        want(ids=ids, wanted=number)


def _reorder(task: Task, rows: Sequence[tuple[int, str, float, int]]) -> None:
    orders = [slot_order(task.order, task.pk, pk, key, priority) for pk, key, priority, _ in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE curation_slot s SET "order" = r.o FROM unnest(%s::bigint[], %s::float8[]) AS r(e, o)
            WHERE s.example_id = r.e AND s.state = 'free' AND s."order" <> r.o
            """,
            [[row[0] for row in rows], orders],
        )


@transaction.atomic
def prioritise(*, task: Task, priorities: dict[int, float], reasons: dict[int, str] | None = None) -> None:
    """Give examples (id → priority, higher first) a place in the queue; the task must be ordered by priority to use it."""
    ids = list(priorities)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE curation_example e SET priority = r.p, why_now = r.w
            FROM unnest(%s::bigint[], %s::float8[], %s::text[]) AS r(e, p, w) WHERE e.id = r.e AND e.task_id = %s
            """,
            [ids, [priorities[pk] for pk in ids], [(reasons or {}).get(pk, "")[:200] for pk in ids], task.pk],
        )
    if task.order == Task.Order.PRIORITY:
        rows = list(Example.objects.filter(pk__in=ids, task=task).values_list("pk", "key", "priority", "wanted"))
        _reorder(task, rows)
        look_again([task.pk])


def _chunks(ids: list[int]) -> Iterable[list[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
