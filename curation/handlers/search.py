"""The job that follows imports and bulk changes: it makes their examples findable, a range of ids a step."""

from typing import Any

from django.db import connection

from curation import searching
from curation.models import Task
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register

STEP = 20_000  # examples
BATCH = 1_000  # of one statement, one transaction


@register
class SearchKind(Kind):
    """Passes of words and of vectors take turns until nothing is missing: examples may come while it works."""

    name = searching.KIND

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        task_id = job.params["task"]
        if not Task.objects.filter(pk=task_id).exists():
            return None
        number = f" {index}" if index else ""
        for what, lacking, title in (
            ("words", searching.LACK_WORDS, "Read the words"), ("vectors", searching.LACK_VECTORS, "Compare the accepted ones"),
        ):  # fmt: skip
            steps = [
                StepPlan({"what": what, "task": task_id, "first": first, "last": last}, "cpu", count)
                for first, last, count in searching.ranges(lacking, task_id, STEP)
            ]
            if steps:
                return PassPlan(f"{what}{number}", title, steps, "examples")
        return None

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        given = step.payload
        fill = _words if given["what"] == "words" else _vectors
        return {"examples": fill(given["task"], given["first"], given["last"], beat)}


def _words(task_id: int, first: int, last: int, beat: Beat) -> int:
    done = 0
    while count := searching.fill_words(task_id, first, last, BATCH):
        done += count
        beat.progress(done)
    return done


def _vectors(task_id: int, first: int, last: int, beat: Beat) -> int:
    done = 0
    while ids := _lacking(task_id, first, last):
        searching.fill_vectors(ids)
        done += len(ids)
        first = ids[-1] + 1
        beat.progress(done)
    return done


def _lacking(task_id: int, first: int, last: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{searching.LACK_VECTORS} AND e.id BETWEEN %s AND %s ORDER BY e.id LIMIT %s", [task_id, first, last, BATCH]
        )
        return [pk for (pk,) in cursor.fetchall()]
