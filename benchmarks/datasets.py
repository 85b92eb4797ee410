"""Datasets: seconds and peak memory of freezing a version and of exporting it in each format.

python -m benchmarks.datasets                   100,000 accepted examples
python -m benchmarks.datasets --rows 1000000    a million, of a collection (an hour of a busy machine)

Each piece runs in a process of its own, so that its peak memory is its own; seconds are of the work, without the start
of Python, and processor seconds of the same. Goals: freeze in 20 s and each format in 10 s at 100,000 rows, less than
400 MiB at 1,000,000. Rows are made up: some 600 characters each, a tenth held out.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.common import save
from benchmarks.run_overhead import installation

WORDS = 20_000
TASK_ROWS = 200_000  # more than these are read from a collection
FORMATS = (
    "messages", "alpaca", "sharegpt", "prompt_completion", "natural_instructions", "kto", "csv", "parquet", "preference",
)  # fmt: skip


def team_of_one():
    from curation.actions.teams import create_team
    from curation.models import User

    owner = User.objects.create(email="bench@example.org", name="Bench")
    return create_team(name="Bench", owner=owner), owner


def filled(team, owner, rows):
    """A task with accepted examples, as a source."""
    from curation.actions.adding import NewExample, add_examples
    from curation.actions.tasking import create_task
    from curation.content import Content

    chance = random.Random(0)
    words = [f"word{n}" for n in range(WORDS)]
    form = [{"name": "output", "kind": "text", "title": "Output", "role": "output", "required": True, "options": {}}]
    task = create_task(team=team, by=owner, name="Letters", form=form)

    def made():
        for number in range(rows):
            asked, said = (" ".join(chance.choices(words, k=k)) for k in (50, 30))
            yield NewExample(
                Content("single", "Summarise.", asked, (said,)), key=f"letter-{number}", source=f"source-{number % 20}",
                answer={"output": said}, tags=[f"tag-{number % 7}"], lineage={"file": "letters.jsonl", "line": number},
            )  # fmt: skip

    add_examples(task=task, rows=made(), by=owner, origin="file")
    return {"kind": "task", "id": task.pk}


def collected(team, owner, rows):
    """A collection of made-up preferences, which a million come into sooner than into a task. Returns it as a source."""
    from curation import collecting
    from curation.actions import collections
    from curation.content import Content
    from curation.datasets.rows import Row

    chance = random.Random(0)
    words = [f"word{n}" for n in range(WORDS)]
    found = collections.create(team=team, by=owner, name="Pairs", origin="file", lineage={"file": "letters.jsonl"})

    def made():
        for number in range(rows):
            asked, said, worse = (" ".join(chance.choices(words, k=k)) for k in (50, 30, 30))
            yield Row(
                key=f"{found.space}/letter-{number}", content=Content("single", "Summarise.", asked, (said,)),
                origin=found.space, source=f"source-{number % 20}", licence="MIT", tags=(f"tag-{number % 7}",),
                desirable=True, chosen=said, rejected=worse, day="2026-01-01", lineage={"file": "letters.jsonl", "line": number},
            )  # fmt: skip

    collecting.finish(found.pk, collecting.write(found, made()))
    return {"kind": "collection", "id": found.pk}


def peak_mib():
    """Highest resident memory since this process began its own program (what getrusage says includes its parent)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def child(do, given):
    """One piece of work in this process; prints its facts."""
    import django

    django.setup()
    from curation import packing
    from curation.actions import datasets as actions
    from curation.models import Dataset, DatasetVersion
    from jobs.runner import run_job

    at, cpu = time.perf_counter(), time.process_time()
    before = peak_mib()
    if do == "freeze":
        version = actions.freeze(dataset=Dataset.objects.get(pk=given), by=None)
        run_job(version.job)
        version.refresh_from_db()
        facts = {
            "rows": version.rows,
            "said": version.job.error_what,
            "parts": len(version.parts),
            "bytes": version.bytes,
        }
    else:
        file, made = packing.packed(DatasetVersion.objects.select_related("dataset").get(pk=given), do)
        facts = {"rows": sum(made.rows.values()), "bytes": file.size}
    facts |= {"seconds": round(time.perf_counter() - at, 2), "cpu_seconds": round(time.process_time() - cpu, 2)}
    print(json.dumps(facts | {"peak_mib": round(peak_mib()), "before_mib": round(before)}))


def piece(do, given):
    words = [sys.executable, "-m", "benchmarks.datasets", "--child", do, str(given)]
    found = subprocess.run(words, env=os.environ, capture_output=True, text=True, check=False)
    if found.returncode:
        sys.exit(found.stderr)
    facts = json.loads(found.stdout.splitlines()[-1])
    print(do, facts, flush=True)
    return facts


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=100_000)
    asked.add_argument("--formats", default=",".join(FORMATS))
    asked.add_argument("--child", nargs=2)
    given = asked.parse_args()
    if given.child:
        child(given.child[0], int(given.child[1]))
        return
    with installation():
        from curation.actions import datasets as actions
        from curation.models import DatasetVersion
        from jobs.runner import run_job

        team, owner = team_of_one()

        def made_of(name, source):
            return actions.create(team=team, by=None, name=name, recipe={"sources": [source]})

        filling = collected if given.rows > TASK_ROWS else filled
        dataset = made_of("Letters", filling(team, owner, given.rows))
        found = {"rows": given.rows, "load": os.getloadavg()[0], "freeze": piece("freeze", dataset.pk)}
        formats = [one for one in given.formats.split(",") if one]
        version = DatasetVersion.objects.get(dataset=dataset)
        found["export"] = {one: piece(one, version.pk) for one in formats if one != "preference"}
        if "preference" in formats:
            if filling is filled:  # the task has single answers: pairs come from a collection
                pairs = made_of("Pairs", collected(team, owner, given.rows))
                version = actions.freeze(dataset=pairs, by=None)
                run_job(version.job)
            found["export"]["preference"] = piece("preference", version.pk)
    save(f"datasets_{given.rows}", found)


if __name__ == "__main__":
    main()
