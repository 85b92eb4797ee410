from __future__ import annotations

import socket
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models.functions import Now

from jobs import conf
from jobs.models import Worker
from jobs.worker import BEAT

GRACE = 3  # leases


class Command(BaseCommand):
    help = "Whether a process of this machine is alive: web, beat, or the name of a worker (cpu, io, gpu). For health checks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", help="web, beat, cpu, io or gpu")
        parser.add_argument("--url", default="http://localhost:8000/healthz", help="of the web server")

    def handle(self, *, what: str, url: str, **options: Any) -> None:
        grace = timedelta(seconds=GRACE * conf.lease_seconds())
        if what == "web":
            self.web(url)
        elif what == "beat":
            self.beat(grace)
        elif not Worker.objects.filter(
            name__startswith=f"{what}@{socket.gethostname()}#", seen_at__gt=Now() - grace
        ).exists():
            raise CommandError(
                f"The worker {what} of this machine has not told the database for {grace} that it lives."
            )

    def web(self, url: str) -> None:
        import httpx

        try:
            answer = httpx.get(url, timeout=10, headers={"X-Forwarded-Proto": "https"}, trust_env=False)
        except httpx.HTTPError as error:
            raise CommandError(f"{url} does not answer: {error}") from None
        if answer.status_code != 200:
            raise CommandError(f"{url} answers with {answer.status_code}.")

    def beat(self, grace: timedelta) -> None:
        import time

        age = time.time() - BEAT.stat().st_mtime if BEAT.exists() else None
        if age is None or age > grace.total_seconds():
            raise CommandError("beat has not ticked lately." if age is not None else "beat has not ticked yet.")
