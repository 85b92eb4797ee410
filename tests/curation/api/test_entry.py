"""Who comes in: tokens, scopes, roles, teams."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from config.policy import every_url, policy_of
from curation.actions import tokens
from curation.actions.teams import change_role, remove_member
from curation.models import ApiToken, Membership, Role, Scope, Task
from selection.api.urls import api as whole
from tests.curation import made_tasks

from .conftest import Api, error


def test_a_token_acts_as_its_person_in_its_team(api, cast):
    me = api("curator").get("/me").json()
    assert (me["email"], me["team"], me["role"]) == ("curator@example.org", "Ward", "curator")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wnt_wrong", "Basic abc", "bearer \N{SNOWMAN}"])
def test_without_a_token_that_works_it_is_401_and_says_where_to_get_one(db, header):
    answer = Client().get("/api/v1/me", headers={"Authorization": header.encode("utf-8").decode("latin-1")})
    assert "API tokens" in error(answer, 401)["do"]
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_cookie_is_no_way_in(as_):
    client = as_("owner")
    assert client.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize("change", [
    {"revoked_at": timezone.now()}, {"expires_at": timezone.now() - timedelta(seconds=1)},
])  # fmt: skip
def test_revoked_and_expired_tokens_are_refused(api, change):
    client = api("owner", days=30)
    assert client.get("/me").status_code == 200
    ApiToken.objects.update(**change)
    error(client.get("/me"), 401)


def test_a_removed_member_is_refused_and_comes_back_without_her_old_tokens(api, cast):
    client = api("curator")
    mine = Membership.objects.get(team=cast.team, user=cast.curator)
    remove_member(membership=mine, by=cast.owner)
    error(client.get("/me"), 401)
    Membership.objects.create(team=cast.team, user=cast.curator, role=Role.CURATOR)
    error(client.get("/me"), 401)


def test_a_person_who_was_switched_off_is_refused(api, cast):
    client = api("curator")
    type(cast.curator).objects.filter(pk=cast.curator.pk).update(is_active=False)
    error(client.get("/me"), 401)


def test_the_role_of_today_counts(api, cast):
    client = api("curator")
    assert client.post("/tasks", {"name": "One"}).status_code == 201
    change_role(membership=Membership.objects.get(team=cast.team, user=cast.curator), role="viewer", by=cast.owner)
    found = error(client.post("/tasks", {"name": "Two"}), 403)
    assert found["code"] == "api.role"
    assert "viewer" in found["what"]
    assert Task.objects.count() == 1


def test_a_token_of_one_team_does_not_reach_the_other_team_of_its_person(api, cast):
    """Also not an object whose id is known: the door is shut for the token, though open to the person."""
    task = made_tasks.task(cast.team)
    Membership.objects.create(team=cast.other_team, user=cast.curator, role=Role.OWNER)
    _, secret = tokens.make(team=cast.other_team, by=cast.curator, name="other", scopes=["tasks:write"], days=None)
    error(Api(secret).get(f"/tasks/{task.pk}"), 404)
    assert Api(secret).get("/tasks").json()["items"] == []
    assert api("curator").get(f"/tasks/{task.pk}").status_code == 200


def test_every_write_needs_a_scope_that_is_not_read():
    for router in whole._get_bound_routers():
        for path, view in router.path_operations.items():
            for operation in view.operations:
                scope = operation.auth_callbacks[0].scope
                assert (scope == Scope.READ) == (operation.methods == ["GET"]), (operation.methods, path, scope)


def test_a_token_without_the_scope_is_told_which_one(api):
    found = error(api("owner", scopes=["annotate"]).post("/tasks", {"name": "One"}), 403)
    assert found["code"] == "api.scope"
    assert "tasks:write" in found["what"]
    assert Task.objects.count() == 0


def test_every_address_of_the_api_is_behind_the_guard_or_public(client, db):
    seen = 0
    for route, pattern in every_url():
        if route.startswith("api/v1/"):
            policy = policy_of(pattern.callback)
            assert policy
            assert policy.startswith("token: ") or pattern.name in {"api_root", "api_docs", "api_openapi"}
            seen += 1
    assert seen > 30


def test_use_is_noted_at_most_once_a_minute(api, django_assert_num_queries):
    client = api("viewer")
    assert client.get("/me").status_code == 200
    first = ApiToken.objects.get().used_at
    assert first is not None
    client.get("/me")
    assert ApiToken.objects.get().used_at == first
    ApiToken.objects.update(used_at=first - timedelta(minutes=2))
    client.get("/me")
    assert ApiToken.objects.get().used_at >= first


def test_only_the_digest_of_a_token_is_kept(api):
    client = api("viewer")
    kept = ApiToken.objects.values().get()
    assert client.secret not in str(kept)
    assert client.secret.startswith(kept["prefix"])
    assert len(kept["prefix"]) < 12


def test_unknown_addresses_and_methods_answer_in_the_same_shape(api):
    client = api("owner")
    error(client.get("/nothing/here"), 404)
    answer = client.delete("/me")
    assert "GET" in error(answer, 405)["what"]
    assert answer["Allow"] == "GET"
    error(Client().get("/api/v1/nothing"), 401)
