"""Finding examples: by their words, by parts of words at their beginning, and accepted ones that are like another.

The tables for this follow the examples: at once for a few (`refresh`), by a job for many (`start`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.postgres.search import SearchQuery
from django.db import connection, transaction
from django.db.models import CharField, Exists, Lookup, OuterRef, Q, QuerySet
from pgvector.django import CosineDistance

from curation.content import load, render
from curation.hashing import vector
from curation.models import Example, ExampleText, ExampleVector, Task
from jobs import actions as jobs
from jobs.models import Job

KIND = "examples.search"
MAX_QUERY = 300  # characters
INLINE = 500  # examples that `refresh` brings up to date itself

TEXT = """left(concat_ws(E'\\n', nullif(e.content->>'instruction', ''), nullif(e.content->>'input', ''),
  (SELECT string_agg(part, E'\\n') FROM jsonb_array_elements_text(e.content->'outputs') AS o(part)),
  (SELECT string_agg(turn->>'text', E'\\n') FROM jsonb_array_elements(e.content->'messages') AS m(turn)),
  nullif(e.content->>'system', '')), 200000)"""
FILL = f"""
INSERT INTO curation_exampletext (example_id, task_id, revision, words, start)
SELECT id, task_id, revision, to_tsvector('simple', body), left(body, 300) FROM (
  SELECT e.id, e.task_id, e.revision, {TEXT} AS body FROM curation_example e
  LEFT JOIN curation_exampletext t ON t.example_id = e.id
  WHERE {{which}} AND t.revision IS DISTINCT FROM e.revision ORDER BY e.id {{most}}) AS texts
ON CONFLICT (example_id) DO UPDATE SET revision = excluded.revision, words = excluded.words, start = excluded.start
"""  # noqa: S608  (constants only; what is looked for is a parameter)


@CharField.register_lookup
class ILike(Lookup):  # type: ignore[type-arg]
    """`ILIKE` as it stands: `icontains` compares UPPER(…), which the trigram index does not serve."""

    lookup_name = "ilike"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = self.process_rhs(compiler, connection)
        return f"{lhs} ILIKE {rhs}", (*lhs_params, *rhs_params)


# --- looking ---


def matching(queryset: QuerySet[Example], text: str) -> QuerySet[Example]:
    """The examples that hold these words, or begin with text that holds this part of a word.

    Words as in a web search: all of them, "a phrase", or, -without. Any input is allowed; an empty one filters nothing.
    """
    found = meant(text)
    if found is None:
        return queryset
    return queryset.filter(Exists(ExampleText.objects.filter(found, example_id=OuterRef("pk"))))


def meant(text: str) -> Q | None:
    """What `matching` asks of `ExampleText`. None: of nothing."""
    asked = text.replace("\0", " ").encode("utf-8", "ignore").decode()[:MAX_QUERY].strip()
    if not asked:
        return None
    found = Q(words=SearchQuery(asked, config="simple", search_type="websearch"))
    words = re.findall(r"\w+", asked)
    if words and " ".join(words) == " ".join(asked.split()):  # plain words: the last one may be unfinished
        prefix = " & ".join([*words[:-1], f"{words[-1]}:*"])
        found |= Q(words=SearchQuery(prefix, config="simple", search_type="raw"))
    if len(asked) >= 3:  # trigrams need three characters
        part = asked.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found |= Q(start__ilike=f"%{part}%")
    return found


def coverage(task: Task) -> tuple[int, int]:
    """(examples that can be found, examples), deleted ones included."""
    total = Example.objects.filter(task=task).count()
    return min(ExampleText.objects.filter(task_id=task.pk).count(), total), total


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An accepted example and how alike it is: the cosine, 1 for equal texts."""

    example: Example
    likeness: float


def neighbours(example: Example, k: int = 3) -> list[Neighbour]:
    """The accepted examples of the task that ask for something most alike, the likest first."""
    own = _vector(example.content)
    if not own.any():
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        # The index looks on until enough rows pass the filter, however small a part of it the task is.
        cursor.execute("SET LOCAL hnsw.iterative_scan = strict_order")
        found = list(
            ExampleVector.objects.filter(
                task_id=example.task_id, example__state=Example.State.ACCEPTED, example__deleted_at=None
            )
            .exclude(example_id=example.pk)
            .annotate(distance=CosineDistance("vector", own))
            .order_by("distance")
            .select_related("example")[:k]
        )
    # A text without a word has no direction: its distance is no number.
    return [Neighbour(one.example, 1.0 - one.distance) for one in found if one.distance == one.distance]  # type: ignore[attr-defined]


def _vector(content: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float16]]:
    """What is asked, without the answer: so an open example and its finished neighbours compare."""
    return vector(render(load(content), "prompt"))


# --- following ---


@transaction.atomic
def refresh(example_ids: Sequence[int]) -> None:
    """Bring search and neighbours of these examples up to date: a few now, many by the job of their tasks."""
    ids = list(example_ids)
    if len(ids) > INLINE:
        for task in Task.objects.filter(pk__in=Example.objects.filter(pk__in=ids).values("task")).distinct():
            transaction.on_commit(lambda task=task: start(task), robust=True)  # type: ignore[misc]
        return
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(which="e.id = ANY(%s)", most=""), [ids])
    fill_vectors(ids)


def fill_words(task_id: int, first: int, last: int, most: int) -> int:
    """Fill the search rows of up to `most` examples with ids from `first` to `last` that lack one. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            FILL.format(which="e.task_id = %s AND e.id BETWEEN %s AND %s", most="LIMIT %s"),
            [task_id, first, last, most],
        )
        return cursor.rowcount


@transaction.atomic
def fill_vectors(ids: Sequence[int]) -> None:
    """The vectors of those that are accepted; the others have none."""
    rows = Example.objects.filter(pk__in=ids, state=Example.State.ACCEPTED, deleted_at=None).values_list(
        "pk", "task_id", "revision", "content"
    )
    made = [ExampleVector(example_id=pk, task_id=task, revision=at, vector=_vector(raw)) for pk, task, at, raw in rows]
    ExampleVector.objects.filter(pk__in=set(ids) - {one.pk for one in made}).delete()
    ExampleVector.objects.bulk_create(
        made, update_conflicts=True, unique_fields=["example"], update_fields=["revision", "vector"]
    )


LACK_WORDS = """
SELECT e.id FROM curation_example e LEFT JOIN curation_exampletext t ON t.example_id = e.id
WHERE e.task_id = %s AND t.revision IS DISTINCT FROM e.revision
"""
LACK_VECTORS = """
SELECT e.id FROM curation_example e LEFT JOIN curation_examplevector v ON v.example_id = e.id
WHERE e.task_id = %s AND e.state = 'accepted' AND e.deleted_at IS NULL AND v.revision IS DISTINCT FROM e.revision
"""


def ranges(lacking: str, task_id: int, size: int) -> list[tuple[int, int, int]]:
    """(first id, last id, how many) of the examples that lack something, `size` of them at a time."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT min(id), max(id), count(*) FROM (
              SELECT id, (row_number() OVER (ORDER BY id) - 1) / %s AS part FROM ({lacking}) AS ids) AS parts
            GROUP BY part ORDER BY part
            """,  # noqa: S608  (one of the two constants above)
            [size, task_id],
        )
        return list(cursor.fetchall())


@transaction.atomic
def start(task: Task) -> Job | None:
    """Start the job that makes the examples of a task findable, unless one is open or nothing is missing.

    An open job looks once more before it ends; its row is locked here, so it cannot end between that look and ours.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s), %s)", [KIND, task.pk])
        open_ones = Job.objects.select_for_update().filter(
            kind=KIND, state__in=Job.OPEN_STATES, params__task=task.pk, cancel_requested_at=None
        )
        if open_ones.exists():
            return None
        for lacking in (LACK_WORDS, LACK_VECTORS):
            cursor.execute(f"SELECT 1 FROM ({lacking}) AS ids LIMIT 1", [task.pk])  # noqa: S608  (constants)
            if cursor.fetchone():
                return jobs.start(kind=KIND, params={"task": task.pk}, lane=task.team.lane, interactive=False)
    return None
