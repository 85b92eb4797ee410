"""The event loop of a run: it drives the plan of a generator with many requests in flight.

The plan is deterministic, so there is no other state: a run that was cut is played again from its beginning, and what
was answered comes from the table. A batch is answered as a whole before the plan goes on.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from config.faults import Fault
from curation.content import Message
from curation.generators import Job, Reply, Request, Usage
from curation.generators.base import Batch, Plan, Replies
from curation.generators.parsing import Unreadable, check, value
from curation.models import Endpoint
from curation.synthesis import dialects, keys, outcomes
from curation.synthesis.asks import Ask, Broke, Ending, Go, Known, Lost, Wait
from curation.synthesis.outcomes import Outcome, Then
from curation.synthesis.store import Store
from curation.synthesis.writer import Writer
from jobs.errors import LeaseLost, Stop, Transient
from jobs.heartbeat import Beat

LOOK = 0.2  # seconds between looks at the heartbeat
TELL = 1.0  # seconds between notes of progress
GRACE = 10.0  # seconds for what is on its way when a run is cancelled
REPAIR = "That answer cannot be read: {why}\nReturn only valid JSON that fits the description, with nothing before or after it."


class Sender(Protocol):
    """Whoever answers: a server, or a model in this process."""

    async def send(self, path: str, body: dict[str, Any]) -> Outcome: ...

    async def close(self) -> None: ...


class Halted(Exception):
    """The run ends or pauses: this request is not sent any more."""


class Engine:
    """One run in one process. `tell(engine)` is called about once a second, in the thread of the writer."""

    def __init__(
        self, *, endpoint: Endpoint, store: Store, job: Job, beat: Beat, warm: bool = False,
        tell: Callable[["Engine"], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.endpoint, self.store, self.job, self.beat, self.tell = endpoint, store, job, beat, tell
        self.target = keys.Target(endpoint.dialect, endpoint.identity, endpoint.model)
        self.planned = self.answered = self.failed = self.repairs = 0
        self.refused = self.downs = 0
        self.warm = warm  # something was answered: the endpoint and its settings are right
        self.cause: BaseException | None = None
        self._halt: asyncio.Event
        self._places: asyncio.Semaphore
        self._turns: asyncio.Semaphore  # of those that are asked before anything was answered
        self.writer: Writer

    def run(self, plan: Plan, sender: Callable[[], Sender]) -> None:
        """To the end of the plan. Raises `Fault`, `Transient` or what the heartbeat says; what was paid is kept."""
        asyncio.run(self._run(plan, sender))

    async def _run(self, plan: Plan, sender: Callable[[], Sender]) -> None:
        self._halt = asyncio.Event()
        # A few at first: wrong settings then cost a few requests.
        self._turns = asyncio.Semaphore(outcomes.FIRST_REFUSED)
        self._places = asyncio.Semaphore(
            self.endpoint.concurrency if self.warm else min(outcomes.FIRST_REFUSED, self.endpoint.concurrency)
        )
        self.writer, self.sender = Writer(self.store), sender()
        watch = asyncio.create_task(self._watch())
        try:
            await self._drive(plan)
            await self.writer.call(lambda: self.tell(self))
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            try:
                if not isinstance(self.cause, LeaseLost):
                    await self.writer.call(self.store.release)
                    await self.writer.call(lambda: self.tell(self))
            finally:
                await self.writer.close()
                await self.sender.close()

    async def _drive(self, plan: Plan) -> None:
        try:
            batch = next(plan)
            while True:
                batch = plan.send(await self.answers(batch))
        except StopIteration:
            return

    async def _watch(self) -> None:
        """Reads the heartbeat, tells how far it is."""
        told = 0.0
        while True:
            try:
                self.beat.check()
                if time.monotonic() - told >= TELL:
                    began = time.monotonic()
                    await self.writer.call(lambda: self.tell(self))
                    # The more there is to count, the rarer.
                    told = time.monotonic() + 10 * (time.monotonic() - began)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError):
                    raise
                self.halt(error)
                return
            await asyncio.sleep(LOOK)

    def halt(self, cause: BaseException) -> None:
        """Send nothing more; `cause` is raised once what is on its way is in."""
        if self.cause is None:
            self.cause = cause
            self._halt.set()
            self._all_turns()

    # --- batches ---

    async def answers(self, batch: Batch) -> Replies:
        """A reply for each sample of each request, in order. Raises what halted the run."""
        asks = [[self.ask(request, sample) for sample in range(request.samples)] for request in batch]
        flat = list(itertools.chain.from_iterable(asks))
        self.planned += len(flat)
        tasks = [asyncio.create_task(self._answer(ask)) for ask in flat]
        together, halted = asyncio.gather(*tasks), asyncio.create_task(self._halt.wait())
        try:
            first: set[asyncio.Future[Any]] = {together, halted}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            error = together.exception() if together.done() else None
            if error is not None and not isinstance(error, Halted):
                self.halt(error)
            if self.cause is not None:
                await self._wind_down(tasks)
                raise self.cause
            replies = iter(together.result())
            return [[next(replies) for _ in group] for group in asks]
        finally:
            for task in (halted, *tasks):
                task.cancel()
            await asyncio.gather(halted, *tasks, return_exceptions=True)
            await asyncio.gather(together, return_exceptions=True)

    async def _wind_down(self, tasks: Sequence["asyncio.Task[Reply]"]) -> None:
        """What was sent is paid: wait for it, as long as the cause of the end allows."""
        if isinstance(self.cause, LeaseLost):
            return
        patience = GRACE if isinstance(self.cause, Stop) else float(self.endpoint.timeout)
        await asyncio.wait(tasks, timeout=patience)

    def ask(self, request: Request, sample: int, name: str = "") -> Ask:
        end = self.endpoint
        body = dialects.body_of(
            request, sample, dialect=end.dialect, model=end.model, schema=end.schema_mode != Endpoint.Schema.ERROR
        )
        path = dialects.path_of(request)
        most = request.sampling.max_tokens
        return Ask(
            name=name or request.key, sample=sample, request=request, path=path, body=body,
            key=keys.key_of(self.target, path, body, sample), base=keys.base_of(self.target, path, body, sample),
            reserve=end.cost(keys.most_prompt_tokens(body), 0, most), likely=keys.likely_prompt_tokens(body) + most,
        )  # fmt: skip

    async def _answer(self, ask: Ask) -> Reply:
        reply = await self._ask(ask)
        if not reply.why and ask.request.schema is not None:
            reply = await self._repaired(ask, reply)
        if reply.error:
            self.failed += 1
        else:
            self.answered += 1
        return reply

    async def _repaired(self, ask: Ask, reply: Reply) -> Reply:
        """One more question where an answer does not fit its schema; the answer as it was where that does not help."""
        why = misfit(reply.text, ask.request)
        if not why or self.job.asked + self.repairs >= self.job.ceiling:
            return reply
        self.repairs += 1
        self.planned += 1
        first = ask.request
        turns = (*first.messages, Message("assistant", reply.text), Message("user", REPAIR.format(why=why)))
        again = replace(first, messages=turns, sampling=replace(first.sampling, temperature=0.0), raw=False)
        better = await self._ask(self.ask(again, ask.sample, f"{first.key}!repair"))
        if better.error:
            self.failed += 1
        else:
            self.answered += 1
        if better.why or misfit(better.text, first):
            return reply
        return replace(better, usage=_sum(reply.usage, better.usage))

    # --- one request ---

    async def _ask(self, ask: Ask) -> Reply:
        while True:
            async with self._places:
                if not self.warm:
                    await self._turns.acquire()
                if self._halt.is_set():
                    raise Halted
                grant = await self.writer.claim(ask)
                match grant:
                    case Known(response):
                        self._well()
                        return dialects.read(response, path=ask.path)
                    case Lost(reason, error):
                        self._turns.release()
                        return Reply(error=f"{reason}: {error}", finish_reason="error")
                    case Wait(seconds, broken):
                        self._turns.release()
                        await self._wait(seconds, broken)
                        continue
                    case Broke():
                        self.halt(self._broke(grant))
                        continue
                    case Go(row):
                        # The ending is on its way before the place is free: the next claim finds the room.
                        outcome, reply, stored = self._judged(ask, row, await self.sender.send(ask.path, ask.body))
            await stored
            if reply is not None:
                return reply
            if not outcome.put_off or outcome.delay is None:  # else all wait together, at the claim
                await self._sleep(outcomes.pause(outcome, ask.tries))

    async def _wait(self, seconds: float, broken: bool) -> None:
        if broken or seconds > outcomes.LONGEST_DELAY:
            self.halt(Transient(f"{self.endpoint.name} is left alone for a while", retry_after=seconds))
        await self._sleep(seconds)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._halt.wait()
        except TimeoutError:
            return

    def _judged(self, ask: Ask, row: int, outcome: Outcome) -> "tuple[Outcome, Reply | None, asyncio.Future[None]]":
        """What one try comes to: the reply, or None where another try may follow; and the ending on its way."""
        if outcome.then == Then.DONE:
            try:
                outcome = replace(outcome, response=dialects.storable(outcome.response))
                reply = dialects.read(outcome.response, path=ask.path)
                self._well()
                return outcome, reply, self.writer.end(self._paid(ask, row, outcome, reply))
            except dialects.Malformed as error:
                outcome = replace(outcome, then=Then.AGAIN, reason="malformed", error=str(error), response=None)
        ask.tries += 1
        self._judge(outcome)
        final = outcome.then == Then.FAIL or (
            outcome.then == Then.AGAIN and ask.tries >= outcomes.most_tries(outcome) and not self._halt.is_set()
        )
        stored = self.writer.end(Ending(row, outcome, final, ask.likely))
        said = f"{outcome.reason}: {outcome.error}"
        return outcome, Reply(error=said, finish_reason="error") if final else None, stored

    def _paid(self, ask: Ask, row: int, outcome: Outcome, reply: Reply) -> Ending:
        used = reply.usage
        if not used.prompt_tokens and not used.completion_tokens:  # a server that does not count
            used = Usage(keys.likely_prompt_tokens(ask.body), len(reply.text.encode()) // 4 + 1)
        return Ending(
            row, outcome, True, ask.likely, reply.finish_reason, used.prompt_tokens, used.cached_tokens,
            used.completion_tokens, self.endpoint.cost(used.prompt_tokens, used.cached_tokens, used.completion_tokens),
        )  # fmt: skip

    def _well(self) -> None:
        self.downs = 0
        if not self.warm:
            self.warm = True
            for _ in range(self.endpoint.concurrency - outcomes.FIRST_REFUSED):
                self._places.release()
            self._all_turns()

    def _all_turns(self) -> None:
        """Whoever waits for its turn goes on: as many as may hold a place before anything was answered."""
        for _ in range(outcomes.FIRST_REFUSED):
            self._turns.release()

    def _judge(self, outcome: Outcome) -> None:
        """Whether the run goes on after a try that brought no answer."""
        end = self.endpoint
        if outcome.then != Then.FAIL:  # a refusal keeps its turn: five of them, and not one more is asked
            self._turns.release()
        if outcome.then == Then.PAUSE:
            code = "endpoint.quota" if outcome.reason == "quota" else "endpoint.key_refused"
            self.halt(Fault(code, name=end.name, said=outcome.error))
        elif outcome.then == Then.FAIL and not self.warm:
            self.refused += 1
            if self.refused >= outcomes.FIRST_REFUSED:
                self.halt(Fault("generation.refused", count=self.refused, name=end.name, said=outcome.error))
        elif outcome.down:
            self.downs += 1
            if self.downs >= outcomes.BREAKER:
                why = f"{end.name} failed {self.downs} times in a row: {outcome.error}"
                self.halt(Transient(why, retry_after=outcomes.breaker_pause()))
        elif outcome.put_off:
            self.downs = 0
        if outcome.delay is not None and outcome.delay > outcomes.LONGEST_DELAY:
            self.halt(Transient(f"{end.name} asks to wait {outcome.delay:.0f} s", retry_after=outcome.delay))

    def _broke(self, grant: Broke) -> Fault:
        code = "generation.team_limit" if grant.whose == "team" else "generation.own_limit"
        currency = self.endpoint.currency
        facts = {name: f"{getattr(grant, name):.4f} {currency}" for name in ("spent", "limit", "next")}
        return Fault(code, team=str(self.endpoint.team), **facts)


def misfit(text: str, request: Request) -> str:
    """Why a text does not fit the request's schema; empty where it does."""
    try:
        check(value(text), request.schema or {})
    except Unreadable as error:
        return str(error)
    return ""


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens, one.completion_tokens + other.completion_tokens,
        one.cached_tokens + other.cached_tokens,
    )  # fmt: skip
