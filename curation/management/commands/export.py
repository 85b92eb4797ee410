"""Write a version of a dataset as a folder of one training format."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.faults import Fault
from curation import packing
from curation.formats.training import TRAINING
from curation.versions import named


class Command(BaseCommand):
    help = "Write a version of a dataset as a folder: DATASET, DATASET@NUMBER, DATASET@TAG or DATASET@latest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dataset", help="Name or number of the dataset, and the version after an @.")
        parser.add_argument("--format", required=True, choices=list(TRAINING))
        parser.add_argument("--out", required=True, help="A folder that is empty or not there yet.")
        parser.add_argument("--team", default="", help="Slug of the team, where several have a dataset of that name.")

    def handle(self, *args: Any, **options: Any) -> None:
        out = Path(options["out"])
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CommandError(f"{out} is there and not an empty folder. Name another one.")
        try:
            version = named(options["dataset"], options["team"])
            out.mkdir(parents=True, exist_ok=True)
            made = packing.write_folder(version, options["format"], out)
        except Fault as fault:
            raise CommandError(f"{fault.what} {fault.advice}") from None
        rows = ", ".join(f"{count:,} in {split}" for split, count in made.rows.items())
        self.stdout.write(f"{version} as {options['format']}: {rows}.")
        if made.unfit:
            self.stdout.write(f"{made.unfit:,} rows did not fit, the first: {made.first[0]['why']}.")
