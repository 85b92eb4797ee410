"""What pages and later passes read about jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from jobs import conf
from jobs.models import Job, Pass, Step

WINDOW = 60.0  # seconds: the rate tells how fast it goes now, not how fast it once went


@dataclass(frozen=True, slots=True)
class PassProgress:
    """One opened pass as a person sees it. `rate` is units per second of late, `eta` seconds left (or `None`)."""

    index: int
    name: str
    title: str
    unit: str
    state: str  # waiting | running | done | failed | cancelled
    done: int
    total: int  # 0: nobody knows yet
    steps: int
    steps_done: int
    rate: float
    eta: float | None
    workers: list[str]
    note: str
    refused: str = ""  # what a service answered to the step that tries again next
    tries: int = 0  # which try that will be, of `most_tries`
    again_in: float = 0.0  # seconds until then

    @property
    def most_tries(self) -> int:
        return conf.MOST_TRANSIENTS

    @property
    def percent(self) -> float:
        return 100.0 if self.state == "done" else 100.0 * self.done / self.total if self.total else 0.0


# Each step's work counts as spread evenly over its attempt, so the part that lies in the window is known
# without a history: overlap of [start, last news] and [now - window, now].
SINCE = "now() - make_interval(secs => %(window)s)"
SUMS = f"""
SELECT pass_index, count(*),
  count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'failed'),
  count(*) FILTER (WHERE state = 'cancelled'), count(*) FILTER (WHERE state = 'leased'),
  coalesce(sum(done) FILTER (WHERE state IN ('done', 'leased')), 0)::bigint, coalesce(sum(total), 0)::bigint,
  bool_and(total > 0),
  coalesce(sum(done * share) FILTER (WHERE state IN ('done', 'leased')), 0)::float,
  coalesce(sum(share) FILTER (WHERE state = 'done'), 0)::float,
  extract(epoch FROM CASE WHEN bool_or(state = 'leased') THEN max(news) ELSE now() END
    - greatest(min(started_at) FILTER (WHERE share > 0), {SINCE}))::float
FROM (
  SELECT *, coalesce(ended_at, beat_at) AS news,
    greatest(0, extract(epoch FROM coalesce(ended_at, beat_at) - greatest(started_at, {SINCE})))
      / greatest(extract(epoch FROM coalesce(ended_at, beat_at) - started_at), 0.001) AS share
  FROM jobs_step WHERE job_id = %(job)s) AS step
GROUP BY pass_index
"""  # noqa: S608  (our own constants)


def progress(job: Job) -> list[PassProgress]:
    """The opened passes in order. Three queries, however many steps."""
    with connection.cursor() as cursor:
        cursor.execute(SUMS, {"job": job.pk, "window": WINDOW})
        sums = {row[0]: row[1:] for row in cursor.fetchall()}
    running: dict[int, list[tuple[str, str]]] = {}
    refused: dict[int, dict[str, Any]] = {}
    waits = Q(state=Step.State.WAITING, transients__gt=0)
    steps = Step.objects.filter(Q(state=Step.State.LEASED) | waits, job=job).order_by("-beat_at")
    for index, worker, note, until, tries in steps.values_list(
        "pass_index", "worker", "note", "not_before", "transients"
    ):
        if until is None:
            running.setdefault(index, []).append((worker, note))
        elif index not in refused or until < refused[index]["until"]:
            refused[index] = {"refused": note, "tries": tries + 1, "until": until}
    return [
        _pass(job, entry, sums.get(entry.index, NOTHING), running.get(entry.index, []), refused.get(entry.index))
        for entry in Pass.objects.filter(job=job).order_by("index")
    ]


NOTHING = (0, 0, 0, 0, 0, 0, 0, True, 0.0, 0.0, None)


def _pass(
    job: Job, entry: Pass, sums: tuple[Any, ...], running: list[tuple[str, str]], refused: dict[str, Any] | None
) -> PassProgress:
    steps, finished, failed, cancelled, leased, done, total, counted, units, pieces, seconds = sums
    unit = entry.unit
    if not counted and finished < steps:
        # Some steps do not know their size: count the steps themselves.
        done, total, units, unit = finished, steps, pieces, "steps"
    if finished == steps:
        state, done, total = "done", max(done, total), max(done, total)
    elif failed or (job.state == Job.State.FAILED and not leased):
        state = "failed"
    elif cancelled and not leased:
        state = "cancelled"
    else:
        state = "running" if finished or leased or refused else "waiting"
    rate = units / seconds if seconds and seconds > 0.2 and state == "running" else 0.0
    return PassProgress(
        index=entry.index, name=entry.name, title=entry.title, unit=unit, state=state, done=min(done, total),
        total=total, steps=steps, steps_done=finished, rate=rate, eta=(total - done) / rate if rate > 0 else None,
        workers=sorted({worker for worker, _ in running}), note=next((note for _, note in running if note), ""),
        **_again(refused if state == "running" else None),
    )  # fmt: skip


def _again(refused: dict[str, Any] | None) -> dict[str, Any]:
    if refused is None:
        return {}
    left = (refused["until"] - timezone.now()).total_seconds()
    return {"refused": refused["refused"], "tries": refused["tries"], "again_in": max(left, 0.0)}


def results(job: Job, pass_name: str) -> list[dict[str, Any]]:
    """The results of a finished pass in the order of its steps. Raises `LookupError` if it was never opened."""
    index = Pass.objects.filter(job=job, name=pass_name).values_list("index", flat=True).first()
    if index is None:
        raise LookupError(f"job {job.pk} has opened no pass named {pass_name}")
    rows = Step.objects.filter(job=job, pass_index=index, state=Step.State.DONE).order_by("index")
    return [result or {} for result in rows.values_list("result", flat=True)]
