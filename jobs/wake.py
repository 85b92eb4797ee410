"""Wake-ups: Celery messages that say "there may be work in this queue". They carry no truth.

A lost one is replaced by the tick, a doubled one finds nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

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


def send(wanted: Mapping[str, int]) -> bool:
    """Fill each queue up to that many messages. A broker that is away is no error: the tick tries again."""
    from kombu.exceptions import OperationalError

    try:
        with connect() as connection, connection.Producer() as producer:
            for queue, count in wanted.items():
                for _ in range(count - waiting(connection, queue)):
                    work_task().apply_async((queue,), queue=queue, producer=producer, retry=False)
    except (OperationalError, OSError) as error:
        event("wake.no_broker", logging.WARNING, error=type(error).__name__)
        return False
    return True


def top_up(ready: Mapping[str, int]) -> None:
    """As many messages as there are ready steps, and no more than workers that could take one."""
    places = slots()
    wanted = {queue: min(count, places.get(queue, 0)) for queue, count in ready.items()}
    if any(wanted.values()):
        send(wanted)


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


def work_task() -> Any:
    from jobs.tasks import work

    return work
