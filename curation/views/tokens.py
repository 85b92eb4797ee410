"""Tokens of the API: one's own, and for owners those of the team."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.http import page, see_other
from config.policy import members
from curation import access, queries
from curation.actions import tokens as actions
from curation.forms.tokens import TokenForm


@members
def team_tokens(request: HttpRequest, slug: str) -> HttpResponse:
    """The list, and the form of a new one. Its secret is shown on the next page only."""
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    form, status = TokenForm(), 200
    secret = request.session.pop("token_secret", None)
    if request.method == "POST":
        form = TokenForm(request.POST)
        if form.is_valid():
            data = form.cleaned_data
            _, made = actions.make(
                team=team, by=request.user, name=data["name"], scopes=data["scopes"], days=form.days  # type: ignore[arg-type]
            )  # fmt: skip
            request.session["token_secret"] = made
            return see_other(request.path)
        status = 422
    context = queries.tokens_page(team, request.user) | {"team": team, "form": form, "secret": secret}
    return page(request, "curation/tokens.html", context, status=status)


@members
def token_revoke(request: HttpRequest, slug: str, token_id: int) -> HttpResponse:
    found = access.token(request.user, slug, token_id)  # type: ignore[arg-type]
    if request.method == "POST":
        actions.revoke(token=found, by=request.user)  # type: ignore[arg-type]
        return see_other(reverse("team_tokens", args=[slug]))
    return page(request, "curation/token_revoke.html", {"team": found.team, "token": found})
