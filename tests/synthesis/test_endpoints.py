"""Endpoints: keys that are never shown, addresses, tests with a nonce, archives, doors."""

import json
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.http import Http404

from config import crypto
from config.faults import Fault
from curation import access
from curation.actions import endpoints
from curation.models import AuditEvent, Endpoint, Role
from jobs.runner import run_job
from tests.synthesis import made
from tests.synthesis.server import Answer

KEY = "sk-live-very-secret-9876"


def test_a_key_is_sealed_and_only_its_end_is_kept_in_clear(cast):
    to = made.endpoint(cast.team, cast.owner, "https://api.example.org/v1/", key=KEY)
    row = Endpoint.objects.filter(pk=to.pk).values().get()
    assert "very-secret" not in json.dumps(row, default=str)
    assert (to.key_end, to.key_shown, to.base_url) == ("9876", "…9876", "https://api.example.org/v1")
    assert crypto.unseal(row["key_sealed"]) == KEY
    assert "secret" not in str(list(AuditEvent.objects.values_list("facts", flat=True)))
    short = made.endpoint(cast.team, cast.owner, "https://api.example.org/v1", name="Short", key="12345")
    assert short.key_end == ""


def test_keys_move_under_a_new_key_by_command(cast, settings):
    to = made.endpoint(cast.team, cast.owner, "https://api.example.org/v1", key=KEY)
    new = crypto.new_key()
    settings.WINNOW_KEYS = [new, *settings.WINNOW_KEYS]
    call_command("rotate_secrets", stdout=StringIO())
    settings.WINNOW_KEYS = [new]
    assert crypto.unseal(made.fresh(to).key_sealed) == KEY


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "does not begin with"),
        ("ftp://x/v1", "does not begin with"),
        ("https:///v1", "names no host"),
        ("https://me:pw@host/v1", "a name or a password"),
        ("https://host/v1?key=1", "after \\? or #"),
        ("https://host:x/v1", "cannot be read"),
    ],
)
def test_what_is_no_address_is_refused_in_words(cast, url, why):
    with pytest.raises(Fault, match=why) as caught:
        made.endpoint(cast.team, cast.owner, url)
    assert caught.value.code == "endpoint.address"


def test_names_are_unique_in_a_team_until_archived(cast):
    to = made.endpoint(cast.team, cast.owner, "https://a.example/v1", name="Big")
    with pytest.raises(Fault) as caught:
        made.endpoint(cast.team, cast.owner, "https://b.example/v1", name="big")
    assert caught.value.code == "endpoint.name_taken"
    endpoints.archive(endpoint=to, by=cast.owner)
    assert (made.fresh(to).key_sealed, to.key_end) == ("", "")
    made.endpoint(cast.team, cast.owner, "https://b.example/v1", name="big")
    for again in (lambda: endpoints.edit(endpoint=to, by=cast.owner, name="x"), lambda: made.start(cast, to, 2)):
        with pytest.raises(Fault) as caught:
            again()
        assert caught.value.code == "endpoint.archived"


def test_a_key_does_not_follow_to_another_host(cast):
    to = made.endpoint(cast.team, cast.owner, "https://a.example/v1", key=KEY)
    endpoints.edit(endpoint=to, by=cast.owner, base_url="https://a.example/v2", model="other")
    assert to.key_shown == "…9876"
    endpoints.edit(endpoint=to, by=cast.owner, base_url="https://evil.example/v1")
    assert (to.key_shown, to.key_sealed) == ("", "")


def test_the_price_of_tokens(cast):
    to = Endpoint(price_in=2, price_cached=1, price_out=10)
    assert to.cost(1_000_000, 400_000, 100_000) == pytest.approx(0.6 * 2 + 0.4 * 1 + 0.1 * 10)


def probed(server, text):
    """A server that answers the plain question, and the probe with `text` (a function of the schema)."""

    def script(asked, nth):
        body = server.bodies[-1]
        if "response_format" in body:
            told = text(body["response_format"]["json_schema"]["schema"]["properties"]["code"]["enum"][0])
            return told if isinstance(told, Answer) else Answer(text=told)
        return Answer(text="ready")

    server.script = script


@pytest.mark.parametrize(
    ("answer", "mode"),
    [
        (lambda nonce: json.dumps({"code": nonce}), "enforced"),
        (lambda nonce: '{"code": "apple"}', "ignored"),
        (lambda nonce: Answer(400), "error"),
    ],
)
def test_the_nonce_tells_whether_a_schema_is_enforced(cast, server, answer, mode):
    to = made.endpoint(cast.team, cast.owner, server.url)
    probed(server, answer)
    run_job(endpoints.test(endpoint=to, by=cast.owner))
    to.refresh_from_db()
    assert (to.schema_mode, to.test["ok"], to.test["said"]) == (mode, True, "ready")
    assert to.tested_at is not None
    probe = next(body for body in server.bodies if "response_format" in body)
    nonce = probe["response_format"]["json_schema"]["schema"]["properties"]["code"]["enum"][0]
    assert nonce not in json.dumps(probe["messages"])
    again = endpoints.test(endpoint=to, by=cast.owner)  # a second test replaces the first
    run_job(again)
    assert to.tested_at < made.fresh(to).tested_at


def test_a_server_that_refuses_schemas_gets_none(cast, server):
    to = made.endpoint(cast.team, cast.owner, server.url)
    Endpoint.objects.filter(pk=to.pk).update(schema_mode="error")
    server.script = lambda text, nth: Answer(text='{"answer": "fine"}')
    run = made.run(made.start(cast, made.fresh(to), 2, params={"schema": True}))
    assert run.kept == 2
    assert all("response_format" not in body for body in server.bodies)


def test_a_test_that_fails_says_why(cast, server, settings):
    to = made.endpoint(cast.team, cast.owner, server.url)
    server.script = lambda text, nth: Answer(401)
    run_job(endpoints.test(endpoint=to, by=cast.owner))
    assert made.fresh(to).test == {"ok": False, "why": "scripted 401"}
    settings.OUTBOUND_ALLOW = []
    run_job(endpoints.test(endpoint=to, by=cast.owner))
    assert "OUTBOUND_ALLOW" in made.fresh(to).test["why"]
    endpoints.edit(endpoint=to, by=cast.owner, model="other")
    assert (to.test, to.tested_at, to.schema_mode) == ({}, None, "unknown")


def test_doors(cast, server):
    to = made.endpoint(cast.team, cast.owner, server.url)
    run = made.run(made.start(cast, to, 1))
    one = run.candidates.get()
    for door, row in ((access.endpoint, to), (access.generation, run), (access.candidate, one)):
        assert door(cast.viewer, row.pk).pk == row.pk
        assert door(cast.curator, row.pk, Role.CURATOR).pk == row.pk
        with pytest.raises(PermissionDenied):
            door(cast.viewer, row.pk, Role.CURATOR)
        for missing in ((cast.stranger, row.pk), (cast.owner, 0)):
            with pytest.raises(Http404):
                door(*missing)


def test_the_keys_of_the_environment_are_not_sent(cast, server, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "from-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.invalid")
    made.run(made.start(cast, made.endpoint(cast.team, cast.owner, server.url, key=""), 1))
    assert server.keys == {"Bearer none"}
    assert "from-the-environment" not in str(server.heads)
