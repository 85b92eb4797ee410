"""What a run leaves behind while it goes: candidates, and the sums that people watch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson
from django.db import connection, transaction

from curation.content import dump
from curation.generators import Candidate as Made
from curation.models import Generation
from curation.synthesis.dialects import storable

# A person's word stands: what somebody decided, or what is an example already, is not written anew.
SAVE = """
INSERT INTO curation_candidate (generation_id, key, content, pair, meta, parents, uses, verdicts, state, why, score,
  created_at)
SELECT %(generation)s, c.key, c.content, c.pair, c.meta, c.parents, c.uses, c.verdicts, c.state, c.why, c.score, now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS c(key text, content jsonb, pair jsonb, meta jsonb,
  parents jsonb, uses jsonb, verdicts jsonb, state text, why text, score float, place bigint)
ORDER BY c.place
ON CONFLICT (generation_id, key) DO UPDATE SET content = excluded.content, pair = excluded.pair, meta = excluded.meta,
  parents = excluded.parents, uses = excluded.uses, state = excluded.state, why = excluded.why, score = excluded.score,
  verdicts = CASE WHEN curation_candidate.verdicts <@ excluded.verdicts THEN excluded.verdicts
    ELSE curation_candidate.verdicts || excluded.verdicts END
WHERE curation_candidate.decided_at IS NULL AND curation_candidate.accepted_at IS NULL AND
  (curation_candidate.content, curation_candidate.state, curation_candidate.uses, curation_candidate.why)
  IS DISTINCT FROM (excluded.content, excluded.state, excluded.uses, excluded.why)
"""
COUNT = """
UPDATE curation_generation SET requests = greatest(%(planned)s, asked.done + asked.failed), answered = asked.done,
  failed = asked.failed, cached = asked.cached, kept = made.kept, dropped = made.dropped,
  prompt_tokens = paid.prompt, cached_tokens = paid.cached, completion_tokens = paid.completion
FROM (
  SELECT count(*) FILTER (WHERE r.state = 'done') AS done, count(*) FILTER (WHERE r.state = 'failed') AS failed,
    count(*) FILTER (WHERE r.state = 'done' AND r.generation_id IS DISTINCT FROM %(generation)s) AS cached
  FROM curation_requestuse u JOIN curation_modelrequest r ON r.id = u.request_id
  WHERE u.generation_id = %(generation)s) AS asked, (
  SELECT count(*) FILTER (WHERE state <> 'dropped') AS kept, count(*) FILTER (WHERE state = 'dropped') AS dropped
  FROM curation_candidate WHERE generation_id = %(generation)s) AS made, (
  SELECT coalesce(sum(prompt_tokens), 0) AS prompt, coalesce(sum(cached_tokens), 0) AS cached,
    coalesce(sum(completion_tokens), 0) AS completion
  FROM curation_modelrequest WHERE generation_id = %(generation)s) AS paid
WHERE id = %(generation)s
"""
LOST = """
WITH used AS (
  SELECT DISTINCT jsonb_array_elements_text(uses) AS name FROM curation_candidate WHERE generation_id = %(generation)s)
SELECT count(*) FROM curation_requestuse u JOIN curation_modelrequest r ON r.id = u.request_id AND r.state = 'failed'
WHERE u.generation_id = %(generation)s AND NOT EXISTS (SELECT 1 FROM used WHERE used.name = u.name)
"""


def save_candidates(generation: int, made: Sequence[Made]) -> None:
    """Write them, or bring them up to date; the same ones twice is no harm."""
    rows = [candidate_row(one) | {"place": place} for place, one in enumerate(made)]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(SAVE, {"generation": generation, "rows": orjson.dumps(rows).decode()})


def candidate_row(one: Made) -> dict[str, Any]:
    content = dump(one.content)
    pair = {"chosen": one.chosen, "rejected": one.rejected} if one.chosen or one.rejected else None
    row: dict[str, Any] = storable(
        {
            "key": one.key[:300], "content": content, "pair": pair, "meta": _plain(one.meta), "parents": one.parents,
            "uses": one.requests, "verdicts": [asdict(verdict) for verdict in one.verdicts],
            "state": "kept" if one.kept else "dropped", "why": one.reason, "score": one.score,
        }
    )  # fmt: skip
    return row


def _plain(value: Any) -> Any:
    """JSON of what a generator notes beside a candidate: mappings, lists, texts, numbers; the rest as text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def count(generation: int, planned: int = 0) -> None:
    """Bring the sums of a run up to date."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"generation": generation, "planned": planned})


@transaction.atomic
def settle(generation: int, **changes: Any) -> None:
    """The sums at the end of a run. Nothing of it is on its way any more: what was not answered is cancelled."""
    row = Generation.objects.select_for_update(no_key=True).get(pk=generation)
    count(generation, row.requests)
    with connection.cursor() as cursor:
        cursor.execute(LOST, {"generation": generation})
        (lost,) = cursor.fetchone()
        cursor.execute(
            "UPDATE curation_generation SET cancelled = requests - answered - failed WHERE id = %s", [generation]
        )
    Generation.objects.filter(pk=generation).update(lost=lost, **changes)
