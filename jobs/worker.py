"""What a Celery worker (and beat) does beside running `jobs.tasks.work`: tick, report itself, end without loss."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import signals
from django.db.models.functions import Now

from jobs import lease, process
from jobs.errors import LeaseLost
from jobs.heartbeat import heart
from jobs.models import Worker
from jobs.tick import Ticker

_ticker: Ticker | None = None
_name = ""
GPU = Path("/dev/nvidia0")  # looking costs nothing; asking PyTorch would load it into every worker
BEAT = Path(tempfile.gettempdir()) / f"winnow-beat-{os.getuid()}"  # touched with each tick of beat, for health checks
_told_to_end = threading.Event()


@signals.worker_init.connect
def main_process(sender: Any = None, **kwargs: object) -> None:
    process.go_on()
    process.own_connections()
    process.name_node(sender.hostname)


@signals.worker_process_init.connect
def child_process(**kwargs: object) -> None:
    from billiard.process import current_process

    process.own_connections()
    process.enter_child(getattr(current_process(), "index", 0) + 1)
    # The thread waits from the start: in a signal handler hardly anything else is safe than setting an event.
    threading.Thread(target=give_up, args=[_told_to_end], name="jobs-give-up", daemon=True).start()


@signals.task_prerun.connect
def hear_sigterm(**kwargs: object) -> None:
    """In a forked child, before its first task: the pool puts its own handlers in place after `child_process`.

    Theirs raises `SystemExit` wherever the step happens to be: in a commit, or in code that swallows it.
    """
    if process.is_child() and signal.getsignal(signal.SIGTERM) is not told_to_end:
        signal.signal(signal.SIGTERM, told_to_end)


def told_to_end(*_: object) -> None:
    _told_to_end.set()


def give_up(told: threading.Event) -> None:
    """SIGTERM in a child (its whole group is told to end): the steps are ready for others, then the end at once."""
    told.wait()
    threading.Timer(5, os._exit, [1]).start()
    process.stop_here()
    heart().taking.acquire()  # for good: a step that is claimed just now is held then, and no other follows
    for step in heart().held():
        with suppress(LeaseLost):
            lease.release(step)
    os._exit(0)


@signals.worker_ready.connect
def start_tick(sender: Any = None, **kwargs: object) -> None:
    """Only now: children are forked by a process that has no other thread. Comes again with each reconnection."""
    global _ticker, _name  # noqa: PLW0603  (one per process)
    if _ticker is not None:
        return
    worker = sender.controller
    _name = f"{worker.hostname}#{os.getpid()}"
    queues, slots = sorted(worker.app.amqp.queues.consume_from), int(worker.concurrency or 1)
    _ticker = Ticker(alive=lambda: say_alive(_name, queues, slots))
    _ticker.start()


def say_alive(name: str, queues: list[str], slots: int) -> None:
    Worker.objects.bulk_create(
        [Worker(name=name, queues=queues, slots=slots, gpu="gpu" in queues and GPU.exists(), seen_at=Now())],
        update_conflicts=True, unique_fields=["name"], update_fields=["queues", "slots", "gpu", "seen_at"],
    )  # fmt: skip


@signals.worker_shutting_down.connect
def let_go(**kwargs: object) -> None:
    process.stop()


@signals.worker_shutdown.connect
def end_tick(**kwargs: object) -> None:
    if _ticker is not None:
        _ticker.end()
        Worker.objects.filter(name=_name).delete()


@signals.beat_init.connect
def tick_in_beat(**kwargs: object) -> None:
    global _ticker  # noqa: PLW0603
    process.own_connections()
    _ticker = Ticker(alive=BEAT.touch)
    _ticker.start()
