"""What passes between the event loop and the thread that writes: questions, grants and endings. Plain data."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from curation.generators import Request
from curation.synthesis.outcomes import Outcome


@dataclass(slots=True)
class Ask:
    """One sample of one request of a run, with the keys by which it is known."""

    name: str
    sample: int
    request: Request
    path: str
    body: dict[str, Any]
    key: str
    base: str
    reserve: Decimal
    likely: int  # tokens, for the rate
    tries: int = 0

    @property
    def max_tokens(self) -> int:
        return int(self.body["max_tokens"])


@dataclass(frozen=True, slots=True)
class Go:
    """The request is ours: send it."""

    row: int


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody asked before: the answer is there."""

    response: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lost:
    """It failed for good before; a person may ask for another try."""

    reason: str
    error: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now. `broken`: the circuit breaker is open, so the run had better step back."""

    seconds: float
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Broke:
    """It could cost more than what is left: `whose` limit, and the sums."""

    whose: str  # team | own
    spent: Decimal
    limit: Decimal
    next: Decimal


Grant = Go | Known | Lost | Wait | Broke


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a request that was sent: an answer, a failure, or back to ready for another try."""

    row: int
    outcome: Outcome
    final: bool
    likely: int = 0
    finish_reason: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal = field(default_factory=Decimal)
