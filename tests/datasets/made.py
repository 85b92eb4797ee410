"""Datasets for tests, made without the pages."""

from curation.actions import datasets as actions
from curation.actions.adding import NewExample, add_examples
from curation.content import Content
from curation.datasets.rows import Row
from curation.models import Example
from jobs.runner import run_job
from tests.curation import made_tasks


def task(team, count=30, *, name="Ward letters", by=None, tags=None, start=0, **fields):
    """A task with accepted examples, keys `letter-0` …"""
    found = made_tasks.task(team, name=name, **fields)
    more(found, count, start=start, by=by, tags=tags)
    return found


def more(found, count, *, start=0, by=None, tags=None):
    rows = [
        NewExample(
            Content("single", input=f"Dear Dr Hall, letter {n} of {found.name}.", outputs=(f"Dear patient {n}.",)),
            key=f"letter-{n}", source="letters" if n % 2 else "notes", answer={"output": f"Dear patient {n}."},
            tags=tags(n) if tags else (["odd"] if n % 2 else ["even"]), lineage={"file": "letters.jsonl", "line": n + 1},
        )
        for n in range(start, start + count)
    ]  # fmt: skip
    add_examples(task=found, rows=rows, by=by, origin=Example.Origin.FILE)


def source(found, **fields):
    return {"kind": "task", "id": found.pk} | fields


def dataset(team, *sources, name="Letters", by=None, splits=None, **recipe):
    return actions.create(team=team, by=by, name=name, recipe={"sources": list(sources), **recipe}, splits=splits)


def frozen(found, by=None, changelog=""):
    version = actions.freeze(dataset=found, by=by, changelog=changelog)
    run_job(version.job)
    version.refresh_from_db()
    return version


def frozen_letters(team):
    """A frozen version of a dataset named Letters."""
    return frozen(dataset(team, source(task(team, 12, name="Letters for datasets"))))


def exported(version, name):
    """The version as a packed folder of a format."""
    made = actions.export(version=version, format=name, by=None)
    run_job(made.job)
    made.refresh_from_db()
    return made


def pushed(version, by):
    """A push that nobody works on; the team has a token."""
    from curation.actions import hub
    from curation.actions.pushes import push

    hub.keep(team=version.dataset.team, by=by, token="hf_of_nobody_at_all")
    return push(version=version, by=by, repo="ward/letters")


def collection(team, count=5, *, name="Extra", **fields):
    """A collection whose rows are in."""
    from curation import collecting
    from curation.actions import collections

    made = collections.create(
        team=team, by=None, name=name, origin="file", licence="MIT", lineage={"file": "extra.jsonl"}
    )
    rows = [
        Row(key=f"{made.space}/{n}", content=Content("single", f"Question {n}", "", (f"Answer {n}",)), origin=made.space,
            source="extra", licence="MIT", lineage={"file": "extra.jsonl", "line": n + 1, "collection": made.pk})
        for n in range(count)
    ]  # fmt: skip
    collecting.finish(made.pk, collecting.write(made, rows) | fields)
    made.refresh_from_db()
    return made
