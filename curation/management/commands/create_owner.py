"""`manage.py create_owner E-MAIL --team NAME`: the first person of an installation and her team."""

import getpass
import secrets
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from curation.actions.teams import create_owner
from curation.models import User


class Command(BaseCommand):
    help = "Create a person with a team that she owns. An existing person gets a further team."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--team", default="My team", help="name of the new team (default: %(default)s)")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input instead of asking"
        )
        parser.add_argument("--generate-password", action="store_true", help="make a password and print it")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"{email} is not an e-mail address.") from None
        known = User.objects.filter(email__iexact=email).exists()
        password = "" if known else self.password(options)
        user, team = create_owner(email=email, name=options["name"], password=password, team_name=options["team"])
        self.stdout.write(f"{user.email} owns the team {team.name} (/t/{team.slug}/).")
        if options["generate_password"] and not known:
            self.stdout.write(f"Password: {password}")

    def password(self, options: dict[str, Any]) -> str:
        if options["generate_password"]:
            return secrets.token_urlsafe(12)
        if options["password_stdin"]:
            password = sys.stdin.readline().rstrip("\n")
        else:
            password = getpass.getpass("Password: ")
            if password != getpass.getpass("Again: "):
                raise CommandError("The two passwords differ. Nothing was created.")
        try:
            validate_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        return password
