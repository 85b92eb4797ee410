"""Deeds on the queue: priority, answers wanted, and whether an example is there at all."""

import math
from datetime import datetime
from typing import Any

from curation.actions.deeds import Before, Deed, column, fetch, first
from curation.actions.slots import free_slots_gone, make_slots, prioritise, want
from curation.models import Task, User

MOST_WANTED = 20
MOST_PRIORITY = 1e9


class Priority(Deed):
    name, title, did, event = "priority", "Set the priority", "have another priority", "priority"

    def read(self, text: str) -> float:
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            raise ValueError("A priority is a number, such as 5 or -1.5; higher comes first.") from None
        if not math.isfinite(value) or abs(value) > MOST_PRIORITY:
            raise ValueError("A priority lies between -1,000,000,000 and 1,000,000,000.")
        return value

    def facts(self, value: Any) -> dict[str, Any]:
        return {"priority": value}

    def said(self, value: Any) -> str:
        return f"have priority {value:g}"

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        was = fetch(
            "SELECT id, priority, why_now FROM curation_example WHERE id = ANY(%(ids)s) AND priority <> %(value)s",
            {"ids": ids, "value": value},
        )
        prioritise(task=task, priorities=dict.fromkeys(first(was), value))
        return {"was": was}

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        old = {row[0]: row for row in before["was"]}
        still = first(fetch(
            "SELECT id FROM curation_example WHERE id = ANY(%(ids)s) AND priority = %(value)s",
            {"ids": list(old), "value": value},
        ))  # fmt: skip
        prioritise(
            task=task, priorities={pk: old[pk][1] for pk in still}, reasons={pk: old[pk][2] for pk in still}
        )  # fmt: skip
        return still


class Wanted(Deed):
    """Answers wanted of examples that are not decided; free slots are made or taken away."""

    name, title, did, event = "wanted", "Set the answers wanted", "want another number of answers", "wanted"

    def read(self, text: str) -> int:
        if not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= MOST_WANTED:
            raise ValueError(f"Answers wanted is a whole number from 1 to {MOST_WANTED}.")
        return int(text)

    def facts(self, value: Any) -> dict[str, Any]:
        return {"wanted": value}

    def said(self, value: Any) -> str:
        return f"want {value} answer{'s' * (value != 1)}"

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        was = fetch(
            """
            SELECT id, wanted FROM curation_example WHERE id = ANY(%(ids)s) AND wanted <> %(value)s
              AND state IN ('open', 'submitted') AND NOT gold_only AND deleted_at IS NULL
            """, {"ids": ids, "value": value},
        )  # fmt: skip
        want(ids=first(was), wanted=value)
        return {"was": was}

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        back = []
        for wanted in sorted({row[1] for row in before["was"]}):
            mine = [row[0] for row in before["was"] if row[1] == wanted]
            still = first(fetch(
                "SELECT id FROM curation_example WHERE id = ANY(%(ids)s) AND wanted = %(value)s",
                {"ids": mine, "value": value},
            ))  # fmt: skip
            want(ids=still, wanted=wanted)
            back += still
        return sorted(back)


class Delete(Deed):
    """They leave the table, the queue and every export; nothing of them is lost."""

    name, title, did, event = "delete", "Delete", "deleted", "deleted"

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        was = fetch(
            "UPDATE curation_example SET deleted_at = %(now)s, changed_at = %(now)s "
            "WHERE id = ANY(%(ids)s) AND deleted_at IS NULL RETURNING id",
            {"ids": ids, "now": now},
        )
        free_slots_gone(first(was))
        return {"was": was, "at": now.isoformat()}

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        back = first(fetch(
            "UPDATE curation_example SET deleted_at = NULL, changed_at = %(now)s "
            "WHERE id = ANY(%(ids)s) AND deleted_at = %(at)s::timestamptz RETURNING id",
            {"ids": self.ids(before), "at": before["at"], "now": now},
        ))  # fmt: skip
        make_slots(back)
        return back


class Restore(Deed):
    name, title, did, event = "restore", "Restore", "restored", "restored"

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        was = fetch(
            """
            WITH was AS (SELECT id, deleted_at FROM curation_example WHERE id = ANY(%(ids)s) AND deleted_at IS NOT NULL),
            gone AS (UPDATE curation_example e SET deleted_at = NULL, changed_at = %(now)s FROM was WHERE e.id = was.id)
            SELECT id, deleted_at FROM was
            """, {"ids": ids, "now": now},
        )  # fmt: skip
        make_slots(first(was))
        return {"was": [[pk, at.isoformat()] for pk, at in was]}

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        was = before["was"]
        back = first(fetch(
            """
            UPDATE curation_example e SET deleted_at = r.at, changed_at = %(now)s
            FROM unnest(%(ids)s::bigint[], %(ats)s::timestamptz[]) AS r(id, at)
            WHERE e.id = r.id AND e.deleted_at IS NULL RETURNING e.id
            """, {"ids": first(was), "ats": column(was, 1), "now": now},
        ))  # fmt: skip
        free_slots_gone(back)
        return back


QUEUE_DEEDS = (Priority(), Wanted(), Delete(), Restore())
