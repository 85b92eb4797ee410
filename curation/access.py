"""The only door to curation's objects. Strangers get 404, members without the right get 403."""

from django.core.exceptions import PermissionDenied
from django.http import Http404

from curation.models import Invitation, Membership, Role, Team, User

VIEW, ANNOTATE, CURATE, OWN = Role.VIEWER, Role.ANNOTATOR, Role.CURATOR, Role.OWNER


def membership(user: User, team_id: int, need: Role) -> Membership:
    """The user's membership in a team; the check that every other door goes through."""
    mine = Membership.objects.select_related("team").filter(user=user, team_id=team_id).first()
    if mine is None:
        raise Http404
    if not mine.may(need):
        raise PermissionDenied(f"This needs the role {need.label.lower()}; yours is {mine.get_role_display().lower()}.")
    return mine


def team(user: User, slug: str, need: Role = VIEW) -> Team:
    found = Team.objects.for_user(user).filter(slug=slug).first()
    if found is None:
        raise Http404
    found.mine = membership(user, found.pk, need)  # type: ignore[attr-defined]
    return found


def team_of(user: User, team_id: int, need: Role = VIEW) -> Team:
    """The team that an object belongs to, for the doors of other apps."""
    mine = membership(user, team_id, need)
    mine.team.mine = mine  # type: ignore[attr-defined]
    return mine.team


def member(user: User, slug: str, membership_id: int) -> Membership:
    """A membership of a team that the user owns."""
    own = team(user, slug, OWN)
    found = own.memberships.select_related("user", "team").filter(pk=membership_id).first()
    if found is None:
        raise Http404
    return found


def invitation(user: User, slug: str, invitation_id: int) -> Invitation:
    """An open invitation of a team that the user owns."""
    own = team(user, slug, OWN)
    found = Invitation.objects.open().filter(team=own, pk=invitation_id).first()
    if found is None:
        raise Http404
    return found
