"""The thread that talks to the database for an event loop: what piled up meanwhile goes in one transaction.

So the loop never waits for the database, and the busier it is, the larger the handfuls.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from curation.synthesis.asks import Ask, Ending, Grant
from curation.synthesis.store import Store

MOST = 256  # of one kind in one transaction
TRIES = 4
STOP = object()


class Writer:
    """`await writer.claim(ask)`, `await writer.end(ending)`, `await writer.call(function)`; `close()` ends the thread."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.loop = asyncio.get_running_loop()
        self.busy = 0.0  # seconds of work in the thread
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="synthesis-writer", daemon=True)
        self._thread.start()

    def claim(self, ask: Ask) -> "asyncio.Future[Grant]":
        return self._put("claim", ask)

    def end(self, ending: Ending) -> "asyncio.Future[None]":
        return self._put("end", ending)

    def call(self, function: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Run it in the thread, in the order of things."""
        return self._put("call", function)

    async def close(self) -> None:
        self._queue.put(STOP)
        await self.loop.run_in_executor(None, self._thread.join)

    def _put(self, kind: str, item: Any) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = self.loop.create_future()
        self._queue.put((kind, item, future))
        return future

    def _run(self) -> None:
        try:
            while True:
                handful = [self._queue.get()]
                while len(handful) < 2 * MOST:
                    try:
                        handful.append(self._queue.get_nowait())
                    except queue.Empty:
                        break
                ending = STOP in handful
                began = time.monotonic()
                self._work([entry for entry in handful if entry is not STOP])
                self.busy += time.monotonic() - began
                if ending:
                    return
        finally:
            connection.close()

    def _work(self, handful: Sequence[tuple[str, Any, Any]]) -> None:
        ends = [entry for entry in handful if entry[0] == "end"]
        for start in range(0, len(ends), MOST):
            self._do(ends[start : start + MOST], self._end)
        claims = [entry for entry in handful if entry[0] == "claim"]
        for group in _unlike(claims):
            self._do(group, self.store.claim)
        for entry in handful:
            if entry[0] == "call":
                self._do([entry], lambda items: [items[0]()])

    def _end(self, endings: list[Ending]) -> list[None]:
        self.store.end(endings)
        return [None] * len(endings)

    def _do(self, entries: Sequence[tuple[str, Any, Any]], act: Callable[[list[Any]], Sequence[Any]]) -> None:
        """Do it and tell the loop, in one call for all. The database's troubles are tried again a few times."""
        if not entries:
            return
        found: Sequence[Any] = ()
        error: BaseException | None = None
        for attempt in range(TRIES):
            try:
                found, error = act([item for _, item, _ in entries]), None
                break
            except (OperationalError, InterfaceError) as trouble:
                error = trouble
                connection.close()
                time.sleep(0.05 * 4**attempt)
            except BaseException as other:  # noqa: BLE001  (it is raised where somebody waits for it)
                error = other
                break
        self.loop.call_soon_threadsafe(_tell, [future for _, _, future in entries], found, error)


def _tell(futures: Sequence["asyncio.Future[Any]"], found: Sequence[Any], error: BaseException | None) -> None:
    for at, future in enumerate(futures):
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(found[at])


def _unlike(claims: Sequence[tuple[str, Any, Any]]) -> list[list[tuple[str, Any, Any]]]:
    """Groups of at most `MOST` in which no key comes twice."""
    groups: list[list[tuple[str, Any, Any]]] = []
    keys: list[set[str]] = []
    for entry in claims:
        for group, seen in zip(groups, keys, strict=True):
            if len(group) < MOST and entry[1].key not in seen:
                group.append(entry)
                seen.add(entry[1].key)
                break
        else:
            groups.append([entry])
            keys.append({entry[1].key})
    return groups
