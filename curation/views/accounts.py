"""Signing in and out, sign-up by invitation, passwords: allauth's views, each with its policy."""

from allauth.account import views as allauth
from django.http import HttpRequest, HttpResponse

from config.http import page, see_other
from config.policy import members, public
from curation import actions
from curation.access import Team
from curation.actions import teams  # noqa: F401
from curation.adapter import SESSION_KEY, invitation_in
from curation.forms.accounts import ProfileForm

login = public(reason="this is where people sign in")(allauth.login)
logout = public(reason="signing out needs no right; GET asks, POST does it")(allauth.logout)
inactive = public(reason="tells a person that the account is switched off")(allauth.account_inactive)
signup = public(reason="sign-up by invitation; the adapter closes it without one")(allauth.signup)
password_reset = public(reason="asks for an address; says the same for known and unknown ones")(allauth.password_reset)
password_reset_done = public(reason="says that a mail was sent")(allauth.password_reset_done)
password_reset_key = public(reason="the secret link of a password mail")(allauth.password_reset_from_key)
password_reset_key_done = public(reason="says that the password was changed")(allauth.password_reset_from_key_done)
verification_sent = public(reason="allauth leads here if mail verification is switched on")(
    allauth.email_verification_sent
)
password_change = members(allauth.password_change)
reauthenticate = members(allauth.reauthenticate)


@public(reason="an invitation link is followed before there is an account")
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Remember the secret and show what it opens; the address bar then no longer holds it."""
    request.session[SESSION_KEY] = secret
    return see_other("/join/")


@public(reason="an invitation is shown before there is an account")
def join(request: HttpRequest) -> HttpResponse:
    found = invitation_in(request)
    if request.method == "POST" and request.user.is_authenticated:
        team: Team = actions.teams.join(secret=request.session.get(SESSION_KEY, ""), user=request.user)
        del request.session[SESSION_KEY]
        return see_other(team.get_absolute_url())
    return page(request, "curation/join.html", {"invitation": found}, status=200 if found else 410)


@members
def profile(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=request.user)  # type: ignore[arg-type]
    if request.method == "POST" and form.is_valid():
        form.instance.save(update_fields=["name", "shortcuts"])
        return see_other(request.path)
    return page(request, "curation/profile.html", {"form": form}, status=422 if form.errors else 200)
