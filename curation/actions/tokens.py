"""Tokens of the REST API: made, revoked, marked as used."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from curation.audit import audit
from curation.models import ApiToken, Scope, Team, User
from curation.models.token import PREFIX_CHARS, new_token, token_digest

USED_EVERY = timedelta(minutes=1)


@transaction.atomic
def make(*, team: Team, by: User, name: str, scopes: Iterable[str], days: int | None) -> tuple[ApiToken, str]:
    """A token that acts as `by` in `team`, and its secret, which is shown once and not kept. `days` None: for good."""
    wanted = {Scope.READ, *(Scope(scope) for scope in scopes)}
    secret = new_token()
    token = ApiToken.objects.create(
        team=team, user=by, name=name, prefix=secret[:PREFIX_CHARS], digest=token_digest(secret),
        scopes=[scope.value for scope in Scope if scope in wanted],
        expires_at=None if days is None else timezone.now() + timedelta(days=days),
    )  # fmt: skip
    audit("token.made", actor=by, team=team, target=token, name=name, scopes=token.scopes, days=days)
    return token, secret


@transaction.atomic
def revoke(*, token: ApiToken, by: User) -> None:
    """It stops working at once."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit("token.revoked", actor=by, team=token.team, target=token, name=token.name, of=token.user_id)


def used(token: ApiToken) -> None:
    """Note that it was used, at most once a minute: reads stay reads."""
    now = timezone.now()
    if token.used_at is None or token.used_at < now - USED_EVERY:
        late = Q(used_at=None) | Q(used_at__lt=now - USED_EVERY)
        ApiToken.objects.filter(late, pk=token.pk).update(used_at=now)
