"""What pages show of generations: the runs of a team, what failed and why, the exact prompts, costs before and after."""

import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Avg, Count, QuerySet, Sum
from django.utils import timezone

from curation.generators import Job
from curation.generators.base import Generator, plan
from curation.models import Candidate, Endpoint, Generation, ModelRequest, RequestUse, Spending, Task, Team
from curation.synthesis import dialects, keys

PILOT = 20  # requests of which something can be said

DROPS = """
SELECT v->>'filter', count(*), min(v->>'reason') FROM curation_candidate c, jsonb_array_elements(c.verdicts) AS v
WHERE c.generation_id = %s AND NOT (v->>'passed')::boolean AND NOT coalesce((v->>'flag')::boolean, false)
GROUP BY 1 ORDER BY 2 DESC, 1
"""


def runs_of(team: Team, task: Task | None = None) -> "QuerySet[Generation]":
    """Newest first, previews left out."""
    rows = Generation.objects.filter(task__team=team, task__deleted_at=None, preview=False)
    if task is not None:
        rows = rows.filter(task=task)
    return rows.select_related("task", "endpoint", "job", "created_by").order_by("-pk")


def tasks_of(team: Team, most: int = 200) -> list[Task]:
    """Tasks that candidates may be written for, by name."""
    return list(Task.objects.alive().filter(team=team).order_by("name")[:most])


def earlier(task: Task, generator: str, number: str) -> Generation | None:
    """The run of this task and generator that an address names by its number."""
    if not number.isdecimal() or len(number) > 15:
        return None
    return Generation.objects.filter(task=task, generator=generator, pk=int(number)).select_related("endpoint").first()


def pilot_of(task: Task, generator: str, endpoint: Endpoint) -> Generation | None:
    """The newest run of this kind that was answered anything: what the next one costs can be measured by it."""
    rows = Generation.objects.filter(task=task, generator=generator, endpoint=endpoint, answered__gt=0)
    return rows.order_by("-pk").first()


def first_candidates(generation: Generation, most: int) -> list[Candidate]:
    return list(Candidate.objects.filter(generation=generation).order_by("pk")[:most])


def errors_of(generation: Generation) -> "QuerySet[RequestUse]":
    """The requests that failed: `.name`, `.stage`, `.template`, and `.request` with body, reason, error, attempts."""
    failed = RequestUse.objects.filter(generation=generation, request__state=ModelRequest.State.FAILED)
    return failed.select_related("request").order_by("pk")


def error_counts(generation: Generation) -> dict[str, int]:
    """How many requests failed for each reason."""
    rows = errors_of(generation).order_by().values("request__reason").annotate(count=Count("id"))
    return {row["request__reason"]: row["count"] for row in rows}


@dataclass(frozen=True, slots=True)
class Drop:
    filter: str
    count: int
    example: str  # one reason, in words


def drops_of(generation: Generation) -> list[Drop]:
    """What dropped candidates, the most frequent first."""
    with connection.cursor() as cursor:
        cursor.execute(DROPS, [generation.pk])
        return [Drop(name, count, reason or "") for name, count, reason in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it was sent, and what came back."""

    name: str
    stage: str
    template: str
    sample: int
    messages: list[dict[str, str]]
    sampling: dict[str, Any]
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal
    error: str


def exchanges_of(candidate: Candidate) -> list[Exchange]:
    """The requests that a candidate came from, in order, with the exact prompts."""
    uses = RequestUse.objects.filter(generation_id=candidate.generation_id, name__in=candidate.uses)
    order = {name: place for place, name in enumerate(candidate.uses)}
    found = sorted(uses.select_related("request"), key=lambda one: (order[one.name], one.sample))
    return [exchange(one) for one in found]


def exchange(use: RequestUse) -> Exchange:
    row = use.request
    turns = row.body.get("messages") or [{"role": "user", "content": row.body.get("prompt", "")}]
    text = ""
    if row.response is not None:
        text = dialects.read(row.response, path=dialects.CHAT if "messages" in row.body else dialects.RAW).text
    return Exchange(
        name=use.name, stage=use.stage, template=use.template, sample=use.sample, messages=turns,
        sampling={name: value for name, value in row.body.items() if name not in ("messages", "prompt", "model")},
        text=text, finish_reason=row.finish_reason, prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens, cost=row.cost, error=row.error,
    )  # fmt: skip


# --- money and time, before ---


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will likely take. `measured`: from requests of a pilot, else from the prompts alone."""

    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal
    seconds: float | None
    measured: bool


def estimate(generator: Generator, job: Job, endpoint: Endpoint, pilot: Generation | None = None) -> Estimate:
    """`job` as the run would have it; `pilot`: an earlier run or preview of the same generator at this endpoint.

    Without one, prompts count four bytes a token and answers half of what they may have. Raises `PromptError`.
    """
    requests = max(1, generator.estimate(job))
    measured = _measured(pilot) if pilot is not None else None
    prompt, cached, completion, seconds = measured or _guessed(generator, job, endpoint)
    cost = endpoint.cost(round(prompt * requests), round(cached * requests), round(completion * requests))
    return Estimate(
        requests, round(prompt * requests), round(completion * requests), cost,
        _seconds(endpoint, requests, prompt + completion, seconds), measured is not None,
    )  # fmt: skip


def _measured(pilot: Generation) -> tuple[float, float, float, float | None] | None:
    rows = ModelRequest.objects.filter(uses__generation=pilot, state=ModelRequest.State.DONE)
    told = rows.aggregate(
        n=Count("id"), prompt=Avg("prompt_tokens"), cached=Avg("cached_tokens"), out=Avg("completion_tokens"),
        seconds=Avg("seconds"),
    )  # fmt: skip
    return (told["prompt"], told["cached"], told["out"], told["seconds"]) if told["n"] else None


def _guessed(generator: Generator, job: Job, endpoint: Endpoint) -> tuple[float, float, float, None]:
    batch = next(plan(generator, job), [])[:PILOT]
    bodies = [dialects.body_of(one, 0, dialect=endpoint.dialect, model=endpoint.model) for one in batch]
    count = max(1, len(bodies))
    prompt = sum(keys.likely_prompt_tokens(body) for body in bodies) / count
    return prompt, 0.0, sum(body["max_tokens"] / 2 for body in bodies) / count, None


def _seconds(endpoint: Endpoint, requests: int, tokens: float, seconds: float | None) -> float | None:
    """By the slowest of: answers in flight, requests a minute, tokens a minute."""
    bounds = [requests * seconds / endpoint.concurrency] if seconds else []
    if endpoint.requests_per_minute:
        bounds.append(60 * requests / endpoint.requests_per_minute)
    if endpoint.tokens_per_minute:
        bounds.append(60 * requests * tokens / endpoint.tokens_per_minute)
    return max(bounds, default=None)


# --- money, after ---


@dataclass(frozen=True, slots=True)
class Money:
    spent: Decimal
    limit: Decimal | None
    reserved: Decimal

    @property
    def left(self) -> Decimal | None:
        return None if self.limit is None else max(Decimal(0), self.limit - self.spent - self.reserved)


def money_of(team: Team) -> Money:
    """This month's, UTC."""
    row = Spending.objects.filter(team=team).first()
    held = ModelRequest.objects.filter(team=team, state=ModelRequest.State.CLAIMED).aggregate(sum=Sum("reserved"))[
        "sum"
    ]
    current = row is not None and row.month == timezone.now().date().replace(day=1)
    return Money(row.spent if row and current else Decimal(0), row.limit if row else None, held or Decimal(0))


def cost_per_kept(generation: Generation) -> Decimal | None:
    return generation.spent / generation.kept if generation.kept else None


def preview_of(generator: Generator, job: Job, count: int = 3) -> list[dict[str, Any]]:
    """The exact first prompts of a run, before anything is asked: name, stage, template, messages, sampling."""
    batch = next(plan(generator, job), [])
    return [
        {
            "name": one.key,
            "stage": one.stage,
            "template": one.template,
            "messages": one.wire(),
            "sampling": one.sampling,
        }
        for one in itertools.islice(batch, count)
    ]
