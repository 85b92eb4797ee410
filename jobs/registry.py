"""Kinds of jobs. An app writes one `Kind` per kind of work in its `handlers.py` and marks it with `@register`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from jobs.heartbeat import Beat
    from jobs.models import Job, Step


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step to come. `payload` is JSON; `total` counts the pass's units in it (0: not known yet)."""

    payload: dict[str, Any]
    queue: str = "cpu"
    total: int = 0


@dataclass(frozen=True, slots=True)
class PassPlan:
    """One pass to open. `name` is unique in its job; `title` is what a person reads.

    No steps at all is allowed: the pass is noted as done and the next one is asked for.
    """

    name: str
    title: str
    steps: Sequence[StepPlan] = field(default_factory=list)
    unit: str = "rows"


class Kind:
    """How one kind of job is cut into passes and steps, and what each of them does.

    One instance serves all jobs, so it keeps no state. A hook finds its domain row by `job.params`:
    `start` may open the first pass (and end the job) before the caller has stored `row.job`.
    """

    name: ClassVar[str]

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        """Plan pass `index`, or `None`: the job has succeeded.

        Runs in a transaction under the job's row lock: read `jobs.queries.results`, plan, write little.
        A `Fault` fails the job; anything else is tried once more by the tick.
        """
        raise NotImplementedError

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        """Do the work of one step and return its result (JSON). No transaction is open.

        May run twice for one step, also at the same time: write to a temporary name, then move to a name
        made from the content. Call `beat.progress` or `beat.check` between batches; let what they raise pass.
        """
        raise NotImplementedError

    def store(self, step: Step, result: dict[str, Any]) -> None:
        """Write the rows that refer to the result, in the transaction that ends the step."""

    def succeeded(self, job: Job) -> None:
        """In the transaction that ends the job."""

    def failed(self, job: Job) -> None:
        """In the transaction that ends the job; `job.error_*` say why. Must not raise."""

    def cancelled(self, job: Job) -> None:
        """In the transaction that ends the job. Must not raise."""


KINDS: dict[str, Kind] = {}
K = TypeVar("K", bound=type[Kind])


def register(kind: K) -> K:
    """Class decorator: make the kind known by its name. Raises `ValueError` if the name is taken."""
    known = KINDS.get(kind.name)
    if known is not None and type(known).__qualname__ != kind.__qualname__:
        raise ValueError(f"two kinds are named {kind.name}")
    KINDS[kind.name] = kind()
    return kind


def get(name: str) -> Kind:
    """The kind of that name. Raises `Fault("jobs.unknown_kind")`: the worker is of another version."""
    from config.faults import Fault

    try:
        return KINDS[name]
    except KeyError:
        raise Fault("jobs.unknown_kind", kind=name) from None
