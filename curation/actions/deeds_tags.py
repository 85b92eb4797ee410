"""Deeds on tags and on gold: what an example carries besides its text."""

import json
from datetime import datetime
from typing import Any

from curation.actions.deeds import Before, Deed, column, fetch, first, parsed
from curation.actions.slots import free_slots_gone, make_slots
from curation.models import Task, User

MAX_TAGS = 20
TAG_CHARS = 60


def read_tag(text: str) -> str:
    """Raises ValueError, in words for the person."""
    tag = " ".join(text.replace("\0", " ").encode("utf-8", "ignore").decode().split())
    if not tag:
        raise ValueError("Write the tag.")
    if len(tag) > TAG_CHARS:
        raise ValueError(f"A tag has at most {TAG_CHARS} characters; this one has {len(tag)}.")
    if "," in tag:
        raise ValueError("A tag has no comma in it. Add several tags one after the other.")
    return tag


class AddTag(Deed):
    name, title, did, event = "add_tag", "Add the tag", "tagged", "tagged"

    def read(self, text: str) -> str:
        return read_tag(text)

    def facts(self, value: Any) -> dict[str, Any]:
        return {"added": [value]}

    def said(self, value: Any) -> str:
        return f"got the tag “{value}”"

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        return {"was": fetch(
            """
            UPDATE curation_example SET tags = array_append(tags, %(tag)s), changed_at = %(now)s
            WHERE id = ANY(%(ids)s) AND NOT tags @> ARRAY[%(tag)s]::varchar[] AND cardinality(tags) < %(most)s RETURNING id
            """, {"ids": ids, "tag": value, "now": now, "most": MAX_TAGS},
        )}  # fmt: skip

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        return first(fetch(
            """
            UPDATE curation_example SET tags = array_remove(tags, %(tag)s::varchar), changed_at = %(now)s
            WHERE id = ANY(%(ids)s) AND tags @> ARRAY[%(tag)s]::varchar[] RETURNING id
            """, {"ids": self.ids(before), "tag": value, "now": now},
        ))  # fmt: skip


class RemoveTag(Deed):
    name, title, did, event = "remove_tag", "Take the tag off", "lost the tag", "tagged"

    def read(self, text: str) -> str:
        return " ".join(text.replace("\0", " ").split())[:TAG_CHARS] or read_tag(text)

    def facts(self, value: Any) -> dict[str, Any]:
        return {"removed": [value]}

    def said(self, value: Any) -> str:
        return f"lost the tag “{value}”"

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        return {"was": fetch(
            """
            WITH was AS (
              SELECT id, tags FROM curation_example WHERE id = ANY(%(ids)s) AND tags @> ARRAY[%(tag)s]::varchar[]
            ), gone AS (
              UPDATE curation_example e SET tags = array_remove(e.tags, %(tag)s::varchar), changed_at = %(now)s
              FROM was WHERE e.id = was.id
            )
            SELECT id, tags FROM was
            """, {"ids": ids, "tag": value, "now": now},
        )}  # fmt: skip

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        """At its old place, if the other tags are as they were; else at the end."""
        return first(fetch(
            """
            UPDATE curation_example e SET changed_at = %(now)s, tags = CASE
                WHEN e.tags = array_remove(was.tags, %(tag)s::varchar) THEN was.tags ELSE array_append(e.tags, %(tag)s) END
            FROM (SELECT r.id, ARRAY(SELECT jsonb_array_elements_text(r.t::jsonb))::varchar[] AS tags
                  FROM unnest(%(ids)s::bigint[], %(old)s::text[]) AS r(id, t)) was
            WHERE e.id = was.id AND NOT e.tags @> ARRAY[%(tag)s]::varchar[] RETURNING e.id
            """,
            {"ids": self.ids(before), "old": [json.dumps(row[1]) for row in before["was"]], "tag": value, "now": now},
        ))  # fmt: skip


class MarkGold(Deed):
    name, title, did, event = "gold", "Mark as gold", "serve as gold", "gold"

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        return {"was": fetch(
            """
            UPDATE curation_example SET gold = answer, changed_at = %(now)s
            WHERE id = ANY(%(ids)s) AND state = 'accepted' AND answer IS NOT NULL AND gold IS NULL AND deleted_at IS NULL
            RETURNING id
            """, {"ids": ids, "now": now},
        )}  # fmt: skip

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        return first(fetch(
            "UPDATE curation_example SET gold = NULL, changed_at = %(now)s "
            "WHERE id = ANY(%(ids)s) AND gold IS NOT NULL RETURNING id", {"ids": self.ids(before), "now": now},
        ))  # fmt: skip


class NoGold(Deed):
    """An example that only served to measure becomes an ordinary one, which people are asked."""

    name, title, did, event = "no_gold", "No longer gold", "are no longer gold", "gold_removed"

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        rows = fetch(
            """
            WITH was AS (
              SELECT id, gold::text AS gold, gold_only FROM curation_example WHERE id = ANY(%(ids)s) AND gold IS NOT NULL
            ), gone AS (
              UPDATE curation_example e SET gold = NULL, gold_only = false, changed_at = %(now)s FROM was WHERE e.id = was.id
            )
            SELECT id, gold, gold_only FROM was
            """, {"ids": ids, "now": now},
        )  # fmt: skip
        make_slots(row[0] for row in rows if row[2])
        return {"was": [[pk, parsed(gold), only] for pk, gold, only in rows]}

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        was = before["was"]
        back = fetch(
            """
            UPDATE curation_example e SET gold = r.g::jsonb, gold_only = r.o, changed_at = %(now)s
            FROM unnest(%(ids)s::bigint[], %(golds)s::text[], %(only)s::bool[]) AS r(id, g, o)
            WHERE e.id = r.id AND e.gold IS NULL RETURNING e.id, e.gold_only
            """,
            {"ids": first(was), "golds": [json.dumps(row[1]) for row in was], "only": column(was, 2), "now": now},
        )  # fmt: skip
        free_slots_gone([row[0] for row in back if row[1]])
        return first(back)


TAG_DEEDS = (AddTag(), RemoveTag(), MarkGold(), NoGold())
