from __future__ import annotations

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from jobs import conf, process, runner
from jobs.tick import Ticker
from jobs.wake import QUEUES


class Command(BaseCommand):
    help = "Run background steps in this process, without Celery."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="end when no step is open any more")
        parser.add_argument(
            "--queue", action="append", choices=QUEUES, help="only this queue; may be given several times"
        )

    def handle(self, *, until_idle: bool, queue: list[str] | None, **options: Any) -> None:
        queues = queue or list(QUEUES)
        process.go_on()
        process.own_connections()
        process.name_node("work")
        before = {
            number: signal.signal(number, lambda *_: process.stop()) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            count = runner.run_until_idle(queues) if until_idle else self.serve(queues)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            process.go_on()
        self.stdout.write(f"{count} step{'' if count == 1 else 's'} run.")

    def serve(self, queues: list[str]) -> int:
        """Until somebody asks this process to end. Looks for work each second: there is no broker to wake it."""
        import time

        ticker, count = Ticker(), 0
        ticker.start()
        try:
            while not process.stopping():
                ran = sum(runner.drain(name) for name in queues)
                count += ran
                if not ran:
                    time.sleep(min(1.0, conf.tick_seconds()))
        finally:
            ticker.end()
        return count
