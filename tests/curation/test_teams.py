"""Teams: who may do what, and that a team is never left without an owner."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from curation.models import AuditEvent, Invitation, Membership, Role, Team


def membership(cast, name):
    return Membership.objects.get(team=cast.team, user=cast.by_role(name))


@pytest.fixture
def urls(cast):
    from curation.actions.teams import invite

    invitation, _ = invite(team=cast.team, by=cast.owner, role=Role.VIEWER)
    slug = cast.team.slug
    return {
        "team_members": reverse("team_members", args=[slug]),
        "team_rename": reverse("team_rename", args=[slug]),
        "member": reverse("member", args=[slug, membership(cast, "viewer").pk]),
        "invitation_revoke": reverse("invitation_revoke", args=[slug, invitation.pk]),
    }


OWNERS_ONLY = ["team_rename", "member", "invitation_revoke"]


@pytest.mark.parametrize("name", ["team_members", *OWNERS_ONLY])
@pytest.mark.parametrize("verb", ["get", "post"])
def test_strangers_find_nothing(as_, urls, name, verb):
    assert getattr(as_("stranger"), verb)(urls[name]).status_code == 404


@pytest.mark.parametrize("name", OWNERS_ONLY)
@pytest.mark.parametrize("role", ["viewer", "annotator", "curator"])
def test_members_who_are_not_owners_are_refused(as_, urls, name, role):
    assert as_(role).get(urls[name]).status_code == 403
    assert as_(role).post(urls[name]).status_code == 403


def test_a_viewer_sees_the_members_and_no_button(as_, urls, cast):
    body = as_("viewer").get(urls["team_members"]).content.decode()
    assert cast.curator.email in body
    assert "Make invitation link" not in body
    assert as_("viewer").post(urls["team_members"], {"role": "owner"}).status_code == 403


def test_visitors_are_sent_to_the_sign_in_page(client, urls):
    for url in urls.values():
        assert client.get(url).url.startswith(reverse("account_login"))


def test_the_link_is_shown_once(as_, urls, cast):
    owner = as_("owner")
    assert owner.post(urls["team_members"], {"role": "curator", "email": ""}).status_code == 303
    first, second = (owner.get(urls["team_members"]).content.decode() for _ in range(2))
    assert "/invitations/wni_" in first
    assert "/invitations/wni_" not in second


def test_a_bad_invitation_form_is_422_and_keeps_what_was_typed(as_, urls):
    answer = as_("owner").post(urls["team_members"], {"role": "curator", "email": "not an address"})
    assert answer.status_code == 422
    assert "not an address" in answer.content.decode()


def test_an_invitation_is_withdrawn(as_, urls, cast):
    assert as_("owner").post(urls["invitation_revoke"]).status_code == 303
    assert not Invitation.objects.open().filter(team=cast.team).exists()


def test_a_role_is_changed_and_recorded(as_, urls, cast):
    assert as_("owner").post(urls["member"], {"do": "role", "role": "curator"}).status_code == 303
    assert membership(cast, "viewer").role == Role.CURATOR
    event = AuditEvent.objects.get(action="member.role")
    assert event.facts == {"before": "viewer", "after": "curator"}


def test_a_member_is_removed(as_, urls, cast):
    as_("owner").post(urls["member"], {"do": "remove"})
    assert as_("viewer").get(urls["team_members"]).status_code == 404


@pytest.mark.parametrize("data", [{"do": "remove"}, {"do": "role", "role": "viewer"}])
def test_the_last_owner_stays(as_, cast, data):
    url = reverse("member", args=[cast.team.slug, membership(cast, "owner").pk])
    answer = as_("owner").post(url, data)
    assert answer.status_code == 422
    assert "Make somebody else an owner first" in answer.content.decode()
    assert membership(cast, "owner").role == Role.OWNER


def test_a_fault_answers_json_to_those_who_ask_for_it(as_, cast):
    url = reverse("member", args=[cast.team.slug, membership(cast, "owner").pk])
    answer = as_("owner").post(url, {"do": "remove"}, headers={"Accept": "application/json"})
    assert answer.json()["error"]["code"] == "team.last_owner"


def test_team_names_may_repeat_and_addresses_do_not(as_, cast):
    as_("owner").post(reverse("team_new"), {"name": "Ward"})
    assert sorted(Team.objects.filter(name="Ward").values_list("slug", flat=True)) == ["ward", "ward-2"]


def test_home_without_a_team_says_what_to_do(as_, cast):
    Membership.objects.filter(user=cast.viewer).delete()
    assert "invitation link" in as_("viewer").get(reverse("home")).content.decode()


@pytest.mark.parametrize("change", ["UPDATE curation_auditevent SET action='x'", "DELETE FROM curation_auditevent"])
def test_the_record_cannot_be_changed(cast, change):
    assert AuditEvent.objects.filter(team_id=cast.team.pk).exists()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)


def test_the_number_of_queries_does_not_grow_with_the_members(as_, cast, django_assert_num_queries, urls):
    from django.test.utils import CaptureQueriesContext

    from curation.models import User

    owner = as_("owner")
    with CaptureQueriesContext(connection) as few:
        owner.get(urls["team_members"])
    for number in range(30):
        Membership.objects.create(team=cast.team, user=User.objects.create(email=f"m{number}@example.org"))
    with CaptureQueriesContext(connection) as many:
        owner.get(urls["team_members"])
    assert len(many) == len(few), [query["sql"] for query in many]
