"""Schedules for programs."""

import json

import pytest
from django.test import Client

from curation.actions import tokens
from curation.models import AuditEvent, Scope
from jobs import schedules
from jobs.models import Firing
from tests.schedules.kinds import finish
from tests.schedules.made import nightly

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(cast, monkeypatch):
    """`call("GET", "schedules")` by a curator's token with these scopes: (status, JSON)."""
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)

    def caller(method, path, scopes=(Scope.SCHEDULES,), by=cast.curator):
        _, secret = tokens.make(team=cast.team, by=by, name="test", scopes=list(scopes), days=None)
        answer = Client().generic(method, f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}"})
        return answer.status_code, json.loads(answer.content)

    return caller


def test_listed_paused_let_go_and_run(cast, call):
    row = nightly(cast.team, cast.owner)
    status, found = call("GET", "schedules", scopes=())
    assert status == 200
    assert [(one["name"], one["cron"], one["paused"]) for one in found["items"]] == [("Nightly", "0 2 * * *", False)]
    status, paused = call("POST", f"schedules/{row.pk}/pause")
    assert (status, paused["paused"], paused["next_at"]) == (200, True, None)
    assert call("POST", f"schedules/{row.pk}/resume")[1]["next_at"]
    status, firing = call("POST", f"schedules/{row.pk}/run")
    assert (status, firing["state"], firing["asked"]) == (201, "running", True)
    assert call("POST", f"schedules/{row.pk}/run")[0] == 409
    finish(Firing.objects.get(), "failed", error_code="x", error_title="It broke")
    schedules.follow()
    listed = call("GET", f"schedules/{row.pk}/firings")[1]["items"]
    assert (listed[0]["state"], listed[0]["error"], listed[0]["made"][0]["title"]) == (
        "failed",
        "It broke",
        "Version 1",
    )
    assert AuditEvent.objects.filter(action="schedule.run_now", actor_id=cast.curator.pk).exists()


def test_a_token_without_the_scope_only_reads(cast, call):
    row = nightly(cast.team, cast.owner)
    assert call("GET", f"schedules/{row.pk}", scopes=())[0] == 200
    for deed in ("pause", "resume", "run"):
        assert call("POST", f"schedules/{row.pk}/{deed}", scopes=(Scope.RUNS, Scope.DATASETS))[0] == 403
        assert call("POST", f"schedules/{row.pk}/{deed}", by=cast.viewer)[0] == 403
    assert not Firing.objects.exists()


def test_those_of_other_teams_are_not_there(cast, call):
    theirs = nightly(cast.other_team, cast.stranger)
    assert call("GET", "schedules")[1]["items"] == []
    for method, path in (("GET", ""), ("GET", "/firings"), ("POST", "/run"), ("POST", "/pause")):
        assert call(method, f"schedules/{theirs.pk}{path}")[0] == 404
