"""Deeds on decisions: back into the queue, or out of the data. What `accepting` does to one example, done to many."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from curation.actions.deeds import Before, Deed, column, fetch, first, parsed
from curation.actions.slots import free_slots_gone, make_slots
from curation.content import dump, load, render
from curation.models import Revision, Task, User

AT_ONCE = 2_000  # contents in memory

RECOUNT = """
UPDATE curation_example e SET done = c.n, state = CASE WHEN c.n >= e.wanted THEN 'submitted' ELSE 'open' END
FROM (SELECT i.id, count(s.id) AS n FROM unnest(%(ids)s::bigint[]) AS i(id)
      LEFT JOIN curation_slot s ON s.example_id = i.id AND s.state = 'done' AND NOT s.gold GROUP BY i.id) c
WHERE e.id = c.id
"""


class Reject(Deed):
    """Left out of the data; answers that waited are not taken."""

    name, title, did, event = "reject", "Reject", "rejected", "rejected"
    undo_makes_slots = True

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        was = fetch(
            """
            WITH was AS (
              SELECT id, state FROM curation_example
              WHERE id = ANY(%(ids)s) AND state IN ('open', 'submitted') AND NOT gold_only AND deleted_at IS NULL
            ), gone AS (
              UPDATE curation_example e SET state = 'rejected', changed_at = %(now)s FROM was WHERE e.id = was.id
            )
            SELECT id, state FROM was
            """, {"ids": ids, "now": now},
        )  # fmt: skip
        answers = _answers(first(was), ("submitted", "late"), "declined")
        free_slots_gone(first(was))
        return {"was": was, "answers": answers}

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        was = before["was"]
        back = first(fetch(
            """
            UPDATE curation_example e SET state = r.state, changed_at = %(now)s
            FROM unnest(%(ids)s::bigint[], %(states)s::text[]) AS r(id, state)
            WHERE e.id = r.id AND e.state = 'rejected' AND e.deleted_at IS NULL RETURNING e.id
            """, {"ids": first(was), "states": column(was, 1), "now": now},
        ))  # fmt: skip
        _answers_back(before["answers"], back, "declined")
        make_slots(back)
        return back


class Reopen(Deed):
    """Back into the queue: the answers wait again, and the content is what it was before it was accepted."""

    name, title, did, event = "reopen", "Reopen", "open again", "reopened"
    makes_slots = True

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        rows = fetch(
            """
            SELECT id, state, answer::text, accepted_at, accepted_by_id, revision FROM curation_example
            WHERE id = ANY(%(ids)s) AND state IN ('accepted', 'rejected') AND deleted_at IS NULL ORDER BY id
            """, {"ids": ids},
        )  # fmt: skip
        chosen = first(rows)
        revised = _revise(by, _accepted_from(chosen), now)
        fetch(
            "UPDATE curation_example SET answer = NULL, accepted_at = NULL, accepted_by_id = NULL, state = 'open', "
            "changed_at = %(now)s WHERE id = ANY(%(ids)s)", {"ids": chosen, "now": now},
        )  # fmt: skip
        answers = _answers(chosen, ("accepted", "declined"), "submitted")
        fetch(RECOUNT, {"ids": chosen})
        make_slots(chosen)
        was = [
            [pk, state, parsed(answer), at.isoformat() if at else None, who, number, revised.get(pk, number)]
            for pk, state, answer, at, who, number in rows
        ]
        return {"was": was, "answers": answers}

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        was = before["was"]
        still = fetch(
            """
            SELECT e.id FROM curation_example e
            JOIN unnest(%(ids)s::bigint[], %(revisions)s::int[]) AS r(id, revision) ON r.id = e.id
            WHERE e.state IN ('open', 'submitted') AND e.revision = r.revision AND e.deleted_at IS NULL
            """, {"ids": first(was), "revisions": column(was, 6)},
        )  # fmt: skip
        back = set(first(still))
        mine = [row for row in was if row[0] in back]
        _revise(by, [(pk, number) for pk, _, _, _, _, number, after in mine if after != number], now, with_answer=True)
        fetch(
            """
            UPDATE curation_example e SET state = r.state, answer = r.answer::jsonb, accepted_at = r.at,
              accepted_by_id = (SELECT id FROM curation_user WHERE id = r.who), changed_at = %(now)s
            FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(answers)s::text[], %(ats)s::timestamptz[],
                        %(who)s::bigint[]) AS r(id, state, answer, at, who)
            WHERE e.id = r.id
            """,
            {
                "ids": first(mine), "states": column(mine, 1), "ats": column(mine, 3), "who": column(mine, 4), "now": now,
                "answers": [None if row[2] is None else json.dumps(row[2]) for row in mine],
            },
        )  # fmt: skip
        _answers_back(before["answers"], first(mine), "submitted")
        free_slots_gone(first(mine))
        return first(mine)

    def follow(self, ids: list[int]) -> None:
        from curation import searching

        searching.refresh(ids)


def _answers(ids: list[int], states: tuple[str, ...], to: str) -> list[list[Any]]:
    """Move answers of these examples from `states` to another; [annotation, example, state before] of each."""
    return fetch(
        """
        WITH was AS (
          SELECT id, example_id, state FROM curation_annotation
          WHERE example_id = ANY(%(ids)s) AND state = ANY(%(states)s) ORDER BY id FOR NO KEY UPDATE
        ), moved AS (
          UPDATE curation_annotation a SET state = %(to)s FROM was WHERE a.id = was.id
        )
        SELECT id, example_id, state FROM was
        """, {"ids": ids, "states": list(states), "to": to},
    )  # fmt: skip


def _answers_back(was: list[list[Any]], examples: list[int], now_in: str) -> None:
    """The states that answers of these examples had, where nothing happened to the answer since."""
    wanted = set(examples)
    mine = [row for row in was if row[1] in wanted]
    fetch(
        """
        UPDATE curation_annotation a SET state = r.state FROM unnest(%(ids)s::bigint[], %(states)s::text[]) AS r(id, state)
        WHERE a.id = r.id AND a.state = %(now_in)s
        """, {"ids": first(mine), "states": column(mine, 2), "now_in": now_in},
    )  # fmt: skip


def _accepted_from(ids: list[int]) -> list[tuple[int, int]]:
    """(example, revision before it was accepted) of those whose acceptance wrote a revision."""
    rows = fetch(
        """
        WITH taken AS (
          SELECT DISTINCT ON (r.example_id) r.example_id, r.number FROM curation_revision r
          JOIN curation_example e ON e.id = r.example_id AND e.state = 'accepted'
          WHERE r.example_id = ANY(%(ids)s) AND r.why = 'accepted' ORDER BY r.example_id, r.number DESC)
        SELECT t.example_id, max(r.number) FROM taken t
        JOIN curation_revision r ON r.example_id = t.example_id AND r.number < t.number GROUP BY t.example_id
        """, {"ids": ids},
    )  # fmt: skip
    return [(pk, number) for pk, number in rows]


def _revise(by: User, to: list[tuple[int, int]], now: datetime, *, with_answer: bool = False) -> dict[int, int]:
    """Write revision `number` of each example down once more, as its newest. Returns example → new number."""
    numbers: dict[int, int] = {}
    for chunk in _chunks(to):
        rows = fetch(
            """
            SELECT e.id, e.revision + 1, r.content::text, r.answer::text FROM curation_example e
            JOIN unnest(%(ids)s::bigint[], %(numbers)s::int[]) AS t(id, number) ON t.id = e.id
            JOIN curation_revision r ON r.example_id = e.id AND r.number = t.number
            """, {"ids": [pk for pk, _ in chunk], "numbers": [number for _, number in chunk]},
        )  # fmt: skip
        contents = [load(parsed(row[2])) for row in rows]
        Revision.objects.bulk_create(
            Revision(
                example_id=pk, number=number, content=dump(content), why=Revision.Why.REVERTED, by=by, at=now,
                answer=parsed(answer) if with_answer else None,
            )
            for (pk, number, _, answer), content in zip(rows, contents, strict=True)
        )  # fmt: skip
        fetch(
            """
            UPDATE curation_example e SET content = r.content::jsonb, revision = r.number, chars = r.chars
            FROM unnest(%(ids)s::bigint[], %(numbers)s::int[], %(contents)s::text[], %(chars)s::int[])
              AS r(id, number, content, chars) WHERE e.id = r.id
            """,
            {
                "ids": first(rows), "numbers": column(rows, 1), "contents": column(rows, 2),
                "chars": [len(render(content, "text")) for content in contents],
            },
        )  # fmt: skip
        numbers |= dict(zip(first(rows), column(rows, 1), strict=True))
    return numbers


def _chunks(rows: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))


STATE_DEEDS = (Reopen(), Reject())
