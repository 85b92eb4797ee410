"""Write a version of a dataset as a folder of one training format."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.faults import Fault
from curation import packing
from curation.formats.training import TRAINING
from curation.versions import named


def _part(out: Path) -> Path:
    """Beside the folder, or in it where it is a disk of its own, which no other folder can become."""
    return (out if out.is_mount() else out.parent) / f".{out.name}.part"


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A hidden folder that becomes `out` when all its files are written; so nobody takes half an export for a whole one.

    What an export left behind that was killed is removed. Raises `CommandError` while another one writes there.
    """
    part = _part(out)
    part.mkdir(parents=True, exist_ok=True)
    with _held(part):
        try:
            _clear(part)
            yield part
            if part.parent == out:
                for path in sorted(part.iterdir(), key=lambda path: path.name == "run.json"):  # which ends the list
                    path.rename(out / path.name)
                part.rmdir()
            else:
                part.rename(out)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Its lock, which ends with the process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CommandError(f"Another export is writing there: {folder}. Wait for it, or name another folder.") from None
    finally:
        os.close(handle)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


class Command(BaseCommand):
    help = "Write a version of a dataset as a folder: DATASET, DATASET@NUMBER, DATASET@TAG or DATASET@latest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dataset", help="Name or number of the dataset, and the version after an @.")
        parser.add_argument("--format", required=True, choices=list(TRAINING))
        parser.add_argument("--out", required=True, help="A folder that is empty or not there yet.")
        parser.add_argument("--team", default="", help="Slug of the team, where several have a dataset of that name.")

    def handle(self, *args: Any, **options: Any) -> None:
        out = Path(options["out"]).resolve()
        if out.exists() and (not out.is_dir() or set(out.iterdir()) - {_part(out)}):
            raise CommandError(f"{out} is there and not an empty folder. Name another one.")
        try:
            version = named(options["dataset"], options["team"])
            with whole(out) as folder:
                made = packing.write_folder(version, options["format"], folder)
        except Fault as fault:
            raise CommandError(f"{fault.what} {fault.advice}") from None
        except OSError as error:
            raise CommandError(f"{error.filename or out} cannot be written: {error.strerror}.") from None
        rows = ", ".join(f"{count:,} in {split}" for split, count in made.rows.items())
        self.stdout.write(f"{version} as {options['format']}: {rows}.")
        if made.unfit:
            self.stdout.write(f"{made.unfit:,} rows did not fit, the first: {made.first[0]['why']}.")
