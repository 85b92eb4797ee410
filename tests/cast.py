"""The fixed cast of every test: the Ward team with one person per role, and a stranger with a team of her own."""

from dataclasses import dataclass

from curation.actions.teams import create_team
from curation.models import Membership, Role, Team, User

PASSWORD = "a long enough password"
ROLES = ("owner", "curator", "annotator", "viewer")


@dataclass
class Cast:
    team: Team
    owner: User
    curator: User
    annotator: User
    viewer: User
    stranger: User
    other_team: Team

    def by_role(self, name: str) -> User:
        return getattr(self, name)


def make_cast() -> Cast:
    people = {
        name: User.objects.create(email=f"{name}@example.org", name=name.title()) for name in (*ROLES, "stranger")
    }
    team = create_team(name="Ward", owner=people["owner"])
    for name in ROLES[1:]:
        Membership.objects.create(team=team, user=people[name], role=Role(name))
    other = create_team(name="Elsewhere", owner=people["stranger"])
    return Cast(team=team, other_team=other, **people)
