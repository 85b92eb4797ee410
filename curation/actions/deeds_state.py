"""Deeds on decisions: back into the queue, or out of the data. What `accepting` does to one example, done to many."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from curation.actions.deeds import Before, Deed, column, fetch, first, parsed
from curation.actions.slots import free_slots_gone, make_slots
from curation.content import load, render
from curation.models import Revision, Task, User

AT_ONCE = 2_000  # contents in memory

DONE = """
SELECT example_id, count(*) FROM curation_slot
WHERE example_id = ANY(%(ids)s) AND state = 'done' AND NOT gold GROUP BY example_id
"""
# One update an example, however much changes: each writes the row and all its indexes anew. Empty content: it stays.
PUT = """
UPDATE curation_example e SET state = r.state, answer = r.answer::jsonb, accepted_at = r.at,
  accepted_by_id = (SELECT id FROM curation_user WHERE id = r.who), changed_at = %(now)s,
  done = (SELECT count(*) FROM curation_slot s WHERE s.example_id = e.id AND s.state = 'done' AND NOT s.gold),
  content = coalesce(r.content::jsonb, e.content), revision = coalesce(r.revision, e.revision), chars = coalesce(r.chars, e.chars)
FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(answers)s::text[], %(ats)s::timestamptz[], %(who)s::bigint[],
            %(contents)s::text[], %(revisions)s::int[], %(chars)s::int[])
  AS r(id, state, answer, at, who, content, revision, chars)
WHERE e.id = r.id
"""


class Reject(Deed):
    """Left out of the data; answers that waited are not taken."""

    name, title, did, event = "reject", "Reject", "rejected", "rejected"

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

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        rows = fetch(
            """
            SELECT id, state, answer::text, accepted_at, accepted_by_id, revision, wanted FROM curation_example
            WHERE id = ANY(%(ids)s) AND state IN ('accepted', 'rejected') AND deleted_at IS NULL ORDER BY id
            """, {"ids": ids},
        )  # fmt: skip
        chosen = first(rows)
        done = dict(fetch(DONE, {"ids": chosen}))
        wanted = dict(zip(chosen, column(rows, 6), strict=True))
        states = {pk: "submitted" if done.get(pk, 0) >= wanted[pk] else "open" for pk in chosen}
        numbers = _put(by, [Put(pk, states[pk]) for pk in chosen], dict(_accepted_from(chosen)), now)
        answers = _answers(chosen, ("accepted", "declined"), "submitted")
        make_slots(chosen)
        was = [
            [pk, state, parsed(answer), at.isoformat() if at else None, who, number, numbers.get(pk, number)]
            for pk, state, answer, at, who, number, _ in rows
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
        puts = [Put(pk, state, answer, at, who) for pk, state, answer, at, who, _, _ in mine]
        _put(by, puts, {row[0]: row[5] for row in mine if row[6] != row[5]}, now)
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


@dataclass(frozen=True, slots=True)
class Put:
    """What an example becomes: its state, and what was accepted."""

    pk: int
    state: str
    answer: dict[str, Any] | None = None
    at: str | None = None
    who: int | None = None


def _put(by: User, puts: list[Put], back_to: dict[int, int], now: datetime) -> dict[int, int]:
    """Change the examples; those in `back_to` get the content of that revision, as a new one. Returns the new numbers."""
    numbers: dict[int, int] = {}
    for start in range(0, len(puts), AT_ONCE):
        chunk = puts[start : start + AT_ONCE]
        texts = _revise(by, chunk, back_to, now)
        numbers |= {pk: text[0] for pk, text in texts.items()}
        missing = (None, None, None)
        fetch(
            PUT,
            {
                "ids": [one.pk for one in chunk], "states": [one.state for one in chunk], "now": now,
                "answers": [None if one.answer is None else json.dumps(one.answer) for one in chunk],
                "ats": [one.at for one in chunk], "who": [one.who for one in chunk],
                "revisions": [texts.get(one.pk, missing)[0] for one in chunk],
                "contents": [texts.get(one.pk, missing)[1] for one in chunk],
                "chars": [texts.get(one.pk, missing)[2] for one in chunk],
            },
        )  # fmt: skip
    return numbers


def _revise(by: User, chunk: list[Put], back_to: dict[int, int], now: datetime) -> dict[int, tuple[int, str, int]]:
    """Write an earlier revision down once more: example → (its new number, content as JSON, characters)."""
    mine = [one for one in chunk if one.pk in back_to]
    if not mine:
        return {}
    rows = fetch(
        """
        SELECT e.id, e.revision + 1, r.content::text FROM curation_example e
        JOIN unnest(%(ids)s::bigint[], %(numbers)s::int[]) AS t(id, number) ON t.id = e.id
        JOIN curation_revision r ON r.example_id = e.id AND r.number = t.number
        """, {"ids": [one.pk for one in mine], "numbers": [back_to[one.pk] for one in mine]},
    )  # fmt: skip
    answers = {one.pk: one.answer for one in mine}
    contents = [parsed(row[2]) for row in rows]
    Revision.objects.bulk_create(
        Revision(
            example_id=pk, number=number, content=content, why=Revision.Why.REVERTED, by=by, at=now, answer=answers[pk]
        )
        for (pk, number, _), content in zip(rows, contents, strict=True)
    )  # fmt: skip
    return {
        pk: (number, text, len(render(load(content), "text")))
        for (pk, number, text), content in zip(rows, contents, strict=True)
    }


STATE_DEEDS = (Reopen(), Reject())
