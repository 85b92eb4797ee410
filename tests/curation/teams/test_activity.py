"""The feed of a team and the record for its owners."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from curation.actions import teams
from curation.audit import audit
from curation.models import AuditEvent, ExampleEvent, Team
from tests.curation import made_tasks as made


@pytest.fixture
def feed(cast):
    return reverse("team_activity", args=[cast.team.slug])


@pytest.fixture
def record(cast):
    return reverse("team_audit", args=[cast.team.slug])


def events(task, user, kind, at, count=1):
    ExampleEvent.objects.bulk_create(
        [
            ExampleEvent(
                example_id=number + 1, task_id=task.pk, actor_id=user.pk if user else None, kind=kind,
                at=at + timedelta(seconds=number), facts={"answer": {"output": "SECRET"}},
            )
            for number in range(count)
        ]
    )  # fmt: skip


def lines(response):
    return [(line.who, line.did, line.to, line.when) for _, day in response.context["days"] for line in day]


def test_work_is_summed_up_by_the_hour(cast, as_, feed):
    task = made.task(cast.team)
    at = datetime(2026, 3, 4, 14, 2, tzinfo=UTC)
    events(task, cast.annotator, "submitted", at, 42)
    events(task, cast.annotator, "submitted", at + timedelta(hours=1))
    events(task, cast.curator, "accepted", at + timedelta(minutes=3))
    events(task, None, "accepted", at)
    found = lines(as_("viewer").get(feed))
    assert ("Annotator", "submitted 42 answers to", "Ward letters", "14:02") in found
    assert ("Annotator", "submitted 1 answer to", "Ward letters", "15:02") in found
    assert ("Curator", "accepted 1 example of", "Ward letters", "14:05") in found
    assert ("A rule", "accepted 1 example of", "Ward letters", "14:02") in found


def test_hours_and_days_are_those_of_the_team(cast, as_, feed):
    Team.objects.filter(pk=cast.team.pk).update(time_zone="Asia/Kolkata")  # 5 h 30 min ahead
    task = made.task(cast.team)
    events(task, cast.annotator, "submitted", datetime(2026, 3, 4, 18, 20, tzinfo=UTC))
    events(task, cast.annotator, "submitted", datetime(2026, 3, 4, 18, 40, tzinfo=UTC))
    days = dict(as_("viewer").get(feed).context["days"])
    assert [day.day for day in days if day.year == 2026 and day.month == 3] == [5, 4]


def test_the_feed_never_shows_what_somebody_answered(cast, as_, feed):
    events(made.task(cast.team), cast.curator, "submitted", timezone.now())
    text = as_("annotator").get(feed).content.decode()
    assert "submitted 1 answer" in text
    assert "SECRET" not in text


def test_deeds_stand_among_the_work_and_filters_hold(cast, as_, feed):
    task, other = made.task(cast.team), made.task(cast.team, name="Other")
    events(task, cast.annotator, "submitted", timezone.now(), 3)
    events(other, cast.curator, "skipped", timezone.now())
    with transaction.atomic():
        audit("task.changed", actor=cast.curator, team=cast.team, target=task, fields=["wanted"])
    client = as_("viewer")
    assert {who for who, *_ in lines(client.get(feed))} >= {"Annotator", "Curator", "Owner"}
    assert {who for who, *_ in lines(client.get(f"{feed}?person={cast.curator.pk}"))} == {"Curator"}
    found = lines(client.get(f"{feed}?task={task.pk}"))
    assert {did for _, did, *_ in found} == {"submitted 3 answers to", "changed the settings of"}
    assert {to for *_, to, _ in found} == {"Ward letters"}


def test_another_team_has_no_part_in_it(cast, as_, feed):
    elsewhere = made.task(cast.other_team, name="Theirs")
    events(elsewhere, cast.stranger, "submitted", timezone.now())
    client = as_("viewer")
    assert "Theirs" not in client.get(feed).content.decode()
    assert lines(client.get(f"{feed}?task={elsewhere.pk}")) == []
    assert as_("stranger").get(feed).status_code == 404


def test_pages_end_at_full_hours_and_hold_everything_once(cast, as_, feed):
    task = made.task(cast.team)
    start = datetime(2026, 3, 4, tzinfo=UTC)
    for number in range(130):
        user = (cast.annotator, cast.curator, cast.owner)[number % 3]
        events(task, user, ("submitted", "skipped")[number % 2], start + timedelta(minutes=17 * number), 2)
    client, query, seen = as_("viewer"), "", []
    while query is not None:
        response = client.get(feed + query)
        seen += [line for line in lines(response) if line[2] == "Ward letters"]
        older = response.context["older"]
        query = f"?before={older.replace('+', '%2B')}" if older else None
        assert len(seen) < 400
    assert sum(int(did.split()[1]) for _, did, *_ in seen) == 260


def count(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_as_many_queries_for_thirty_lines_as_for_three(cast, as_, feed, record):
    client, task = as_("owner"), made.task(cast.team)
    counts = []
    for number in (3, 27):
        for hour in range(number):
            events(task, cast.annotator, "submitted", timezone.now() - timedelta(hours=hour), 2)
            with transaction.atomic():
                audit("task.changed", actor=cast.curator, team=cast.team, target=task, hour=hour)
        counts.append((count(client, feed), count(client, record)))
    assert counts[0] == counts[1]


def test_a_time_that_makes_no_sense_is_now(as_, feed):
    client = as_("viewer")
    for before in ("yesterday", "2026-13-45T00:00:00Z", "2026-01-01T00:00:00"):
        assert client.get(feed, {"before": before, "person": "x", "task": "9" * 30}).status_code == 200


# --- the record ---


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("curator", 403), ("annotator", 403), ("viewer", 403), ("stranger", 404)]
)
def test_only_owners_see_the_record(as_, record, role, status):
    client = as_(role)
    assert client.get(record).status_code == status
    assert client.get(record + "?as=csv").status_code == status


def test_the_record_is_filtered_by_action_person_and_day(cast, as_, record):
    teams.rename_team(team=cast.team, name="Ward 7", by=cast.owner)
    AuditEvent.objects.create(
        team_id=cast.team.pk, actor_id=cast.curator.pk, actor_name="Curator", action="pool.created",
        at=datetime(2026, 3, 4, 23, 30, tzinfo=UTC), facts={"name": "Open"},
    )  # fmt: skip
    client = as_("owner")

    def actions(query=""):
        return [row.action for row, _ in client.get(record + query).context["rows"]]

    assert actions() == ["team.renamed", "team.created", "pool.created"]
    assert actions("?action=team.renamed") == ["team.renamed"]
    assert actions(f"?person={cast.curator.pk}") == ["pool.created"]
    assert actions("?since=2026-03-04&until=2026-03-04") == ["pool.created"]
    assert actions("?until=2026-03-03") == []
    Team.objects.filter(pk=cast.team.pk).update(time_zone="Europe/Berlin")  # there it was the day after
    assert actions("?since=2026-03-05&until=2026-03-05") == ["pool.created"]
    assert actions("?since=nonsense") == ["team.renamed", "team.created", "pool.created"]


def test_pages_of_the_record_hold_every_line_once(cast, as_, record):
    at = timezone.now()
    AuditEvent.objects.bulk_create(
        [AuditEvent(team_id=cast.team.pk, action=f"x.{n}", at=at - timedelta(seconds=n // 7)) for n in range(250)]
    )
    client, seen, after = as_("owner"), [], ""
    while True:
        response = client.get(record, {"after": after} if after else {})
        seen += [row.pk for row, _ in response.context["rows"]]
        after = response.context["following"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == 251


def test_the_file_quotes_what_a_spreadsheet_would_run(cast, as_, record):
    evil = '=HYPERLINK("http://example.org","x")'
    AuditEvent.objects.create(
        team_id=cast.team.pk, actor_id=1, actor_name=evil, action="team.renamed", target="@SUM(1)", facts={"name": evil}
    )
    response = as_("owner").get(record + "?as=csv")
    assert response["Content-Type"].startswith("text/csv")
    assert "ward-audit.csv" in response["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert rows[0]["person"] == "'" + evil
    assert rows[0]["target"] == "'@SUM(1)"
    assert rows[0]["facts"].startswith("{")
    assert [row["action"] for row in rows] == ["team.renamed", "team.created"]
    filtered = as_("owner").get(record + "?as=csv&action=team.created")
    assert b"HYPERLINK" not in b"".join(filtered.streaming_content)


def test_names_and_facts_are_shown_as_text(cast, as_, feed, record):
    evil = "<script>alert(1)</script>"
    AuditEvent.objects.create(team_id=cast.team.pk, actor_name=evil, action="x.y", target=evil, facts={evil: evil})
    client = as_("owner")
    for url in (feed, record):
        assert evil not in client.get(url).content.decode()
