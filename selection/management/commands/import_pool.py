"""`manage.py import_pool SOURCE --name NAME`: a file or an address into a pool."""

import secrets
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.markup import escape

from config.faults import Fault
from config.net import download
from curation.content import ContentError, Mapping
from curation.importing import look_at
from curation.models import Team
from selection import store
from selection.actions import pools as actions
from selection.console import follow, quiet
from selection.models import Import, Pool


class Command(BaseCommand):
    help = "Import JSONL, JSON, CSV, TSV or Parquet (also .gz, .zst) from a path or a URL into a pool."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="path of a file, or an http(s) address")
        parser.add_argument("--name", required=True, help="name of the pool")
        parser.add_argument("--team", default="", help="slug of the team (needed when there are several)")
        parser.add_argument(
            "--map", action="append", default=[], metavar="PART=COLUMN",
            help="instruction=COL, input=, output=, messages=, system=, text=, source=, id=; guessed where not given",
        )  # fmt: skip
        parser.add_argument("--append", action="store_true", help="add the rows to a pool that exists")
        parser.add_argument("--max-bad", type=float, default=10.0, metavar="PERCENT", help="default: %(default)s")
        parser.add_argument("--local", action="store_true", help="work in this process, without workers")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(highlight=False)
        if not 0 <= options["max_bad"] <= 100:
            raise CommandError("--max-bad is a share of the rows in percent, from 0 to 100.")
        with quiet():
            try:
                found = self.receive(one_team(options["team"]), options)
            except Fault as fault:
                raise CommandError(str(fault)) from None
            self.bring_in(found, console, options)
        found.refresh_from_db()
        pool = found.pool
        console.print(
            f"[bold]{found.rows_good:,}[/bold] rows are in [bold]{escape(pool.name)}[/bold] (/pools/{pool.pk}/), "
            f"{pool.rows:,} in all."
        )
        if found.rows_bad:
            console.print(
                f"{found.rows_bad:,} rows could not be read; the list is at /imports/{found.pk}/ with line and reason."
            )

    def bring_in(self, found: Import, console: Console, options: dict[str, Any]) -> None:
        """From the draft to its end. An import that ends badly is discarded: nothing half-made is left behind."""
        try:
            mapping = self.mapping(found, options["map"])
            parts = ", ".join(f"{part} = {path}" for part, path in mapping.to_dict().items())
            console.print(f"Reading {escape(found.name)}: {escape(parts)}")
            job = actions.start_import(import_=found, by=None, mapping=mapping, max_bad_share=options["max_bad"] / 100)
            follow(job, console, local=options["local"])
        except Fault as fault:
            self.abandon(found)
            raise CommandError(str(fault)) from None
        except CommandError:
            self.abandon(found)
            raise
        except KeyboardInterrupt:
            if not options["local"]:
                raise CommandError(f"The workers go on with it; its progress is at /imports/{found.pk}/.") from None
            self.abandon(found)
            raise CommandError("Stopped. Nothing was imported.") from None

    def abandon(self, found: Import) -> None:
        found.refresh_from_db()
        actions.cancel_import(import_=found, by=None)
        found.refresh_from_db()
        with suppress(Fault):  # a worker is about to stop; its page then offers to discard it
            actions.discard_import(import_=found, by=None)

    def receive(self, team: Team, options: dict[str, Any]) -> Import:
        source = options["source"]
        name = PurePosixPath(urlsplit(source).path).name if "://" in source else Path(source).name
        existing = Pool.objects.visible().filter(team=team, name=options["name"]).first()
        if existing is not None and not options["append"]:
            raise CommandError(f"There is a pool named {options['name']}. Choose another name, or add --append.")
        if existing is None and options["append"]:
            raise CommandError(f"There is no pool named {options['name']} to append to.")
        path = f"uploads/{secrets.token_hex(16)}"
        try:
            with store.writing(path) as out:
                if "://" in source:
                    download(source, out, max_bytes=settings.UPLOAD_MAX_BYTES)
                else:
                    copy(Path(source), out)
            if existing is None:
                return actions.new_pool_from_file(team=team, by=None, pool_name=options["name"], name=name, path=path)
            return actions.add_file(pool=existing, by=None, name=name, path=path)
        except BaseException:
            store.delete(path)
            raise

    def mapping(self, found: Import, given: list[str]) -> Mapping:
        if not given:
            return Mapping.from_dict(found.mapping)
        pairs = dict(pair.partition("=")[::2] for pair in given)
        try:
            # What is named replaces the guess of the whole row; source and id keep theirs.
            kept = {part: path for part, path in found.mapping.items() if part in {"source", "id"}}
            mapping = Mapping.from_dict(kept | pairs)
        except ContentError as error:
            raise CommandError(f"--map {error.field} {error.why}.") from None
        for part, why in actions.wrong_columns(mapping, look_at(found.path, found.name).columns).items():
            raise CommandError(f"--map {part}: {why}")
        return mapping


def copy(source: Path, out: Any) -> None:
    import shutil

    try:
        with source.open("rb") as file:
            if source.stat().st_size > settings.UPLOAD_MAX_BYTES:
                from config.uploads import too_large

                raise too_large()
            shutil.copyfileobj(file, out, 1 << 20)
    except OSError as error:
        raise CommandError(f"{source} cannot be read: {error.strerror}.") from None


def one_team(slug: str) -> Team:
    """The team of a command line. Raises `CommandError` naming the choices."""
    teams = list(Team.objects.order_by("slug")[:50])
    if slug:
        found = next((team for team in teams if team.slug == slug), None) or Team.objects.filter(slug=slug).first()
        if found is None:
            raise CommandError(
                f"There is no team {slug}. There are: {', '.join(team.slug for team in teams) or 'none yet'}."
            )
        return found
    if len(teams) == 1:
        return teams[0]
    if not teams:
        raise CommandError("There is no team yet. Make one: manage.py create_owner E-MAIL --team NAME")
    raise CommandError(f"There are several teams; name one with --team: {', '.join(team.slug for team in teams)}.")
