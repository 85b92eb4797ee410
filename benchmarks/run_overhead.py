"""What a run costs beside its method: claims, leases, reading shards, parts, merging, choosing, picks, facts.

python -m benchmarks.run_overhead              192,825 rows × 10 targets, ZIP-FIT: about a minute on one core
python -m benchmarks.run_overhead --file pool_20k.parquet --targets 100

A database and a storage of its own, thrown away afterwards. The steps run in this process, so that time in the
method's maps and reduces can be told from all other time by the clock.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def installation():
    """Servers, schema and a team in a folder that goes away."""
    from config.services import ensure, stop

    folder = Path(tempfile.mkdtemp(prefix="winnow-bench-"))
    try:
        found = ensure(folder)
        os.environ |= {
            "WINNOW_VAR": str(folder), "SECRET_KEY": "x" * 40, "WINNOW_KEYS": "A" * 43 + "=", "DATABASE_URL": found.database_url,
            "BROKER_URL": found.broker_url, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield
        from django.db import connection

        connection.close()
        connection.close_pool()
    finally:
        stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


class Clock:
    """Seconds in the method (maps and reduces) and, inside of those, in reading and rendering rows."""

    def __init__(self):
        self.inside = self.reading = 0.0

    def wrap(self, name, call):
        def timed(*args):
            begun = time.perf_counter()
            try:
                return call(*args)
            finally:
                setattr(self, name, getattr(self, name) + time.perf_counter() - begun)

        return timed

    def method(self, cls):
        plain = cls.passes

        def passes(method, params):
            return [
                one._replace(map=self.wrap("inside", one.map), reduce=one.reduce and self.wrap("inside", one.reduce))
                for one in plain(method, params)
            ]

        cls.passes = passes


def measure(file, targets, method, budget):
    from django.core.management import call_command

    from benchmarks.common import DATA, peak_mib
    from curation.actions.teams import create_owner
    from jobs.runner import run_job
    from selection import methods
    from selection.actions import runs, target_files
    from selection.actions import targets as goals
    from selection.models import Pool
    from selection.running.inputs import ShardRows

    _, team = create_owner(email="bench@example.org", name="Bench", password="not-used-anywhere", team_name="Bench")
    call_command("import_pool", str(DATA / file), name="Pool", team=team.slug, local=True)
    with (DATA / "targets" / "gsm8k.jsonl").open("rb") as source:
        rows, _ = target_files.from_file(source, "gsm8k.jsonl", where={"split": "dev"})
    goal = goals.create(team=team, by=None, name="gsm8k", rows=rows[:targets])
    how, clock = methods.METHODS[method], Clock()
    clock.method(type(how))
    ShardRows.load = clock.wrap("reading", ShardRows.load)
    pool = Pool.objects.get()
    begun = time.perf_counter()
    run = runs.start(
        team=team, by=None, pool=pool, target=goal, method=method, method_version=how.version,
        params=methods.params_dict(how.Params()), budget=budget, options=methods.params_dict(methods.Options()), seed=0,
    )  # fmt: skip
    run_job(run.job)
    wall = time.perf_counter() - begun
    run.refresh_from_db()
    if run.job.state != "succeeded":
        sys.exit(f"The run failed: {run.job.error_title}. {run.job.error_what}")
    inside = clock.inside - clock.reading
    return {
        "method": method, "rows": run.rows, "targets": targets, "picks": run.picks_count, "steps": run.job.steps.count(),
        "wall_seconds": round(wall, 2), "method_seconds": round(inside, 2), "reading_seconds": round(clock.reading, 2),
        "overhead_share": round((wall - inside) / wall, 4),
        "overhead_share_without_reading": round((wall - inside - clock.reading) / wall, 4),
        "peak_mib": round(peak_mib()), "passes": run.manifest["timings"]["passes"],
    }  # fmt: skip


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--file", default="pool.parquet")
    args.add_argument("--targets", type=int, default=10)
    args.add_argument("--method", default="zipfit")
    args.add_argument("--budget", default="1000")
    given = args.parse_args()
    with installation():
        from benchmarks.common import DATA, save

        if not (DATA / given.file).exists():
            sys.exit(f"This benchmark needs {given.file} in ../shared/data, which is not part of the repository.")
        found = measure(given.file, given.targets, given.method, given.budget)
        save(f"run_overhead_{given.method}", found)
    for name, value in found.items():
        print(f"{name:32} {value}")


if __name__ == "__main__":
    main()
