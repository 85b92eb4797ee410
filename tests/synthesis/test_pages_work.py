"""The work centre: every job of a team, followed, stopped, tried again."""

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from curation import faces
from curation.actions import generations
from curation.models import AuditEvent, Generation
from jobs import actions as jobs
from jobs import registry
from jobs.models import Job
from tests.synthesis import made
from tests.synthesis.server import Answer

URL = "/t/ward/work/"


def text_of(answer) -> str:
    return answer.content.decode().replace("&#x27;", "'")


@pytest.fixture
def endpoint(cast, server):
    return made.endpoint(cast.team, cast.owner, server.url, price_in="1", price_out="2")


def test_an_empty_team_sees_that_nothing_runs(as_):
    shown = text_of(as_("viewer").get(URL))
    assert "Nothing is running" in shown
    assert "Nothing has ended yet" in shown


def test_every_kind_of_job_has_a_face():
    assert set(registry.KINDS) - {name for name in registry.KINDS if name.startswith("test")} <= set(faces.FACES)


def test_a_generation_from_its_start_to_its_end(as_, cast, endpoint):
    run = made.start(cast, endpoint, 2)
    client = as_("curator")
    shown = text_of(client.get(URL))
    assert f'href="/generations/{run.pk}/"' in shown
    assert "Echo for Task 0" in shown
    poll = {"HX-Request": "true", "HX-Target": "open"}
    part = client.get(f"{URL}?open={run.job_id}", headers=poll)
    assert "<html" not in text_of(part)
    assert "Waiting for a worker" in text_of(part)
    made.run(run)
    assert client.get(f"{URL}?open={run.job_id}", headers=poll).headers["HX-Refresh"] == "true"
    ended = text_of(client.get(URL))
    assert "Finished" in ended
    assert "USD" in ended
    assert 'value="resume"' not in ended.split(f'id="job-{run.job_id}"')[1].split("</tr>")[0]


def test_stop_resume_and_the_record(as_, cast, endpoint):
    run = made.start(cast, endpoint, 2)
    client = as_("curator")
    sent = {"job": run.job_id, "do": "cancel"}
    assert as_("viewer").post(URL, sent).status_code == 403
    client = as_("curator")
    assert client.post(URL, sent).status_code == 303
    run.refresh_from_db()
    assert run.state == Generation.State.STOPPED
    assert AuditEvent.objects.filter(action="generation.cancelled").count() == 1
    assert "Resume" in text_of(client.get(f"{URL}?show=cancelled"))
    assert client.post(URL, sent | {"do": "resume"}).status_code == 303
    assert made.run(run).kept == 2


def test_failed_requests_are_named_and_asked_again(as_, cast, endpoint, server):
    server.script = lambda text, nth: (
        Answer(status=400, body={"error": {"message": "no"}}) if text == "text 1" else Answer()
    )
    run = made.run(made.start(cast, endpoint, 3))
    client = as_("curator")
    shown = text_of(client.get(URL))
    assert f'href="/generations/{run.pk}/errors/"' in shown
    assert "1 failed request" in shown
    server.script = lambda text, nth: Answer()
    assert client.post(URL, {"job": run.job_id, "do": "retry"}).status_code == 303
    assert made.run(run).failed == 0


def test_a_failed_job_opens_its_error(as_, cast, endpoint):
    run = made.start(cast, endpoint, 1)
    jobs.cancel(job=run.job)
    Job.objects.filter(pk=run.job_id).update(
        state="failed", error_code="endpoint.quota", error_title="Nothing left <b>", error_what="It said no.", error_advice="Pay."
    )  # fmt: skip
    shown = text_of(as_("curator").get(f"{URL}?show=failed"))
    for words in ("Nothing left &lt;b&gt;", "It said no.", "Pay.", "Try again"):
        assert words in shown
    assert "None of that kind" in text_of(as_("curator").get(f"{URL}?show=succeeded"))


def test_a_job_without_a_face_of_its_own_is_shown_and_stopped(as_, cast, monkeypatch):
    monkeypatch.delitem(faces.FACES, "examples.search")
    job = Job.objects.create(kind="examples.search", params={"task": 0}, lane=cast.team.lane)
    client = as_("curator")
    assert "Examples search" in text_of(client.get(URL))
    client.post(URL, {"job": job.pk, "do": "cancel"})
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert AuditEvent.objects.filter(action="job.cancelled", facts__name="examples search").exists()


@pytest.mark.parametrize("sent", [{}, {"job": "x"}, {"job": "9" * 30}, {"job": "0", "do": "cancel"}])
def test_what_is_no_job_is_not_found(as_, sent):
    assert as_("curator").post(URL, sent).status_code == 404


def test_jobs_of_other_teams_are_out_of_reach(as_, cast, endpoint):
    other = Job.objects.create(kind="examples.search", params={}, lane=cast.other_team.lane)
    client = as_("curator")
    assert f"job-{other.pk}" not in text_of(client.get(URL))
    assert client.post(URL, {"job": other.pk, "do": "cancel"}).status_code == 404
    run = made.start(cast, endpoint, 1)
    assert client.post(URL, {"job": run.job_id, "do": "explode"}).status_code == 404


def test_earlier_work_is_on_further_pages(as_, cast, endpoint, monkeypatch):
    monkeypatch.setattr("curation.queries_work.SHOWN", 2)
    runs = [made.start(cast, endpoint, 1) for _ in range(3)]
    for run in runs:
        generations.cancel(generation=run, by=cast.curator)
    client = as_("viewer")
    first = text_of(client.get(URL))
    assert f'id="job-{runs[0].job_id}"' not in first
    assert f"before={runs[1].job_id}" in first
    assert f'id="job-{runs[0].job_id}"' in text_of(client.get(f"{URL}?before={runs[1].job_id}"))


def test_the_home_page_shows_it_too(as_, cast, endpoint):
    run = made.start(cast, endpoint, 1)
    shown = text_of(as_("viewer").get("/t/ward/"))
    assert f'href="/generations/{run.pk}/">Echo for Task 0' in shown
    assert f'href="{URL}"' in shown
    jobs.cancel(job=run.job)
    Job.objects.filter(pk=run.job_id).update(state="failed", error_code="endpoint.quota", error_title="Nothing left")
    Generation.objects.filter(pk=run.pk).update(state="paused")
    shown = text_of(as_("viewer").get("/t/ward/"))
    assert "A generation for Task 0 paused" in shown
    assert "Nothing left" in shown


@pytest.mark.parametrize(
    ("code", "offered"), [("endpoint.quota", True), ("dataset.nothing_fits", False), ("gone.code", True)]
)
def test_try_again_is_offered_only_where_it_can_help(as_, cast, code, offered):
    job = Job.objects.create(
        kind="dataset.export", params={"export": 0}, lane=cast.team.lane, state="failed", error_code=code, error_id="x",
        error_title="It failed", ended_at=timezone.now(),
    )  # fmt: skip
    row = text_of(as_("curator").get(URL)).split(f'id="job-{job.pk}"')[1].split("</tr>")[0]
    assert ("Try again" in row) is offered
    strip = {"job": job, "passes": [], "url": "/", "resume_url": "/"}
    assert ("Resume" in render_to_string("components/_progress.html", strip)) is offered
