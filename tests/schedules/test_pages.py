"""Pages of schedules: the list with its week, new and edit forms, history, who may what."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from curation import queries_schedules as queries
from curation.actions import schedules as actions
from curation.actions.schedules import Told, When
from curation.forms.schedules import ScheduleForm, read_cron
from curation.models import Alert, AuditEvent
from jobs import schedules
from jobs.models import Firing, Job, Schedule
from tests.datasets import made as made_datasets
from tests.schedules.kinds import finish, make
from tests.selection import made

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


@pytest.fixture
def dataset(cast):
    return made_datasets.dataset(cast.team, made_datasets.source(made_datasets.task(cast.team, 6)))


@pytest.fixture
def nightly(cast, dataset):
    return actions.create(
        team=cast.team, by=cast.curator, name="Nightly letters", kind="dataset",
        settings={"dataset": dataset.pk, "formats": [], "only_changed": True}, when=When("30 2 * * *", "Europe/Berlin"),
        told=Told([cast.curator]),
    )  # fmt: skip


def sent(dataset, **fields):
    return {
        "kind": "dataset", "name": "Weekly letters", "rhythm": "weekly", "at": "06:30", "weekday": "1", "zone": "UTC",
        "overlap": "skip", "do-dataset": dataset.pk, "do-formats": ["alpaca"], "do-only_changed": "on", "revision": "1",
    } | fields  # fmt: skip


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_an_empty_list_says_what_schedules_are_for(as_, cast):
    url = reverse("schedules", args=[cast.team.slug])
    assert "No schedule yet" in text(as_("viewer").get(url))
    assert "New schedule" in text(as_("curator").get(url))


def test_the_list_shows_next_last_and_the_week(as_, cast, nightly):
    make("hourly", lane=cast.team.lane, cron="15 * * * *", kind="dataset", settings=nightly.settings)
    finish(schedules.run_now(nightly, None))
    schedules.follow()
    page = text(as_("viewer").get(reverse("schedules", args=[cast.team.slug])))
    assert "Nightly letters" in page
    assert "Every day at 02:30" in page
    assert "Europe/Berlin" in page
    assert "24 times" in page
    assert "Finished" in page


def test_the_week_is_the_teams_and_stops_at_its_end(cast):
    with time_machine.travel(datetime(2026, 10, 23, 9, tzinfo=UTC), tick=False):
        cast.team.time_zone = "Europe/Berlin"
        days = queries.week(cast.team)
        row = Schedule(cron="30 2 * * *", zone="Europe/Berlin", next_at=datetime(2026, 10, 24, 0, 30, tzinfo=UTC))
        cells = queries._cells(row, days, days[0].tzinfo)
    assert [cell.times for cell in cells] == [[], *[["02:30"]] * 6]  # once on the night of 25 hours too
    assert [cell.today for cell in cells] == [True] + [False] * 6


def test_a_dataset_is_put_on_a_schedule_from_its_page(as_, cast, dataset):
    client = as_("curator")
    link = f"{reverse('schedule_new', args=[cast.team.slug])}?kind=dataset&of={dataset.pk}"
    assert link.replace("&", "&amp;") in client.get(dataset.get_absolute_url()).content.decode()
    assert f'value="{dataset.name}, frozen"' in client.get(link).content.decode()
    answer = client.post(link, sent(dataset, people=[cast.viewer.pk]))
    row = Schedule.objects.get()
    assert answer.url == reverse("schedule", args=[row.pk])
    assert (row.lane, row.cron, row.zone, row.overlap) == (cast.team.lane, "30 6 * * 1", "UTC", "skip")
    kept = {name: value for name, value in row.settings.items() if value}
    assert kept == {"dataset": dataset.pk, "formats": ["alpaca"], "only_changed": True}
    assert list(row.alert.people.all()) == [cast.viewer]
    page = text(client.get(answer.url))
    assert "Every Monday at 06:30" in page
    assert "mail to" in page


def test_a_run_is_put_on_a_schedule_after_new_rows(as_, cast):
    pool = made.pool(cast.team, made.rows(60))
    run = made.run(cast.team, pool, None)
    client = as_("curator")
    link = f"{reverse('schedule_new', args=[cast.team.slug])}?kind=run&of={run.pk}"
    assert link.replace("&", "&amp;") in client.get(run.get_absolute_url()).content.decode()
    form = client.get(link).context["form"]
    watched = next(field for field, name in form.watch.items() if name == "pool.rows")
    fields = {
        "kind": "run", "name": "Again", "rhythm": "pool.rows", watched: pool.pk, "every": 500, "zone": "UTC",
        "overlap": "skip", "do-run": run.pk, "do-target": "fixed", "do-outputs_as": "suggestion",
    }  # fmt: skip
    assert client.post(link, fields | {watched: ""}).status_code == 422
    client.post(link, fields)
    row = Schedule.objects.get()
    assert (row.trigger, row.watched, row.every, row.counted, row.next_at) == ("pool.rows", pool.pk, 500, 60, None)
    page = text(client.get(reverse("schedule", args=[row.pk])))
    assert f"After 500 new rows of {pool.name}" in page
    assert "0 of 500" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "This field is required"),
        ({"rhythm": "cron", "cron": "61 * * * *"}, "cannot be read"),
        ({"rhythm": "cron", "cron": "* * * * *"}, "more often than every five minutes"),
        ({"rhythm": "cron", "cron": ""}, "This field is required"),
        ({"rhythm": "daily", "at": ""}, "This field is required"),
        ({"zone": "Mars/Base"}, "Select a valid choice"),
        ({"webhook_url": "https://hooks.example.org"}, "no secret"),
        ({"webhook_url": "file:///etc/passwd", "secret": "0123456789abcdef"}, "no address|cannot be read as one"),
        ({"do-dataset": "999999"}, "Select a valid choice"),
        ({"name": "Nightly letters"}, "already"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(as_, dataset, nightly, fields, said):
    answer = as_("curator").post(reverse("schedule_new", args=[dataset.team.slug]), sent(dataset, **fields))
    assert answer.status_code == 422
    assert re.search(said, text(answer))
    assert Schedule.objects.count() == 1


def test_work_that_has_nothing_to_work_on_is_not_offered(as_, cast):
    client, url = as_("curator"), reverse("schedule_new", args=[cast.team.slug])
    for address in (url, f"{url}?kind=run"):
        page = client.get(address)
        assert "There is no run yet." in text(page)
        assert "?kind=run" not in page.content.decode()
    made_datasets.dataset(cast.team)
    assert "?kind=dataset" in client.get(url).content.decode()


def test_an_edit_chooses_nothing_in_place_of_what_is_gone(as_, cast, dataset, nightly):
    made_datasets.dataset(cast.team, name="Another")
    type(dataset).objects.filter(pk=dataset.pk).update(deleted_at=datetime(2026, 1, 1, tzinfo=UTC))
    client, url = as_("curator"), reverse("schedule_edit", args=[nightly.pk])
    page = client.get(url)
    assert "What it worked on is gone" in text(page)
    assert "Choose another" in text(page)
    assert client.post(url, sent(dataset, **{"do-dataset": ""})).status_code == 422
    assert "gone" in text(client.get(reverse("schedules", args=[cast.team.slug])))


def test_objects_and_people_of_other_teams_are_no_choices(as_, cast, dataset):
    theirs = made_datasets.dataset(cast.other_team)
    url = reverse("schedule_new", args=[cast.team.slug])
    assert as_("curator").post(url, sent(theirs)).status_code == 422
    form = ScheduleForm(team=cast.team)
    assert cast.stranger not in form.fields["people"].queryset
    assert as_("curator").get(f"{url}?kind=dataset&of={theirs.pk}").context["form"]["name"].value() == ""


def test_an_edit_keeps_the_secret_and_refuses_a_stale_page(as_, cast, dataset, nightly):
    client, url = as_("curator"), reverse("schedule_edit", args=[nightly.pk])
    hook = {"webhook_url": "https://hooks.example.org/a", "secret": "0123456789abcdef"}
    assert client.post(url, sent(dataset, **hook)).status_code == 303
    sealed = Alert.objects.get(schedule=nightly).secret_sealed
    assert client.post(url, sent(dataset)).status_code == 422  # the page was of revision 1
    page = client.get(url).content.decode()
    assert "A secret is kept" in page
    assert hook["secret"] not in page
    fields = sent(dataset, revision="2", rhythm="monthly", day="3", **hook | {"secret": ""})
    assert client.post(url, fields).status_code == 303
    nightly.refresh_from_db()
    assert (nightly.name, nightly.cron, nightly.revision) == ("Weekly letters", "30 6 3 * *", 3)
    assert Alert.objects.get(schedule=nightly).secret_sealed == sealed


def test_pause_go_on_run_now_and_delete(as_, cast, nightly):
    client, url = as_("curator"), reverse("schedule", args=[nightly.pk])
    for do in ("pause", "resume", "run", "delete"):
        assert client.post(url, {"do": do}).status_code == 303
        if do == "pause":
            assert "Paused" in text(client.get(url))
    firing = Firing.objects.get()
    assert (firing.asked, firing.by) == (True, cast.curator)
    assert client.get(url).status_code == 404
    told = list(AuditEvent.objects.filter(action__startswith="schedule.").values_list("action", flat=True))
    assert told == [f"schedule.{one}" for one in ("created", "paused", "resumed", "run_now", "deleted")]
    assert client.post(url, {"do": "explode"}).status_code == 404


def test_run_now_over_one_that_runs_says_so(as_, nightly):
    client, url = as_("curator"), reverse("schedule", args=[nightly.pk])
    client.post(url, {"do": "run"})
    answer = client.post(url, {"do": "run"})
    assert answer.status_code == 409
    assert "It is running already" in text(answer)


def test_the_history_tells_what_failed_and_who_was_told(as_, nightly):
    firing = schedules.run_now(nightly, None)
    finish(
        firing, Job.State.FAILED, error_code="x", error_title="It broke", error_what="Line 3.", error_advice="Mend it."
    )
    schedules.follow()
    Firing.objects.filter(pk=firing.pk).update(missed=4)
    page = text(as_("viewer").get(reverse("schedule", args=[nightly.pk])))
    assert "It broke. Line 3. Mend it." in page
    assert "4 later times" in page
    assert "E-mail to" in page
    assert "Run now" not in page


def test_a_long_history_has_pages(as_, nightly):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    Firing.objects.bulk_create(
        Firing(schedule=nightly, due_at=start + timedelta(days=n), state="succeeded", ended_at=start)
        for n in range(queries.PAGE + 5)
    )
    client, url = as_("viewer"), reverse("schedule", args=[nightly.pk])
    first = client.get(url)
    assert len(first.context["firings"]) == queries.PAGE
    assert len(client.get(f"{url}?before={first.context['next_before']}").context["firings"]) == 5


def test_who_may_what(as_, client, cast, nightly):
    one, new = reverse("schedule", args=[nightly.pk]), reverse("schedule_new", args=[cast.team.slug])
    edit = reverse("schedule_edit", args=[nightly.pk])
    assert client.get(one).status_code == 302
    stranger = as_("stranger")
    for url in (one, edit, new, reverse("schedules", args=[cast.team.slug])):
        assert stranger.get(url).status_code == 404
    for name in ("viewer", "annotator"):
        member = as_(name)
        assert member.get(one).status_code == 200
        assert [member.get(url).status_code for url in (edit, new)] == [403, 403]
        for do in ("run", "pause", "delete"):
            assert member.post(one, {"do": do}).status_code == 403
    assert not Firing.objects.exists()


def test_the_pages_cost_few_queries(as_, cast, nightly, django_assert_max_num_queries):
    client, url = as_("viewer"), reverse("schedules", args=[cast.team.slug])
    for number in range(8):
        row = make(f"more {number}", lane=cast.team.lane, kind="dataset", settings=nightly.settings)
        Firing.objects.create(schedule=row, due_at=datetime(2026, 1, 1, tzinfo=UTC), state="running")
    with django_assert_max_num_queries(20):
        client.get(url)


@pytest.mark.parametrize(
    "line",
    [
        "30 2 * * *",
        "0 6 * * 1-5",
        "15 23 * * 0",
        "5 4 28 * *",
        "7 * * * *",
        "0 */6 * * *",
        "1,2 3 * * *",
        "0 */5 * * *",
    ],
)
def test_a_line_is_the_same_after_the_form(cast, line):
    initial = read_cron(line) | {"name": "x", "zone": "UTC", "overlap": "skip"}
    form = ScheduleForm(initial, team=cast.team)
    assert form.is_valid(), form.errors
    assert form.when.cron == line


def test_the_teams_first_page_names_what_failed_when_it_last_ran(as_, cast, nightly):
    firing = schedules.run_now(nightly, None)
    finish(firing, Job.State.FAILED, error_code="x", error_title="It broke")
    schedules.follow()
    client = as_("viewer")
    assert "The schedule Nightly letters failed" in text(client.get(cast.team.get_absolute_url()))
    finish(schedules.run_now(nightly, None))
    schedules.follow()
    assert "The schedule Nightly letters failed" not in text(client.get(cast.team.get_absolute_url()))
