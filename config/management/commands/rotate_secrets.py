"""`manage.py rotate_secrets`: seal every stored secret anew under the first key of WINNOW_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import crypto
from config.faults import Fault


class Command(BaseCommand):
    help = "Seal all stored secrets anew under the first key of WINNOW_KEYS. Afterwards older keys can be taken away."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--new-key", action="store_true", help="only print a new key for WINNOW_KEYS")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new_key"]:
            self.stdout.write(crypto.new_key())
            return
        for name, seal_anew in crypto.KEEPERS:
            try:
                self.stdout.write(f"{name}: {seal_anew()} sealed under the first key")
            except Fault as fault:
                raise CommandError(f"{name}: {fault} Nothing of it was changed.") from None
