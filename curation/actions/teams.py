"""Teams, members and invitations."""

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from config.faults import Fault
from curation.audit import audit
from curation.models import Invitation, Membership, Role, Team, User
from curation.models.team import INVITATION_DAYS, invitation_digest


@transaction.atomic
def create_team(*, name: str, owner: User) -> Team:
    team = Team.objects.create(name=name, slug=free_slug(name))
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    audit("team.created", actor=owner, team=team, target=team, name=name)
    return team


def free_slug(name: str) -> str:
    base = slugify(name)[:50] or "team"
    taken = set(Team.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for n in range(1, len(taken) + 2) if (slug := base if n == 1 else f"{base}-{n}") not in taken)


@transaction.atomic
def create_owner(*, email: str, name: str, password: str, team_name: str) -> tuple[User, Team]:
    """A first person and her team; an existing person gets the team."""
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        user = User.objects.create_user(email, password, name=name)
    return user, create_team(name=team_name, owner=user)


@transaction.atomic
def invite(*, team: Team, by: User, role: str, email: str = "") -> tuple[Invitation, str]:
    """A new invitation and its secret, which is shown once and not kept."""
    secret = Invitation.new_secret()
    invitation = Invitation.objects.create(
        team=team, role=role, email=email.lower(), made_by=by, digest=invitation_digest(secret)
    )
    audit("invitation.created", actor=by, team=team, target=invitation, role=role)
    return invitation, secret


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, by: User) -> None:
    if Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=timezone.now()):
        audit("invitation.revoked", actor=by, team=invitation.team, target=invitation)


@transaction.atomic
def join(*, secret: str, user: User) -> Team:
    """Accept an invitation. A member who already has a higher role keeps it."""
    invitation = Invitation.objects.open().select_for_update().filter(digest=invitation_digest(secret)).first()
    if invitation is None:
        raise Fault("invitation.gone", days=INVITATION_DAYS)
    if invitation.email and invitation.email != user.email.lower():
        raise Fault("invitation.other_address", email=invitation.email, mine=user.email)
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=timezone.now(), accepted_by=user)
    mine, created = Membership.objects.get_or_create(
        team=invitation.team, user=user, defaults={"role": invitation.role}
    )
    if not created and Role(mine.role).rank < Role(invitation.role).rank:
        Membership.objects.filter(pk=mine.pk).update(role=invitation.role)
    audit("member.joined", actor=user, team=invitation.team, target=mine, role=invitation.role)
    return invitation.team


@transaction.atomic
def change_role(*, membership: Membership, role: str, by: User) -> None:
    _keep_an_owner(membership, leaving=role != Role.OWNER)
    Membership.objects.filter(pk=membership.pk).update(role=role)
    audit("member.role", actor=by, team=membership.team, target=membership, before=membership.role, after=role)


@transaction.atomic
def remove_member(*, membership: Membership, by: User) -> None:
    _keep_an_owner(membership, leaving=True)
    audit("member.removed", actor=by, team=membership.team, target=membership, role=membership.role)
    Membership.objects.filter(pk=membership.pk).delete()


def _keep_an_owner(membership: Membership, *, leaving: bool) -> None:
    Team.objects.select_for_update().get(pk=membership.team_id)  # two owners leaving at once must meet here
    if not leaving or membership.role != Role.OWNER:
        return
    if not Membership.objects.filter(team=membership.team, role=Role.OWNER).exclude(pk=membership.pk).exists():
        raise Fault("team.last_owner", name=str(membership.user), team=membership.team.name)


@transaction.atomic
def rename_team(*, team: Team, name: str, by: User) -> None:
    Team.objects.filter(pk=team.pk).update(name=name)
    audit("team.renamed", actor=by, team=team, target=team, before=team.name, after=name)
