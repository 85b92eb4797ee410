"""The page of tokens: shown once, one's own, and those of the team for owners."""

import pytest
from django.urls import reverse

from curation.actions import tokens
from curation.models import ApiToken, AuditEvent


@pytest.fixture
def url(cast):
    return reverse("team_tokens", args=[cast.team.slug])


def test_a_viewer_makes_a_token_that_is_shown_once(as_, url, cast):
    viewer = as_("viewer")
    answer = viewer.post(url, {"name": "nightly", "scopes": ["annotate"], "lasts": "30"})
    assert answer.status_code == 303
    first, second = (viewer.get(url).content.decode() for _ in range(2))
    secret = first.split('value="wnt_')[1].split('"')[0]
    assert ApiToken.objects.by_secret(f"wnt_{secret}").user == cast.viewer
    assert secret not in second
    made = ApiToken.objects.get()
    assert made.scopes == ["read", "annotate"]
    assert 29 < (made.expires_at - made.created_at).days + 1 <= 31


def test_until_revoked(as_, url):
    as_("viewer").post(url, {"name": "forever", "lasts": "never"})
    assert ApiToken.objects.get().expires_at is None


@pytest.mark.parametrize("posted", [
    {"name": "", "lasts": "30"}, {"name": "x" * 81, "lasts": "30"}, {"name": "x", "lasts": "1"},
    {"name": "x", "lasts": "30", "scopes": ["everything"]},
])  # fmt: skip
def test_a_bad_form_makes_no_token(as_, url, posted):
    assert as_("viewer").post(url, posted).status_code == 422
    assert not ApiToken.objects.exists()


def test_owners_see_and_revoke_all_others_their_own(as_, url, cast):
    of = {name: tokens.make(team=cast.team, by=cast.by_role(name), name=f"of-{name}", scopes=[], days=30)[0]
          for name in ("owner", "curator", "viewer")}  # fmt: skip
    seen = as_("viewer").get(url).content.decode()
    assert "of-viewer" in seen
    assert "of-curator" not in seen
    revoke = {name: reverse("token_revoke", args=[cast.team.slug, token.pk]) for name, token in of.items()}
    assert as_("viewer").post(revoke["curator"]).status_code == 404
    assert as_("viewer").post(revoke["viewer"]).status_code == 303
    owner = as_("owner")
    assert "of-curator" in owner.get(url).content.decode()
    assert owner.get(revoke["curator"]).status_code == 200
    assert owner.post(revoke["curator"]).status_code == 303
    assert "of-curator" not in owner.get(url).content.decode()
    assert list(ApiToken.objects.open().values_list("name", flat=True)) == ["of-owner"]
    assert list(AuditEvent.objects.filter(action="token.revoked").values_list("actor_name", flat=True).order_by("at")) == [
        "Viewer", "Owner"
    ]  # fmt: skip


def test_the_team_page_leads_there(as_, url, cast):
    assert url in as_("viewer").get(reverse("team_members", args=[cast.team.slug])).content.decode()
