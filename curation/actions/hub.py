"""A team's token of the hub: kept sealed, tested, forgotten."""

from django.db import transaction
from django.utils import timezone

from config.crypto import keeps, seal, unseal
from config.faults import Fault
from curation.audit import audit
from curation.hub import client
from curation.models import HubToken, Team, User


@transaction.atomic
def keep(*, team: Team, by: User, token: str) -> HubToken:
    """It takes the place of the one before. Raises `Fault` crypto.no_key."""
    token = token.strip()
    made, _ = HubToken.objects.update_or_create(
        team=team,
        defaults={
            "sealed": seal(token), "end": token[-4:] if len(token) >= 12 else "", "endpoint": client.endpoint(),
            "who": "", "orgs": [], "role": "", "tested_at": None, "why": "", "created_by": by, "created_at": timezone.now(),
        },
    )  # fmt: skip
    audit("hub.token_kept", actor=by, team=team, endpoint=made.endpoint)
    return made


def test(*, token: HubToken, by: User) -> HubToken:
    """Ask the hub whose it is, and keep the answer or what was wrong. Raises `Fault` hub.elsewhere, crypto.unreadable."""
    if token.endpoint != client.endpoint():
        raise Fault("hub.elsewhere", was=token.endpoint, now=client.endpoint())
    found, why = {"name": "", "orgs": [], "role": ""}, ""
    try:
        found = client.whoami(unseal(token.sealed, "The hub token of the team"))
    except Fault as fault:
        if fault.code.startswith("crypto."):
            raise
        why = f"{fault.what} {fault.advice}"
    with transaction.atomic():
        HubToken.objects.filter(pk=token.pk, sealed=token.sealed).update(
            who=found["name"], orgs=found["orgs"], role=found["role"], tested_at=timezone.now(), why=why
        )
        audit("hub.token_tested", actor=by, team=token.team, endpoint=token.endpoint, works=not why)
    token.refresh_from_db()
    return token


@transaction.atomic
def forget(*, team: Team, by: User) -> None:
    if HubToken.objects.filter(team=team).delete()[0]:
        audit("hub.token_forgotten", actor=by, team=team)


keeps("tokens of the hub", HubToken, "sealed", lambda _: "The hub token of a team")
