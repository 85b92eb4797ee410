"""Making the next things while the last ones are being stored. Pure: threads only."""

import queue
import threading
from collections.abc import Generator, Iterable
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")


def ahead(things: Iterable[T], size: int, depth: int = 2) -> Generator[T, None, None]:
    """The same things in the same order, made by a thread of their own, at most `depth` + 2 times `size` ahead.

    It pays where making them is work for Python and storing them means waiting for a server. What making one raises is
    raised here. The thread ends with the last thing, or soon after this iterator is closed; `things` must not use the
    database, for the thread would have a connection of its own.
    """
    line: queue.Queue[tuple[list[T], BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: tuple[list[T], BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                line.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        walk = iter(things)
        try:
            while batch := list(islice(walk, size)):
                if not put((batch, None)):
                    _close(walk)
                    return
            put(([], None))
        except BaseException as error:  # noqa: BLE001  (raised again by the reader)
            put(([], error))

    thread = threading.Thread(target=make, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            batch, error = line.get()
            if error is not None:
                raise error
            if not batch:
                return
            yield from batch
    finally:
        stopped.set()
        thread.join()


def _close(walk: Any) -> None:
    if hasattr(walk, "close"):
        walk.close()
