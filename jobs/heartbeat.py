"""The heartbeat: one thread per process renews the leases of the steps that the process runs.

It has a connection of its own, and one statement does three things: renew, write progress, read the cancel.
"""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from time import monotonic
from typing import Any

from django.db import Error, connection, transaction

from jobs import conf, process
from jobs.errors import Cancelled, LeaseLost, Released, Stop
from jobs.log import event
from jobs.models import Step

RENEW = """
UPDATE jobs_step AS step
SET leased_until = now() + %(lease)s, beat_at = now(), done = held.done, total = held.total, note = held.note
FROM unnest(%(ids)s::bigint[], %(tokens)s::uuid[], %(done)s::bigint[], %(totals)s::bigint[], %(notes)s::text[])
  AS held(id, token, done, total, note), jobs_job AS job
WHERE step.id = held.id AND step.token = held.token AND step.state = 'leased' AND job.id = step.job_id
RETURNING step.id, job.cancel_requested_at IS NOT NULL OR job.state NOT IN ('queued', 'running')
"""
# Apart from the renewal and skipping locked jobs: a lease must never wait for whoever ends a step.
SHOW = """
UPDATE jobs_job SET version = version + 1
WHERE id IN (SELECT id FROM jobs_job WHERE id = ANY(%(jobs)s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
"""


class Beat:
    """What a running step says and hears. Calls are cheap: nothing here touches the database."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.done, self.total, self.note = step.done, step.total, step.note
        self.changed = False
        self.stop: type[Stop] | None = None
        self.renewed = monotonic()

    def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """`done` of `total` units are ready; `note` is a few words for a person. Raises like `check`."""
        self.done, self.note = int(done), note.replace("\0", "")[:200]
        if total is not None:
            self.total = int(total)
        self.changed = True
        self.check()

    def check(self) -> None:
        """Raises `Cancelled`, `LeaseLost` or `Released` when the step must not go on."""
        if self.stop is not None:
            raise self.stop
        if monotonic() > self.renewed + conf.lease_seconds():
            raise LeaseLost  # no heartbeat got through: by now the step may be somebody else's
        if process.stopping():
            raise Released


class Heart:
    """Renews what this process holds. The thread lives while there is something to renew, and a little longer."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.taking = threading.Lock()
        self._beats: dict[int, Beat] = {}
        self._lock = threading.Lock()
        self._alarm = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, step: Step) -> Beat:
        """Renew the lease of this step until it is dropped. Holding it again gives the same beat."""
        with self._lock:
            beat = self._beats.get(step.pk)
            if beat is None or beat.step.token != step.token:
                beat = self._beats[step.pk] = Beat(step)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs-heartbeat", daemon=True)
                self._thread.start()
        return beat

    def drop(self, step: Step) -> None:
        with self._lock:
            self._beats.pop(step.pk, None)

    def held(self) -> list[Step]:
        with self._lock:
            return [beat.step for beat in self._beats.values()]

    def close(self) -> None:
        """End the thread and its connection (after the last step of a command or a test)."""
        with self._lock:
            self._beats.clear()
            thread = self._thread
            if thread is not None:
                self._alarm.set()
        if thread is not None:
            thread.join(10)

    def _run(self) -> None:
        idle = 0
        try:
            while not self._alarm.wait(conf.show_seconds()):
                with self._lock:
                    beats = list(self._beats.values())
                    idle = 0 if beats else idle + 1
                    if idle > 5:
                        break
                self._beat(beats)
        finally:
            connection.close()
            with self._lock:
                self._thread = None
                self._alarm.clear()
                if self._beats:  # a step came in while the thread was about to end
                    self._thread = threading.Thread(target=self._run, name="jobs-heartbeat", daemon=True)
                    self._thread.start()

    def _beat(self, beats: list[Beat]) -> None:
        now = monotonic()
        due = [beat for beat in beats if beat.changed or now - beat.renewed >= conf.beat_seconds() * 0.95]
        if not due:
            return
        try:
            renew(due)
        except Error as error:
            # Try again in a moment; a beat that got nothing through for a whole lease stops its step.
            event("heartbeat.error", error=type(error).__name__)
            connection.close()


def renew(beats: list[Beat]) -> None:
    """Renew these leases in one statement and tell the beats what came back."""
    now = monotonic()
    shown = {beat.step.job_id for beat in beats if beat.changed}
    for beat in beats:
        beat.changed = False
    facts: dict[str, Any] = {
        "lease": timedelta(seconds=conf.lease_seconds()),
        "ids": [beat.step.pk for beat in beats],
        "tokens": [beat.step.token for beat in beats],
        "done": [beat.done for beat in beats],
        "totals": [beat.total for beat in beats],
        "notes": [beat.note for beat in beats],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # For this transaction only: the connection may come from a pool and go back to it.
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(int(conf.beat_seconds() * 1000))])
        cursor.execute(RENEW, facts)
        answers: dict[int, bool] = dict(cursor.fetchall())
    for beat in beats:
        if beat.step.pk not in answers:
            beat.stop = LeaseLost
        else:
            beat.renewed = now
            if answers[beat.step.pk]:
                beat.stop = Cancelled
    if shown:
        with connection.cursor() as cursor:
            cursor.execute(SHOW, {"jobs": sorted(shown)})


_heart: Heart | None = None
_making = threading.Lock()


def heart() -> Heart:
    """The heart of this process; a forked child gets its own."""
    global _heart  # noqa: PLW0603  (one per process)
    with _making:
        if _heart is None or _heart.pid != os.getpid():
            _heart = Heart()
        return _heart
