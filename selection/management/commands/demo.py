"""`manage.py demo`: a whole Winnow from nothing, with sample data and one selection (`make demo`)."""

import secrets
import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.panel import Panel

from config.processes import Processes, everything, free_port, tail, wait_for
from curation.actions.teams import create_owner
from curation.models import Team, User
from selection.console import quiet
from selection.models import Pool, Run

EMAIL, TEAM, POOL = "demo@example.org", "Demo team", "Sample pool"


class Stop(Exception):
    """Ctrl-C or SIGTERM."""


class Command(BaseCommand):
    help = "Start everything on this machine, load sample data, run one selection, and serve until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="wanted port; the next free one if it is taken")
        parser.add_argument("--exit", action="store_true", help="stop everything again after the selection")
        parser.add_argument("--plain", action="store_true", help="no sample data and no selection; reload on changes")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        try:
            with quiet(), Processes(settings.VAR / "log") as children:
                self.serve(console, children, options)
        except Stop:
            console.print("\nStopping …")
        except RuntimeError as error:
            raise CommandError(str(error)) from None
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave servers behind
            self.stop_servers(console)

    def serve(self, console: Console, children: Processes, options: dict[str, Any]) -> None:
        console.print("[bold]Winnow[/bold]: preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)
        password = None if options["plain"] else self.login()
        try:
            port = free_port(options["port"])
        except OSError as error:
            raise CommandError(f"No port for the app: {error}. Name another with PORT=….") from None
        if port != options["port"]:
            console.print(f"Port {options['port']} is taken; using {port}.")
        url = f"http://127.0.0.1:{port}/"
        console.print("Starting the web server, two workers (cpu + io; gpu) and beat …")
        server = everything(children, port, settings.VAR, reload=options["plain"])
        wait_for(f"{url}healthz", server)
        if not options["plain"]:
            self.sample(console)
            self.selection()
        lines = [f"Open [bold]{url}[/bold]"]
        last = Run.objects.order_by("-pk").first()
        if last is not None:
            lines.append(f"Picks     {url.rstrip('/')}{last.get_absolute_url()}")
        if password:
            lines += [f"E-mail    {EMAIL}", f"Password  {password}"]
        lines += ["", f"Logs: {children.logs}"] + ([] if options["exit"] else ["Ctrl-C stops everything."])
        console.print(Panel("\n".join(lines), title="Winnow is running", expand=False, border_style="green"))
        if not options["exit"]:
            watch(children)

    def login(self) -> str:
        """The password of the demo login: made once, kept readable by its owner alone, printed at each start."""
        path = Path(settings.VAR) / "secret" / "demo_password"
        if User.objects.filter(email=EMAIL).exists() and path.exists():
            return path.read_text("utf-8")
        password = secrets.token_urlsafe(9)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(password, "utf-8")
        user = User.objects.filter(email=EMAIL).first()
        if user is None:
            create_owner(email=EMAIL, name="Demo", password=password, team_name=TEAM)
        else:
            user.set_password(password)
            user.save(update_fields=["password"])
        return password

    def sample(self, console: Console) -> None:
        from curation import sample

        team = self.team()
        self.files = sample.write(Path(settings.VAR) / "sample")
        if Pool.objects.filter(team=team, name=POOL, rows__gt=0).exists():
            return
        console.print("Importing the sample pool …")
        call_command("import_pool", str(self.files["pool"]), name=POOL, team=team.slug)

    def selection(self) -> None:
        call_command(
            "select", pool=POOL, target=str(self.files["word-problems"]), method="zipfit", budget="200",
            team=self.team().slug,
        )  # fmt: skip

    def team(self) -> Team:
        return Team.objects.for_user(User.objects.get(email=EMAIL)).order_by("pk")[0]

    def stop_servers(self, console: Console) -> None:
        from django.db import connection

        from config import services

        connection.close()
        if settings.EMBEDDED:
            connection.close_pool()  # type: ignore[attr-defined]
            for name in services.stop(settings.VAR):
                console.print(f"Stopped {name}.")


def _stop(signum: int, frame: object) -> None:
    raise Stop


def watch(children: Processes) -> None:
    """Until Ctrl-C. A process that ends by itself ends the whole, with the end of its log."""
    tick = threading.Event()
    while not tick.wait(1.0):
        dead = children.dead()
        if dead is not None:
            raise RuntimeError(f"{dead.name} ended by itself. The end of its log:\n{tail(dead.log)}")
