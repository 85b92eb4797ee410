"""What is sent when a schedule fails: the words of a mail, the body and the signature of a webhook's message."""

import hashlib
import hmac
import json
from typing import Any

from django.conf import settings
from django.urls import reverse

from curation.models import Team
from jobs.models import Firing


def url_of(firing: Firing) -> str:
    return f"{settings.SITE_URL}{reverse('schedule', args=[firing.schedule_id])}"


def mail(firing: Firing, team: Team) -> tuple[str, str]:
    """(subject, text). Names of schedules go on one line: a subject has no line breaks."""
    name = " ".join(firing.schedule.name.split())
    lines = [
        f"The schedule “{name}” of {team} failed.", "",
        f"{firing.error_title}.", f"{firing.error_what} {firing.error_advice}".strip(), "",
        f"Due: {firing.due_at:%Y-%m-%d %H:%M} UTC", f"Look at it: {url_of(firing)}", "",
        "You get this because a curator of the team chose you on the page of the schedule.",
    ]  # fmt: skip
    return f"Winnow: {name} failed", "\n".join(lines)


def body(firing: Firing, team: Team) -> bytes:
    """The JSON of a webhook's message: names, ids and the words of the fault, never the text of a row."""
    schedule = firing.schedule
    said: dict[str, Any] = {
        "event": "schedule.failed",
        "team": {"slug": team.slug, "name": team.name},
        "schedule": {"id": schedule.pk, "name": schedule.name, "kind": schedule.kind, "url": url_of(firing)},
        "firing": {"id": firing.pk, "due_at": firing.due_at.isoformat(), "job": firing.job_id},
        "error": {
            "code": firing.error_code, "id": firing.error_id, "title": firing.error_title, "what": firing.error_what,
            "do": firing.error_advice,
        },
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False, sort_keys=True).encode()


def signature(secret: str, timestamp: int, sent: bytes) -> str:
    """`v1=` and the hex of HMAC-SHA256 under the secret over the timestamp, a dot, and the body as sent.

    The receiver computes the same and refuses old timestamps, so that a message which was overheard says nothing twice.
    """
    digest = hmac.new(secret.encode(), str(timestamp).encode() + b"." + sent, hashlib.sha256).hexdigest()
    return f"v1={digest}"
