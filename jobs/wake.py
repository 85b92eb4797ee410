"""Wake-ups: Celery messages that say "there may be work in this queue". They carry no truth.

A lost one is replaced by the tick, a doubled one finds nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models.functions import Now

from jobs import conf
from jobs.log import event
from jobs.models import Worker

if TYPE_CHECKING:
    from kombu import Connection

QUEUES = ("cpu", "gpu", "io")


def wake(ready: Mapping[str, int]) -> None:
    """After the commit of this transaction, wake as many workers as there are new ready steps, by queue."""
    if ready:
        transaction.on_commit(partial(_wake_now, dict(ready)), robust=True)


def _wake_now(ready: Mapping[str, int]) -> None:
    places = slots()
    # A worker that nobody counted yet may already listen: one message costs nothing.
    send({queue: min(count, max(1, places.get(queue, 0))) for queue, count in ready.items()})


def slots() -> dict[str, int]:
    """How many steps of each queue the living workers can run at once."""
    total: dict[str, int] = {}
    alive = Worker.objects.filter(seen_at__gt=Now() - timedelta(seconds=6 * conf.tick_seconds()))
    for worker in alive:
        for queue in worker.queues:
            total[queue] = total.get(queue, 0) + worker.slots
    return total


def send(counts: Mapping[str, int]) -> bool:
    """Send that many messages to each queue. A broker that is away is no error: the tick tries again."""
    from kombu.exceptions import OperationalError

    try:
        with connect() as connection:
            _publish(connection, counts)
    except (OperationalError, OSError) as error:
        event("wake.no_broker", logging.WARNING, error=type(error).__name__)
        return False
    return True


def top_up(ready: Mapping[str, int]) -> int:
    """Send what is missing: min(ready, slots) messages less those that still lie in the queue."""
    from kombu.exceptions import OperationalError

    places = slots()
    wanted = {queue: min(count, places.get(queue, 0)) for queue, count in ready.items()}
    if not any(wanted.values()):
        return 0
    try:
        with connect() as connection:
            missing = {queue: count - waiting(connection, queue) for queue, count in wanted.items()}
            _publish(connection, missing)
    except (OperationalError, OSError) as error:
        event("wake.no_broker", logging.WARNING, error=type(error).__name__)
        return 0
    return sum(max(0, count) for count in missing.values())


def connect() -> Connection:
    """A connection of its own that gives up soon. The pool of Celery waits for ever for a broker that is away."""
    from config.celery import PATIENCE, app

    return app.connection_for_write(
        connect_timeout=PATIENCE["socket_connect_timeout"],
        transport_options={**app.conf.broker_transport_options, **PATIENCE, "max_retries": 0},
    )


def waiting(connection: Connection, queue: str) -> int:
    from kombu.exceptions import ChannelError

    try:
        return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:
        return 0  # an empty queue does not exist in Redis


def _publish(connection: Connection, counts: Mapping[str, int]) -> None:
    from jobs.tasks import work

    with connection.Producer() as producer:
        for queue, count in counts.items():
            for _ in range(count):
                work.apply_async((queue,), queue=queue, producer=producer, retry=False)
