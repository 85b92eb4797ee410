"""How allauth is joined to Winnow: people sign up through an invitation only."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from curation.actions.teams import join
from curation.models import Invitation

SESSION_KEY = "invitation"


def invitation_in(request: HttpRequest) -> Invitation | None:
    """The open invitation whose link this browser followed."""
    secret = request.session.get(SESSION_KEY, "")
    return Invitation.objects.by_secret(secret) if secret else None


class InvitationAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return invitation_in(request) is not None

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        user = super().save_user(request, user, form, commit=False)
        user.email = user.email.lower()
        user.name = form.cleaned_data.get("name", "")
        if commit:
            # One transaction: an invitation that was used meanwhile leaves no account without a team.
            with transaction.atomic():
                user.save()
                join(secret=request.session.get(SESSION_KEY, ""), user=user)
            request.session.pop(SESSION_KEY, None)
        return user

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("join") if invitation_in(request) else super().get_login_redirect_url(request)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Signing in and out needs no message: the page that follows says it."""
