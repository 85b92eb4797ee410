"""The record in words: every deed has some, and says what it was done to."""

import re
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation import deeds
from curation.audit import audit
from curation.generators import GENERATORS
from curation.models import AuditEvent, Dataset, Demonstration, Endpoint, Generation, HubFetch, Membership
from selection.models import Target
from tests.curation import made_tasks as made

ROOT = Path(__file__).resolve().parents[3]


def said(cast, action, target=None, **facts) -> str:
    with transaction.atomic():
        audit(action, actor=cast.owner, team=cast.team, target=target, **facts)
    event = AuditEvent.objects.order_by("-pk")[0]
    return " ".join(deeds.told([event])[event.pk])


def test_every_action_of_the_code_has_words():
    found = set()
    for app in ("curation", "selection", "jobs", "config"):
        for path in (ROOT / app).rglob("*.py"):
            found |= set(re.findall(r'\baudit\(\s*"([a-z_.]+)"', path.read_text("utf-8")))
    assert len(found) > 60
    assert found - set(deeds.SAYS) == set()


@pytest.mark.parametrize(
    ("action", "facts", "words"),
    [
        ("dataset.export_started", {"version": 4, "format": "chat"}, "began an export of Letters, version 4, as chat"),
        (
            "dataset.push_started",
            {"version": 4, "repo": "ward/letters", "format": "chat"},
            "began a push of Letters, version 4, as chat, to ward/letters",
        ),
        ("dataset.restored", {"version": 5, "of": 2}, "restored a version of Letters, version 5 from version 2"),
        ("dataset.frozen", {"name": "Letters", "version": 4}, "froze a version of Letters, version 4"),
    ],
)  # fmt: skip
def test_of_a_dataset_the_version_the_format_and_the_place(cast, action, facts, words):
    assert said(cast, action, Dataset.objects.create(team=cast.team, name="Letters"), **facts) == words


def test_things_that_no_fact_names_are_looked_up(cast):
    task = made.task(cast.team)
    place = Membership.objects.get(user=cast.annotator)
    shown = Demonstration.objects.create(task=task, position=0, input="In", output="Out")
    target = Target.objects.create(team=cast.team, name="Word problems")
    assert said(cast, "guidelines.written", task, number=2) == "wrote guidelines for Ward letters"
    assert said(cast, "demonstration.changed", shown) == "changed a demonstration of Ward letters"
    assert said(cast, "target.rows_added", target, rows=3) == "added rows to a target Word problems"
    changed = said(cast, "member.role", place, before="viewer", after="curator")
    assert changed == "changed the role of Annotator: viewer → curator"
    assert said(cast, "run.started", number=1) == "started run 1"
    assert said(cast, "run.sent", number=1, task="Ward letters") == "sent picks of run 1 to Ward letters"
    assert said(cast, "pool.renamed", before="A", after="B") == "renamed a pool to B"
    assert (
        said(cast, "hub.fetch_started", HubFetch(pk=1), dataset="ward/rows")
        == "began an import from the hub, ward/rows"
    )


def test_a_generation_is_called_by_its_generator_and_task(cast):
    found = Generation.objects.create(
        task=made.task(cast.team), generator="evolve", wanted=1, ceiling=1,
        endpoint=Endpoint.objects.create(team=cast.team, name="Here", base_url="http://127.0.0.1:9/v1", model="m"),
    )  # fmt: skip
    title = GENERATORS["evolve"].title
    assert said(cast, "generation.started", found) == f"started the generation {title} for Ward letters"


def test_what_is_gone_leaves_no_loose_end(cast):
    gone = Dataset(pk=999_999)
    assert said(cast, "dataset.export_started", gone, version=4) == "began an export "
    assert said(cast, "dataset.pushed", gone, version=4) == "pushed to the hub "
    assert said(cast, "hub.fetch_started") == "began an import from the hub "


@pytest.mark.parametrize("page", ["team_home", "team_members", "team_activity"])
def test_the_pages_say_it_and_more_lines_cost_no_more_queries(cast, as_, page):
    dataset = Dataset.objects.create(team=cast.team, name="Letters")
    client, url, counts = as_("owner"), reverse(page, args=[cast.team.slug]), []
    for number in (2, 9):
        with transaction.atomic():
            for version in range(number):
                facts = {"version": version + 1, "format": "chat"}
                audit("dataset.export_started", actor=cast.owner, team=cast.team, target=dataset, **facts)
        client.get(url)
        with CaptureQueriesContext(connection) as seen:
            html = client.get(url).content.decode()
        counts.append(len(seen))
    assert "Letters, version 2, as chat" in html
    assert counts[0] == counts[1]
