"""Who hears of a failure: mails, and a webhook that a local server receives."""

import hashlib
import hmac
import json
import smtplib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core import mail
from django.db import transaction

from config.crypto import KEEPERS
from config.faults import Fault
from curation.actions import schedules as actions
from curation.actions.schedules import Told, When
from curation.models import Alert, AlertDelivery, Membership
from jobs import lease, schedules
from jobs.errors import Transient
from jobs.models import Firing, Job, Step
from jobs.runner import run, run_job
from tests.schedules.kinds import Test, finish, make

pytestmark = pytest.mark.django_db
SECRET = "a secret of sixteen"


@pytest.fixture(autouse=True)
def _quiet(monkeypatch, settings):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]


@pytest.fixture
def receiver():
    """A server that keeps what it is sent and answers with the statuses in `answers`, then 200."""

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((dict(self.headers), body))
            status, headers = server.answers.pop(0) if server.answers else (200, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
    server.got, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_port}/hook?team=ward"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def schedule(cast, **told):
    row = make("Nightly letters", lane=cast.team.lane)
    actions.tell(schedule=row, told=Told(**told))
    return row


def failed(row) -> Firing:
    firing = schedules.run_now(row, None)
    finish(firing, Job.State.FAILED, error_code="run.empty_pool", error_title="The pool is empty",
           error_what="Pool has no rows.", error_advice="Import some.")  # fmt: skip
    schedules.follow()
    firing.refresh_from_db()
    return firing


def jobs_of(firing):
    keys = list(firing.deliveries.values_list("pk", flat=True))
    return list(Job.objects.filter(kind="schedule.alert", params__delivery__in=keys).order_by("pk"))


def test_chosen_members_get_a_mail_each(cast):
    row = schedule(cast, people=[cast.curator, cast.viewer])
    firing = failed(row)
    for job in jobs_of(firing):
        run_job(job)
    assert [one.to for one in mail.outbox] == [[cast.curator.email], [cast.viewer.email]]
    sent = mail.outbox[0]
    assert sent.subject == "Winnow: Nightly letters failed"
    assert "The pool is empty." in sent.body
    assert f"/schedules/{row.pk}/" in sent.body
    assert {one.state for one in firing.deliveries.all()} == {"sent"}


def test_a_success_is_no_alert(cast):
    row = schedule(cast, people=[cast.curator])
    finish(schedules.run_now(row, None))
    schedules.follow()
    assert not AlertDelivery.objects.exists()


def test_who_left_the_team_hears_nothing(cast):
    row = schedule(cast, people=[cast.curator, cast.viewer])
    Membership.objects.filter(user=cast.curator).delete()
    firing = failed(row)
    assert [one.person for one in firing.deliveries.all()] == [cast.viewer]
    Membership.objects.filter(user=cast.viewer).delete()
    run_job(jobs_of(firing)[0])
    assert not mail.outbox
    assert firing.deliveries.get().state == "failed"


def test_a_webhook_is_signed(cast, receiver):
    firing = failed(schedule(cast, webhook_url=receiver.url, secret=SECRET))
    run_job(jobs_of(firing)[0])
    headers, body = receiver.got[0]
    signed = headers["X-Winnow-Timestamp"].encode() + b"." + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Winnow-Signature"] == f"v1={expected}"
    said = json.loads(body)
    assert (said["event"], said["firing"]["id"], said["error"]["code"]) == (
        "schedule.failed",
        firing.pk,
        "run.empty_pool",
    )
    assert firing.deliveries.get().state == "sent"


def test_a_busy_receiver_is_asked_again_later(cast, receiver):
    receiver.answers = [(503, {}), (429, {"Retry-After": "7"})]
    firing = failed(schedule(cast, webhook_url=receiver.url, secret=SECRET))
    job = jobs_of(firing)[0]
    for count, status in ((1, "503"), (2, "429")):
        run_one(job)
        step = Step.objects.get(job=job)
        delivery = firing.deliveries.get()
        assert (step.state, delivery.state, delivery.tries) == ("waiting", "waiting", count)
        assert status in delivery.trouble
        Step.objects.filter(pk=step.pk).update(state="ready", not_before=None)
    run_one(job)
    assert firing.deliveries.get().state == "sent"
    assert len({headers["X-Winnow-Delivery"] for headers, _ in receiver.got}) == 1  # a receiver can tell repeats


def run_one(job):
    claimed = lease.claim("io", "test")
    assert claimed is not None
    assert claimed.job_id == job.pk
    run(claimed)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
def test_a_refusal_is_final(cast, receiver, status):
    receiver.answers = [(status, {"Location": "http://169.254.169.254/"} if status == 301 else {})]
    firing = failed(schedule(cast, webhook_url=receiver.url, secret=SECRET))
    run_job(jobs_of(firing)[0])
    delivery = firing.deliveries.get()
    assert (delivery.state, len(receiver.got)) == ("failed", 1)
    assert str(status) in delivery.trouble


def test_a_private_address_is_never_called(cast, receiver, settings):
    settings.OUTBOUND_ALLOW = []
    firing = failed(schedule(cast, webhook_url=receiver.url, secret=SECRET))
    run_job(jobs_of(firing)[0])
    assert not receiver.got
    assert "private address" in firing.deliveries.get().trouble


def test_a_mail_server_that_is_away_is_asked_again(cast, monkeypatch):
    def away(self, fail_silently=False):
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", away)
    firing = failed(schedule(cast, people=[cast.curator]))
    from curation.handlers import alerts

    with pytest.raises(Transient):
        alerts._mail(firing.deliveries.get())


def test_an_alert_that_cannot_be_made_does_not_hold_up_the_schedule(cast, monkeypatch):
    row = schedule(cast, people=[cast.curator])
    monkeypatch.setattr("curation.alerting.mail", None)
    monkeypatch.setattr("jobs.actions.start", None)
    monkeypatch.setattr(Test, "start", lambda self, firing: (_ for _ in ()).throw(Fault("schedule.no_kind", kind="x")))
    assert schedules.run_now(row, None).state == "failed"


# --- the secret ---


def test_the_secret_is_sealed_and_goes_with_its_host(cast, receiver):
    row = schedule(cast, webhook_url="https://hooks.example.org/a", secret=SECRET)
    alert = Alert.objects.get(schedule=row)
    assert SECRET not in alert.secret_sealed
    actions.tell(schedule=row, told=Told(webhook_url="https://hooks.example.org/b"))  # the same host: it is kept
    assert Alert.objects.get(schedule=row).secret_sealed == alert.secret_sealed
    with pytest.raises(Fault) as fault:
        actions.tell(schedule=row, told=Told(webhook_url="https://other.example.org/b"))
    assert fault.value.code == "schedule.secret"
    actions.tell(schedule=row, told=Told())
    assert Alert.objects.get(schedule=row).secret_sealed == ""


@pytest.mark.parametrize(
    ("url", "secret", "code"),
    [
        ("https://hooks.example.org", "short", "schedule.secret"),
        ("https://hooks.example.org", None, "schedule.secret"),
        ("ftp://hooks.example.org", SECRET, "schedule.webhook"),
        ("https://user:word@hooks.example.org", SECRET, "schedule.webhook"),
        ("https://", SECRET, "schedule.webhook"),
        ("https://[bad", SECRET, "schedule.webhook"),
    ],
)
def test_what_is_no_webhook_is_refused(cast, url, secret, code):
    with pytest.raises(Fault) as fault, transaction.atomic():
        schedule(cast, webhook_url=url, secret=secret)
    assert fault.value.code == code


def test_secrets_are_sealed_anew_with_the_others(cast):
    row = schedule(cast, webhook_url="https://hooks.example.org/a", secret=SECRET)
    before = Alert.objects.get(schedule=row).secret_sealed
    assert dict(KEEPERS)["secrets of webhooks"]() == 1
    assert Alert.objects.get(schedule=row).secret_sealed != before


def test_when_is_checked(cast):
    facts = {"team": cast.team, "by": cast.curator, "kind": "dataset", "settings": {}}
    for when, said in [
        (When(cron="* * * * *"), "five minutes"),
        (When(cron="0 2 * * *", zone="Mars/Base"), "time zone"),
        (When(trigger="pool.rows", watched=999, every=5), "not there"),
        (When(trigger="moon"), "none that Winnow knows"),
    ]:
        with pytest.raises(Fault) as fault:
            actions.create(name="x", when=when, **facts)
        assert fault.value.code == "schedule.when"
        assert said in fault.value.what
    actions.create(name="x", when=When(cron="0 2 * * *"), **facts)
    with pytest.raises(Fault) as fault:
        actions.create(name=" x", when=When(cron="0 3 * * *"), **facts)
    assert fault.value.code == "schedule.name_taken"
    with pytest.raises(Fault) as fault:
        actions.create(name="y", when=When(cron="0 3 * * *"), **facts | {"kind": "coffee"})
    assert fault.value.code == "schedule.unknown"
