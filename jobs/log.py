"""One line per event: `step.done job=7 step=41 pass=score attempt=1`. Ids and counts, never the text of a row."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

log = logging.getLogger("jobs")
_bound: ContextVar[dict[str, object]] = ContextVar("jobs_log", default={})  # noqa: B039  (never changed in place)


@contextmanager
def bound(**facts: object) -> Iterator[None]:
    """Add these facts to each event inside."""
    token = _bound.set({**_bound.get(), **facts})
    try:
        yield
    finally:
        _bound.reset(token)


def event(name: str, _level: int = logging.INFO, /, **facts: object) -> None:
    words = [f"{key}={_plain(value)}" for key, value in (_bound.get() | facts).items()]
    log.log(_level, "%s", " ".join([name, *words]))


def unforeseen(name: str, error: BaseException, **facts: object) -> None:
    """An error with the place where it happened. Its message may quote a row, so it appears at level DEBUG only."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename][-4:]
    place = "<".join(f"{_tail(frame.filename)}:{frame.lineno}:{frame.name}" for frame in reversed(own))
    event(name, logging.ERROR, error=type(error).__name__, at=place, **facts)
    log.debug("%s", name, exc_info=error)


def _tail(path: str) -> str:
    return "/".join(path.split("/")[-2:])


def _plain(value: object) -> str:
    text = str(value)
    return text if text and not set(text) & set(' "=\n') else '"' + text.replace('"', "'").replace("\n", " ") + '"'
