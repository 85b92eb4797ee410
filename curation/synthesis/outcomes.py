"""What came of one try of a request, and what follows: the table of errors and retries. No database, no network.

400, 404, 422, other 4xx           the request fails; when the first five of a run all do, the run stops
401, 403, 429 insufficient_quota   the run pauses; the request stays as it was
408, 409, 429, 5xx, connection     again after a pause: what the server asks for, else 0.5 s doubling to 8 s
an answer that is no answer        as a connection error: again
timeout                            again, at most two more times
content filter, refusal            an answer; generators reject it, nobody asks again
cut off at the token limit         an answer; generators ask once more with twice the limit
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from django.conf import settings

MOST_TRIES = 3  # of a request that the server fails, cuts, or does not answer
MOST_REFUSALS = 8  # of a request that the server puts off (408, 409, 429)
FIRST_REFUSED = 5  # requests refused from the first on stop the run
LONGEST_DELAY = 120.0  # seconds that a server may ask for; when it wants more, the whole run steps back
BREAKER = 10  # answers 5xx in a row


class Then(StrEnum):
    DONE = "done"
    AGAIN = "again"
    FAIL = "fail"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason`: one word for the table of failures; `error`: what the server said; `delay`: seconds that it asked for."""

    then: Then
    reason: str = ""
    error: str = ""
    delay: float | None = None
    response: dict[str, Any] | None = None
    seconds: float = 0.0
    status: int = 0

    @property
    def down(self) -> bool:
        """Counts for the circuit breaker."""
        return self.status >= 500

    @property
    def put_off(self) -> bool:
        """The server is well and asks to come later."""
        return self.status in (408, 409, 429)


def of_status(status: int, headers: Mapping[str, str], body: Any, now: datetime | None = None) -> Outcome:
    """What an answer with an error status means."""
    said = message_of(body) or f"status {status}"
    if status in (401, 403):
        return Outcome(Then.PAUSE, "key", said, status=status)
    if status == 429 and _is_quota(body):
        return Outcome(Then.PAUSE, "quota", said, status=status)
    told = headers.get("x-should-retry")
    again = told == "true" or (told != "false" and (status in (408, 409, 429) or status >= 500))
    if not again:
        return Outcome(Then.FAIL, "refused", said, status=status)
    reason = "busy" if status in (408, 409, 429) else "server"
    return Outcome(Then.AGAIN, reason, said, retry_after(headers, now), status=status)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, then `Retry-After` as seconds or as an HTTP date."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            asked = float(headers.get(name, "")) / scale
        except ValueError:
            continue
        if 0 <= asked < 1e9:  # also not NaN
            return asked
    try:
        at = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def message_of(body: Any) -> str:
    """What a server says about an error, at most 500 characters."""
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        said = inner.get("message") or inner.get("detail") or "" if isinstance(inner, Mapping) else inner
    else:
        said = body
    return str(said or "").replace("\0", "").strip()[:500]


def _is_quota(body: Any) -> bool:
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    return isinstance(inner, Mapping) and "insufficient_quota" in (inner.get("code"), inner.get("type"))


def most_tries(outcome: Outcome) -> int:
    return MOST_REFUSALS if outcome.put_off else MOST_TRIES


def pause(outcome: Outcome, attempt: int) -> float:
    """Seconds before try `attempt` + 1: what the server asked for, else 0.5 s doubling to 8 s, up to a quarter less."""
    if outcome.delay is not None:
        return outcome.delay
    first, longest = first_pause(), 16 * first_pause()
    return min(longest, first * 2.0 ** min(attempt - 1, 16)) * (1 - 0.25 * random.random())  # noqa: S311


def first_pause() -> float:
    return float(getattr(settings, "SYNTHESIS_FIRST_PAUSE", 0.5))


def breaker_pause() -> float:
    """Seconds for which an endpoint is left alone after ten answers 5xx in a row."""
    return 60 * first_pause()
