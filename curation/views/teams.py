"""A team: its home, its members, its invitations."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.http import page, see_other
from config.policy import members, reads
from curation import access, queries
from curation.actions import teams as actions
from curation.forms.accounts import InviteForm, RoleForm, TeamForm
from curation.models import Team


@reads
def home(request: HttpRequest) -> HttpResponse:
    """The team last used, else the first one; without a team, what to do about it."""
    mine = Team.objects.for_user(request.user).order_by("memberships__joined_at")
    team = mine.filter(slug=request.session.get("team", "")).first() or mine.first()
    if team:
        return see_other(team.get_absolute_url())
    return page(request, "curation/no_team.html", {"form": TeamForm()})


@members
def team_new(request: HttpRequest) -> HttpResponse:
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        team = actions.create_team(name=form.cleaned_data["name"], owner=request.user)  # type: ignore[arg-type]
        return see_other(team.get_absolute_url())
    return page(request, "curation/no_team.html", {"form": form, "new": True}, status=422 if form.errors else 200)


@members
def team_members(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    invite = InviteForm()
    link, status = request.session.pop("invitation_link", None), 200
    if request.method == "POST":
        team = access.team(request.user, slug, access.OWN)  # type: ignore[arg-type]
        invite = InviteForm(request.POST)
        if invite.is_valid():
            _, secret = actions.invite(team=team, by=request.user, **invite.cleaned_data)  # type: ignore[arg-type]
            # Shown on the next page only: the link is a secret and does not belong into an address or a log.
            request.session["invitation_link"] = request.build_absolute_uri(reverse("invitation", args=[secret]))
            return see_other(request.path)
        status = 422
    context = queries.members_page(team) | {"team": team, "invite": invite, "link": link}
    return page(request, "curation/team.html", context, status=status)


@members
def team_rename(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug, access.OWN)  # type: ignore[arg-type]
    form = TeamForm(request.POST or None, initial={"name": team.name})
    if request.method == "POST" and form.is_valid():
        actions.rename_team(team=team, name=form.cleaned_data["name"], by=request.user)  # type: ignore[arg-type]
        return see_other(reverse("team_members", args=[slug]))
    return page(request, "curation/team_rename.html", {"team": team, "form": form}, status=422 if form.errors else 200)


@members
def member(request: HttpRequest, slug: str, membership_id: int) -> HttpResponse:
    """Change a role or end a membership; `do` names which."""
    found = access.member(request.user, slug, membership_id)  # type: ignore[arg-type]
    back = reverse("team_members", args=[slug])
    if request.method != "POST":
        return page(request, "curation/member.html", {"team": found.team, "member": found, "form": RoleForm()})
    if request.POST.get("do") == "remove":
        actions.remove_member(membership=found, by=request.user)  # type: ignore[arg-type]
        messages.info(request, f"{found.user} is no longer on the team.")
        return see_other(back if found.user_id != request.user.pk else reverse("home"))
    form = RoleForm(request.POST)
    if not form.is_valid():
        return page(request, "curation/member.html", {"team": found.team, "member": found, "form": form}, status=422)
    actions.change_role(membership=found, role=form.cleaned_data["role"], by=request.user)  # type: ignore[arg-type]
    return see_other(back)


@members
def invitation_revoke(request: HttpRequest, slug: str, invitation_id: int) -> HttpResponse:
    found = access.invitation(request.user, slug, invitation_id)  # type: ignore[arg-type]
    if request.method == "POST":
        actions.revoke_invitation(invitation=found, by=request.user)  # type: ignore[arg-type]
        return see_other(reverse("team_members", args=[slug]))
    return page(request, "curation/invitation.html", {"team": found.team, "invitation": found})
