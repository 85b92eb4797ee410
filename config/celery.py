"""Celery: hosts, processes, routing. Its messages carry no truth (see docs/explanation/jobs.md).

celery -A config worker -Q cpu -n cpu@%h -P prefork -c 2
celery -A config worker -Q gpu -n gpu@%h -P solo
celery -A config worker -Q io  -n io@%h  -P threads -c 8
celery -A config beat
"""

import os
import sys

from config.boot import boot


def single_threaded_maths(argv: list[str]) -> bool:
    """On `cpu` workers a step is the parallelism. Read when a maths library loads, so it is set before any does."""
    return "worker" in argv and not any("gpu" in word for word in argv)


if single_threaded_maths(sys.argv):
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM"):
        os.environ.setdefault(f"{name}_NUM_THREADS", "1")
# Celery would run Django's checks, which load every view; a worker serves none.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
boot()

from celery import Celery  # noqa: E402  (the environment must be ready first)
from celery.signals import setup_logging  # noqa: E402
from django.conf import settings  # noqa: E402

# For those who send: a request must not wait for a broker that is away.
PATIENCE = {"socket_connect_timeout": 2.0, "socket_timeout": 2.0}

app = Celery("winnow")
app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"global_keyprefix": "winnow:", "socket_keepalive": True, "health_check_interval": 10},
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    result_backend=None,
    task_ignore_result=True,
    task_default_queue="cpu",
    task_default_delivery_mode="transient",
    # Early ack: a message that is gone is replaced by the tick, so the visibility timeout never re-runs anything.
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_send_task_events=False,
    beat_schedule={},
    beat_scheduler="celery.beat:Scheduler",  # in memory: the schedule of the engine is in the database
    timezone=settings.TIME_ZONE,
    include=["jobs.tasks", "jobs.worker"],
)


@setup_logging.connect
def use_our_logging(**kwargs: object) -> None:
    """Winnow's own format for all; Celery's two lines per message say nothing that the jobs' own lines do not."""
    import logging
    from logging.config import dictConfig

    dictConfig(settings.LOGGING)
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)
