"""Annotation over real HTTP: cycles a second, drains with crashes in them, imports, search and exports.

python -m benchmarks.annotate          10,000 and 1,000,000 examples: about ten minutes
python -m benchmarks.annotate --quick  10,000 and 100,000: two to three minutes

A cycle is one POST that submits an answer and returns the next item. Servers, workers and the load generator share the
cores; the generator's own CPU is part of each figure and printed. Exits 1 when a goal is missed.
"""

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from benchmarks.annotators import Person, all_at_once, percentile
from benchmarks.common import machine, save
from benchmarks.run_overhead import installation

ROOT = Path(__file__).resolve().parents[1]
TEN = 10
FORM = [{"name": "output", "kind": "text", "title": "Output", "role": "output", "required": True, "options": {}}]
MISSED: list[str] = []


def goal(name: str, value: float, least: float | None = None, most: float | None = None) -> None:
    wanted = f"≥ {least:,}" if least is not None else f"≤ {most:,}"
    ok = (least is None or value >= least) and (most is None or value <= most)
    print(f"  {'ok    ' if ok else 'MISSED'} {name:56} {value:>12,} ({wanted})", flush=True)
    if not ok:
        MISSED.append(name)


def write_file(path: Path, rows: int) -> None:
    """Rows of about 600 characters, as the peers were measured with."""
    words = (ROOT / "LICENSE").read_text("utf-8") if (ROOT / "LICENSE").exists() else __doc__ * 20
    words = " ".join(words.split()) * 4
    import orjson

    with path.open("wb") as out:
        for number in range(rows):
            at = (number * 7919) % max(1, len(words) - 700)
            out.write(
                orjson.dumps(
                    {"id": f"row-{number}", "instruction": f"{number}: {words[at : at + 110]}", "input": words[at + 110 : at + 390],
                     "output": words[at + 390 : at + 570]}
                ) + b"\n"
            )  # fmt: skip


class Bench:
    def __init__(self, team, people) -> None:
        self.team, self.people = team, people
        self.result: dict = {}
        self.cookies = {user.pk: self.cookie(user) for user in people}

    @staticmethod
    def cookie(user) -> dict[str, str]:
        from django.test import Client

        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(user)
        return {name: morsel.value for name, morsel in client.cookies.items()}

    def task(self, name: str):
        from curation.models import Task

        return Task.objects.create(team=self.team, name=name, definition="Summarise.", form=FORM)

    def fill(self, task, rows: int) -> None:
        from django.db import transaction

        from curation.actions.adding import NewExample, add_examples
        from curation.content import Content
        from curation.models import Example

        text = "Dear Dr Hall, this letter is about an illness of the heart. " * 9

        def made():
            for number in range(rows):
                yield NewExample(
                    Content("single", instruction=f"Summarise letter {number}.", input=text), key=f"k{number}"
                )

        with transaction.atomic():
            add_examples(task=task, rows=made(), by=None, origin=Example.Origin.API)

    def cast(self, task, port: int, count: int) -> list[Person]:
        return [
            Person("127.0.0.1", port, task.pk, dict(self.cookies[user.pk]), user.name) for user in self.people[:count]
        ]

    # --- cycles ---

    def cycles(self, name: str, task, port: int, single: int, seconds: float) -> dict:
        one = self.cast(task, port, 1)[0]
        one.begin()
        for _ in range(30):  # templates are compiled once a process
            one.cycle()
        one.took.clear()
        for _ in range(single):
            one.cycle()
        ten = self.cast(task, port, TEN)
        for person in ten:
            person.begin()
            person.cycle()
            person.took.clear()
        stop, cpu = time.perf_counter() + seconds, time.process_time()

        def work(person: Person) -> None:
            while time.perf_counter() < stop:
                person.cycle()

        took = all_at_once(ten, work)
        cpu = time.process_time() - cpu
        many = [value for person in ten for value in person.took]
        found = {
            "one_p50_ms": percentile(one.took, 0.5), "one_p95_ms": percentile(one.took, 0.95),
            "ten_per_second": round(len(many) / took, 1), "ten_p50_ms": percentile(many, 0.5),
            "ten_p95_ms": percentile(many, 0.95), "generator_cpu_ms_per_cycle": round(1000 * cpu / len(many), 2),
        }  # fmt: skip
        print(f"{name}: {found}", flush=True)
        self.result[name] = found
        return found

    # --- drain ---

    def drain(self, name: str, port: int, rows: int, trouble=None) -> None:
        from curation.models import Annotation, Example

        task = self.task(name)
        self.fill(task, rows)
        people = self.cast(task, port, TEN)

        def work(person: Person) -> None:
            going = person.persist(person.begin)
            while going:
                going = person.persist(person.cycle)
                if trouble:
                    time.sleep(0.02)  # long enough for the troubles to fall into the middle
            # Items that others held when the queue looked empty come back; a second look costs nothing.

        if trouble:
            import threading

            threading.Thread(target=trouble, daemon=True).start()
        took = all_at_once(people, work)
        if trouble:  # our own connection went with the server, and so did those of the pool
            from django.db import connection

            connection.close()
            connection.close_pool()
        answers = Annotation.objects.filter(task=task, state="submitted").count()
        examples = Annotation.objects.filter(task=task, state="submitted").values("example").distinct().count()
        lost = len({pk for person in people for pk in person.sent}) - Annotation.objects.filter(
            task=task, pk__in=[pk for person in people for pk in person.sent], state="submitted"
        ).count()  # fmt: skip
        found = {
            "examples": rows, "answers": answers, "answered_twice": answers - examples, "lost": lost,
            "late": Annotation.objects.filter(task=task, state="late").count(), "sent_again": sum(p.again for p in people),
            "left": Example.objects.filter(task=task, state="open").count(), "seconds": round(took, 1),
        }  # fmt: skip
        print(f"{name}: {found}", flush=True)
        self.result[name] = found
        goal(f"{name}: answers", answers, least=rows, most=rows)
        goal(f"{name}: duplicates and lost", found["answered_twice"] + lost, most=0)

    # --- import, search, export ---

    def bring_in(self, rows: int):
        from django.db.models import Count

        from curation.actions.imports import draft_import, start_import
        from curation.content import Mapping
        from curation.models import ExampleText
        from jobs.models import Job
        from jobs.runner import run_job, run_until_idle

        path = Path(os.environ["STORAGE_URL"]) / "uploads" / "rows.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, rows)
        task = self.task(f"Imported {rows}")
        draft = draft_import(task=task, by=None, name="rows.jsonl", path="uploads/rows.jsonl")
        job = start_import(
            import_=draft, by=None,
            mapping=Mapping(id="id", instruction="instruction", input="input", output="output"), outputs_as="suggestion",
        )  # fmt: skip
        begun = time.perf_counter()
        run_job(job)
        took = time.perf_counter() - begun
        assert task.examples.count() == rows
        searched = time.perf_counter()
        run_until_idle()
        searched = time.perf_counter() - searched
        covered = ExampleText.objects.filter(task_id=task.pk).aggregate(n=Count("pk"))["n"]
        assert covered == rows, (covered, rows, list(Job.objects.values_list("kind", "state", "error_what")))
        found = {
            "rows": rows,
            "import_rows_per_second": round(rows / took),
            "search_rows_per_second": round(rows / searched),
        }
        print(f"import: {found}", flush=True)
        self.result["import"] = found
        goal("import of examples, rows/s", found["import_rows_per_second"], least=15_000)
        goal("search filled after it, rows/s", found["search_rows_per_second"], least=3_000)
        return task

    def export(self, task, port: int, server: psutil.Process, rows: int) -> None:
        opener = urllib.request.build_opener()
        cookie = "; ".join(f"{k}={v}" for k, v in self.cookies[self.people[0].pk].items())
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/tasks/{task.pk}/examples.jsonl?state=all", headers={"Cookie": cookie}
        )
        peak, lines, begun = 0.0, 0, time.perf_counter()
        with opener.open(request) as answer:
            while block := answer.read(1 << 20):
                lines += block.count(b"\n")
                peak = max(peak, *(child.memory_info().rss / 2**20 for child in server.children(recursive=True)))
        took = time.perf_counter() - begun
        assert lines == rows, (lines, rows)
        found = {"rows": rows, "seconds": round(took, 2), "peak_mib": round(peak)}
        print(f"export: {found}", flush=True)
        self.result["export"] = found
        goal("export of 100,000 rows, seconds", round(took * 100_000 / rows, 2), most=5)
        goal("resident memory of the web process while exporting, MiB", found["peak_mib"], most=300)


@contextlib.contextmanager
def site(folder: Path):
    """The web server as `make demo` starts it."""
    from config.processes import Processes, free_port, wait_for, web

    port = free_port(23_000)
    with Processes(folder / "log") as children:
        child = web(children, port, workers=max(1, len(os.sched_getaffinity(0))))
        wait_for(f"http://127.0.0.1:{port}/healthz", child)
        yield port, psutil.Process(child.process.pid)


def crashes(server: psutil.Process, folder: Path):
    """kill -9 of web workers twice, and a restart of PostgreSQL, while people annotate."""

    def trouble() -> None:
        from config.services import ensure

        for _ in range(2):
            time.sleep(1.0)
            for child in server.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.send_signal(signal.SIGKILL)
        time.sleep(1.5)
        subprocess.run([sys.executable, "-c", RESTART, str(folder)], cwd=ROOT, check=True)
        ensure(folder)

    return trouble


RESTART = """
import sys
from pathlib import Path
from config.services.home import Home
from config.services.postgres import Postgres
server = Postgres(Home(Path(sys.argv[1])))
port = server.port
server.stop(); server.start()
assert server.port == port, "PostgreSQL came back on another port"
"""


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--quick", action="store_true")
    args.add_argument("--only", default="", help="cycles, drain, import (comma-separated)")
    options = args.parse_args()
    wanted = set(filter(None, options.only.split(","))) or {"cycles", "drain", "import"}
    many = 100_000 if options.quick else 1_000_000
    with installation():
        from curation.actions.teams import create_owner
        from curation.models import Membership, Role, User

        folder = Path(os.environ["WINNOW_VAR"])
        os.environ.setdefault("STORAGE_URL", str(folder / "storage"))
        owner, team = create_owner(email="o@example.org", name="Owner", password="not-used-anywhere", team_name="Bench")
        people = [owner]
        for number in range(1, TEN):
            people.append(User.objects.create(email=f"p{number}@example.org", name=f"Person {number}"))
            Membership.objects.create(team=team, user=people[-1], role=Role.ANNOTATOR)
        bench = Bench(team, people)
        bench.result["load_before"] = os.getloadavg()[0]
        with site(folder) as (port, server):
            measure(bench, port, server, folder, wanted=wanted, many=many, quick=options.quick)
    bench.result |= {"missed": MISSED}
    save("annotate_quick" if options.quick else "annotate", bench.result)
    print(machine()["cpu"])
    sys.exit(1 if MISSED else 0)


def measure(bench, port, server, folder, *, wanted, many, quick) -> None:
    if "import" in wanted:
        rows = 100_000
        bench.export(bench.bring_in(rows), port, server, rows)
    if "drain" in wanted:
        bench.drain("drain of 1,000 by ten", port, 1_000)
        bench.drain("drain with crashes", port, 1_000, crashes(server, folder))
    if "cycles" in wanted:
        rounds, seconds = (200, 8.0) if quick else (500, 20.0)
        small = bench.task("Small")
        bench.fill(small, 10_000)
        few = bench.cycles("10,000 examples", small, port, rounds, seconds)
        goal("one person, p50 ms", few["one_p50_ms"], most=20)
        goal("one person, p95 ms", few["one_p95_ms"], most=40)
        goal("ten people, cycles a second", few["ten_per_second"], least=120)
        goal("ten people, p95 ms", few["ten_p95_ms"], most=120)
        large = bench.task("Large")
        begun = time.perf_counter()
        bench.fill(large, many)
        print(f"{many:,} examples added in {time.perf_counter() - begun:.0f} s", flush=True)
        lots = bench.cycles(f"{many:,} examples", large, port, rounds, seconds)
        ratios = [lots["one_p50_ms"] / few["one_p50_ms"], few["ten_per_second"] / lots["ten_per_second"]]
        goal(f"{many:,} against 10,000 examples, times", round(statistics.mean(ratios), 2), most=1.3)


if __name__ == "__main__":
    main()
