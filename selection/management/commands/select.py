"""`manage.py select --pool NAME --target FILE --method M --budget 1000`: one selection, followed in the terminal."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from config.faults import Fault
from curation.models import Team
from selection import downloads, test_sets
from selection.actions import runs as actions
from selection.actions import target_files, targets
from selection.console import follow, quiet
from selection.management.commands.import_pool import one_team
from selection.methods import METHODS, Budget, Method, Options, ParamsError, params_dict, params_schema, parse_params
from selection.models import Pool, Run, Target, TargetRow
from selection.queries.runs import nearest_key

SHOWN = 10


class Command(BaseCommand):
    help = "Pick the rows of a pool that are most like a target."

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(METHODS)
        parser.add_argument("--pool", required=True, help="name of the pool")
        parser.add_argument("--target", default="", help="a file of rows, or the name of a target that is there")
        parser.add_argument("--where", default="", metavar="COLUMN=VALUE", help="only these rows of the target file")
        parser.add_argument(
            "--method", default="", help=f"{names}; without it, zipfit with a target and random without"
        )
        parser.add_argument(
            "--param", action="append", default=[], metavar="NAME=VALUE", help="a setting of the method"
        )
        held = f"what to hold back: {', '.join(entry['name'] for entry in params_schema(Options))}"
        parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help=held)
        parser.add_argument("--budget", default="1000", help="1000, 5%% or 200000tok (default: %(default)s)")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--team", default="", help="slug of the team (needed when there are several)")
        parser.add_argument("--out", default="", metavar="FILE", help="write the picks: .jsonl, .csv or .parquet")
        parser.add_argument("--local", action="store_true", help="work in this process, without workers")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        out = out_of(options["out"])
        team = one_team(options["team"])
        try:
            with quiet():
                run = self.start(team, options, console)
        except Fault as fault:
            raise CommandError(str(fault)) from None
        except ParamsError as error:
            raise CommandError(f"{error.field} {error.why}.") from None
        console.print(
            f"[bold]{METHODS[run.method].title}[/bold] on {run.pool.name}: {run.rows:,} rows, budget {run.budget}, "
            f"seed {run.seed} (run {run.number}, {run.get_absolute_url()})"
        )
        follow(run.job, console, local=options["local"])  # type: ignore[arg-type]
        run.refresh_from_db()
        self.show(run, console)
        if out:
            write(run, out)
            console.print(f"Written: {out} and {manifest_path(out).name}")

    def start(self, team: Team, options: dict[str, Any], console: Console) -> Run:
        pool = Pool.objects.visible().filter(team=team, name=options["pool"]).first()
        if pool is None:
            names = ", ".join(
                Pool.objects.visible().filter(team=team).order_by("name").values_list("name", flat=True)[:20]
            )
            raise CommandError(f"There is no pool named {options['pool']}. There are: {names or 'none yet'}.")
        name = options["method"] or ("zipfit" if options["target"] else "random")
        if name not in METHODS:
            raise CommandError(f"There is no method {name}. There are: {', '.join(METHODS)}.")
        # Everything that can be wrong is found before anything is stored.
        method: Method = METHODS[name]
        params = params_dict(parse_params(method.Params, pairs(options["param"], "--param")))
        held = params_dict(parse_params(Options, pairs(options["option"], "--option")))
        held[test_sets.OPTION] = test_sets.named(team, held[test_sets.OPTION])
        budget = str(Budget.parse(options["budget"]))
        if method.needs_target and not options["target"]:
            raise Fault("run.no_target", method=method.title)
        target = target_of(team, options["target"], options["where"], console) if method.needs_target else None
        return actions.start(
            team=team, by=None, pool=pool, target=target, method=name, method_version=method.version, params=params,
            budget=budget, options=held, seed=options["seed"],
        )  # fmt: skip

    def show(self, run: Run, console: Console) -> None:
        """The first picks as a table."""
        for warning in run.facts["warnings"]:
            console.print(f"[yellow]{warning}[/yellow]")
        seconds = run.manifest["timings"]["seconds"]
        console.print(f"[bold]{run.picks_count:,} picks[/bold] of {run.rows:,} rows in {seconds:,.1f} s")
        picks = list(run.picks.all()[:SHOWN])
        if not picks:
            return
        near = {row.key: row for row in TargetRow.objects.filter(target=run.target)} if run.target else {}
        wide = console.width >= 100  # a narrow terminal shows the rows themselves rather than four stumps
        near = near if wide else {}
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        table.add_column("#", justify="right", no_wrap=True, min_width=3)
        table.add_column("score", justify="right", no_wrap=True, min_width=6)
        table.add_column("row", ratio=5, no_wrap=True, overflow="ellipsis")
        if near:
            table.add_column("nearest target row", ratio=3, no_wrap=True, overflow="ellipsis", style="dim")
        table.add_column("source", no_wrap=True, overflow="ellipsis", min_width=14, max_width=24)
        for pick in picks:
            found = near.get(nearest_key(pick.reason))
            beside = [plain(" ".join(found.text().split())) if found else ""] if near else []
            score = "" if pick.score is None else f"{pick.score:.4f}"
            table.add_row(str(pick.rank), score, plain(pick.excerpt), *beside, plain(pick.source))
        console.print(table)


def plain(text: str) -> str:
    """Text of the data in a terminal: no markup of rich, no control characters."""
    shown = "".join(char if char.isprintable() else " " for char in text[:300])
    return shown.replace("[", "\\[")


def pairs(given: list[str], flag: str) -> dict[str, str]:
    found = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise CommandError(f"{flag} {pair}: write it as NAME=VALUE.")
        found[name.strip()] = value.strip()
    return found


def target_of(team: Team, named: str, where: str, console: Console) -> Target:
    """The target of that name, or one made of the file; a file that was used before gives the same target again."""
    path = Path(named)
    if not path.is_file():
        found = Target.objects.filter(team=team, name=named).first()
        if found is None:
            raise CommandError(f"{named} is neither a file nor a target of {team.name}.")
        return found
    with path.open("rb") as file:
        rows, bad = target_files.from_file(file, path.name, where=pairs([where], "--where") if where else None)
    for line in bad[:5]:
        console.print(f"Line {line['line']} of {path.name} was left out: it {plain(line['reason'])}.")
    if len(bad) > 5:
        console.print(f"{len(bad) - 5:,} more lines were left out; the target's page lists them.")
    return targets.same_or_new(team=team, by=None, name=path.stem[:100], rows=rows, bad=bad)


def out_of(text: str) -> Path | None:
    """Where the picks go; its suffix says how. Raises `CommandError` before any work is done."""
    if not text:
        return None
    path = Path(text)
    if path.suffix.removeprefix(".") not in downloads.TYPES:
        raise CommandError(f"{path.name} must end in .jsonl, .csv or .parquet.")
    if not path.absolute().parent.is_dir():
        raise CommandError(f"The folder {path.absolute().parent} is not there.")
    return path


def manifest_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.manifest.json")


def write(run: Run, out: Path) -> None:
    """The picks and their manifest; a file that is there already is replaced only by a whole one."""
    draft = out.with_name(f".{out.name}.part")
    try:
        with draft.open("wb") as file:
            downloads.write(run, out.suffix.removeprefix("."), file)
        draft.replace(out)
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}. The run and its picks are kept.") from None
    finally:
        draft.unlink(missing_ok=True)
    manifest_path(out).write_bytes(downloads.manifest(run))
