"""Requests in the database: claimed in handfuls, answered in handfuls, each handful one transaction.

Locks are taken in one order: the pace of the endpoint, the team's spending, the run, the requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from curation.models import Endpoint, EndpointPace, Generation, ModelRequest, Spending
from curation.synthesis import outcomes
from curation.synthesis.asks import Ask, Broke, Ending, Go, Grant, Known, Lost, Wait
from curation.synthesis.outcomes import Then
from jobs.conf import lease_seconds
from jobs.errors import LeaseLost

ENDED_BY_ITSELF = ("stop", "eos", "end_turn", "stop_sequence")
MARGIN = 30.0  # seconds that a lease outlasts the longest answer
BUSY = 0.2  # seconds until a place may be free that another run holds
LOOK_AGAIN = 1.0  # seconds, when somebody else has just asked the same

# A claim that a crash of the database forgets is made again; an answer is paid and must last. A process that stands
# still must not hold the pace of an endpoint for long; one whose step is somebody else's by now asks for nothing more.
ENTER = """
SELECT set_config('idle_in_transaction_session_timeout', %(idle)s, true),
  set_config('synchronous_commit', %(sync)s, true),
  EXISTS (SELECT 1 FROM jobs_step WHERE token = %(token)s AND state = 'leased')
"""
FIND = """
SELECT id, key, state, response, reason, error, generation_id, state = 'claimed' AND leased_until > now()
  AND (generation_id = %(generation)s::bigint) IS NOT TRUE FROM curation_modelrequest
WHERE team_id = %(team)s AND key = ANY(%(keys)s)
"""
# An answer that ended by itself under another limit of tokens, and would have under this one.
SAME = """
SELECT DISTINCT ON (want.key) want.key, r.id, r.response
FROM jsonb_to_recordset(%(wants)s::jsonb) AS want(key text, base text, most int)
JOIN curation_modelrequest r ON r.team_id = %(team)s AND r.base = want.base AND r.state = 'done'
WHERE r.finish_reason = ANY(%(ended)s) AND r.completion_tokens BETWEEN 1 AND want.most
ORDER BY want.key, r.id
"""
PACE = """
SELECT requests, tokens, extract(epoch FROM now() - at)::float,
  extract(epoch FROM blocked_until - now())::float, failures,
  (SELECT count(*) FROM curation_modelrequest WHERE endpoint_id = %(endpoint)s AND state = 'claimed'
    AND leased_until > now())
FROM curation_endpointpace WHERE endpoint_id = %(endpoint)s FOR UPDATE
"""
MONEY = """
SELECT "limit", CASE WHEN month = date_trunc('month', now() AT TIME ZONE 'utc')::date THEN spent ELSE 0 END
FROM curation_spending WHERE team_id = %(team)s FOR UPDATE
"""
HELD = """
SELECT coalesce(sum(reserved), 0), coalesce(sum(reserved) FILTER (WHERE generation_id = %(generation)s), 0),
  (SELECT spent FROM curation_generation WHERE id = %(generation)s)
FROM curation_modelrequest WHERE team_id = %(team)s AND state = 'claimed' AND leased_until > now()
"""
CLAIM = """
INSERT INTO curation_modelrequest (team_id, endpoint_id, key, base, body, max_tokens, state, token, leased_until,
  generation_id, reserved, attempts, reason, error, finish_reason, prompt_tokens, cached_tokens, completion_tokens, cost)
SELECT %(team)s, %(endpoint)s, w.key, w.base, w.body, w.most, 'claimed', %(token)s, now() + %(lease)s, %(generation)s,
  w.reserve, 0, '', '', '', 0, 0, 0, 0
FROM jsonb_to_recordset(%(wants)s::jsonb) AS w(key text, base text, body jsonb, most int, reserve numeric)
ORDER BY w.key
ON CONFLICT (team_id, key) DO UPDATE SET state = 'claimed', token = excluded.token, endpoint_id = excluded.endpoint_id,
  leased_until = excluded.leased_until, generation_id = excluded.generation_id, reserved = excluded.reserved
WHERE curation_modelrequest.state = 'ready' OR (curation_modelrequest.state = 'claimed' AND
  (curation_modelrequest.leased_until <= now()
   OR curation_modelrequest.generation_id = excluded.generation_id))
RETURNING id, key
"""
USES = """
INSERT INTO curation_requestuse (generation_id, request_id, name, sample, stage, template, cached)
SELECT %(generation)s, u.request, u.name, u.sample, u.stage, u.template, u.cached
FROM jsonb_to_recordset(%(uses)s::jsonb)
  AS u(request bigint, name text, sample int, stage text, template text, cached boolean)
ON CONFLICT (generation_id, name, sample) DO UPDATE SET request_id = excluded.request_id
WHERE curation_requestuse.request_id <> excluded.request_id
"""
# Any answer to an open request is taken, also one whose lease is over: it was paid.
END = """
UPDATE curation_modelrequest AS r SET state = e.state, token = NULL, leased_until = NULL, reserved = 0,
  attempts = r.attempts + 1, reason = e.reason, error = e.error, response = e.response, seconds = e.seconds,
  finish_reason = e.finish, prompt_tokens = e.prompt, cached_tokens = e.cached, completion_tokens = e.completion,
  cost = e.cost, ended_at = CASE WHEN e.state = 'ready' THEN NULL ELSE now() END
FROM jsonb_to_recordset(%(endings)s::jsonb) AS e(row bigint, state text, reason text, error text, response jsonb,
  seconds float, finish text, prompt int, cached int, completion int, cost numeric)
WHERE r.id = e.row AND r.state <> 'done' AND (e.state = 'done' OR r.token = %(token)s)
RETURNING r.id
"""
SPEND = """
INSERT INTO curation_spending (team_id, spent, month)
VALUES (%(team)s, %(cost)s, date_trunc('month', now() AT TIME ZONE 'utc')::date)
ON CONFLICT (team_id) DO UPDATE SET month = excluded.month, spent = excluded.spent
  + CASE WHEN curation_spending.month = excluded.month THEN curation_spending.spent ELSE 0 END
"""
OWN = "UPDATE curation_generation SET spent = spent + %(cost)s WHERE id = %(generation)s"
SETTLE = """
UPDATE curation_endpointpace SET tokens = tokens + %(back)s,
  failures = CASE WHEN %(well)s THEN 0 ELSE failures + %(down)s END,
  blocked_until = greatest(blocked_until, CASE
    WHEN NOT %(well)s AND failures + %(down)s >= %(breaker)s AND %(down)s > 0 THEN now() + %(pause)s
    WHEN %(delay)s > 0 THEN now() + make_interval(secs => %(delay)s) END)
WHERE endpoint_id = %(endpoint)s
"""
RELEASE = """
UPDATE curation_modelrequest SET state = 'ready', token = NULL, leased_until = NULL, reserved = 0
WHERE generation_id = %(generation)s AND state = 'claimed'
"""
RELEASE_ALONE = """
UPDATE curation_modelrequest SET state = 'ready', token = NULL, leased_until = NULL, reserved = 0
WHERE token = %(token)s AND state = 'claimed'
"""


@dataclass(frozen=True, slots=True)
class Store:
    """One run's hand on the table. `token` is that of the step, so that a run that lost its lease can be told.

    `generation` None: a request of its own (`curation.synthesis.single`), under the limits of endpoint and team alone.
    """

    endpoint: Endpoint
    generation: Generation | None
    token: UUID

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "team": self.endpoint.team_id, "endpoint": self.endpoint.pk, "token": self.token,
            "generation": self.generation.pk if self.generation else None,
        }  # fmt: skip

    # --- claims ---

    def claim(self, asks: Sequence[Ask]) -> list[Grant]:
        """For each: the answer that is there, or the right to ask, or to wait. The rows of one call have unlike keys."""
        grants: dict[str, Grant] = {}
        rows: dict[str, int] = {}
        with transaction.atomic(), connection.cursor() as cursor:
            if not self._enter(cursor, "off"):
                raise LeaseLost
            self._look(cursor, asks, grants, rows)
            open_asks = [ask for ask in asks if ask.key not in grants]
            if open_asks:
                self._look_for_same(cursor, open_asks, grants, rows)
                open_asks = [ask for ask in open_asks if ask.key not in grants]
            if open_asks:
                self._grant(cursor, open_asks, grants, rows)
            self._note_uses(cursor, asks, grants, rows)
        return [grants[ask.key] for ask in asks]

    def _look(self, cursor: Any, asks: Sequence[Ask], grants: dict[str, Grant], rows: dict[str, int]) -> None:
        cursor.execute(FIND, self.facts | {"keys": [ask.key for ask in asks]})
        for row, key, state, response, reason, error, _, busy in cursor.fetchall():
            rows[key] = row
            if state == "done":
                grants[key] = Known(_json(response))
            elif state == "failed":
                grants[key] = Lost(reason, error)
            elif busy:
                grants[key] = Wait(LOOK_AGAIN)

    def _look_for_same(self, cursor: Any, asks: Sequence[Ask], grants: dict[str, Grant], rows: dict[str, int]) -> None:
        wants = [{"key": ask.key, "base": ask.base, "most": ask.max_tokens} for ask in asks if ask.key not in rows]
        if wants:
            cursor.execute(SAME, self.facts | {"wants": _dumps(wants), "ended": list(ENDED_BY_ITSELF)})
            for key, row, response in cursor.fetchall():
                rows[key], grants[key] = row, Known(_json(response))

    def _grant(self, cursor: Any, asks: Sequence[Ask], grants: dict[str, Grant], rows: dict[str, int]) -> None:
        room = _Pace.read(cursor, self.endpoint, self.facts)
        money = _Money.read(cursor, self.endpoint, self.generation, self.facts)
        taken = []
        for ask in asks:
            no = room.refusal(ask) or money.refusal(ask)
            if no is None:
                room.take(ask)
                money.take(ask)
                taken.append(ask)
            else:
                grants[ask.key] = no
        room.write(cursor)
        if taken:
            lease = timedelta(seconds=self.endpoint.timeout + MARGIN)
            wants = [
                {"key": a.key, "base": a.base, "body": a.body, "most": a.max_tokens, "reserve": str(a.reserve)}
                for a in taken
            ]
            cursor.execute(CLAIM, self.facts | {"lease": lease, "wants": _dumps(wants)})
            for row, key in cursor.fetchall():
                rows[key], grants[key] = row, Go(row)
        for ask in taken:  # another run was faster by a moment
            grants.setdefault(ask.key, Wait(LOOK_AGAIN / 10))

    def _note_uses(self, cursor: Any, asks: Sequence[Ask], grants: dict[str, Grant], rows: dict[str, int]) -> None:
        if self.generation is None:
            return
        uses = [
            {
                "request": rows[ask.key], "name": ask.name[:300], "sample": ask.sample, "stage": ask.request.stage[:60],
                "template": ask.request.template[:120], "cached": isinstance(grants[ask.key], Known),
            }
            for ask in asks
            if not isinstance(grants[ask.key], Wait | Broke)
        ]  # fmt: skip
        if uses:
            cursor.execute(USES, self.facts | {"uses": _dumps(uses)})

    # --- endings ---

    def end(self, endings: Sequence[Ending]) -> None:
        """Answers, failures and returns with what they cost, once, however often it is called for a row."""
        with transaction.atomic(), connection.cursor() as cursor:
            self._enter(cursor, "on")
            cost = sum((one.cost for one in endings), Decimal(0))
            cursor.execute(SETTLE, self.facts | _settling(endings))
            if cost:
                cursor.execute(SPEND, self.facts | {"cost": cost})
                cursor.execute(OWN, self.facts | {"cost": cost})
            cursor.execute(END, self.facts | {"endings": _dumps([_ended(one) for one in endings])})

    def _enter(self, cursor: Any, sync: str) -> bool:
        """Whether the step is still ours."""
        cursor.execute(ENTER, self.facts | {"idle": str(int(lease_seconds() * 1000)), "sync": sync})
        return bool(cursor.fetchone()[2])

    def release(self) -> None:
        """What this run still holds is ready for others."""
        with connection.cursor() as cursor:
            cursor.execute(RELEASE if self.generation else RELEASE_ALONE, self.facts)


def _ended(one: Ending) -> dict[str, Any]:
    outcome = one.outcome
    state = "done" if outcome.then == Then.DONE else "failed" if one.final else "ready"
    return {
        "row": one.row, "state": state, "reason": outcome.reason, "error": outcome.error, "response": outcome.response,
        "seconds": outcome.seconds, "finish": one.finish_reason, "prompt": one.prompt_tokens, "cached": one.cached_tokens,
        "completion": one.completion_tokens, "cost": str(one.cost),
    }  # fmt: skip


def _settling(endings: Sequence[Ending]) -> dict[str, Any]:
    """What these endings do to the pace: tokens that were not used come back, failures are counted."""
    back = sum(one.likely - one.prompt_tokens - one.completion_tokens for one in endings)
    delays = [one.outcome.delay or 0.0 for one in endings if one.outcome.put_off]
    return {
        "back": back, "well": any(not one.outcome.down and one.outcome.status != 0 for one in endings),
        "down": sum(one.outcome.down for one in endings), "breaker": outcomes.BREAKER,
        "pause": timedelta(seconds=outcomes.breaker_pause()), "delay": max(delays, default=0.0),
    }  # fmt: skip


@dataclass(slots=True)
class _Pace:
    """Room at the endpoint, under the lock of its row."""

    endpoint: Endpoint
    requests: float
    tokens: float
    blocked: float
    broken: bool
    places: int
    changed: bool = False

    @classmethod
    def read(cls, cursor: Any, endpoint: Endpoint, facts: dict[str, Any]) -> "_Pace":
        cursor.execute(PACE, facts)
        row = cursor.fetchone()
        if row is None:
            EndpointPace.objects.bulk_create([EndpointPace(endpoint=endpoint)], ignore_conflicts=True)
            cursor.execute(PACE, facts)
            row = cursor.fetchone()
            row = (float(endpoint.requests_per_minute), float(endpoint.tokens_per_minute), *row[2:])
        requests, tokens, passed, blocked, failures, held = row
        most_requests, most_tokens = float(endpoint.requests_per_minute), float(endpoint.tokens_per_minute)
        return cls(
            endpoint, min(most_requests, requests + passed * most_requests / 60),
            min(most_tokens, tokens + passed * most_tokens / 60), blocked or 0.0, failures >= outcomes.BREAKER,
            endpoint.concurrency - held,
        )  # fmt: skip

    def refusal(self, ask: Ask) -> Wait | None:
        if self.blocked > 0:
            return Wait(self.blocked, broken=self.broken)
        if self.places < 1:
            return Wait(BUSY)
        end = self.endpoint
        if end.requests_per_minute and self.requests < 1:
            return Wait(max(0.02, (1 - self.requests) * 60 / end.requests_per_minute))
        # A request larger than the whole bucket goes when the bucket is full, and leaves a debt.
        need = min(ask.likely, end.tokens_per_minute)
        if end.tokens_per_minute and self.tokens < need:
            return Wait(max(0.02, (need - self.tokens) * 60 / end.tokens_per_minute))
        return None

    def take(self, ask: Ask) -> None:
        self.places -= 1
        self.requests -= 1
        self.tokens -= ask.likely
        if self.broken:
            self.places = 0  # one request tries whether the server is well again
        self.changed = True

    def write(self, cursor: Any) -> None:
        if self.changed or self.endpoint.requests_per_minute or self.endpoint.tokens_per_minute:
            cursor.execute(
                "UPDATE curation_endpointpace SET requests = %s, tokens = %s, at = now() WHERE endpoint_id = %s",
                [max(self.requests, -1.0), self.tokens, self.endpoint.pk],
            )


@dataclass(slots=True)
class _Money:
    """What may still be spent, under the lock of the team's row. Reservations count as spent."""

    limit: Decimal | None
    spent: Decimal
    held: Decimal
    own_limit: Decimal | None
    own_spent: Decimal
    own_held: Decimal

    @classmethod
    def read(cls, cursor: Any, endpoint: Endpoint, generation: Generation | None, facts: dict[str, Any]) -> "_Money":
        nothing = cls(None, Decimal(0), Decimal(0), None, Decimal(0), Decimal(0))
        if not (endpoint.price_in or endpoint.price_cached or endpoint.price_out):
            return nothing
        cursor.execute(MONEY, facts)
        limit, spent = cursor.fetchone() or (None, Decimal(0))
        money = generation.money if generation else None
        if limit is None and money is None:
            return nothing
        cursor.execute(HELD, facts)
        held, own_held, own_spent = cursor.fetchone()
        return cls(limit, Decimal(spent), held, money, own_spent or Decimal(0), own_held)

    def refusal(self, ask: Ask) -> Wait | Broke | None:
        for whose, limit, spent, held in (
            ("team", self.limit, self.spent, self.held), ("own", self.own_limit, self.own_spent, self.own_held),
        ):  # fmt: skip
            if limit is not None and spent + held + ask.reserve > limit:
                # What is on its way will mostly cost less than it could.
                return Wait(BUSY) if held else Broke(whose, spent, limit, ask.reserve)
        return None

    def take(self, ask: Ask) -> None:
        self.held += ask.reserve
        self.own_held += ask.reserve


def answered_before(generation: Generation) -> bool:
    return ModelRequest.objects.filter(uses__generation=generation, state=ModelRequest.State.DONE).exists()


def spending(team_id: int) -> Spending | None:
    return Spending.objects.filter(team_id=team_id).first()


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _json(value: Any) -> dict[str, Any]:
    """psycopg hands jsonb of hand-written SQL over as text, as Django set it up."""
    found = orjson.loads(value) if isinstance(value, str | bytes) else value
    return dict(found)
