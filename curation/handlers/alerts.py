"""Messages about schedules that failed: one job each, tried again with growing pauses until it is through."""

import smtplib
import time
from typing import Any

from django.core.mail import EmailMessage
from django.db.models import F
from django.utils import timezone

from config import net
from config.crypto import unseal
from config.faults import Fault
from curation import alerting
from curation.models import AlertDelivery, Membership, Team
from curation.scheduling import team_id_of, team_of
from jobs import actions as jobs
from jobs import schedules
from jobs.errors import Transient
from jobs.heartbeat import Beat
from jobs.models import Firing, Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register

KIND = "schedule.alert"
BUSY = {408, 425, 429}
Way, State = AlertDelivery.Way, AlertDelivery.State


def tell(firing: Firing) -> None:
    """In the transaction in which a firing fails: a message to each of those who are told, each with a job."""
    alert = getattr(firing.schedule, "alert", None)
    if alert is None or firing.state != Firing.State.FAILED:
        return
    lane = firing.schedule.lane
    people = alert.people.filter(memberships__team=team_id_of(firing.schedule), is_active=True)
    wanted: list[dict[str, Any]] = [{"way": Way.MAIL, "person": one} for one in people.order_by("pk")]
    if alert.webhook_url:
        wanted.append({"way": Way.WEBHOOK})
    for one in wanted:
        made = AlertDelivery.objects.create(alert=alert, firing=firing, **one)
        jobs.start(kind=KIND, params={"delivery": made.pk}, lane=lane, interactive=False)


schedules.ENDED.append(tell)


@register
class Alerting(Kind):
    name = KIND

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        return PassPlan("send", "Send the message", [StepPlan({}, "io", 1)], "messages")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        rows = AlertDelivery.objects.select_related("alert", "firing__schedule", "person")
        found = rows.filter(pk=step.job.params["delivery"]).first()
        if found is None:
            raise Fault("alert.gone", what="The schedule")
        if found.state == State.SENT:
            return {}
        beat.check()
        AlertDelivery.objects.filter(pk=found.pk).update(tries=F("tries") + 1)
        try:
            (_mail if found.way == Way.MAIL else _post)(found)
        except (Transient, Fault) as error:
            why = error.why if isinstance(error, Transient) else str(error)
            AlertDelivery.objects.filter(pk=found.pk).update(trouble=why[:300])
            raise
        AlertDelivery.objects.filter(pk=found.pk).update(state=State.SENT, trouble="", ended_at=timezone.now())
        return {}

    def failed(self, job: Job) -> None:
        _ended(job)

    def cancelled(self, job: Job) -> None:
        _ended(job)


def _ended(job: Job) -> None:
    waiting = AlertDelivery.objects.filter(pk=job.params["delivery"], state=State.WAITING)
    waiting.update(state=State.FAILED, ended_at=timezone.now())


def _mail(found: AlertDelivery) -> None:
    """Raises `Transient` where the mail server is away or busy, `Fault` alert.gone, alert.refused."""
    team, person = team_of(found.firing.schedule), found.person
    if person is None or not person.is_active or not _member(team, person.pk):
        raise Fault("alert.gone", what="The member who was to be told")
    subject, text = alerting.mail(found.firing, team)
    headers = {"Message-ID": f"<winnow-alert-{found.pk}@winnow>"}  # one that was sent twice is recognised
    try:
        EmailMessage(subject, text, to=[person.email], headers=headers).send()
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()), (550, b""))
        if code < 500:
            raise Transient(f"the mail server answered {code}") from None
        raise Fault("alert.refused", to="The mail server", why=f"{code} {_text(said)}"[:200]) from None
    except (smtplib.SMTPException, OSError) as error:
        raise Transient(f"the mail server did not take it ({type(error).__name__})") from None


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _member(team: Team, user_id: int) -> bool:
    return Membership.objects.filter(team=team, user=user_id).exists()


def _post(found: AlertDelivery) -> None:
    """Raises `Transient` where the receiver is away or busy, `Fault` alert.gone, alert.refused, net.refused."""
    alert = found.alert
    if not alert.webhook_url:
        raise Fault("alert.gone", what="The webhook")
    sent, now = alerting.body(found.firing, team_of(found.firing.schedule)), int(time.time())
    secret = unseal(alert.secret_sealed, "The secret of the webhook")
    headers = {
        "Content-Type": "application/json", "X-Winnow-Event": "schedule.failed", "X-Winnow-Delivery": str(found.pk),
        "X-Winnow-Timestamp": str(now), "X-Winnow-Signature": alerting.signature(secret, now, sent),
    }  # fmt: skip
    try:
        status, pause = net.post(alert.webhook_url, sent, headers)
    except Fault as fault:
        if fault.code == "net.failed":
            raise Transient(str(fault.facts["why"])) from None
        raise
    if status in BUSY or status >= 500:
        raise Transient(f"the receiver answered {status}", pause)
    if not 200 <= status < 300:
        raise Fault("alert.refused", to="The webhook", why=f"status {status}")


__all__ = ["KIND", "Alerting", "tell"]
