"""Signing in, signing up by invitation, passwords."""

import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.urls import reverse

from curation.actions import teams as actions
from curation.models import AuditEvent, Invitation, Membership, Role, User
from tests.cast import PASSWORD


@pytest.fixture(autouse=True)
def _fresh_rate_limits():
    cache.clear()


@pytest.fixture
def link(cast):
    def make(**fields):
        invitation, secret = actions.invite(team=cast.team, by=cast.owner, **({"role": Role.ANNOTATOR} | fields))
        return invitation, reverse("invitation", args=[secret])

    return make


def sign_up(client, email="new@example.org", password=PASSWORD):
    return client.post(reverse("account_signup"), {"email": email, "name": "New Person", "password1": password})


def test_people_sign_in_with_their_address_in_any_case(client, cast):
    cast.viewer.set_password(PASSWORD)
    cast.viewer.save(update_fields=["password"])
    answer = client.post(reverse("account_login"), {"login": "Viewer@Example.org", "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get(cast.team.get_absolute_url()).status_code == 200


def test_a_wrong_password_stays_on_the_page_and_says_so(client, cast):
    answer = client.post(reverse("account_login"), {"login": cast.viewer.email, "password": "wrong"})
    assert answer.status_code == 200
    assert "not correct" in answer.content.decode()
    assert client.get(reverse("home")).status_code == 302


def test_failed_attempts_are_limited(client, cast):
    answers = [
        client.post(reverse("account_login"), {"login": cast.viewer.email, "password": "wrong"}).content.decode()
        for _ in range(12)
    ]
    assert "Too many" in answers[-1]
    assert "Too many" not in answers[0]


def test_sign_up_is_closed_without_an_invitation(client, db):
    assert "invitation" in client.get(reverse("account_signup")).content.decode().lower()
    sign_up(client)
    assert not User.objects.filter(email="new@example.org").exists()


def test_an_invitation_opens_sign_up_once(client, cast, link):
    _, url = link(role=Role.CURATOR)
    shown = client.get(url, follow=True)
    assert shown.redirect_chain[-1][0] == reverse("join")
    assert "Ward" in shown.content.decode()
    assert sign_up(client).status_code == 302
    user = User.objects.get(email="new@example.org")
    assert user.name == "New Person"
    assert Membership.objects.get(user=user).role == Role.CURATOR
    assert AuditEvent.objects.filter(action="member.joined", actor_id=user.pk).exists()
    client.logout()
    assert client.get(url, follow=True).status_code == 410
    sign_up(client, "second@example.org")
    assert not User.objects.filter(email="second@example.org").exists()


def test_the_secret_is_not_stored_and_does_not_stay_in_the_address(client, link):
    invitation, url = link()
    secret = url.rstrip("/").rsplit("/", 1)[-1]
    assert secret not in str(Invitation.objects.filter(pk=invitation.pk).values().get())
    assert client.get(url).url == reverse("join")


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_closed_invitation_says_what_to_do(client, cast, link, how):
    from django.utils import timezone

    invitation, url = link()
    if how == "revoked":
        actions.revoke_invitation(invitation=invitation, by=cast.owner)
    else:
        Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now())
    shown = client.get(url, follow=True)
    assert shown.status_code == 410
    assert "Ask an owner" in shown.content.decode()


def test_somebody_with_an_account_joins_by_one_button(client, cast, link):
    _, url = link()
    client.force_login(cast.stranger)
    client.get(url)
    assert client.post(reverse("join")).status_code == 303
    assert Membership.objects.get(team=cast.team, user=cast.stranger).role == Role.ANNOTATOR


def test_joining_never_lowers_a_role(client, cast, link):
    _, url = link(role=Role.VIEWER)
    client.force_login(cast.owner)
    client.get(url)
    client.post(reverse("join"))
    assert Membership.objects.get(team=cast.team, user=cast.owner).role == Role.OWNER


def test_an_invitation_for_one_address_refuses_another(client, cast, link):
    _, url = link(email="somebody@example.org")
    client.force_login(cast.stranger)
    client.get(url)
    answer = client.post(reverse("join"))
    assert answer.status_code == 403
    assert "somebody@example.org" in answer.content.decode()
    assert not Membership.objects.filter(team=cast.team, user=cast.stranger).exists()


def test_a_sign_up_that_comes_too_late_leaves_no_account(client, cast, link, monkeypatch):
    invitation, url = link()
    client.get(url)
    from curation import adapter

    # The invitation is used by somebody else between the check of the form and the saving.
    real = adapter.join

    def late(**kwargs):
        actions.revoke_invitation(invitation=invitation, by=cast.owner)
        return real(**kwargs)

    monkeypatch.setattr(adapter, "join", late)
    assert sign_up(client).status_code == 410
    assert not User.objects.filter(email="new@example.org").exists()


def test_a_password_is_reset_by_mail(client, cast):
    cast.viewer.set_password("an old password, forgotten")
    cast.viewer.save(update_fields=["password"])
    client.post(reverse("account_reset_password"), {"email": cast.viewer.email})
    assert len(mail.outbox) == 1
    found = re.search(r"http://\S+", mail.outbox[0].body)
    assert found
    form = client.get(found[0], follow=True)
    assert "Choose a new password" in form.content.decode()
    client.post(form.redirect_chain[-1][0], {"password1": PASSWORD, "password2": PASSWORD})
    assert client.login(email=cast.viewer.email, password=PASSWORD)


def test_asking_for_a_reset_does_not_tell_whether_an_address_is_known(client, cast):
    known = client.post(reverse("account_reset_password"), {"email": cast.viewer.email}, follow=True)
    unknown = client.post(reverse("account_reset_password"), {"email": "nobody@example.org"}, follow=True)
    assert known.content == unknown.content


def test_the_profile_keeps_the_name(client, cast):
    client.force_login(cast.viewer)
    assert client.post(reverse("profile"), {"name": "Vi", "shortcuts": "on"}).status_code == 303
    assert "Vi" in client.get(reverse("profile")).content.decode()
