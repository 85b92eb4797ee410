"""Progress of a job in the terminal: one bar per pass, with rate and time left."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from jobs.models import Job
from jobs.queries import progress
from jobs.runner import run_job

NO_WORKER_SECONDS = 20.0


@contextmanager
def quiet() -> Iterator[None]:
    """No log lines of the engine while a command shows bars, which say the same, better. Warnings still come."""
    log = logging.getLogger("jobs")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


def follow(job: Job, console: Console, *, local: bool = False) -> Job:
    """Show a job until it ends; with `local` its steps run in this process. Returns it as it ended.

    Raises `CommandError` with what happened and what to do when it did not succeed.
    """
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=32), TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"), TextColumn("[dim]{task.fields[left]}[/dim]"),
    )  # fmt: skip
    bars: dict[int, TaskID] = {}
    with quiet(), Progress(*columns, console=console, refresh_per_second=8) as shown:
        if local:
            run_job(job, watch=lambda now: _show(now, shown, bars))
            job.refresh_from_db()
            _show(job, shown, bars)
        else:
            _wait(job, shown, bars, console)
    if job.state != Job.State.SUCCEEDED:
        raise CommandError(
            "The job was cancelled." if job.state == Job.State.CANCELLED
            else f"{job.error_title}. {job.error_what} {job.error_advice}"
        )  # fmt: skip
    return job


def _wait(job: Job, shown: Progress, bars: dict[int, TaskID], console: Console) -> None:
    began, warned = time.monotonic(), False
    while True:
        job.refresh_from_db()
        _show(job, shown, bars)
        if job.is_final:
            return
        if job.state == Job.State.QUEUED and not warned and time.monotonic() - began > NO_WORKER_SECONDS:
            warned = True
            console.print("No worker has taken it yet. Start one with `make dev`, or use --local to work here.")
        time.sleep(0.15)


def _show(job: Job, shown: Progress, bars: dict[int, TaskID]) -> None:
    for entry in progress(job):
        if entry.index not in bars:
            bars[entry.index] = shown.add_task(entry.title, total=None, rate="", left="")
        rate = f"{entry.rate:,.0f} {entry.unit}/s" if entry.rate >= 1 else ""
        if entry.unit == "kB" and entry.rate >= 1:
            rate = f"{entry.rate / 1e3:,.1f} MB/s"
        rate = ", ".join(part for part in (rate, entry.note) if part)
        left = f"{entry.eta:,.0f} s left" if entry.eta and entry.state == "running" else ""
        done = entry.state == "done"
        total = entry.total or (1 if done else None)
        shown.update(
            bars[entry.index],
            total=total,
            completed=total if done else entry.done,
            rate="" if done else rate,
            left=left,
        )
