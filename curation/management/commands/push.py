"""Push a version of a dataset to the hub, and wait until it is there."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.faults import Fault
from curation.actions.pushes import push
from curation.formats.training import TRAINING
from curation.versions import named
from jobs.runner import run_job


class Command(BaseCommand):
    help = (
        "Push a version of a dataset to the hub under the team's token: DATASET@NUMBER, DATASET@TAG or DATASET@latest."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dataset", help="Name or number of the dataset, and the version after an @.")
        parser.add_argument("--repo", required=True, help="owner/name; it is made if it is not there.")
        parser.add_argument("--format", default="parquet", choices=list(TRAINING))
        parser.add_argument("--public", action="store_true", help="Everybody may read it; private otherwise.")
        parser.add_argument("--branch", default="main")
        parser.add_argument("--pr", action="store_true", help="Open a pull request instead of writing to the branch.")
        parser.add_argument("--existing", action="store_true", help="Write to the repository also if others made it.")
        parser.add_argument("--message", default="", help="Of the commit; the dataset and its version otherwise.")
        parser.add_argument("--team", default="", help="Slug of the team, where several have a dataset of that name.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = named(options["dataset"], options["team"])
            made = push(
                version=version, by=None, repo=options["repo"], format=options["format"], branch=options["branch"],
                pull_request=options["pr"], private=not options["public"], existing=options["existing"],
                message=options["message"],
            )  # fmt: skip
        except Fault as fault:
            raise CommandError(f"{fault.what} {fault.advice}") from None
        assert made.job is not None  # noqa: S101  (the action starts it)
        try:
            run_job(made.job)
        except KeyboardInterrupt:
            raise CommandError("Stopped. Workers go on with the push, or give the command again.") from None
        made.refresh_from_db()
        made.job.refresh_from_db()
        if made.job.state != "succeeded":
            raise CommandError(f"{made.job.error_what} {made.job.error_advice}".strip() or f"It was {made.job.state}.")
        where = made.pull_url or made.commit_url
        tag = f", tag {made.tag}" if made.tag else ""
        self.stdout.write(f"{version} is in {made.repo}{tag}: {where}")
